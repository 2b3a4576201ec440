"""A cache is built once, told again in other words, and read back."""

import torch
from safetensors import safe_open

from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.data import latents
from mutoscope.encoders import Bytes


def captions(path):
    with safe_open(path, "pt") as file:
        said = file.metadata()
    return [said[str(k)] for k in range(len(said))]


def test_items_are_cached_told_again_and_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(latents, "CHUNK", 2)
    recipe, encoder = latents.Recipe(frames=1), Bytes()
    torch.manual_seed(0)
    latents.build(tmp_path, recipe, 3, FrameAutoencoder().eval(), encoder, tmp_path)
    latents.retell(tmp_path, recipe, 3, 2, encoder, tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len([name for name in names if "told" in name]) == 4
    own, told = (captions(tmp_path / name) for name in ("00000.safetensors", names[1]))
    assert all(a != b for a, b in zip(own, told, strict=True))

    found = latents.load(tmp_path, 3, 2)
    assert (len(found), found.tellings) == (4, 3)
    assert found.latents.shape[1:] == (6, 1, 16, 16)
    text = encoder(own).text
    picked = found.pick([1, 0])
    assert torch.allclose(picked["text"][0], text[1].bfloat16())
    other = found.pick([1, 0], [1, 2])
    assert not torch.equal(other["text"], picked["text"])
    both = latents.joined([found, found])
    assert torch.equal(both.pick([5], [2])["text"], found.pick([1], [2])["text"])

    before = (tmp_path / names[1]).stat().st_mtime_ns
    latents.retell(tmp_path, recipe, 3, 2, encoder, tmp_path)
    assert (tmp_path / names[1]).stat().st_mtime_ns == before, "what is there isn't told again"
