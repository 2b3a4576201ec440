"""What this machine is: its instruction sets, and the number format its networks run in.

The rule: a network runs in bfloat16 where the processor multiplies it in hardware (AVX512-BF16 or
AMX on x86, BF16 on ARM), else in float32. It looks at what the processor says of itself and never
at a stopwatch, so that the same machine always makes the same bits.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from time import monotonic

import torch

FAST = ("avx512_bf16", "amx_bf16", "amx_tile", "bf16", "arm_bf16", "sve_bf16")
"""Names by which a processor says that it multiplies bfloat16 in hardware."""

NAMED = (*FAST, "avx2", "avx512_f", "avx512_vnni", "avx512_fp16", "amx_int8", "neon", "sve")
"""Instruction sets worth naming."""


LOOK = 0.2
"""Seconds between two looks at what other processes use: the system counts hundredths."""


def instructions() -> frozenset[str]:
    """The instruction sets that torch finds, in its own words; empty where it can't say."""
    return frozenset(name for name, there in torch.cpu.get_capabilities().items() if there is True)


def precision() -> torch.dtype:
    """The format for networks on this processor, by the rule above."""
    return torch.bfloat16 if instructions() & set(FAST) else torch.float32


def threads() -> int:
    """Threads worth using: as many cores as the last minute left free, or as OMP_NUM_THREADS says.

    A network this small gains little by a second thread, and loses much when it has to wait for
    one that a neighbour keeps from running. One and two threads were seen to give the same bits.
    """
    most = torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ or not hasattr(os, "getloadavg"):
        return most
    free = (os.cpu_count() or 1) - os.getloadavg()[0]
    return max(1, min(most, round(free)))


class Neighbours:
    """How many threads are worth using beside other processes, looking now and then.

    Threads that spin while they wait are quick on a quiet machine, and very slow beside a process
    that keeps one of their cores. Where the system doesn't tell, or OMP_NUM_THREADS was set, it is
    as many as torch had.
    """

    def __init__(self) -> None:
        self.most = self._free = torch.get_num_threads()
        self._before = _used()

    def threads(self) -> int:
        """As many as there are cores left free since the last look, at least LOOK seconds ago."""
        now, before = _used(), self._before
        if now is None or before is None or "OMP_NUM_THREADS" in os.environ:
            return self.most
        elapsed = now[0] - before[0]
        if elapsed >= LOOK:
            others = (now[1] - before[1] - (now[2] - before[2])) / elapsed
            free = (os.cpu_count() or 1) - round(others)
            self._free, self._before = max(1, min(self.most, free)), now
        return self._free


def computed(process: int) -> float | None:
    """Seconds of processor time that a process has used; None if the system doesn't tell."""
    try:
        said = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    fields = said.rpartition(")")[2].split()  # its name, in parentheses, may hold anything
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _used() -> tuple[float, float, float] | None:
    """Now, and seconds of cores in use so far: by all processes, by this one."""
    try:
        fields = Path("/proc/stat").read_text().split()
    except OSError:
        return None
    ticks = [int(field) for field in fields[1:8]]  # user nice system idle iowait irq softirq
    busy = sum(ticks) - ticks[3] - ticks[4]
    own = os.times()
    return monotonic(), busy / os.sysconf("SC_CLK_TCK"), own.user + own.system


def processor() -> str:
    """The processor by its maker's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def memory() -> tuple[int, int] | None:
    """Bytes of memory in all and free for use, or None where the system doesn't tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    rows = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if ":" in line}
    return rows["MemTotal"], rows.get("MemAvailable", rows["MemFree"])
