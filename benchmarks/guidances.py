"""What other ways of sampling than the shipped one show of what was asked.

`python benchmarks/guidances.py --n 48` asks captions of the validation split, which no table of the
README uses, once a way, with the same seeds, and prints the share that the readers see of each
attribute, and in how many captions more or fewer answers are right than as it ships. Ways that
share seeds differ less by luck than the intervals of one way say.
"""

from __future__ import annotations

import argparse
import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

import mutoscope
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.guidance import ClassifierFree, Guidance, Temporal
from mutoscope.core.shapes import Denoise, Latent, Time
from mutoscope.evaluate.faithfulness import Mark, marks, summary
from mutoscope.evaluate.questions import Asked, Questions
from mutoscope.evaluate.reading import read, shipped
from mutoscope.networks.readers import ClipReader
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.recipes.modelscope import ModelScope
from mutoscope.request import Request
from mutoscope.systems.diffusion import Parts

SHOWN = ("stage", "colour", "count", "shape", "camera", "verb", "both objects")


@dataclass(frozen=True, kw_only=True)
class SkipLayer:
    """Classifier-free guidance, and away from what is said without one layer over the clip.

    guided + amount (cond - cond without that layer). Source: skip-layer guidance as in Stable
    Diffusion 3.5's reference code.
    """

    scale: float
    amount: float
    block: int

    def __call__(self, denoiser: Denoiser, condition: Condition, null: Condition) -> Denoise:
        """The guided denoiser of one request."""
        network = copy.deepcopy(denoiser.network)
        assert isinstance(network, SmallUNet3D)
        network.blocks[self.block].clip = None
        weak = Denoiser(network, denoiser.schedule, denoiser.prediction)
        guided = ClassifierFree(scale=self.scale)(denoiser, condition, null)

        def denoise(x: Latent, t: Time) -> Latent:
            away = denoiser(x, t, condition) - weak(x, t, condition)
            return guided(x, t) + self.amount * away

        return denoise


@dataclass(frozen=True, kw_only=True)
class Way:
    """A guidance, and what else is asked for."""

    guidance: Guidance
    asked: Mapping[str, object]


WAYS: Mapping[str, Way] = {
    "as it ships": Way(guidance=ClassifierFree(scale=4), asked={}),
    "guided from t = .3 on": Way(guidance=ClassifierFree(scale=4, interval=(0.3, 1)), asked={}),
    "rescaled by .7": Way(guidance=ClassifierFree(scale=4, rescale=0.7), asked={}),
    "away from each frame alone": Way(guidance=Temporal(scale=4, smoothness=1.5), asked={}),
    "away from it without a layer": Way(guidance=SkipLayer(scale=4, amount=1, block=4), asked={}),
    "shift 4": Way(guidance=ClassifierFree(scale=4), asked={"settings": {"shift": 4.0}}),
    "60 steps": Way(guidance=ClassifierFree(scale=4), asked={"steps": 60}),
    "30 steps of heun": Way(guidance=ClassifierFree(scale=4), asked={"sampler": "heun"}),
}


class Guided(ModelScope):
    """The shipped system under any guidance."""

    way: Guidance

    def bind(self, request: Request) -> Denoise:
        """What the request is told, under the way."""
        told, null = self.read([request.prompt], request.fps, negative=request.negative)
        return self.way(self.denoiser, told, null)


def loaded() -> Guided:
    """The shipped system."""
    system = mutoscope.load("modelscope")
    assert isinstance(system, ModelScope)
    parts = Parts(
        denoiser=system.denoiser, autoencoder=system.autoencoder, text=system.text,
        scalars=system.scalars, grid=system.grid, sha256=system.weights,
    )  # fmt: skip
    return Guided(system.config, parts)


def seen(system: Guided, reader: ClipReader, asked: Asked, way: Way) -> list[Mark]:
    """What is right in a clip a prompt, seed k for the k-th."""
    system.way = way.guidance
    clips = [
        system.generate(prompt, seed=k, **way.asked).frames  # type: ignore[arg-type]
        for k, prompt in enumerate(asked.prompts)
    ]
    return marks(read(reader, torch.cat(clips), asked.fps), asked.said, reader)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=48)
    parser.add_argument("--only", nargs="*", choices=tuple(WAYS), default=tuple(WAYS))
    args = parser.parse_args(arguments)
    system, reader = loaded(), shipped()
    asked = Questions(n=args.n, seed=3, split="validation").asked()
    print("| way |", " | ".join(SHOWN), "| mean | better | worse |")
    print("| --- |" + " ---: |" * (len(SHOWN) + 3))
    first: Counter[int] | None = None
    for name in args.only:
        found = seen(system, reader, asked, WAYS[name])
        report = summary(found, {})
        values = [report[title].value for title in SHOWN]
        right = Counter(mark.clip for mark in found if mark.right)
        first = first or right
        gained = [right[k] - first[k] for k in range(args.n)]
        told = [f"{100 * v:.0f}" for v in (*values, sum(values) / len(values))]
        told += [str(sum(g > 0 for g in gained)), str(sum(g < 0 for g in gained))]
        print("|", " | ".join([name, *told]), "|", flush=True)


if __name__ == "__main__":
    main()
