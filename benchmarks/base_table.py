"""The table of a shipped system: what is seen of what was asked, with truth and chance beside.

`python benchmarks/base_table.py --system modelscope --n 300` asks, one section after another:
held-out captions ("core"), pairs of words that training never saw ("unseen"), captions that say
what is left of what ("sides"), captions several times each ("diversity"), hand-written prompts
("paraphrases", and "free" by another hand), all of the vocabulary ("wide"), and stickers. Clips are
kept in the cache and finished sections in results/SYSTEM, so that it can be stopped anywhere and
goes on when called again; with a larger `--n` only what is new is made. `--only core,unseen` picks
sections.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

import mutoscope
from mutoscope import recipes, zoo
from mutoscope.data import stickershots
from mutoscope.data.stickers import MISSING, Stickers, load, obtainable
from mutoscope.evaluate import alignment, diversity
from mutoscope.evaluate.commands import ANSWERS, Generate, Sought, recognised, table
from mutoscope.evaluate.freeprompts import FREE
from mutoscope.evaluate.keeping import kept
from mutoscope.evaluate.making import generator, untrained
from mutoscope.evaluate.paraphrases import PARAPHRASES, Prompts
from mutoscope.evaluate.questions import Asked, Questions
from mutoscope.evaluate.reading import as_frames, shipped
from mutoscope.evaluate.report import Report, markdown, opened, save
from mutoscope.evaluate.stickers import album
from mutoscope.systems.shipped import unread as words
from mutoscope.training.commands import cache_folder
from mutoscope.world.scene import VERSION

TIMES = 4
"""Clips of one caption, for its diversity."""
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is measured, and how clips are made."""

    system: str
    n: int
    steps: int
    guidance: float
    shift: float
    frames: int
    seed: int
    twin: bool

    def facts(self, section: str) -> dict[str, Any]:
        """What a section's result depends on."""
        reader = "wide-readers" if section == "wide" else "readers"
        reader = "alignment" if section == "diversity" else reader
        hashes = {name: zoo.sha256(name) for name in (self.system, reader)}
        held = {"held to": "captions"} if section == "wide" else {}
        return {**vars(self), "world": VERSION, "sha256": hashes, **held}

    def questions(self, n: int, *, tier: str = "core", unseen: bool = False) -> Questions:
        """Held-out captions."""
        return Questions(n=n, seed=self.seed, frames=self.frames, tier=tier, unseen=unseen)

    def generate(self, *, trained: bool) -> Generate:
        """The system, or its untrained twin, as a callable; what it made before is kept."""
        load = partial(mutoscope.load, self.system)
        system = load() if trained else untrained(load)
        asked = f"{self.frames}-{self.steps}-{self.guidance:g}-{self.shift:g}"
        key = f"{zoo.sha256(self.system)[:12]}-{asked}"
        name = self.system if trained else "untrained"
        made = generator(
            system,
            {
                "frames": self.frames, "fps": 8.0, "steps": self.steps,
                "guidance": self.guidance, "settings": {"shift": self.shift},
            },
        )  # fmt: skip
        return kept(made, cache_folder() / "tables" / key / name)


class Sections:
    """The parts of the table, each a function without arguments."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def system(self) -> Generate:
        """The system that is measured."""
        return self.settings.generate(trained=True)

    @cached_property
    def twins(self) -> Mapping[str, Generate]:
        """What is asked the same."""
        return {"untrained": self.settings.generate(trained=False)} if self.settings.twin else {}

    def core(self) -> Mapping[str, Report]:
        """Held-out captions of the core tier, as they come."""
        n = self.settings.n
        others = Questions(n=n, seed=self.settings.seed + 1, frames=self.settings.frames)
        return self._table(self.settings.questions(n).asked(), others=others.asked())

    def unseen(self) -> Mapping[str, Report]:
        """Captions with a pair of words that training never saw together."""
        return self._table(self.settings.questions(-(-self.settings.n // 2), unseen=True).asked())

    def sides(self) -> Mapping[str, Report]:
        """Captions that say which of two things begins left of the other."""
        return self._table(self.settings.questions(-(-self.settings.n // 3)).sided())

    def diversity(self) -> Mapping[str, Report]:
        """How much clips of one caption differ, beside real clips that show what it says."""
        asked = self.settings.questions(-(-self.settings.n // 10)).repeated(TIMES)
        aligner = alignment.shipped()
        return {
            "diversity": diversity.repeated(
                self.system, asked, TIMES, aligner=aligner, twins=self.twins
            )
        }

    def paraphrases(self) -> Mapping[str, Report]:
        """Prompts as people write them."""
        return self._written(PARAPHRASES)

    def free(self) -> Mapping[str, Report]:
        """Prompts by another hand, which knew no vocabulary of the world."""
        return self._written(FREE)

    def wide(self) -> Mapping[str, Report]:
        """Captions of the whole vocabulary, word by word."""
        asked = self.settings.questions(-(-self.settings.n // 2), tier="wide").asked()
        return self._table(asked, reader="wide-readers")

    def stickers(self) -> Mapping[str, Report]:
        """Which of a hundred stickers is seen, over grounds and with motions old and new."""
        found, seed = load(cache_folder()), self.settings.seed
        known = stickershots.vocabulary(found)
        rows = sorted(np.random.default_rng(seed).choice(known, 100, replace=False).tolist())
        candidates = album(found.frames[rows])
        return {
            name: recognised(
                self.system, self._sought(found, rows, unseen=unseen), candidates, twins=self.twins
            )
            for name, unseen in (("seen pairs", False), ("unseen pairs", True))
        }

    def _sought(self, found: Stickers, rows: list[int], *, unseen: bool) -> Sought:
        seed, frames = self.settings.seed, self.settings.frames
        drawn = (
            stickershots.shot(found, seed, i, split="test", unseen=unseen)
            for i in itertools.count()
        )
        fit = (s for s in drawn if s.row in rows and stickershots.held_out(s) == unseen)
        shots = list(itertools.islice(fit, -(-self.settings.n // 3)))
        rngs = [np.random.default_rng((seed, i)) for i in range(len(shots))]
        clips = [stickershots.film(found, shot, frames=frames) for shot in shots]
        return Sought(
            prompts=[
                stickershots.tell(shot, rng, still=frames == 1)
                for shot, rng in zip(shots, rngs, strict=True)
            ],
            wanted=[rows.index(shot.row) for shot in shots],
            real=as_frames(np.stack(clips)),
        )

    def _written(self, prompts: Prompts) -> Mapping[str, Report]:
        asked = self.settings.questions(max(len(prompts), self.settings.n // 2)).written(prompts)
        unread = [bool(words(self.settings.system, prompt)) for prompt in asked.prompts]
        return self._table(
            asked, groups={"all words read": [k for k, u in enumerate(unread) if not u]}
        )

    def _table(
        self, asked: Asked, others: Asked | None = None,
        groups: Mapping[str, Sequence[int]] | None = None, reader: str = "readers",
    ) -> Mapping[str, Report]:  # fmt: skip
        return table(
            self.system, asked, reader=shipped(reader), twins=self.twins, others=others,
            groups=groups, seed=self.settings.seed,
        )  # fmt: skip


SECTIONS: Mapping[str, Callable[[Sections], Mapping[str, Report]]] = {
    "core": Sections.core,
    "unseen": Sections.unseen,
    "sides": Sections.sides,
    "diversity": Sections.diversity,
    "paraphrases": Sections.paraphrases,
    "free": Sections.free,
    "wide": Sections.wide,
    "stickers": Sections.stickers,
}


def measured(name: str, settings: Settings) -> Mapping[str, Report]:
    """A section: what was found before under the same facts, or else found and kept now."""
    path = RESULTS / settings.system / f"{name}.json"
    facts = json.loads(json.dumps(settings.facts(name)))
    if path.exists():
        before = json.loads(path.read_text())
        if all(before.get(key) == fact for key, fact in facts.items()):
            return {title: opened(report) for title, report in before["reports"].items()}
    begin = time.perf_counter()
    reports = SECTIONS[name](Sections(settings))
    save(path, reports, {**facts, "seconds": round(time.perf_counter() - begin, 1)})
    return reports


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--system", default="modelscope")
    parser.add_argument("--n", type=int, default=300, help="held-out captions; other sections less")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--shift", type=float, help="as the system's knob; by itself its default")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--no-twin", action="store_true")
    args = parser.parse_args(arguments)
    knobs = recipes.find(args.system).config().accepts().settings
    usual = next(float(knob.default) for knob in knobs if knob.name == "shift")
    settings = Settings(
        system=args.system, n=args.n, steps=args.steps, guidance=args.guidance,
        shift=usual if args.shift is None else args.shift,
        frames=args.frames or (1 if args.system == "image" else 16), seed=args.seed,
        twin=not args.no_twin,
    )  # fmt: skip
    for name in args.only.split(","):
        print(f"## {args.system}: {name}\n", flush=True)
        if name == "stickers" and not obtainable(cache_folder()):
            print(f"left out: {MISSING}\n", flush=True)
            continue
        if name == "wide" and "wide-readers" not in zoo.names():
            print("left out: it has no reader yet; mutoscope train wide-readers\n", flush=True)
            continue
        for title, report in measured(name, settings).items():
            if title not in ("words", *ANSWERS) or name == "wide":
                print(f"### {title}\n\n{markdown(report)}\n", flush=True)


if __name__ == "__main__":
    main()
