"""Patches whose way and ground are known are told from each other."""

import numpy as np
import pytest

from mutoscope.errors import DataError
from mutoscope.evaluate.commands import Sought, recognised
from mutoscope.evaluate.reading import as_frames
from mutoscope.evaluate.stickers import album, nearest, shares


@pytest.fixture(scope="module")
def stickers():
    """Five discs and squares of a few colours each, two frames, 32 x 32, RGBA."""
    y, x = np.mgrid[:32, :32]
    disc, square = (x - 15.5) ** 2 + (y - 15.5) ** 2 < 225, np.ones((32, 32), bool)
    red, blue, green = (np.array(c) for c in ((230, 40, 30), (30, 60, 220), (40, 190, 60)))
    upper, left, ring = y < 16, x < 16, (x - 15.5) ** 2 + (y - 15.5) ** 2 < 60
    kinds = [
        (disc, upper, red, blue), (disc, left, red, blue), (square, upper, red, blue),
        (disc, ring, red, blue), (disc, upper, green, blue),
    ]  # fmt: skip
    made = np.zeros((len(kinds), 2, 32, 32, 4), np.uint8)
    for sticker, (cover, part, one, two) in zip(made, kinds, strict=True):
        sticker[..., :3] = np.where(part[..., None], one, two)
        sticker[..., 3] = 255 * cover
    return made


def _clip(sticker, scale, way, ground):
    side = 96
    clip = np.broadcast_to(ground, (8, side, side, 3)).astype(np.uint8).copy()
    small = sticker[0][np.ix_(*[np.arange(int(32 * scale)) * 32 // int(32 * scale)] * 2)]
    for k, frame in enumerate(clip):
        x, y = 20 + way * k, 30
        h, w = small.shape[:2]
        solid = small[..., 3:] / 255
        spot = frame[y : y + h, x : x + w]
        spot[:] = solid * small[..., :3] + (1 - solid) * spot
    return clip


@pytest.mark.parametrize("scale", [1.0, 1.5])
@pytest.mark.parametrize("way", [0, 3])
def test_the_sticker_shown_is_the_nearest_whatever_its_size_way_and_ground(stickers, scale, way):
    y, x = np.mgrid[:96, :96]
    checks = np.where(((x // 12 + y // 12) % 2)[..., None] == 0, 210, 90)
    candidates = album(stickers)
    for ground in (np.array([250, 220, 80]), np.repeat(checks, 3, axis=-1)):
        found = [nearest(_clip(s, scale, way, ground), candidates) for s in stickers]
        assert found == [0, 1, 2, 3, 4]


def test_what_is_explained_is_a_share_and_an_empty_clip_explains_nothing(stickers):
    candidates = album(stickers)
    found = shares(_clip(stickers[0], 1.0, 2, np.array([250, 220, 80])), candidates)
    assert 0.7 < found[0] <= 1
    assert found[1] < found[0]
    empty = np.full((8, 96, 96, 3), 130, np.uint8)
    assert shares(empty, candidates).max() <= 0


def test_a_system_that_shows_what_was_asked_is_right_and_its_twin_is_not(stickers):
    ground = np.array([250, 220, 80])
    clips = as_frames(np.stack([_clip(s, 1.0, 2, ground) for s in stickers]))
    sought = Sought(prompts=list("abcde"), wanted=[0, 1, 2, 3, 4], real=clips)

    def shows(prompts, seeds):
        return clips[: len(prompts)]

    def shows_another(prompts, seeds):
        return clips.roll(1, 0)[: len(prompts)]

    row = recognised(shows, sought, album(stickers), twins={"twin": shows_another})["sticker"]
    assert row.value == 1
    assert row.baselines == {"truth": 1, "chance": 0, "twin": 0}


def test_one_sticker_is_no_choice(stickers):
    with pytest.raises(DataError, match="at least 2"):
        album(stickers[:1])
