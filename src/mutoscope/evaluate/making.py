"""A system as what is measured: a callable from prompts and seeds to frames; its untrained twin."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from mutoscope.clip import Frames
from mutoscope.errors import DataError
from mutoscope.evaluate.commands import Generate
from mutoscope.systems.system import Asked, System
from mutoscope.weights import ModelMixin
from mutoscope.zoo import arguments


def generator(system: System, asked: Asked) -> Generate:
    """The system as a callable; `asked` is the same for every clip."""

    def generate(prompts: Sequence[str], seeds: Sequence[int]) -> Frames:
        clips = []
        for prompt, seed in zip(prompts, seeds, strict=True):
            one: Asked = {**asked, "seed": seed}
            clips.append(system.generate(prompt, **one).frames)
        return torch.cat(clips)

    return generate


def untrained(load: Callable[[], System]) -> System:
    """The system that `load` gives, with a network that has learned nothing."""
    system = load()
    network = system.parts()["network"]
    if not isinstance(network, ModelMixin):
        raise DataError(f"the network of {system.card.name} can't be made anew; leave its twin out")
    # The weights a class begins with are drawn from torch's own generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network.load_state_dict(type(network)(**arguments(network)).state_dict())
    return system
