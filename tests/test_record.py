import math
from dataclasses import replace

import pytest

from mutoscope import media
from mutoscope.clip import Clip
from mutoscope.errors import RequestError
from mutoscope.record import Record, compare, record_of
from mutoscope.request import Request

from .clips import waves

REQUEST = Request(prompt="a red ball", seed=3)


def of(clip: Clip, request: Request = REQUEST, sha: str = "ab") -> Record:
    return record_of(
        request, clip, version="1.0", weights={"network": sha}, seconds={"denoise": 1.5}
    )


def test_a_record_survives_a_file(tmp_path):
    clip = waves()
    record = of(clip)
    path = media.write(clip, tmp_path / "a.mp4", record=record.to_json())
    assert Record.from_json(media.read_record(path)) == record
    assert record.to_json()["prompt"] == "a red ball"
    assert record.frames_sha256 == clip.frames_sha256()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prompt": None}, "prompt must be text"),
        ({"lora": "x"}, "says 'lora', which this version doesn't know; use mutoscope 1.0"),
        ({"weights": ["a"]}, "'weights' of the record must be an object"),
        ({"torch": 2}, "'torch' of the record must be text"),
    ],
)
def test_a_record_that_can_not_be_kept_whole_is_refused(change, says):
    with pytest.raises(RequestError, match=says):
        Record.from_json({**of(waves()).to_json(), **change})


def test_a_file_without_a_record_is_said_to_have_none():
    with pytest.raises(RequestError, match="no record of a run: it lacks system, prompt, version"):
        Record.from_json({"frames_sha256": "x"})


def test_the_same_bits_are_equal_whatever_the_codec_did():
    clip = waves()
    verdict = compare(of(clip), of(clip), media.stored(clip, ".gif"), clip)
    assert verdict.kind == "equal"
    assert str(verdict) == "equal: the same frames, bit for bit"


def test_other_kernels_are_within_tolerance_and_say_what_differs():
    clip, near = waves(), Clip(frames=waves().frames + 0.004, fps=8.0)
    verdict = compare(of(clip), of(near, sha="cd"), clip, near)
    assert verdict.kind == "within tolerance"
    assert 45 <= verdict.psnr < math.inf
    assert verdict.fields == ("weights.network",)


def test_another_seed_differs_and_is_named():
    clip, other = waves(), Clip(frames=-waves().frames, fps=8.0)
    verdict = compare(of(clip), of(other, Request(prompt="a red ball", seed=4)), clip, other)
    assert verdict.kind == "differs"
    assert verdict.fields == ("seed",)
    assert "the records differ in seed" in str(verdict)


def test_every_setting_and_part_that_differs_is_named_but_not_what_an_older_record_leaves_out():
    clip = waves()
    whole, other = (
        replace(
            of(clip, Request(prompt="a red ball", settings={"shift": shift, "rescale": 0.0})),
            weights={"network": "ab", "text": text},
        )
        for shift, text in ((8.0, "12"), (4.0, "34"))
    )
    old = replace(of(clip), request=Request(prompt="a red ball", settings={"rescale": 0.5}))
    assert compare(other, whole, clip, clip).fields == ("settings.shift", "weights.text")
    assert compare(whole, old, clip, clip).fields == ("settings.rescale",)
    assert "weights.text" in compare(old, whole, clip, clip).fields


def test_another_length_differs_by_everything():
    verdict = compare(of(waves()), of(waves(count=3)), waves(), waves(count=3))
    assert (verdict.kind, verdict.psnr) == ("differs", 0.0)


def test_a_rendering_through_the_same_codec_is_compared_fairly():
    clip = waves()
    near = Clip(frames=clip.frames + 0.002, fps=8.0)
    kept = media.stored(clip, ".mp4")
    assert compare(of(clip), of(near), kept, media.stored(near, ".mp4")).psnr > 42
    assert compare(of(clip), of(near), kept, kept).kind == "within tolerance"


def test_the_words_that_were_read_are_in_the_record_and_older_records_have_none():
    record = replace(of(waves()), words="a red ball on the grass")
    assert Record.from_json(record.to_json()).words == "a red ball on the grass"
    older = {name: value for name, value in record.to_json().items() if name != "words"}
    assert Record.from_json(older).words == ""
    assert compare(record, Record.from_json(older), waves(), waves()).fields == ("words",)
