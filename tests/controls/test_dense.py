"""Maps that the dense reader reads: of any clip, at its own size and length."""

import numpy as np
import pytest
import torch

from mutoscope import zoo
from mutoscope.clip import Clip
from mutoscope.controls import dense, depth, mask, picture, sketch
from mutoscope.evaluate import structure
from mutoscope.networks.dense import DenseReader
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from tests.clips import waves
from tests.tiny import awake

sized = dense._sized
SHIPPED = pytest.mark.skipif(dense.NAME not in zoo.names(), reason="dense-readers don't ship yet")


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    reader = awake(DenseReader(width=16, middle=16, deep=16, match=8, depth=1, rounds=1))
    return reader.eval().requires_grad_(False)


@pytest.mark.parametrize("shape", [(3, 48, 80), (1, 64, 64), (2, 24, 20)])
def test_every_frame_of_a_clip_of_any_shape_is_read(small, shape):
    count, height, width = shape
    clip = waves(count=count, height=height, width=width, fps=24.0)
    for control in (depth, mask, sketch):
        values = control.from_clip(clip, reader=small)
        assert values.shape == (1, 1, *shape)
        assert not values.isnan().any()
    lines = sketch.from_clip(clip, reader=small)
    assert set(lines.unique().tolist()) <= {0.0, 1.0}


def test_a_square_clip_of_the_readers_side_is_read_as_it_is(small, monkeypatch):
    monkeypatch.setattr(dense, "precision", lambda: torch.float32)
    frames = waves(count=2, height=64, width=64).frames
    (maps,) = dense.read(small, frames, 8.0)
    clip = Clip(frames=frames, fps=8.0)
    assert torch.equal(
        mask.from_clip(clip, reader=small)[0, 0].bool(), torch.from_numpy(maps.things)
    )
    assert torch.allclose(
        depth.from_clip(clip, reader=small)[0, 0], torch.from_numpy(maps.depth), rtol=1e-4
    )


def test_a_large_clip_is_shrunk_first_and_read_in_the_same_windows(small, monkeypatch):
    seen = []
    forward = small.forward

    def watched(x, *, flow):
        seen.append((*x.shape, flow))
        return forward(x, flow=flow)

    monkeypatch.setattr(small, "forward", watched)
    wide = []
    monkeypatch.setattr(dense, "_sized", lambda x, size: wide.append(x.shape[2]) or sized(x, size))
    clip = waves(count=18, height=96, width=256, fps=24.0)
    values = mask.from_clip(clip, reader=small)
    assert values.shape == (1, 1, 18, 96, 256)
    assert seen == [(1, 3, 16, 64, 64, False), (1, 3, 3, 64, 64, False)]
    assert wide == [16, 2]
    cell = values.reshape(1, 1, 18, 24, 4, 64, 4)
    assert (cell == cell[:, :, :, :, :1, :, :1]).all(), "a pixel of what was read is 4 here"


@SHIPPED
def test_at_a_clips_own_size_nothing_of_what_is_read_is_lost():
    # How good the reader is stands in benchmarks/dense_table.py; here it is only handed on.
    reader, found = dense.shipped(), []
    for index in range(4):
        scene = sample(99, index, split="test")
        small, made = (
            render(scene, frames=4, size=(side, side), truth=("depth", "sketch"))
            for side in (64, 128)
        )
        clip = Clip(frames=picture.from_truth(made), fps=8.0)
        (maps,) = dense.read(reader, clip.frames, 8.0)
        things = mask.from_clip(clip, reader=reader)[0, 0].numpy() > 0
        far = depth.from_clip(clip, reader=reader)[0, 0].numpy()
        own, whole = (
            structure.overlap(maps.things, small.ids > 0),
            structure.overlap(things, made.ids > 0),
        )
        assert whole > own - 0.05
        assert structure.rank_correlation(far, made.depth) > (
            structure.rank_correlation(maps.depth, small.depth) - 0.02
        )
        lines = sketch.from_clip(clip, reader=reader)[0, 0].numpy() > 0
        assert structure.line_f1(lines, made.sketch > 0) > 0
        found.append((whole, float((made.ids > 0).mean())))
    read, trivial = np.mean(found, axis=0)
    assert read > 3 * trivial, "better than to call everything a thing"
