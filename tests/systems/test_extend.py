"""A film of clips: each begins with the last frame of the one before, and is a clip by itself."""

import gc
import weakref
from pathlib import Path

import pytest
import torch

from mutoscope import media
from mutoscope.clip import Clip
from mutoscope.errors import RequestError
from mutoscope.recipes import pixeldance
from mutoscope.request import ConditionRequest, Request, Segment
from mutoscope.systems import extend
from mutoscope.systems.system import whole
from tests import tiny

NAME = "pixeldance"


@pytest.fixture
def system():
    return tiny.system(NAME)


def story(*frames, **more):
    words = ("a red ball rises", "a red ball drops", "a red ball slides left", "it stands")
    parts = [Segment(prompt=words[k % 4], frames=n) for k, n in enumerate(frames)]
    return {"segments": parts, "steps": 2, **more}


def frame(path: Path, seed: int) -> ConditionRequest:
    rng = torch.Generator().manual_seed(seed)
    made = Clip(frames=torch.rand(1, 3, 1, 32, 32, generator=rng) * 2 - 1, fps=8)
    return ConditionRequest(kind="first", source=str(media.write(made, path)))


def test_a_piece_is_what_the_system_makes_of_the_frame_before(system, tmp_path: Path):
    request = system.request("", **story(4, 3, 5, seed=7))
    film = system.make(request).frames
    assert film.shape[2] == request.length == 4 + 2 + 4
    clip = system.make(tiny.request(system, "a red ball rises", frames=4, steps=2, seed=7))
    assert torch.equal(film[:, :, :4], clip.frames)
    path = media.write(Clip(frames=clip.frames[:, :, -1:], fps=8), tmp_path / "a.png")
    given = [ConditionRequest(kind="first", source=str(path))]
    after = tiny.request(system, "a red ball drops", frames=3, steps=2, seed=7 + extend.SEEDS,
                         conditions=given)  # fmt: skip
    assert torch.equal(film[:, :, 4:6], system.make(after).frames[:, :, 1:])


def test_the_steps_are_numbered_through_and_each_piece_comes_when_it_is_whole(system):
    request = system.request("", **story(4, 3, 3))
    steps = list(system.run(request))
    assert [step.index for step in steps] == list(range(6))
    assert {step.total for step in steps} == {6}
    assert [whole(step) for step in steps] == [False, True] * 3
    sizes = [step.segment.shape[2] for step in steps if step.segment is not None]
    assert sizes == [4, 2, 2]
    for step in steps:
        shown = system.finish(step, request).frames
        assert shown.shape[-1] == 32
        assert step.segment is None or torch.equal(shown, step.segment)
    assert system.finish(steps[1], request, most=2).frames.shape[2] == 2


def test_a_film_holds_no_more_than_a_piece(system):
    request = system.request("", **story(*[3] * 6))
    earlier, most = [], 0
    for step in system.run(request):
        if step.segment is not None:
            earlier.append(weakref.ref(step.segment))
            gc.collect()
            most = max(most, sum(one() is not None for one in earlier))
    assert len(earlier) == 6
    assert most <= 2


def test_a_first_frame_of_its_own_is_a_cut_and_nothing_is_left_out(system, tmp_path: Path):
    cut = Segment(prompt="snow", frames=3, conditions=[frame(tmp_path / "cut.png", 1)])
    request = system.request("", segments=[Segment(prompt="a red ball", frames=3), cut], steps=2)
    film = system.make(request).frames
    assert film.shape[2] == request.length == 6
    alone = tiny.request(system, "snow", frames=3, steps=2, seed=extend.SEEDS,
                         conditions=cut.conditions)  # fmt: skip
    assert torch.equal(film[:, :, 3:], system.make(alone).frames)


def test_ends_of_the_story_are_of_its_ends_and_the_rest_of_every_piece():
    given = [ConditionRequest(kind=kind, source=kind) for kind in ("first", "last", "style")]
    own = ConditionRequest(kind="style", source="own")
    parts = [Segment(prompt="a", frames=4), Segment(prompt="b", frames=5, conditions=[own]),
             Segment(prompt="c", frames=6)]  # fmt: skip
    found = extend.pieces(Request(conditions=given, segments=parts, seed=3))
    said = [[one.source for one in part.conditions] for part in found]
    assert said == [["first", "style"], ["own"], ["last", "style"]]
    assert [part.prompt for part in found] == ["a", "b", "c"]
    assert [part.frames for part in found] == [4, 5, 6]
    assert [part.seed for part in found] == [3, 1003, 2003]
    assert not any(part.segments for part in found)
    last = extend.pieces(Request(segments=parts, seed=2**63 - 1))[-1]
    assert 0 <= last.seed < 2**63


def test_a_story_of_one_piece_is_its_clip(system):
    one = system.make(system.request("", **story(4, seed=3))).frames
    plain = tiny.request(system, "a red ball rises", frames=4, steps=2, seed=3)
    assert torch.equal(one, system.make(plain).frames)


def test_any_system_tells_one_piece_and_refuses_more():
    base = tiny.system("modelscope")
    request = base.request("", **story(4, seed=3))
    plain = tiny.request(base, "a red ball rises", frames=4, steps=2, seed=3)
    assert torch.equal(base.make(request).frames, base.make(plain).frames)
    with pytest.raises(RequestError, match="can tell no story"):
        base.request("", **story(4, 4))


def test_a_story_costs_its_pieces_and_the_room_of_the_largest():
    system = pixeldance.outline(pixeldance.Config.tiny())
    few, long = (system.cost(system.request("", **story(*n))) for n in ((4,), (4, 4, 4)))
    assert long.operations == 3 * few.operations
    assert long.memory == few.memory


def test_the_record_of_a_film_names_all_its_frames_and_the_seconds_of_all_pieces(system):
    clip = system.generate("", **story(3, 3))
    assert clip.record["frames_sha256"] == Clip(frames=clip.frames, fps=8).frames_sha256()
    assert set(clip.record["seconds"]) == {"text", "denoise", "decode"}
    assert len(clip.record["segments"]) == 2
