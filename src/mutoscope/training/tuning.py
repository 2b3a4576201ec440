r"""Tuning to one clip: a few named tensors of a network learn it, all others stay as they are.

    L = mean |F(x_t, t, c) - target|^2,   t = sigmoid(n), n ~ N(0, 1), the words c never dropped

A batch is one clip under several noises. The rate is constant, so that what is learned after k
steps doesn't depend on how many were asked for: a run may be stopped early, or go on.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mutoscope import zoo
from mutoscope.clip import Clip, only
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.shapes import Latent
from mutoscope.errors import RequestError, WeightsError
from mutoscope.systems import shipped
from mutoscope.systems.inversion import Inverted
from mutoscope.systems.system import Asked, spread
from mutoscope.systems.tuned import CLIP, OWN, Tuned
from mutoscope.training.diffusion import Draw
from mutoscope.training.train import Batch, Config, Task, train

TOLD, CLEAN = "clip.json", "clip.safetensors"
PREVIEW = 10
"""Steps of what a sample sheet shows (ours)."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is learned, in words: what the clip shows, its length and rate, its frames' hash.

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


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name fits one of the patterns, in which * stands for anything."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def freed(network: nn.Module, names: Sequence[str]) -> list[str]:
    """Let only the parameters learn whose name fits one of the patterns; those names, in order.

    Refuses a pattern that fits none.
    """
    found = []
    for name, weight in network.named_parameters():
        learns = fits(name, names)
        weight.requires_grad = learns
        found += [name] if learns else []
    for pattern in names:
        if not any(fits(name, [pattern]) for name in found):
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


def begin(
    system: Tuned, clip: Clip, prompt: str, out: Path, *, previews: Sequence[str] = ()
) -> None:
    """Put a clip into a folder, for `tune` to learn; refuses one that the system can't make.

    Refuses a folder that holds a run already.
    """
    if (out / "state").exists():
        raise RequestError(f"{out} holds a run already; go on with it, or name another folder")
    source = Source.of(only(clip), prompt, previews)
    T, H, W = clip.frames.shape[2:]
    for text in (prompt, *previews):
        system.request(text, frames=T, fps=clip.fps, size=(W, H))
    with torch.no_grad():
        keep(out, source, system.autoencoder.encode(clip.frames))


def tune(
    system: Tuned,
    out: Path,
    *,
    steps: int | None = None,
    stop: Callable[[int], bool] | None = None,
    quiet: bool = False,
) -> Path:
    """Learn the clip that `out` holds and save what changed; the folder of the delta.

    Goes on where it was stopped; see `train` for `stop` and `quiet`. The clip's own noise is found
    with the weights as they were saved, and kept beside them. `out` is then a folder of weights.
    """
    source, clean = kept(out)
    plan, name = system.plan, system.card.name
    told, _ = system.read([source.prompt], source.fps)
    task = OneClip(
        system.denoiser, clean, told, learns=plan.learns, draw=_draw(system, source, clean)
    )
    plain = config(steps or plan.steps, plan.rate, batch=plan.batch)
    train(task, plain, out, stop=stop, quiet=quiet)
    network = system.denoiser.network
    network.load_state_dict(load_file(out / "parts" / "network" / "weights.safetensors"))
    target = zoo.save_delta(network, name, plan.base, _facts(system, source, task, out), out)
    again = zoo.load_part(type(network), name, out).eval()
    tuned = _with(system, again, None)
    times = system.times(system.request(source.prompt, frames=source.frames, fps=source.fps))
    tuned.invert(clean, times).save(target / OWN)
    _card(target)
    return target


def config(steps: int, rate: float, *, batch: int, seed: int = 0) -> Config:
    """How a clip is learned: AdamW at a constant rate, no average, gradients clipped at 1.

    A sheet every 100 steps. Source: Wu et al. (2023), section 4 and their released configuration.
    """
    return Config(
        steps=steps, batch=batch, rate=rate, warmup=1, cooldown=0.0, decay=0.01, clip=1.0, ema=0.0,
        beta2=0.999, seed=seed, save_minutes=0.5, sheet_steps=100,
    )  # fmt: skip


def rows(clips: Sequence[Clip], most: int = 8) -> UInt8[np.ndarray, "H W 3"]:
    """Clips of one length beneath one another, at most so many frames of each."""
    places = spread(clips[0].frames.shape[2], most)
    shown = np.concatenate([clip.uint8()[:, places] for clip in clips])
    return rearrange(shown, "b t h w c -> (b h) (t w) c")


def _draw(system: Tuned, source: Source, clean: Latent) -> Draw:
    """The clip as the autoencoder has it, above the same prompt and each preview of it."""

    def draw(network: nn.Module) -> UInt8[np.ndarray, "H W 3"]:
        asked: Asked = {"frames": source.frames, "fps": source.fps, "steps": PREVIEW}
        prompts = (source.prompt, *source.previews)
        tuned = _with(system, network, None)
        own = tuned.invert(clean, tuned.times(tuned.request(source.prompt, **asked)))
        told = _with(system, network, own)
        with torch.inference_mode():
            given = Clip(frames=system.autoencoder.decode(clean), fps=source.fps)
        made = [told.make(told.request(prompt, **asked)) for prompt in prompts]
        return rows([given, *made])

    return draw


def _with(system: Tuned, network: nn.Module, own: Inverted | None) -> Tuned:
    """The same system with another network and clip."""
    twin, known = copy.copy(system), system.denoiser
    twin.denoiser, twin.own = Denoiser(network, known.schedule, known.prediction), own
    return twin


def _facts(system: Tuned, source: Source, task: OneClip, out: Path) -> Mapping[str, Any]:
    """What a delta says of itself, and what of its base holds of it too."""
    plan, weights = system.plan, dict(task.denoiser.network.named_parameters())
    base = zoo.facts(plan.base, zoo.where(plan.base, out))
    run = json.loads((out / "run.json").read_text())
    return {
        "class": type(task.denoiser.network).__name__,
        **{key: base[key] for key in (*shipped.TOLD, shipped.BASE) if key in base},
        CLIP: {key: value for key, value in asdict(source).items() if key != "previews"},
        "learned": sum(weights[name].numel() for name in task.learns),
        "of": sum(weight.numel() for weight in weights.values()),
        "phases": [{key: run[key] for key in ("step", "batch", "rate", "seed")}],
    }


def _card(target: Path) -> None:
    """README.md beside a delta."""
    facts = zoo.facts(target.name, target.parent)
    clip, (run,) = facts[CLIP], facts["phases"]
    text = (
        f"# {target.name}, tuned to one clip\n\n"
        f"> {clip['prompt']}\n\n{clip['frames']} frames at {clip['fps']:g} a second, sha256 "
        f"`{clip['frames_sha256'][:12]}`; {run['step']} steps of {run['batch']} at "
        f"{run['rate']:g}. {facts['learned']:,} of {facts['of']:,} parameters learned; stands on "
        f"{facts['base']}, sha256 `{facts['base_sha256'][:12]}`.\n"
    )
    (target / "README.md").write_text(text, encoding="utf-8")
