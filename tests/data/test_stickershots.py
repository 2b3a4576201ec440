from dataclasses import replace

import numpy as np
import pytest

from mutoscope.data import stickershots as shots
from mutoscope.data.stickers import Stickers
from mutoscope.errors import DataError


def stickers():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (9, 24, 16, 16, 4), dtype=np.uint8)
    frames[..., 3] = 255
    names = ("owl", "fox face", "man, hat", "cow", "unicorn", "ox", "bat", "bee", "ant")
    return Stickers(names, frames, np.array([True] * 8 + [False]))


def test_the_vocabulary_moves_and_has_one_name():
    assert [stickers().names[i] for i in shots.vocabulary(stickers())] == [
        "owl", "fox face", "cow", "unicorn", "ox", "bat", "bee",
    ]  # fmt: skip


def test_a_shot_is_a_function_of_its_number_and_training_sees_no_held_out_pair():
    found = stickers()
    drawn = [shots.shot(found, 3, i) for i in range(200)]
    assert drawn == [shots.shot(found, 3, i) for i in range(200)]
    assert not any(shots.held_out(shot) for shot in drawn)
    unseen = [shots.shot(found, 3, i, split="test", unseen=True) for i in range(20)]
    assert all(shots.held_out(shot) for shot in unseen)
    with pytest.raises(DataError, match="never in train"):
        shots.shot(found, 3, 0, unseen=True)


@pytest.mark.parametrize("motion", shots.MOTIONS)
def test_the_sticker_goes_where_its_caption_says(motion):
    shot = replace(shots.shot(stickers(), 3, 0), motion=motion, ground="white")
    (x0, y0, s0), *_, (x1, y1, s1) = shots.path(shot, np.arange(16) / 8)
    went = {
        "slides left": x1 < x0 - 0.4, "slides right": x1 > x0 + 0.4, "rises": y1 < y0 - 0.4,
        "sinks": y1 > y0 + 0.4, "grows": s1 > 1.5 * s0, "shrinks": s0 > 1.5 * s1,
        "still": (x0, y0, s0) == (x1, y1, s1), "sways": y0 == y1 and s0 == s1,
    }  # fmt: skip
    assert went[motion]


def test_a_film_shows_the_sticker_over_its_ground():
    shot = replace(shots.shot(stickers(), 3, 0), motion="still", ground="green", x=0.5, y=0.5)
    film = shots.film(stickers(), shot, frames=3, side=32)
    assert film.shape == (3, 32, 32, 3)
    assert (film[:, 0, 0] == film[0, 0, 0]).all()
    assert (film[:, 16, 16] != film[0, 0, 0]).any()


def test_captions_name_sticker_and_ground_and_stills_no_motion():
    rng = np.random.default_rng(0)
    for i in range(100):
        shot = shots.shot(stickers(), 4, i)
        said, still = shots.tell(shot, rng), shots.tell(shot, rng, still=True)
        ground = {"wood": "wooden"}.get(shot.ground, shot.ground)
        assert shot.name in said
        assert ground in said
        assert not any(word in still for word in ("left", "right", "grow", "shrink", "up", "sw"))
        assert "  " not in said + still
        assert "a owl" not in said
        assert "an unicorn" not in said


def test_captions_use_the_words_they_are_said_to():
    rng, known = np.random.default_rng(1), shots.words(stickers())
    for i in range(60):
        said = shots.tell(shots.shot(stickers(), 5, i), rng)
        assert set(said.replace(",", "").split()) <= known


def test_a_film_over_a_stage_has_the_stage_alone_around_the_sticker():
    shot = replace(shots.shot(stickers(), 3, 0), motion="still", ground="grass", size=0.5)
    film = shots.film(stickers(), shot, frames=2, side=32)
    assert (film[0, :4] == film[1, :4]).all()
    sky, floor = film[0, 2].mean(0), film[0, -2].mean(0)
    assert sky[2] > sky[1] > sky[0] - 1
    assert floor[1] > floor[2]
