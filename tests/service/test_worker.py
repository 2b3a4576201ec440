"""What a worker shows of a job that is watched, and what that may cost."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mutoscope import media, recipes
from mutoscope.clip import Clip
from mutoscope.service.desk import Desk
from mutoscope.service.results import StorageError
from mutoscope.service.settings import Settings
from mutoscope.service.worker import MOST, PREVIEWS, Budget, Worker
from mutoscope.training import tuning
from tests import tiny
from tests.service.served import QUICK


class Clock:
    """A stopwatch that goes on when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def followed(steps: int, *, step: float, frame: float, of: int = 16) -> tuple[list[int], float]:
    """The frames of each step's preview, and the share of the time that all but the first took."""
    clock, shown, first = Clock(), [], 0.0
    budget = Budget(clock)
    for done in range(1, steps + 1):
        clock.now += step
        assert budget.step(done) == pytest.approx(step)
        shown.append(min(budget.frames(), of))
        if shown[-1]:
            clock.now += shown[-1] * frame
            budget.spent(shown[-1] * frame, frames=shown[-1])
            first = first or shown[-1] * frame
    return shown, 1 - (steps * step + first) / clock.now


@pytest.mark.parametrize("frame", [0.001, 0.01, 0.03, 0.08, 0.2])
def test_every_step_has_a_preview_of_as_many_frames_as_its_time_pays_for(frame: float):
    shown, share = followed(30, step=0.25, frame=frame)
    assert min(shown) >= 1
    assert shown[2:] == [max(1, min(16, int(0.25 * PREVIEWS / (1 - PREVIEWS) / frame)))] * 28
    assert share <= max(PREVIEWS, frame / (0.25 + frame))


def test_previews_that_cost_more_than_a_step_are_left_out():
    shown, share = followed(100, step=0.1, frame=2.0)
    assert set(shown) == {0, 1}
    assert share <= MOST + 2.0 / (100 * 0.1), "beyond its share by one preview at most"


def worked(desk: Desk, monkeypatch: pytest.MonkeyPatch, *, watched: bool) -> list[int]:
    """The steps that had a preview."""
    shown: list[int] = []
    tell = desk.store.previewed
    monkeypatch.setattr(
        desk.store, "previewed", lambda lease, step: (shown.append(step), tell(lease, step))
    )
    job = desk.submit(desk.request({**QUICK, "steps": 6, "settings": {"pause": 0.1}}))
    if watched:
        desk.store.watch(job.id)
    lease = desk.store.claim("w")
    assert lease is not None
    Worker(desk.settings, "w", desk.store).run(lease)
    assert desk.get(job.id).state == "completed"
    return shown


def test_every_step_of_a_job_that_is_watched_has_one(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    assert worked(desk, monkeypatch, watched=True) == [1, 2, 3, 4, 5]


def test_a_disk_that_can_not_be_written_fails_a_job_in_a_sentence(desk: Desk):
    worker = Worker(desk.settings, "w", desk.store)
    for folder in (desk.settings.results, desk.settings.previews):
        folder.rmdir()
        folder.write_text("here is no folder")
    with pytest.raises(StorageError, match="results can't be stored"):
        desk.check()
    job, after = (desk.submit(desk.request(QUICK)).id for _ in range(2))
    desk.store.watch(job)
    worker.run(desk.store.claim("w"))
    failed = desk.get(job)
    assert (failed.state, failed.error_code) == ("failed", "storage")
    assert failed.error is not None
    assert failed.error.startswith("the result can't be stored")
    for folder in (desk.settings.results, desk.settings.previews):
        folder.unlink()
    desk.settings.make()
    desk.check()
    worker.run(desk.store.claim("w"))
    assert desk.get(after).state == "completed"


STORY = {**QUICK, "prompt": "", "segments": [{"prompt": str(k), "frames": 4} for k in range(3)]}


def test_a_film_is_stored_piece_by_piece_with_the_record_of_all(desk: Desk):
    job = desk.submit(desk.request(STORY))
    Worker(desk.settings, "w", desk.store).run(desk.store.claim("w"))
    done = desk.get(job.id)
    assert done.state == "completed"
    paths = {variant: desk.file(done, variant) for variant in done.files}
    assert set(paths) == {"video", "thumbnail", "spritesheet"}
    assert media.probe(paths["video"]).frames == 4 + 3 + 3
    assert media.probe(paths["thumbnail"]).frames == 1
    assert media.probe(paths["spritesheet"]).size == (3 * 16, 16)
    record = media.read_record(paths["video"])
    made = recipes.find("tiny").load().make(job.request)
    assert record["frames_sha256"] == done.sha256 == made.frames_sha256()
    assert len(record["segments"]) == 3
    assert not list(desk.settings.results.glob(".*"))


def test_a_film_that_goes_wrong_on_the_way_leaves_nothing_and_says_why(desk: Desk):
    wrong = {**STORY, "settings": {"fault": "raise"}}
    job = desk.submit(desk.request(wrong))
    Worker(desk.settings, "w", desk.store).run(desk.store.claim("w"))
    failed = desk.get(job.id)
    assert (failed.state, failed.error_code) == ("failed", "internal")
    assert not list(desk.settings.results.iterdir())


def test_a_job_that_nobody_watches_has_none(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    assert worked(desk, monkeypatch, watched=False) == []


def test_every_attempt_of_a_job_has_the_threads_of_the_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    set_: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", set_.append)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 9)
    jobs = [desk.submit(desk.request(QUICK)).id for _ in range(2)]
    worker = Worker(desk.settings, "w", desk.store)
    first = desk.store.claim("lost", threads=2)
    desk.store.lost("lost", attempts=5)
    again = desk.store.claim("w", threads=1)
    assert (first.threads, again.threads) == (2, 2), "though there is one to spare only"
    worker.run(again)
    worker.run(desk.store.claim("w", threads=9))
    assert set_ == [2], "nothing to change for the next"
    assert [desk.get(job).state for job in jobs] == ["completed"] * 2


@pytest.mark.parametrize(
    ("come", "needs", "steps"), [(False, (), 1), (False, ("structure",), 1), (True, (), 0)]
)
def test_a_worker_rehearses_one_step_unless_a_job_has_come(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, come: bool, needs: tuple[str, ...], steps: int
):
    worker, taken = Worker(replace(desk.settings, warm=("tiny",)), "here:1", desk.store), []
    system = worker.shelf.get("tiny")
    run = system.run

    def counted(request):
        for step in run(request):
            taken.append(step.index)
            yield step

    can = replace(system.accepts(), needs=needs)
    monkeypatch.setattr(system, "accepts", lambda: can)
    monkeypatch.setattr(system, "run", counted)
    worker.stop.set()
    if come:
        worker.wake.set()
    worker.serve()
    assert len(taken) == steps


def test_a_system_tuned_to_a_clip_is_offered_and_run_from_its_folder(tmp_path: Path, desk: Desk):
    assert "tune_a_video" not in {offer.card.name for offer in desk.offers()}
    out = tiny.folder(tmp_path / "ball", "image")
    system = recipes.find("tune_a_video").start(out)
    clip = Clip(frames=torch.zeros(1, 3, 4, 32, 32), fps=6)
    tuning.begin(system, clip, "a red ball", out)
    tuning.tune(system, out, steps=1)
    with Desk.opened(
        Settings(home=tmp_path / "home", weights=str(out), warm=()), workers=False
    ) as tuned:
        offers = {offer.card.name: offer.accepts for offer in tuned.offers()}
        assert offers["tune_a_video"].frames.low == offers["tune_a_video"].frames.high == 4
        given = {"system": "tune_a_video", "prompt": "a blue cube", "steps": 2}
        job = tuned.submit(tuned.request(given))
        Worker(tuned.settings, "w", tuned.store).run(tuned.store.claim("w"))
        assert tuned.get(job.id).state == "completed"
