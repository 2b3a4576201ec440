"""Our parts as a diffusers pipeline, and published folders written back as they were read.

`SystemPipeline` is the one pipeline class there is: a network and an autoencoder, the schedule and
prediction that give the network's answer its meaning, and the text encoder by name. It speaks
diffusers' words and is saved and loaded by diffusers' own code.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypedDict, Unpack

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.utils.outputs import BaseOutput
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from mutoscope.autoencoders import Autoencoder, Pixels
from mutoscope.core import grids
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.noise import Noise
from mutoscope.core.samplers import find
from mutoscope.core.schedule import Rectified, Schedule
from mutoscope.core.shapes import Grid
from mutoscope.encoders import Bytes, MiniLM, TextEncoder
from mutoscope.errors import RequestError, WeightsError
from mutoscope.hub import keys
from mutoscope.hub.load import INDEX, Published
from mutoscope.hub.published import ClipText, KlAutoencoder
from mutoscope.systems.diffusion import LEAN, Parts

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""A default that means nothing: without one, diffusers takes an argument for a part."""


class Asked(TypedDict, total=False):
    """What a pipeline may be asked for besides prompts, in diffusers' words."""

    negative_prompt: str
    num_frames: int
    height: int
    width: int
    num_inference_steps: int
    guidance_scale: float
    fps: float
    shift: float | None
    seed: int


@dataclass(frozen=True, kw_only=True)
class _Wish:
    negative_prompt: str = ""
    num_frames: int = 16
    height: int = 128
    width: int = 128
    num_inference_steps: int = 30
    guidance_scale: float = 4.0
    fps: float = 8.0
    shift: float | None = None
    seed: int = 0


@dataclass
class Made(BaseOutput):  # type: ignore[misc]
    """Frames in [0, 1], laid out as diffusers' pipelines do."""

    frames: Float[np.ndarray, "b t h w 3"]


class SystemPipeline(DiffusionPipeline):  # type: ignore[misc]
    """A network, its autoencoder (None: pixels), and what they mean, by name.

    `schedule` and `prediction` are as `keys.said` writes them, `text` is `{"kind": "MiniLM"}` or
    the encoder of tests, `scalars` are those the network listens to.
    """

    _optional_components = ("autoencoder",)
    model_cpu_offload_seq = "network->autoencoder"

    def __init__(
        self,
        network: nn.Module,
        autoencoder: nn.Module | None,
        *,
        schedule: Mapping[str, Any] = NOTHING,
        prediction: Mapping[str, Any] = NOTHING,
        text: Mapping[str, Any] = NOTHING,
        scalars: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.register_modules(network=network, autoencoder=autoencoder)
        self.register_to_config(
            schedule=dict(schedule),
            prediction=dict(prediction),
            text=dict(text),
            scalars=list(scalars),
        )

    def parts(self) -> Parts:
        """What a system is put together from."""
        told = self.config
        denoiser = Denoiser(
            self.network, keys.schedule_of(told.schedule), keys.prediction_of(told.prediction)
        )
        coder: Any = Pixels() if self.autoencoder is None else self.autoencoder
        if not isinstance(coder, Autoencoder):
            coder = KlAutoencoder(coder)
        return Parts(
            denoiser=denoiser,
            autoencoder=coder,
            text=_reader(told.text),
            scalars=tuple(told.scalars),
        )

    @torch.no_grad()
    def __call__(self, prompt: str | list[str], **asked: Unpack[Asked]) -> Made:
        """A clip a prompt, by DPM-Solver++ and classifier-free guidance; clip i has seed + i."""
        known = [field.name for field in fields(_Wish)]
        unknown = sorted(set(asked) - set(known))
        if unknown:
            raise RequestError(f"no such argument: {', '.join(unknown)}; known: {', '.join(known)}")
        wish, parts = _Wish(**asked), self.parts()
        prompts = [prompt] if isinstance(prompt, str) else prompt
        noise = Noise([wish.seed + i for i in range(len(prompts))])
        sides = (wish.num_frames, wish.height, wish.width)
        shape = [n // s for n, s in zip(sides, parts.autoencoder.stride, strict=True)]
        x = noise.like(torch.empty(len(prompts), parts.autoencoder.channels, *shape))
        told, null = _told(parts, prompts, wish)
        denoise = ClassifierFree(wish.guidance_scale)(parts.denoiser, told, null)
        grid = _grid(wish, parts.denoiser.schedule)
        *_, last = find("dpmpp_2m", noise)(denoise, x, grid, parts.denoiser.schedule)
        frames = (parts.autoencoder.decode(last.x) + 1) / 2
        return Made(frames=rearrange(frames, "b c t h w -> b t h w c").float().cpu().numpy())


def _grid(wish: _Wish, schedule: Schedule) -> Grid:
    """The times visited; on the straight path clips lean to noise, as in `systems.diffusion`."""
    if not isinstance(schedule, Rectified):
        return grids.trailing(wish.num_inference_steps)
    usual = LEAN if wish.num_frames > 1 else schedule.shift
    shift = usual if wish.shift is None else wish.shift
    return grids.straight(wish.num_inference_steps, schedule, shift=shift)


def pipeline(parts: Parts) -> SystemPipeline:
    """The parts as a diffusers pipeline: `save_pretrained` writes, `from_pretrained` reads."""
    coder: object = parts.autoencoder
    if isinstance(coder, KlAutoencoder):
        coder = coder.coder
    return SystemPipeline(
        parts.denoiser.network,
        coder if isinstance(coder, nn.Module) else None,
        schedule=keys.said(parts.denoiser.schedule),
        prediction=keys.said(parts.denoiser.prediction),
        text=_name(parts.text),
        scalars=parts.scalars,
    )


def write_back(published: Published, folder: Path) -> None:
    """A published folder with its parts as they are now, in the layout they were read from.

    It opens in diffusers without this package. Refuses to write over the folder it came from.
    """
    if folder.resolve() == published.folder.resolve():
        raise WeightsError(f"{folder} is the folder itself; give another to write to")
    parts = published.parts
    if not isinstance(parts.text, ClipText) or not isinstance(parts.autoencoder, KlAutoencoder):
        raise WeightsError("only the parts that `load` read can be written back")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(published.folder / INDEX, folder / INDEX)
    for name in ("scheduler", "tokenizer"):
        shutil.copytree(published.folder / name, folder / name, dirs_exist_ok=True)
    saved: Mapping[str, Any] = {
        "unet": parts.denoiser.network,
        "vae": parts.autoencoder.coder,
        "text_encoder": parts.text.tower,
    }
    for name, part in saved.items():
        part.save_pretrained(folder / name)


def _told(parts: Parts, prompts: list[str], wish: _Wish) -> tuple[Condition, Condition]:
    n = len(prompts)
    both = parts.text([*prompts, wish.negative_prompt])
    rates = torch.full((n + 1,), float(wish.fps))
    scalars = {"fps": rates} if "fps" in parts.scalars else {}
    whole = Condition(text=both.text, text_mask=both.text_mask, pooled=both.pooled, scalars=scalars)
    rows = torch.arange(n + 1)
    return _rows(whole, rows[:n]), _rows(whole, rows[n:].expand(n))


def _rows(condition: Condition, rows: Tensor) -> Condition:
    doors = {name: getattr(condition, name) for name in ("text", "text_mask", "pooled")}
    some = {name: door[rows] for name, door in doors.items() if door is not None}
    return Condition(**some, scalars={n: v[rows] for n, v in condition.scalars.items()})


def _name(text: TextEncoder) -> dict[str, Any]:
    if isinstance(text, MiniLM):
        return {"kind": "MiniLM"}
    if isinstance(text, Bytes):
        return {"kind": "Bytes", "width": text.width, "length": text.length}
    raise WeightsError(
        f"a {type(text).__name__} isn't part of this package and can't be named in a file; "
        "write published folders back with `write_back`"
    )


def _reader(told: Mapping[str, Any]) -> TextEncoder:
    if told.get("kind") == "MiniLM":
        return MiniLM()
    if told.get("kind") == "Bytes":
        return Bytes(told["width"], told["length"])
    raise WeightsError(f"no text encoder is called {told.get('kind')!r}; known: MiniLM")
