"""What a request costs before it is run: operations, memory and seconds.

A system is laid out on the `meta` device, where tensors have shapes and no contents, and its parts
are called once. That counts floating-point operations and the bytes of all tensors alive at once
exactly. Seconds are operations / (share x rate): `rate` is how fast this machine multiplies
matrices, measured for a tenth of a second; `share` is what networks reach of it, measured once.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from typing_extensions import override

SHARE = 0.25
"""Part of the rate of plain matrix products that the shipped network reaches: 0.22 to 0.29 with two
threads on two cores, 0.34 to 0.48 with one."""

BASE = 600_000_000
"""Bytes that a process holds before any weight is loaded: Python and its libraries."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Floating-point operations, bytes of parameters, and peak bytes of everything computed."""

    operations: float
    parameters: int
    activations: int

    @property
    def memory(self) -> int:
        """Bytes the process will hold at its worst."""
        return BASE + self.parameters + self.activations

    def seconds(self, rate: float) -> float:
        """Time to compute on a machine of this rate, operations a second."""
        return self.operations / (SHARE * rate)


def held(*modules: nn.Module) -> int:
    """Bytes of the parameters of modules."""
    return sum(p.numel() * p.element_size() for module in modules for p in module.parameters())


@torch.no_grad()
def counted(call: Callable[[], object]) -> tuple[float, int]:
    """(operations, peak bytes) of a call whose tensors are on the `meta` device."""
    with FlopCounterMode(display=False) as flops, _Alive() as alive:
        call()
    return float(flops.get_total_flops()), alive.peak


def rate(dtype: torch.dtype, *, seconds: float = 0.1) -> float:
    """Operations a second in products of matrices as large as the shipped network's.

    The best of what fits into `seconds`: neighbours can only slow a product down.
    """
    rows, width, out = 2048, 384, 1152
    x, w = torch.ones(rows, width, dtype=dtype), torch.ones(width, out, dtype=dtype)
    torch.mm(x, w)
    best, end = math.inf, perf_counter() + seconds
    while (start := perf_counter()) < end:
        torch.mm(x, w)
        best = min(best, perf_counter() - start)
    return 2.0 * rows * width * out / best


@final
class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors made under it and not yet freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._seen: set[int] = set()

    @override
    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        given = {s._cdata for s in _storages((args, kwargs))}  # a view of these is nothing new
        result = func(*args, **(kwargs or {}))
        for storage in _storages(result):
            if storage._cdata not in given:
                self._take(storage)
        return result

    def _take(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return
        self._seen.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


def _storages(values: object) -> list[torch.UntypedStorage]:
    return [v.untyped_storage() for v in tree_leaves(values) if isinstance(v, Tensor)]
