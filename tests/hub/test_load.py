import json

import pytest
import torch
from diffusers import TextToVideoSDPipeline

from mutoscope.autoencoders import Autoencoder
from mutoscope.core import samplers
from mutoscope.core.condition import Condition
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.noise import Noise
from mutoscope.encoders import TextEncoder
from mutoscope.errors import RequestError, WeightsError
from mutoscope.hub.load import files, is_published, load, outline
from tests.hub import folders

PROMPT, NEGATIVE = "a red ball", "blur"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folders.saved(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def theirs(folder):
    found = TextToVideoSDPipeline.from_pretrained(folder)
    found.set_progress_bar_config(disable=True)
    return found


def ours(found, *, scale, steps=4, sampler="ddim", negative=NEGATIVE):
    """The frames of our own loop, from the noise the other gets."""
    parts = found.parts
    told, null = parts.text([PROMPT]), parts.text([negative])
    denoise = ClassifierFree(scale)(parts.denoiser, told, null)
    run = samplers.find(sampler, Noise([0]))
    *_, last = run(denoise, folders.noise(), found.grid(steps), parts.denoiser.schedule)
    return parts.autoencoder.decode(last.x)


def clip(pipe, *, scale, steps=4, negative=NEGATIVE):
    made = pipe(
        PROMPT,
        negative_prompt=negative,
        height=16,
        width=16,
        num_frames=3,
        num_inference_steps=steps,
        guidance_scale=scale,
        latents=folders.noise(),
        output_type="pt",
    ).frames
    return made.transpose(1, 2) * 2 - 1


@pytest.mark.parametrize("scale", [1.0, 9.0])
def test_the_whole_run_is_that_of_diffusers(folder, theirs, scale):
    want = clip(theirs, scale=scale)
    got = ours(load(folder), scale=scale)
    assert want.std() > 0.05  # frames that say something
    torch.testing.assert_close(got, want, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "scheduler",
    [
        {"prediction_type": "v_prediction"},
        {"set_alpha_to_one": True, "steps_offset": 0},
        {"set_alpha_to_one": False, "steps_offset": 0},
        {"timestep_spacing": "trailing", "set_alpha_to_one": True},
        {"beta_schedule": "linear"},
        {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"},
        {
            "rescale_betas_zero_snr": True,
            "timestep_spacing": "trailing",
            "prediction_type": "v_prediction",
        },
    ],
    ids=lambda told: ",".join(f"{k}={v}" for k, v in told.items()),
)
def test_so_it_is_under_the_other_schedules_of_descendants(tmp_path, scheduler):
    folder = folders.saved(tmp_path, **scheduler)
    want = clip(folders.pipeline(**scheduler), scale=3.0)
    torch.testing.assert_close(ours(load(folder), scale=3.0), want, atol=1e-4, rtol=1e-4)


def test_the_text_tower_reads_as_diffusers_does(folder, theirs):
    text = load(folder).parts.text
    for prompt in (PROMPT, ""):
        want, _ = theirs.encode_prompt(prompt, "cpu", 1, do_classifier_free_guidance=False)
        torch.testing.assert_close(text([prompt]).text, want, atol=1e-6, rtol=1e-6)


def test_the_autoencoder_codes_each_frame_as_diffusers_does(folder, theirs):
    coder = load(folder).parts.autoencoder
    frames = torch.rand(2, 3, 5, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    z = coder.encode(frames)
    assert z.shape == (2, 4, 5, 8, 8)
    one = theirs.vae.encode(frames[1, :, 3][None]).latent_dist.mean
    torch.testing.assert_close(z[1:, :, 3], one * theirs.vae.config.scaling_factor)
    want = theirs.decode_latents(z).clamp(-1, 1)
    torch.testing.assert_close(coder.decode(z), want, atol=1e-6, rtol=1e-6)


def test_parts_are_what_a_system_asks_for(folder):
    found = load(folder, dtype=torch.bfloat16)
    assert isinstance(found.parts.autoencoder, Autoencoder)
    assert isinstance(found.parts.text, TextEncoder)
    assert found.parts.scalars == ()
    assert set(found.parts.sha256) == {"unet", "vae", "text_encoder"}
    assert found.side == 16
    assert next(found.parts.denoiser.parameters()).dtype == torch.bfloat16
    assert not any(weight.requires_grad for weight in found.parts.denoiser.parameters())


def test_its_files_are_those_that_are_read(folder):
    assert is_published(folder)
    assert {file.parent.name for file in files(folder)} == {"unet", "vae", "text_encoder"}
    assert all(file.suffix == ".safetensors" for file in files(folder))


def test_an_outline_has_the_shapes_and_no_weights(folder):
    there, here = outline(folder).parts, load(folder).parts
    for part in ("denoiser", "autoencoder"):
        shapes = [
            {name: w.shape for name, w in getattr(parts, part).state_dict().items()}
            for parts in (there, here)
        ]
        assert shapes[0] == shapes[1]
        assert all(w.is_meta for w in getattr(there, part).parameters())
    assert there.text.width == here.text.width
    states = torch.empty(1, 5, there.text.width, device="meta")
    x = torch.empty(1, 4, 3, 8, 8, device="meta")
    clean = there.denoiser(x, torch.ones(1, device="meta"), Condition(text=states))
    assert there.autoencoder.decode(clean).shape == (1, 3, 3, 16, 16)


def test_shards_and_variants_are_read_too(tmp_path, folder):
    want = load(folder).parts.denoiser.state_dict()
    pipe = folders.pipeline()
    pipe.unet.save_pretrained(tmp_path / "sharded", max_shard_size="40KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    pipe.to(torch.float16).save_pretrained(tmp_path / "half", variant="fp16")
    assert {f.name.split(".")[1] for f in (tmp_path / "half").glob("*/*.safetensors")} == {"fp16"}
    whole = folders.saved(tmp_path / "whole")
    for file in (whole / "unet").iterdir():
        file.unlink()
    for file in (tmp_path / "sharded").iterdir():
        file.rename(whole / "unet" / file.name)
    for name, weight in load(whole).parts.denoiser.state_dict().items():
        assert torch.equal(weight, want[name]), name
    for name, weight in load(tmp_path / "half").parts.denoiser.state_dict().items():
        assert torch.equal(weight, want[name].half().float()), name


def test_a_prompt_that_is_too_long_is_refused_with_its_length(folder):
    text = load(folder).parts.text
    with pytest.raises(RequestError, match="has 26 word pieces and at most 10 can be read"):
        text([folders.LETTERS])


def test_folders_of_another_kind_are_refused(tmp_path, folder):
    with pytest.raises(WeightsError, match=r"holds no model_index\.json"):
        load(tmp_path)
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "WanPipeline"}))
    with pytest.raises(WeightsError, match="is a WanPipeline; this system reads TextToVideo"):
        load(tmp_path)


BROKEN = {
    r"unet/config\.json is missing": lambda at: (at / "unet/config.json").unlink(),
    "act_fn must be silu": lambda at: folders.change(at / "unet/config.json", act_fn="gelu"),
    "must be a UNet3DConditionModel": lambda at: folders.change(
        at / "unet/config.json", _class_name="UNetMotionModel"
    ),
    "don't fit": lambda at: folders.change(at / "unet/config.json", layers_per_block=2),
    "has the scheduler|must have 1000 timesteps": lambda at: folders.change(
        at / "scheduler/scheduler_config.json", num_train_timesteps=500
    ),
    "betas are 'sigmoid'": lambda at: folders.change(
        at / "scheduler/scheduler_config.json", beta_schedule="sigmoid"
    ),
    "predict 'flow'": lambda at: folders.change(
        at / "scheduler/scheduler_config.json", prediction_type="flow"
    ),
    "asks for clip_sample": lambda at: folders.change(
        at / "scheduler/scheduler_config.json", clip_sample=True
    ),
    "timestep_spacing is 'odd'": lambda at: folders.change(
        at / "scheduler/scheduler_config.json", timestep_spacing="odd"
    ),
    "can't be read as AutoencoderKL|don't fit|missing": lambda at: (
        at / "vae/config.json"
    ).write_text("{"),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_folder_says_what_is_wrong_with_it(tmp_path, words):
    folder = folders.saved(tmp_path)
    BROKEN[words](folder)
    with pytest.raises(WeightsError, match=words):
        load(folder)


def test_pickled_weights_are_refused(tmp_path):
    folder = folders.saved(tmp_path)
    for name in ("unet", "vae", "text_encoder"):
        (file,) = (folder / name).glob("*.safetensors")
        file.rename(file.with_suffix(".bin"))
        with pytest.raises(WeightsError, match=rf"{name}/.*\.bin is a pickle"):
            load(folder)
        file.with_suffix(".bin").rename(file)


def test_truncated_weights_are_refused(tmp_path):
    folder = folders.saved(tmp_path)
    (file,) = (folder / "unet").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="don't fit"):
        load(folder)
