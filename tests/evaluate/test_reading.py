"""Clips of any rate and size come to the reader the same way, and it can say that it can't tell."""

import numpy as np
import pytest
import torch

from mutoscope.data.rendered import Recipe, Rendered, halved
from mutoscope.errors import DataError
from mutoscope.evaluate.faithfulness import marks, renders, summary
from mutoscope.evaluate.own import own_error
from mutoscope.evaluate.reading import as_frames, prepared, read, shipped
from mutoscope.networks.readers import HEADS, ClipReader
from mutoscope.world.sample import sample


@pytest.fixture(scope="module")
def fresh():
    torch.manual_seed(0)
    return ClipReader(width=16, deep=16, mind=16, key=4, depth=1, layers=1, heads=2).eval()


@pytest.mark.parametrize("fps", [4.0, 8.0, 12.0, 24.0])
def test_any_rate_gives_the_same_two_seconds_at_four_frames_a_second(fps):
    count = int(2.5 * fps)
    clock = torch.arange(count) / fps
    frames = clock[None, None, :, None, None].expand(1, 3, count, 64, 64)
    seen = prepared(frames, fps)
    assert seen.shape == (1, 3, 8, 64, 64)
    assert torch.allclose(seen[0, 0, :, 0, 0], torch.arange(8) / 4, atol=0.5 / fps)


def test_a_large_clip_is_averaged_down_and_a_small_one_enlarged():
    rgb = np.random.default_rng(0).integers(0, 255, (8, 128, 128, 3), dtype=np.uint8)
    small = prepared(as_frames(rgb[None]), 4.0)
    assert torch.allclose(small, as_frames(halved(rgb)[None]), atol=1 / 127)
    assert prepared(torch.zeros(1, 3, 1, 32, 32), 8.0).shape == (1, 3, 1, 64, 64)


def test_what_cant_be_read_is_refused_in_one_sentence():
    with pytest.raises(DataError, match="square clips"):
        prepared(torch.zeros(1, 3, 8, 64, 96), 8.0)
    with pytest.raises(DataError, match="4 frames a second"):
        prepared(torch.zeros(1, 3, 8, 64, 64), 2.0)


def test_an_untaught_reader_says_that_it_cant_tell(fresh):
    for reading in read(fresh, torch.zeros(2, 3, 8, 64, 64), 4.0):
        assert all(answer.word is None for answer in reading.words.values())


def test_where_nothing_is_seen_nothing_is_looked_at_closely():
    for frames in (8, 1):
        found = read(shipped(), torch.zeros(2, 3, frames, 64, 64), 4.0)
        assert [len(one.things) for one in found] == [0, 0]


def test_a_single_frame_says_nothing_of_motion(fresh):
    fresh.bars.fill_(0)
    try:
        (still,) = read(fresh, torch.zeros(1, 3, 1, 64, 64), 8.0)
        (clip,) = read(fresh, torch.zeros(1, 3, 8, 64, 64), 4.0)
    finally:
        fresh.bars.fill_(2)
    assert still.words["move"].word is None
    assert still.words["floor"].word is not None
    assert clip.words["move"].word is not None


def test_the_shipped_reader_reads_real_renders_of_held_out_scenes():
    reader = shipped()
    scenes = [sample(17, i, split="test") for i in range(40)]
    readings = read(reader, renders(scenes, frames=16, size=(128, 128), fps=8.0), 8.0)
    rows = summary(marks(readings, scenes, reader), {})
    for title in ("colour", "shape", "verb", "stage", "camera", "count", "both objects"):
        assert rows[title].value >= 0.85, (title, rows[title])
    left = [[t.track.middles[0, 0] for t in r.things] for r in readings if len(r.things) == 2]
    assert all(a < b for a, b in left if np.isfinite([a, b]).all())
    assert reader.bars[HEADS.index("size")] == 2


@pytest.mark.slow
def test_nine_of_ten_questions_are_answered_and_98_of_100_answers_right():
    """The bar under which nothing read of generated clips would mean anything."""
    made = [Recipe(seed=18, split="test", fine=True).make(i) for i in range(500)]
    rgb, ids = (np.stack([item[k] for item in made]) for k in (1, 2))
    found = own_error(shipped(), Rendered([rgb], [ids], [item[0] for item in made]), 500)
    for title in ("colour", "shape", "verb", "stage", "camera", "count"):
        assert found[title].value >= 0.98, (title, found[title])
        assert found[title].baselines["coverage"] >= 0.9, (title, found[title])
