"""Whether names that were never learned can be read from the frozen text encoder's states.

    python benchmarks/unread_words.py      one minute; writes results/unread_words.json

A probe (one hidden layer) is taught to tell the colour of a thing from MiniLM's states of its
name in a sentence: on the world's own names, or on those and all names of the XKCD colour survey
(CC0, as matplotlib has them) that lie near one of the world's hues. It is asked about the held-out
synonyms, which it was never taught. This is why captions are told again in people's words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.colors import XKCD_COLORS, to_rgb
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.encoders import MiniLM, _minilm
from mutoscope.world import words
from mutoscope.world.palette import PAINTS

NEAR, APART = 0.22, 0.08
"""How near a name's colour must be to a hue, in RGB's unit cube, and how much nearer than next."""
SENTENCE = "a {} {} {} on the grass"
Names = Mapping[str, str]


def own() -> Names:
    """The world's names of its colours."""
    return {name: colour for colour, names in words.COLOURS.items() for name in names}


def held() -> Names:
    """The names that no caption has."""
    rows = words.HELD_OUT_SYNONYMS["colour"].items()
    return {name: colour for colour, names in rows for name in names}


def survey(without: Names) -> Names:
    """Names of the survey that plainly mean one hue and contain no name of `without`."""
    paints = {name: np.array(PAINTS[name]) / 255 for name in words.COLOURS}
    found = {}
    for spoken, code in XKCD_COLORS.items():
        name = spoken.removeprefix("xkcd:").replace("/", " ")
        far = sorted((float(np.linalg.norm(to_rgb(code) - rgb)), k) for k, rgb in paints.items())
        plain = far[0][0] < NEAR and far[1][0] - far[0][0] > APART
        if plain and not set(name.split()) & set(without):
            found[name] = far[0][1]
    return found


def states(names: Sequence[str], count: int, seed: int) -> Tensor:
    """States of each name in turn, mean over its word pieces, in sentences drawn at random."""
    rng, encoder, (tokenizer, _) = np.random.default_rng(seed), MiniLM(), _minilm()
    nouns, verbs = list(words.SHAPES), ("slides left", "bounces", "spins", "rises", "stands still")
    rows = []
    for k in range(count):
        name = names[k % len(names)]
        text = SENTENCE.format(name, rng.choice(nouns), rng.choice(verbs))
        pieces = len(tokenizer(name)["input_ids"]) - 2
        read = encoder([text]).text
        assert read is not None
        rows.append(read[0, 2 : 2 + pieces].mean(0))  # after the start and "a"
    return torch.stack(rows)


def asked(taught: Names, unknown: Names) -> dict[str, float]:
    """Shares that a probe taught on some names tells right of them and of others."""
    order = {colour: k for k, colour in enumerate(words.COLOURS)}
    x, z = states(list(taught), 3000, 0), states(list(unknown), 10 * len(unknown), 1)
    y = torch.tensor([order[list(taught.values())[k % len(taught)]] for k in range(len(x))])
    w = torch.tensor([order[list(unknown.values())[k % len(unknown)]] for k in range(len(z))])
    torch.manual_seed(0)
    width = x.shape[1]
    layers = nn.LayerNorm(width), nn.Linear(width, 128), nn.GELU(), nn.Dropout(0.3)
    probe = nn.Sequential(*layers, nn.Linear(128, len(order)))
    optimizer = torch.optim.AdamW(probe.parameters(), lr=1e-3, weight_decay=0.05)
    for _ in range(400):
        rows = torch.randint(0, len(x), (256,))
        optimizer.zero_grad()
        F.cross_entropy(probe(x[rows]), y[rows]).backward()
        optimizer.step()
    probe.eval()
    return {
        "taught": float((probe(x).argmax(1) == y).float().mean()),
        "never taught": float((probe(z).argmax(1) == w).float().mean()),
        "names taught": len(taught),
        "names asked": len(unknown),
    }


def main() -> None:
    """Probe twice and keep what was found."""
    unknown = held()
    found = {
        "own names": asked(own(), unknown),
        "and the survey's": asked({**own(), **survey(unknown)}, unknown),
        "chance": 1 / len(words.COLOURS),
    }
    path = Path(__file__).parent / "results" / "unread_words.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
