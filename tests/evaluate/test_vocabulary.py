"""Similarities of any words: the table's arithmetic, a tiny CLIP, and the command line."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel

from mutoscope import cli
from mutoscope.encoders import PublishedClip
from mutoscope.errors import RequestError, WeightsError
from mutoscope.evaluate import keeping, vocabulary
from mutoscope.evaluate.vocabulary import Shown
from mutoscope.networks import classifier
from tests.clips import sliding, waves
from tests.hub.folders import tokenizer, tower

MEAN, DEVIATION = [0.48, 0.46, 0.41], [0.27, 0.26, 0.28]


def test_a_clip_is_nearer_to_its_own_prompt_than_to_others_and_both_are_told():
    texts = {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 2.0])}
    rows = np.array([[1.0, 0.0], [0.6, 0.8]])
    clips = [Shown(words=rows, looks=rows), Shown(words=rows[1:], looks=rows[:1])]
    found, each = vocabulary.table(clips, ["a", "b"], texts, "odd")
    assert found["CLIPSIM"].value == pytest.approx((0.8 + 0.8) / 2)
    assert found["CLIPSIM"].baselines["chance"] == pytest.approx((0.4 + 0.6) / 2)
    assert found["R-precision"].value == 1
    assert found["R-precision"].baselines == {"chance": 0.5}
    assert [one["CLIPSIM"] for one in each] == pytest.approx([0.8, 0.8])
    assert found["neighbours"].value == pytest.approx(0.6), "of one frame nothing is told"
    assert found["neighbours"].n == 1
    assert "neighbours" not in each[1]
    alone, _ = vocabulary.table(clips, ["a", "a"], texts, vocabulary.CLASSES)
    assert "R-precision" not in alone, "one prompt has no rival"
    assert alone["class similarity"].baselines == {}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of random weights, as the hub lays one out."""
    folder = tmp_path_factory.mktemp("clip")
    text = tower().config.to_dict()
    sizes = {"hidden_size": 12, "intermediate_size": 16, "num_hidden_layers": 2}
    vision = {**sizes, "num_attention_heads": 2, "image_size": 16, "patch_size": 8}
    torch.manual_seed(0)
    network = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=6))
    network.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    told = {
        "image_mean": MEAN,
        "image_std": DEVIATION,
        "image_processor_type": "CLIPImageProcessor",
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    return folder


def test_a_published_clip_gives_what_transformers_gives(clip: Path):
    mine, theirs = PublishedClip(str(clip)), CLIPModel.from_pretrained(clip).eval()
    pixels = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    mean, deviation = (torch.tensor(row)[:, None, None] for row in (MEAN, DEVIATION))
    pieces = tokenizer()(["a cat"], return_tensors="pt")
    with torch.inference_mode():
        wanted = theirs(
            input_ids=pieces["input_ids"],
            attention_mask=pieces["attention_mask"],
            pixel_values=(pixels - mean) / deviation,
        )
    rows, looks = mine.see(pixels * 2 - 1)
    text = mine.hear("a cat")
    cosine = rows @ text / np.linalg.norm(rows, axis=1) / np.linalg.norm(text)
    assert rows is looks
    assert cosine * float(theirs.logit_scale.detach().exp()) == pytest.approx(
        wanted.logits_per_image[:, 0].double().numpy(), abs=1e-4
    )
    assert mine.see(torch.zeros(1, 3, 24, 48))[0].shape == (1, 6)
    with pytest.raises(RequestError, match="at most 10 can be read"):
        mine.hear("a cat " * 20)
    assert PublishedClip(str(clip)).weights == mine.weights


def test_what_is_no_clip_is_refused_and_a_pickle_is_never_opened(clip: Path, tmp_path: Path):
    with pytest.raises(WeightsError, match="no CLIP that can be loaded from safetensors"):
        PublishedClip(str(tmp_path))
    for file in clip.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(WeightsError, match="no CLIP that can be loaded from safetensors"):
        PublishedClip(str(tmp_path))


@pytest.mark.parametrize(
    ("spoilt", "sentence"),
    [
        ("lost", r"lacks text_projection\.weight and 1 more; give the whole CLIP"),
        ("cut", r"has in another shape than its config says visual_projection\.weight; give"),
        ("mean", r"preprocessor_config\.json of .* must say image_mean, three numbers"),
    ],
)
def test_a_clip_that_is_not_whole_is_refused_not_filled_at_random(
    spoilt: str, sentence: str, clip: Path, tmp_path: Path
):
    for file in clip.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    if spoilt == "lost":
        del tensors["text_projection.weight"], tensors["visual_projection.weight"]
    elif spoilt == "cut":
        tensors["visual_projection.weight"] = tensors["visual_projection.weight"][:, 1:].clone()
    else:
        told = {"image_std": DEVIATION, "image_processor_type": "CLIPImageProcessor"}
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsError, match=sentence):
        PublishedClip(str(tmp_path))


def test_the_command_line_tells_similarities_with_a_clip(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.chdir(tmp_path)
    films = tmp_path / "films"
    films.mkdir()
    sliding(2, 1, count=10, height=64, width=64).save(films / "a.mp4")
    waves(count=10, height=64, width=64).save(films / "b.mp4")
    lines = ["file,prompt", "a.mp4,a cat", "b.mp4,sea", f"b.mp4,{'word ' * 40}"]
    (tmp_path / "prompts.csv").write_text("\n".join(lines) + "\n")
    asked = ["evaluate", "films", "--prompts", "prompts.csv", "-o", "out"]
    assert cli.code([*asked, "--similarity", str(clip), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["summary"]["open vocabulary: CLIPSIM"]["n"] == 2
    assert said["summary"]["open vocabulary: R-precision"]["baselines"] == {"chance": 0.5}
    assert [one["file"] for one in said["left out"]] == ["b.mp4"]
    assert "open vocabulary: the prompt has" in said["left out"][0]["reason"]
    data = json.loads(Path("out/scores.json").read_text())
    assert set(data["clips"][0]["open vocabulary"]) == {
        "CLIPSIM", "neighbours", "to the first", "consistency"
    }  # fmt: skip
    assert "open vocabulary" not in data["clips"][2]
    assert len(data["similarity"]["sha256"]) == 64


def test_two_files_of_the_same_bytes_may_be_looked_at_at_once(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = sliding(2, 1, count=4, height=64, width=64).save(tmp_path / "a.mp4")
    second = tmp_path / "b.mp4"
    second.write_bytes(first.read_bytes())
    look = partial(vocabulary.shown, name=str(clip), weights="", keeping=tmp_path / "kept")
    save, found = keeping.save_file, []

    def meanwhile(rows, draft, metadata):
        save(rows, draft, metadata)
        if not found:
            found.append(None)
            found.append(look(second))

    monkeypatch.setattr(keeping, "save_file", meanwhile)
    assert np.array_equal(look(first).words, found[1].words)
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_without_its_package_the_classifier_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    classifier.shipped.cache_clear()
    vocabulary.pair.cache_clear()
    (tmp_path / "prompts.csv").write_text("file,prompt\n")
    words = ["evaluate", str(tmp_path), "--prompts", str(tmp_path / "prompts.csv")]
    assert cli.code([*words, "-o", str(tmp_path / "out"), "--similarity", "classes"]) == 1
    error = capsys.readouterr().err
    assert "pip install 'mutoscope[metrics]'" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
