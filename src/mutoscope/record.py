"""Where a file comes from, and whether it could be made again: the record and its verdict.

The record of a run is its Request with what else decided or describes the pixels: the weights'
hashes, the versions, the machine. It lies flat in the file: the keys of a Request, then its own.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
import torch

from mutoscope import checked
from mutoscope.clip import Clip
from mutoscope.errors import RequestError
from mutoscope.request import Request

TOLERANCE = 45.0
"""PSNR in dB from which two renderings count as the same: other kernels round otherwise."""

FOREIGN = 20.0
"""PSNR in dB below which a file shows other frames than its record names; no codec loses so much.
Ours."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A request that was run, and with what.

    `weights` and `sources` map a part's name, a condition's source, to its SHA-256; `frames_sha256`
    is `Clip.frames_sha256` before encoding; `seconds` are those of each stage. `count` clips lie
    side by side, seeded one after another; `precision` is the number format of the network. `words`
    are those that it read where they aren't the prompt's own, as of a prompt that was extended.
    """

    request: Request
    version: str
    frames_sha256: str
    weights: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    platform: str = ""
    torch: str = ""
    precision: str = ""
    count: int = 1
    words: str = ""

    def to_json(self) -> dict[str, Any]:
        """The record as one flat JSON object: what `media.write` puts into a file."""
        own = {name: getattr(self, name) for name in _OWN}
        plain = {k: dict(v) if isinstance(v, Mapping) else v for k, v in own.items()}
        return self.request.to_json() | plain

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """The record in a file's metadata; refuses one that it can't hold whole."""
        missing = [
            key for key in ("system", "prompt", "version", "frames_sha256") if key not in data
        ]
        if missing:
            raise RequestError(
                f"this is no record of a run: it lacks {', '.join(missing)};"
                " give a file that was generated with its metadata"
            )
        own = {key: value for key, value in data.items() if key in _OWN}
        for key, value in own.items():
            if key in _TABLES:
                checked.values(f"'{key}' of the record", value)
            elif key == "count":
                checked.whole(f"'{key}' of the record", value, low=1)
            else:
                checked.text(f"'{key}' of the record", value)
        asked = {key: value for key, value in data.items() if key not in _OWN}
        unknown = sorted(set(asked) - {item.name for item in fields(Request)})
        if unknown:
            raise RequestError(
                f"the record says '{unknown[0]}', which this version doesn't know;"
                f" use mutoscope {own['version']}, which wrote it"
            )
        return cls(request=Request.from_json(asked), **own)


_OWN = tuple(item.name for item in fields(Record) if item.name != "request")
_TABLES = ("weights", "sources", "seconds")


def record_of(
    request: Request,
    clip: Clip,
    *,
    version: str,
    weights: Mapping[str, str],
    seconds: Mapping[str, float],
    sources: Mapping[str, str] | None = None,
) -> Record:
    """The record of a run that ended here and now with this clip."""
    return Record(
        request=request,
        version=version,
        frames_sha256=clip.frames_sha256(),
        weights=dict(weights),
        sources=dict(sources or {}),
        seconds=dict(seconds),
        platform=machine(),
        torch=torch.__version__,
    )


def machine() -> str:
    """The system, processor and instruction set that decide the last bits of a float."""
    instructions = torch.backends.cpu.get_cpu_capability()
    return f"{platform.system()} {platform.machine()} {instructions}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of rendering a record again.

    `psnr` is in dB, infinite for equal frames; `fields` are the keys in which the records differ,
    as `info` writes them: `seed`, `settings.shift`, `weights.text`.
    `foreign` frames are in a file whose record came out the same, but names others.
    """

    kind: Literal["equal", "within tolerance", "differs"]
    psnr: float
    fields: tuple[str, ...] = ()
    foreign: bool = False

    def __str__(self) -> str:
        why = f"; the records differ in {', '.join(self.fields)}" if self.fields else ""
        if self.kind == "equal":
            return "equal: the same frames, bit for bit"
        if self.foreign:
            return f"differs: the file shows other frames than its record names ({self._decibels})"
        return f"{self.kind}: {self._decibels}, {TOLERANCE:g} needed{why}"

    @property
    def _decibels(self) -> str:
        return f"PSNR {self.psnr:.1f} dB"


def compare(mine: Record, theirs: Record, my_clip: Clip, their_clip: Clip) -> Verdict:
    """Whether two runs of a request came to the same frames.

    The hashes decide equality, since they were taken before encoding. The clips decide tolerance,
    so both must have passed the same codec: `media.read(file)` against
    `media.stored(rendered, suffix)`. They also show whether the file is the one that was written.
    A setting or part of which `theirs` says nothing, being older, is not said to differ.
    """
    fields = tuple(_differing(mine.to_json(), theirs.to_json()))
    psnr = _psnr(my_clip, their_clip)
    if mine.frames_sha256 == theirs.frames_sha256:
        if psnr < FOREIGN:
            return Verdict(kind="differs", psnr=psnr, fields=fields, foreign=True)
        return Verdict(kind="equal", psnr=math.inf, fields=fields)
    kind: Literal["within tolerance", "differs"] = (
        "within tolerance" if psnr >= TOLERANCE else "differs"
    )
    return Verdict(kind=kind, psnr=psnr, fields=fields)


def _differing(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    for key, value in mine.items():
        if key in ("frames_sha256", "seconds") or value == theirs[key]:
            continue
        if not isinstance(value, Mapping):
            yield key
            continue
        told = {**value, **theirs[key]}
        yield from (f"{key}.{name}" for name in told if value.get(name) != told[name])


def _psnr(one: Clip, other: Clip) -> float:
    """In dB, of 8-bit frames; 0 for clips of different shapes."""
    if one.frames.shape != other.frames.shape:
        return 0.0
    error = np.mean((one.uint8().astype(np.float32) - other.uint8()) ** 2, dtype=np.float64)
    return math.inf if error == 0 else float(10 * np.log10(255**2 / error))
