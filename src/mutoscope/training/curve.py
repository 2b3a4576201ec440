"""What a run leaves to look at: a JSONL log, TensorBoard events, a loss curve and sample sheets."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

EVERY = 20
"""Steps that one line of the log averages."""


class Log:
    """The log of one run; `note` is a short line for the progress bar."""

    def __init__(
        self, folder: Path, *, config: Mapping[str, Any], first: int, quiet: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.quiet, self.note = folder, quiet, ""
        (folder / "config.json").write_text(json.dumps(dict(config), indent=2) + "\n")
        self._board = SummaryWriter(str(folder / "board"))
        self._terms: dict[str, list[Tensor]] = {}
        self._since, self._start = time.monotonic(), first

    def add(self, step: int, terms: Mapping[str, Float[Tensor, ""]], *, rate: float) -> None:
        """Take in the terms of one step; every `EVERY` steps their means become a line."""
        for name, value in terms.items():
            self._terms.setdefault(name, []).append(value.detach())
        if (step + 1) % EVERY or self.quiet:
            return
        means = {k: float(torch.stack(v).float().mean()) for k, v in self._terms.items()}
        seconds = (time.monotonic() - self._since) / max(1, step + 1 - self._start)
        self._terms, self._since, self._start = {}, time.monotonic(), step + 1
        row = {"step": step + 1, **means, "rate": rate, "seconds": seconds}
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps({k: round(v, 6) for k, v in row.items()}) + "\n")
        for name, mean in means.items():
            self._board.add_scalar(name, mean, step + 1)
        self.note = f"loss {means['loss']:.4f}  {seconds:.2f} s/step"

    def sheet(self, step: int, picture: UInt8[np.ndarray, "H W 3"] | None) -> None:
        """Keep a sample sheet, and draw the loss curve as it is now."""
        if self.quiet:
            return
        if picture is not None:
            Image.fromarray(picture).save(self.folder / f"sheet-{step:07d}.png")
        draw(self.folder / "log.jsonl", self.folder / "curve.png")

    def close(self) -> None:
        """Flush what is still open."""
        self._board.close()


def draw(log: Path, target: Path) -> None:
    """Plot the loss in a JSONL log (thin: as logged, thick: running median) into a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    if not rows:
        return
    steps, loss = np.array([r["step"] for r in rows]), np.array([r["loss"] for r in rows])
    near = max(1, len(loss) // 40)
    middle = [np.median(loss[max(0, i - near) : i + near + 1]) for i in range(len(loss))]
    figure, axes = plt.subplots(figsize=(7, 4))
    axes.plot(steps, loss, linewidth=0.5, alpha=0.5)
    axes.plot(steps, middle, linewidth=2)
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    figure.tight_layout()
    figure.savefig(target)
    plt.close(figure)
