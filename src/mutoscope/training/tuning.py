r"""Tuning to one clip: a few named tensors of a network learn it, all others stay as they are.

    L = mean |F(x_t, t, c) - target|^2,   t = sigmoid(n), n ~ N(0, 1), the words c never dropped

A batch is one clip under several noises. The rate is constant, so that what is learned after k
steps doesn't depend on how many were asked for: a run may be stopped early, or go on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mutoscope.clip import Clip
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.shapes import Latent
from mutoscope.errors import RequestError, WeightsError
from mutoscope.training.diffusion import Draw
from mutoscope.training.train import Batch, Config, Task

TOLD, CLEAN = "clip.json", "clip.safetensors"


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is learned: a clip by its latent's shape and frames' hash, and the words for it.

    `previews` are prompts that the sample sheets show besides.
    """

    prompt: str
    frames: int
    fps: float
    frames_sha256: str
    previews: tuple[str, ...] = ()

    @classmethod
    def of(cls, clip: Clip, prompt: str, previews: Sequence[str] = ()) -> Source:
        """Of a clip; refuses words that say nothing."""
        if not all(text.strip() for text in (prompt, *previews)):
            raise RequestError("a prompt is empty; say what the clip shows")
        return cls(
            prompt=prompt,
            frames=clip.frames.shape[2],
            fps=clip.fps,
            frames_sha256=clip.frames_sha256(),
            previews=tuple(previews),
        )


def keep(out: Path, source: Source, clean: Latent) -> None:
    """Put the clip into a run's folder, so that the run can go on without its file."""
    out.mkdir(parents=True, exist_ok=True)
    save_file({"clean": clean.contiguous()}, out / CLEAN)
    draft = (out / TOLD).with_suffix(".part")
    draft.write_text(json.dumps(asdict(source), indent=2) + "\n", encoding="utf-8")
    os.replace(draft, out / TOLD)


def kept(out: Path) -> tuple[Source, Latent]:
    """The clip of a run's folder; refuses a folder that holds none."""
    try:
        told = json.loads((out / TOLD).read_text())
        clean = load_file(out / CLEAN)["clean"]
        return Source(**{**told, "previews": tuple(told["previews"])}), clean
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(
            f"{out} holds no clip that was being learned ({error}); begin in another folder"
        ) from error


def freed(network: nn.Module, names: Sequence[str]) -> list[str]:
    """Let only the parameters learn whose name fits one of the patterns; those names, in order.

    Refuses a pattern that fits none.
    """
    found = []
    for name, weight in network.named_parameters():
        learns = any(fnmatchcase(name, pattern) for pattern in names)
        weight.requires_grad_(requires_grad=learns)
        found += [name] if learns else []
    for pattern in names:
        if not any(fnmatchcase(name, pattern) for name in found):
            raise WeightsError(f"no weight is called {pattern}; name layers that the network has")
    return found


class OneClip(Task):
    """Teach the named tensors of `denoiser`'s network one clip and its words."""

    def __init__(
        self, denoiser: Denoiser, clean: Latent, told: Condition, *,
        learns: Sequence[str], draw: Draw | None = None,
    ) -> None:  # fmt: skip
        self.denoiser, self.clean, self.told, self.draw = denoiser, clean, told, draw
        self.learns = freed(denoiser.network, learns)

    def parts(self) -> Mapping[str, nn.Module]:
        """The network, most of which stays."""
        return {"network": self.denoiser.network}

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """The clip, `size` times; noise and times are the loss's."""
        return {"x0": self.clean.expand(size, -1, -1, -1, -1)}

    def loss(self, batch: Batch, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        """One term."""
        x0 = batch["x0"]
        eps = torch.randn(x0.shape, generator=rng).to(x0)
        t = torch.randn(len(x0), generator=rng).sigmoid().to(x0)
        return {"loss": self.denoiser.loss(x0, t, eps, self.told.expanded(len(x0))).mean()}

    def sheet(self, parts: Mapping[str, nn.Module]) -> UInt8[np.ndarray, "H W 3"] | None:
        """What `draw` makes with the network as it is now."""
        return None if self.draw is None else self.draw(parts["network"])


def config(steps: int, rate: float, *, batch: int = 2, seed: int = 0) -> Config:
    """How a clip is learned: AdamW at a constant rate, no average, gradients clipped at 1.

    Source: Wu et al. (2023), section 4 and their released configuration, for all but rate and
    batch (ours); a sheet every 100 steps, as there.
    """
    return Config(
        steps=steps, batch=batch, rate=rate, warmup=1, cooldown=0.0, decay=0.01, clip=1.0, ema=0.0,
        beta2=0.999, seed=seed, save_minutes=0.5, sheet_steps=100,
    )  # fmt: skip


def rows(clips: Sequence[Clip], most: int = 8) -> UInt8[np.ndarray, "H W 3"]:
    """Clips of one length beneath one another, at most so many frames of each."""
    every = -(-clips[0].frames.shape[2] // most)
    shown = np.concatenate([clip.uint8()[:, ::every] for clip in clips])
    return rearrange(shown, "b t h w c -> (b h) (t w) c")
