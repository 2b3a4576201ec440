import hashlib

import numpy as np
import pytest
import torch

from mutoscope.clip import Clip
from mutoscope.errors import MediaError

from .clips import waves


def test_every_level_of_eight_bits_survives_the_way_to_frames_and_back():
    levels = np.arange(256 * 3, dtype=np.int64).reshape(1, 1, 16, 16, 3) % 256
    frames = levels.astype(np.uint8)
    assert (Clip.from_uint8(frames, fps=8).uint8() == frames).all()


def test_the_hash_is_that_of_the_shown_bytes():
    clip = waves()
    assert clip.frames_sha256() == hashlib.sha256(clip.uint8().tobytes()).hexdigest()
    brighter = Clip(frames=clip.frames + 0.02, fps=clip.fps)
    assert brighter.frames_sha256() != clip.frames_sha256()


def test_overshoot_is_cut_and_the_clip_is_left_alone():
    frames = torch.full((1, 3, 1, 2, 2), 1.5)
    clip = Clip(frames=frames, fps=1)
    assert (clip.uint8() == 255).all()
    assert (clip.frames == 1.5).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_frames_that_are_no_numbers_are_refused(bad):
    with pytest.raises(MediaError, match="NaN or infinity"):
        Clip(frames=torch.full((1, 3, 1, 2, 2), bad), fps=1).uint8()


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_a_clip_needs_a_rate(fps):
    with pytest.raises(MediaError, match="fps must be"):
        Clip(frames=torch.zeros(1, 3, 1, 2, 2), fps=fps)


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (torch.zeros(1, 3, 0, 2, 2), r"none 0 \(got \(1, 3, 0, 2, 2\)"),
        (torch.zeros(0, 3, 1, 2, 2), "none 0"),
    ],
)
def test_an_empty_clip_is_refused(frames, says):
    with pytest.raises(MediaError, match=says):
        Clip(frames=frames, fps=1)


def test_a_batch_splits_into_its_clips_and_stands_in_a_grid():
    batch = torch.cat([waves().frames * scale for scale in (1.0, 0.5, 0.0)])
    clip = Clip(frames=batch, fps=8, record={"seed": 1})
    singles = list(clip.split())
    assert [single.frames.shape[0] for single in singles] == [1, 1, 1]
    grid = clip.grid()
    assert grid.record == {"seed": 1}
    assert grid.frames.shape == (1, 3, 6, 64, 96)
    assert torch.equal(grid.frames[..., :32, 48:], singles[1].frames)
    assert (grid.frames[..., 32:, 48:] == -1).all()
    assert clip.grid(columns=3).frames.shape == (1, 3, 6, 32, 144)


def test_a_file_holds_one_clip(tmp_path):
    clip = Clip(frames=torch.zeros(2, 3, 1, 2, 2), fps=8)
    with pytest.raises(MediaError, match=r"batch of 2\); save clip.grid"):
        clip.save(tmp_path / "two.mp4")
    assert not list(tmp_path.iterdir())


def test_a_notebook_shows_a_clip_as_a_looping_picture():
    html = waves()._repr_html_()
    assert html.startswith('<img alt="1 x 6 frames of 48x32 at 8 fps"')
    assert "data:image/webp;base64," in html
