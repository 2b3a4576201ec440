from dataclasses import replace

import pytest
import torch
from diffusers import TextToVideoSDPipeline

from mutoscope.encoders import Bytes
from mutoscope.errors import RequestError, WeightsError
from mutoscope.hub.export import SystemPipeline, pipeline, write_back
from mutoscope.hub.load import load
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.systems import shipped
from mutoscope.systems.diffusion import Parts
from tests.hub import folders
from tests.hub.test_load import clip, ours
from tests.tiny import awake

WISH = {"num_frames": 2, "height": 32, "width": 32, "num_inference_steps": 3}


@pytest.fixture(scope="module")
def parts():
    found = shipped.fresh(shipped.Sizes.tiny(), temporal=True)
    for part in (found.denoiser.network, found.autoencoder):
        awake(part).eval().requires_grad_(False)
    return found


def test_a_system_comes_back_as_a_pipeline_of_diffusers(parts, tmp_path):
    made = pipeline(parts)
    made.save_pretrained(tmp_path)
    again = SystemPipeline.from_pretrained(tmp_path)
    assert isinstance(again.network, SmallUNet3D)
    found = again.parts()
    assert found.denoiser.schedule == parts.denoiser.schedule
    assert found.denoiser.prediction == parts.denoiser.prediction
    assert found.scalars == tuple(parts.scalars)
    want, got = made("a red ball", **WISH).frames, again("a red ball", **WISH).frames
    assert want.shape == (1, 2, 32, 32, 3)
    assert abs(want - got).max() < 1e-5
    assert 0 <= want.min() < want.max() <= 1


def test_a_clip_of_several_is_the_one_it_is_alone(parts):
    made = pipeline(parts)
    both = made(["a red ball", "a blue cube"], **WISH).frames
    alone = made("a blue cube", seed=1, **WISH).frames
    assert abs(both[1:] - alone).max() < 1e-4


def test_a_pipeline_listens_to_what_it_is_asked(parts):
    made = pipeline(parts)
    plain = made("a red ball", **WISH).frames
    for more in ({"negative_prompt": "dark"}, {"guidance_scale": 1.0}, {"fps": 24.0}, {"seed": 3}):
        assert abs(made("a red ball", **WISH, **more).frames - plain).max() > 1e-4, more


def test_an_unknown_argument_is_refused(parts):
    with pytest.raises(RequestError, match="no such argument: frames"):
        pipeline(parts)("a red ball", frames=3)


def test_a_published_folder_can_be_put_together_with_another_text(tmp_path):
    found = load(folders.saved(tmp_path / "one")).parts
    other = Parts(
        denoiser=found.denoiser, autoencoder=found.autoencoder, text=Bytes(12), scalars=()
    )
    pipeline(other).save_pretrained(tmp_path / "two")
    again = SystemPipeline.from_pretrained(tmp_path / "two")
    size = {"num_frames": 2, "height": 16, "width": 16, "num_inference_steps": 2}
    want, got = (p("a", **size).frames for p in (pipeline(other), again))
    assert abs(want - got).max() < 1e-5


def test_a_folder_written_back_opens_in_diffusers_and_says_the_same(tmp_path):
    found = load(folders.saved(tmp_path / "one"))
    with torch.no_grad():
        for weight in found.parts.denoiser.parameters():
            weight.mul_(1.01)  # as if it had learned something
    write_back(found, tmp_path / "two")
    theirs = TextToVideoSDPipeline.from_pretrained(tmp_path / "two")
    theirs.set_progress_bar_config(disable=True)
    want = ours(found, scale=3.0)
    torch.testing.assert_close(clip(theirs, scale=3.0), want, atol=1e-4, rtol=1e-4)
    again = ours(load(tmp_path / "two"), scale=3.0)
    torch.testing.assert_close(again, want, atol=1e-5, rtol=1e-5)


def test_a_folder_is_not_written_over(tmp_path):
    found = load(folders.saved(tmp_path))
    with pytest.raises(WeightsError, match="is the folder itself"):
        write_back(found, tmp_path / "unet" / "..")


def test_a_text_tower_from_elsewhere_cannot_be_named(tmp_path):
    found = load(folders.saved(tmp_path))
    with pytest.raises(WeightsError, match="ClipText isn't part of this package"):
        pipeline(found.parts)


def test_only_parts_that_were_read_are_written_back(tmp_path, parts):
    found = replace(load(folders.saved(tmp_path / "one")), parts=parts)
    with pytest.raises(WeightsError, match="only the parts that"):
        write_back(found, tmp_path / "two")
