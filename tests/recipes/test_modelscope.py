"""Published weights run through the same recipe: the numbers are those of diffusers."""

from pathlib import Path

import pytest
import torch
from diffusers import TextToVideoSDPipeline

from mutoscope.core.noise import Noise
from mutoscope.errors import RequestError
from mutoscope.recipes import modelscope
from mutoscope.request import Example
from tests.hub import folders


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.saved(tmp_path_factory.mktemp("published"))


def test_a_published_folder_makes_what_diffusers_makes_of_it(folder: Path):
    system = modelscope.load(folder, dtype=torch.float32)
    request = system.request("a red ball", negative="blur", frames=3, steps=4, seed=5)
    pipe = TextToVideoSDPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    width, height = request.size
    wanted = pipe(
        "a red ball",
        negative_prompt="blur",
        width=width,
        height=height,
        num_frames=3,
        num_inference_steps=4,
        guidance_scale=request.guidance,
        latents=Noise([5]).like(torch.empty(1, 4, 3, height // 2, width // 2)),
        output_type="pt",
    ).frames
    made = system.make(request).frames
    torch.testing.assert_close(made, wanted.transpose(1, 2) * 2 - 1, atol=1e-4, rtol=1e-4)


def test_it_takes_the_papers_settings_and_any_size(folder: Path):
    found = modelscope.config(folder)
    request = found.accepts().complete({})
    assert (request.steps, request.guidance, request.sampler) == (50, 9.0, "ddim")
    assert request.size == (found.sizes.side,) * 2
    with pytest.raises(RequestError, match="steps of 8"):
        found.accepts().complete({"size": [found.sizes.side, 65]})


def test_its_cost_is_known_before_a_weight_is_read(folder: Path):
    system = modelscope.outline(modelscope.config(folder))
    assert all(p.is_meta for part in system.parts().values() for p in part.parameters())
    assert system.cost(system.request("snow", steps=2)).operations > 1e6
    assert all(path.is_file() for path in modelscope.files(folder))


def test_the_published_layout_can_be_taught_from_nothing(folder: Path):
    system = modelscope.build(modelscope.Config.paper(folder))
    clips = torch.zeros(1, 3, 2, 16, 16)
    system.loss(Example(frames=clips, prompts=["snow"]), [0]).mean().backward()
    learns = {name: [p.grad is not None for p in part.parameters()] for name, part in
              system.parts().items()}  # fmt: skip
    assert any(learns["network"])
    assert not any(learns["autoencoder"])
