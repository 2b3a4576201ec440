"""The child process that decodes what strangers send: bounded memory, time and files, no network.

    python -m mutoscope.service.decode     one JSON object on stdin: source, folder, limits
                                           one JSON object on stdout: the facts, or a sentence

What it writes is made anew from the pixels alone, so nobody else opens a stranger's file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAPER = (0, 0, 0)
"""What shows through transparent pixels."""


def bound(limits: Mapping[str, int]) -> None:
    """Let the system refuse this process more than it may have."""
    try:
        import resource
    except ImportError:  # not on Windows, where the time limit has to do
        return
    for name, most, last in (
        (resource.RLIMIT_AS, limits["memory"], limits["memory"]),
        # At the first of these it is told by a signal of its own, at the second it is gone.
        (resource.RLIMIT_CPU, limits["seconds"], limits["seconds"] + 1),
        (resource.RLIMIT_FSIZE, limits["written"], limits["written"]),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(name, (most, last))


def decoded(source: Path, folder: Path, limits: Mapping[str, int]) -> dict[str, Any]:
    """Read a picture or clip and write it anew into the folder, without loss; its facts."""
    import numpy as np

    from mutoscope import codecs
    from mutoscope.errors import MediaError

    most = codecs.Limits(
        pixels=limits["pixels"], held=limits["held"], frames=limits["frames"], size=limits["bytes"]
    )
    opened = codecs.Source(source, background=PAPER, limits=most)
    pictures: list[codecs.Picture] = []
    times: list[float] = []
    end = 0.0
    for seen in opened.shown():
        height, width, _ = seen.picture.shape
        if pictures and pictures[0].shape != seen.picture.shape:
            raise MediaError(f"the file changes its size to {width}x{height} on the way")
        pictures.append(seen.picture)
        times.append(seen.time)
        end = seen.until
        most.kept(source, len(pictures), width, height)
        if end > limits["length"]:
            raise MediaError(f"the file is longer than {limits['length']} seconds; cut it")
    rate = opened.rate(times, end)
    name = "picture.png" if len(pictures) == 1 else "clip.webp"
    lossless = codecs.Options(lossless=True, columns=1)
    codecs.write(folder / name, np.stack(pictures), fps=rate, record=None, options=lossless)
    height, width, _ = pictures[0].shape
    return {"file": name, "width": width, "height": height, "frames": len(pictures), "fps": rate}


def main() -> None:
    """Decode what stdin says."""
    said = json.load(sys.stdin)
    bound(said["limits"])
    from mutoscope.errors import MediaError

    try:
        answer = decoded(Path(said["source"]), Path(said["folder"]), said["limits"])
    except MediaError as error:
        answer = {"refused": str(error).replace(said["source"], "the file")}
    except MemoryError:
        answer = {"refused": "the file needs too much memory; make it smaller or shorter"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
