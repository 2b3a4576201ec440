"""How parts rest on disk, and the traps of diffusers that the base class steps around."""

import json
import logging
import warnings

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file

from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.errors import WeightsError
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.networks.unet3d import UNet3D
from mutoscope.weights import ModelMixin, register_to_config

SMALL = {"channels": 4, "width": 8, "inner": 16, "depth": 1, "heads": 2, "text": 8}


class Named(ModelMixin):
    """A part whose argument and submodule share a name."""

    @register_to_config
    def __init__(self, text: int = 4) -> None:
        super().__init__()
        self.text = torch.nn.Linear(text, text)


class Pair(DiffusionPipeline):
    """A pipeline of foreign parts: diffusers has to find their loaders by itself."""

    def __init__(self, network, autoencoder):
        super().__init__()
        self.register_modules(network=network, autoencoder=autoencoder)


def equal(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def kernels():
    return UNet3D(
        down_block_types=("DownBlock3D",),
        up_block_types=("UpBlock3D",),
        block_out_channels=(8,),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=8,
        attention_head_dim=2,
    )


def test_a_part_comes_back_from_disk_as_it_was(tmp_path):
    part = kernels()
    part.save_pretrained(tmp_path)
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json", ".safetensors"]
    again = UNet3D.from_pretrained(tmp_path)
    assert equal(part, again)
    assert not again.training


def test_kernels_lie_channels_last_in_memory_but_plainly_on_disk(tmp_path):
    part = kernels()
    part.save_pretrained(tmp_path)
    for network in (part, UNet3D.from_pretrained(tmp_path)):
        kernel = network.down_blocks[0].resnets[0].conv1.weight
        assert kernel.is_contiguous(memory_format=torch.channels_last)
        assert not kernel.is_contiguous()
    (file,) = tmp_path.glob("*.safetensors")
    assert all(weight.is_contiguous() for weight in load_file(file).values())


def test_a_submodule_wins_over_the_argument_of_its_name():
    part = Named()
    assert isinstance(part.text, torch.nn.Linear)
    assert part.config.text == 4
    with pytest.raises(AttributeError, match="nothing"):
        _ = part.nothing


def test_a_pipeline_finds_the_loader_of_a_part_from_its_module(tmp_path):
    coder = FrameAutoencoder(4, 8, (8, 8), (1, 1), (8, 8), (1, 1))
    Pair(SmallUNet3D(**SMALL), coder).save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["network"] == ["mutoscope.networks.small3d", "SmallUNet3D"]
    assert index["autoencoder"] == ["mutoscope.autoencoders", "FrameAutoencoder"]
    again = Pair.from_pretrained(tmp_path)
    assert isinstance(again.network, SmallUNet3D)
    assert equal(again.autoencoder, coder)


def test_no_room_of_leaf_classes_is_named_like_a_folder_of_diffusers():
    # diffusers shortens a module path to its folder's name if it has a pipeline folder so called.
    from diffusers import pipelines

    for part in (UNet3D, SmallUNet3D, FrameAutoencoder):
        for room in part.__module__.split("."):
            assert not hasattr(pipelines, room), room


def test_casting_a_part_says_nothing(caplog):
    with caplog.at_level(logging.WARNING), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Named().to(torch.bfloat16).text.weight.dtype == torch.bfloat16
    assert not caplog.records


def test_the_signature_of_a_part_survives_its_registration():
    with pytest.raises(TypeError, match="wide"):
        SmallUNet3D(wide=3)


@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pth", ".pt"])
def test_a_pickle_is_refused_by_name(tmp_path, suffix):
    Named().save_config(tmp_path)
    (tmp_path / f"weights{suffix}").write_bytes(b"anything")
    with pytest.raises(WeightsError, match=rf"weights\{suffix} is a pickle.*safetensors"):
        Named.from_pretrained(tmp_path)


def test_a_pickle_beside_safetensors_is_left_alone(tmp_path):
    Named().save_pretrained(tmp_path)
    (tmp_path / "diffusion_pytorch_model.bin").write_bytes(b"anything")
    assert isinstance(Named.from_pretrained(tmp_path), Named)


def test_no_pickle_is_written_even_if_asked_for(tmp_path):
    Named().save_pretrained(tmp_path, safe_serialization=False)
    assert not list(tmp_path.glob("*.bin"))


def test_missing_folders_and_foreign_weights_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="no such weights folder"):
        Named.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match=r"no \.safetensors"):
        Named.from_pretrained(tmp_path)
    Named(text=5).save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"text": 5', '"text": 6'))
    with pytest.raises(WeightsError, match="don't fit Named"):
        Named.from_pretrained(tmp_path)
