"""What `mutoscope train NAME` runs: each shipped part, from data to weights ready for use.

The chain is autoencoder -> image -> modelscope; a later link reads the weights of the earlier ones
from the zoo. Data and state live in the cache folder (MUTOSCOPE_CACHE, else ~/.cache/mutoscope).
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from itertools import repeat
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from rich.progress import track
from torch import nn

from mutoscope import world
from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.clip import Clip
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.grids import straight
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.noise import Noise
from mutoscope.core.prediction import Flow
from mutoscope.core.samplers import euler
from mutoscope.core.schedule import Rectified
from mutoscope.data import latents, pictures, stickers, stickershots
from mutoscope.encoders import MiniLM
from mutoscope.errors import DataError, RequestError
from mutoscope.networks.small3d import SmallUNet3D, deflate, inflate
from mutoscope.systems.diffusion import LEAN
from mutoscope.training.autoencoder import AutoencoderTask
from mutoscope.training.diffusion import DiffusionTask, Draw, Pool
from mutoscope.training.publish import fresh, publish
from mutoscope.training.shown import ShownHead
from mutoscope.training.train import Config, train
from mutoscope.world import thesaurus
from mutoscope.world.caption import vocabulary
from mutoscope.zoo import FOLDER, load_part, sha256

SHIFT = 2.0
"""Of the rectified schedule the shipped networks are trained on (ours)."""

IMAGES: Mapping[latents.Domain, int] = {"core": 24_576, "wide": 10_240, "sticker": 9_728}
CLIPS: Mapping[latents.Domain, int] = {"core": 49_152, "wide": 2_560, "sticker": 3_584}
LONG: Mapping[latents.Domain, int] = {"core": 1_024, "sticker": 512}
"""How many items of each domain are cached; pictures and long clips are drawn from all alike."""
CHANCES: Mapping[latents.Domain, float] = {"core": 0.62, "wide": 0.08, "sticker": 0.15}
"""The chance that a batch is clips of a domain."""
CROWDED = 2.0
"""How much likelier a clip of two things or more is drawn than one of one thing (ours)."""
SUBTLE, SUBTLY = ("spins", "still", "circles"), 2.0
"""Motions that show in little of a clip only, and how much likelier a clip with one is drawn."""
STEPS: Mapping[str, int] = {
    "autoencoder": 4000 + 9000, "image": 1000 + 600,
    "modelscope": 1300 + 3900 + 3500 + 3000 + 2300 + 3800,
    "readers": 1500 + 400 + 1179, "wide-readers": 4000, "dense-readers": 1300, "alignment": 500,
    "prior": 1000,
}  # fmt: skip
"""How long a part is trained by itself: the phases of its card (zoo/NAME/README.md) in all."""
STARTS: Mapping[str, str] = {"image": "modelscope"}
"""The part of other weights that a part can begin with too (`--init`)."""
TELLINGS = 2
"""In how many ways each item is told beside its caption, in people's words."""
READING = 2
"""Blocks over the words of a prompt that tells of motion; one is enough for pictures (ours)."""
RATES = {1: (8.0,), 16: (8.0, 8.0, 8.0, 4.0, 6.0, 12.0, 16.0), 32: (8.0, 8.0, 12.0, 16.0, 24.0)}
"""Frames per second that items of so many frames draw from."""

READERS: Mapping[str, str] = {
    "readers": "readers", "wide-readers": "widereaders", "dense-readers": "dense",
    "alignment": "alignment",
}  # fmt: skip
"""Parts that measure, by the module of this room that trains and ships them."""
OWN: Mapping[str, str] = {**READERS, "prior": "prior"}
"""All parts that have a module of their own here; none of them learns from stickers."""

PROMPTS = (
    "a red ball bounces on the grass",
    "a blue cube slides left on the snow",
    "a yellow cone spins on the checkerboard floor",
    "a green ring rises over the water at night",
    "a purple star grows on the wooden floor",
    "a white pyramid slides right on the sand, the camera zooms in",
    "a pink cylinder and a black cube on the snow",
    "an orange capsule comes closer on the grass while a cyan ball stands still",
    "an animated sticker of a fox face slides left on a plain yellow background",
    "a cartoon octopus rises over the water",
)
"""What the sample sheets of a training run show; none of them is used for measuring."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where a run keeps its state, how it starts and how much it does.

    `items` bounds the data of each kind; None takes all.
    """

    out: Path
    cache: Path
    steps: int
    init: str | None = None
    items: int | None = None
    seed: int = 0


def cache_folder() -> Path:
    """Where data and training state live."""
    return Path(os.environ.get("MUTOSCOPE_CACHE", Path.home() / ".cache" / "mutoscope"))


def run(
    name: str, out: Path, *, steps: int | None = None, init: str | None = None,
    items: int | None = None,
) -> None:  # fmt: skip
    """Train a shipped part by name, resuming what `out` holds; STEPS long unless told."""
    if name not in TRAINERS:
        names = ", ".join(sorted(TRAINERS))
        raise RequestError(f"nothing called {name} can be trained; choose from {names}")
    cache = cache_folder()
    if name not in OWN and not stickers.obtainable(cache):
        raise DataError(f"{name} learns from stickers too: {stickers.MISSING}", failed=True)
    asked = Run(out=out, cache=cache, steps=steps or STEPS[name], init=init, items=items)
    TRAINERS[name](asked)


def ship(name: str, out: Path, *, folder: Path = FOLDER, thaw: bool = False) -> Path:
    """Put what the finished run in `out` learned into the zoo; returns its folder there.

    A frozen part is replaced only where it is to `thaw`.
    """
    if name in OWN:
        shipped: Path = _module(name).ship(out, folder=folder)
        return shipped
    kind = FrameAutoencoder if name == "autoencoder" else SmallUNet3D
    part = fresh(kind, name, out)
    facts: dict[str, object] = {"side": 128}
    if name != "autoencoder":
        known = vocabulary() | thesaurus.vocabulary()
        known |= stickershots.words(stickers.load(cache_folder()))
        facts |= {
            "shift": SHIFT, "autoencoder_sha256": sha256("autoencoder"), "words": sorted(known)
        }  # fmt: skip
    return publish(part, name, out, facts=facts, folder=folder, thaw=thaw)


def world_frames(folder: Path, count: int, *, side: int = 128) -> UInt8[np.ndarray, "n s s 3"]:
    """Single world frames, core and wide tier in turn, rendered once into a memory-mapped file."""
    path = folder / f"frames-{world.VERSION}-{side}-{count}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        shape = (count, side, side, 3)
        out = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
            made = pool.map(_frame, range(count), repeat(side), chunksize=64)
            for i, frame in enumerate(track(made, "rendering frames", total=count)):
                out[i] = frame
        out.flush()
        os.replace(part, path)
    return np.load(path, mmap_mode="r")


def _frame(index: int, side: int) -> UInt8[np.ndarray, "s s 3"]:
    scene = world.sample(1, index, tier="wide" if index % 2 else "core")
    start = float(np.random.default_rng((1, index)).uniform(0, 2))
    return world.render(scene, frames=1, size=(side, side), start=start).rgb[0]


def autoencoder(run: Run) -> None:
    """Learn to code frames of the world, stickers and photographs."""
    network = FrameAutoencoder() if run.init is None else load_part(FrameAutoencoder, "autoencoder")
    found = pictures.Pictures(
        world_frames(run.cache, run.items or 12_000),
        stickers.load(run.cache),
        pictures.photographs(),
    )
    config = Config(
        steps=run.steps, batch=16, rate=2e-3 if run.init is None else 1e-3, seed=run.seed,
        init=run.init,
    )  # fmt: skip
    train(AutoencoderTask(network, found, side=96), config, run.out)


def image(run: Run) -> None:
    """Learn pictures of the world and stickers from their captions.

    `init` begins with the image network that ships, or with a video network's layers within frames.
    """
    coder, encoder = shipped_coder(), MiniLM()
    pools = [Pool(_mixture(run, IMAGES, 1, coder, encoder), 1.0, 256)]
    network = (
        SmallUNet3D(channels=coder.channels, temporal=False)
        if run.init is None
        else deflate(load_part(SmallUNet3D, "image" if run.init == "zoo" else run.init))
    )
    config = Config(
        steps=run.steps, batch=1, rate=2e-3, warmup=100, ema=0.998, muon=True,
        seed=run.seed, init=run.init,
    )  # fmt: skip
    _teach(network, pools, config, run, coder, encoder, frames=1)


def modelscope(run: Run) -> None:
    """Inflate the image model and learn clips and pictures together."""
    coder, encoder = shipped_coder(), MiniLM()
    pools = clip_pools(run, coder, encoder)
    start = load_part(SmallUNet3D, "image" if run.init is None else "modelscope")
    network = inflate(start, reading=READING)
    config = Config(
        steps=run.steps, batch=1, rate=1.5e-3, warmup=50, muon=True, seed=run.seed,
        init=run.init,
    )  # fmt: skip
    _teach(network, pools, config, run, coder, encoder, frames=16)


def clip_pools(run: Run, coder: FrameAutoencoder, encoder: MiniLM) -> Sequence[Pool]:
    """What `modelscope` learns from, made where it is missing."""
    clips = {domain: _mixture(run, CLIPS, 16, coder, encoder, only=domain) for domain in CHANCES}
    return [
        *(
            Pool(clips[domain], chance, 24, _likely(clips[domain]))
            for domain, chance in CHANCES.items()
        ),
        Pool(_mixture(run, LONG, 32, coder, encoder), 0.05, 12),
        Pool(_mixture(run, IMAGES, 1, coder, encoder), 0.10, 256),
    ]


def _likely(clips: latents.Latents) -> Float[np.ndarray, " n"]:
    weights = np.where(clips.things() > 1, CROWDED, 1.0)
    weights *= np.where(clips.says(SUBTLE), SUBTLY, 1.0)
    return weights / weights.sum()


def _mixture(
    run: Run, kinds: Mapping[latents.Domain, int], frames: int, coder: FrameAutoencoder,
    encoder: MiniLM, *, only: latents.Domain | None = None,
) -> latents.Latents:  # fmt: skip
    parts = []
    for k, (domain, count) in enumerate(kinds.items()):
        if only not in (None, domain):
            continue
        recipe = latents.Recipe(
            frames=frames, domain=domain, seed=100 * frames + k, rates=RATES[frames]
        )
        folder, count = latents_folder(run.cache, recipe, coder), run.items or count
        latents.build(folder, recipe, count, coder, encoder, run.cache)
        latents.retell(folder, recipe, count, TELLINGS, encoder, run.cache)
        parts.append(latents.load(folder, count, TELLINGS))
    return latents.joined(parts)


def _teach(
    network: SmallUNet3D, pools: Sequence[Pool], config: Config, run: Run,
    coder: FrameAutoencoder, encoder: MiniLM, *, frames: int,
) -> None:  # fmt: skip
    denoiser = Denoiser(network, Rectified(SHIFT), Flow())
    draw = _draw(coder, encoder, frames=frames)
    task = DiffusionTask(denoiser, pools, encoder([""]), draw=draw, head=ShownHead(network))
    train(task, config, run.out)


def _module(name: str) -> ModuleType:
    return import_module(f"mutoscope.training.{OWN[name]}")  # it imports Run from here


def _own(name: str) -> Callable[[Run], None]:
    def learn(run: Run) -> None:
        _module(name).learn(run)

    return learn


TRAINERS: Mapping[str, Callable[[Run], None]] = {
    "autoencoder": autoencoder,
    "image": image,
    "modelscope": modelscope,
    **{name: _own(name) for name in OWN},
}


def shipped_coder() -> FrameAutoencoder:
    """The autoencoder of the zoo, ready to code."""
    return load_part(FrameAutoencoder, "autoencoder").eval()


def _rows(read: Condition, rows: slice) -> Condition:
    assert read.text is not None
    assert read.text_mask is not None
    return Condition(text=read.text[rows], text_mask=read.text_mask[rows])


def latents_folder(cache: Path, recipe: latents.Recipe, coder: FrameAutoencoder) -> Path:
    """Where the latents of a recipe lie: their name tells the world and the autoencoder."""
    mark = float(sum(p.detach().abs().double().sum() for p in coder.parameters()))
    name = f"{recipe.domain}-{recipe.split}-{recipe.seed}-{recipe.frames}x{recipe.side}"
    return cache / "latents" / f"{name}-w{world.VERSION}-{mark:.3f}"


def _draw(coder: FrameAutoencoder, encoder: MiniLM, *, frames: int) -> Draw:
    both = encoder([*PROMPTS, *([""] * len(PROMPTS))])
    yes, no = (_rows(both, part) for part in (slice(len(PROMPTS)), slice(len(PROMPTS), None)))

    @torch.inference_mode()
    def draw(network: nn.Module) -> UInt8[np.ndarray, "H W 3"]:
        denoiser = Denoiser(network, Rectified(SHIFT), Flow())
        grid = straight(24, denoiser.schedule, shift=SHIFT if frames == 1 else LEAN)
        x = Noise(range(len(PROMPTS))).like(
            torch.empty(len(PROMPTS), coder.channels, frames, 16, 16)
        )
        with torch.autocast("cpu", torch.bfloat16):
            *_, last = euler(ClassifierFree(4.0)(denoiser, yes, no), x, grid, denoiser.schedule)
            made = coder.decode(last.x)[:, :, :: max(1, frames // 8)]
        columns = 5 if frames == 1 else 1
        shown = Clip(frames=made.float(), fps=1).uint8()
        return rearrange(shown, "(r q) t h w c -> (r h) (q t w) c", q=columns)

    return draw
