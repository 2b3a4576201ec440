"""What a clip is given, how it is received, and what stays when the clip is made again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("gradio", reason="the studio needs the extra 'studio'")

import gradio as gr
from fastapi import FastAPI
from gradio.processing_utils import async_move_files_to_cache

from mutoscope.checked import Span
from mutoscope.errors import RequestError
from mutoscope.request import Capabilities, Request
from mutoscope.service.access import LOCAL
from mutoscope.service.desk import Desk
from mutoscope.service.jobs import Job
from mutoscope.service.offers import Offer
from mutoscope.service.settings import Settings
from mutoscope.studio import page
from mutoscope.studio.form import Form
from mutoscope.studio.inputs import Input, lost
from mutoscope.systems.system import Card

CAN = Capabilities(
    frames=Span(low=1, high=32, step=1),
    fps=Span(low=1, high=24),
    side=Span(low=16, high=16),
    conditions=("first", "stroke", "camera"),
    defaults={"size": (16, 16)},
)

CARD = Card(name="any", title="Any", authors="Us", year=2026, arxiv="0000.00000", weights="none")

Answer = TypeVar("Answer")

STROKE = {"kind": "stroke", "source": "1,1;9,9", "frame": None, "strength": 0.5, "set": {}}


def built(build: Callable[[], Answer]) -> Answer:
    """What it builds, inside an event loop: outside Gradio makes some that nobody closes."""

    async def run() -> Answer:
        return build()

    return asyncio.run(run())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = Settings(home=tmp_path, warm=(), decode_seconds=120)
    with Desk.opened(settings, workers=False) as found:
        yield found


@pytest.fixture
def form() -> Form:
    def build() -> Form:
        with gr.Blocks(analytics_enabled=False):
            return Form([Offer(card=CARD, accepts=CAN)], "any")

    return built(build)


def picture(folder: Path, colour: str) -> Path:
    path = folder / f"{colour}.png"
    Image.new("RGB", (20, 12), colour).save(path)
    return path


def job(desk: Desk, *conditions: dict[str, Any]) -> Job:
    return desk.submit(
        Request.from_json({"system": "any", "prompt": "x", "conditions": conditions})
    )


def shown(form: Form, job: Job, desk: Desk) -> dict[Any, Any]:
    """What each control shows once a job has filled the form; untouched ones as they were drawn."""
    filled = form.filled(job, desk)
    plain = {one: getattr(one, "value", None) for one in form.inputs}
    said = {one: filled[one] for one in form.inputs if one in filled}
    changed = {one: now["value"] for one, now in said.items() if isinstance(now, dict)}
    return {**plain, **said, **changed}


def first(form: Form) -> Input:
    (found,) = (one for one in form.panels["any"].inputs if one.kind == "first")
    return found


def test_a_clip_made_again_has_its_picture_until_another_is_given_or_it_is_taken_away(
    form: Form, desk: Desk, tmp_path: Path
):
    kept = desk.upload(picture(tmp_path, "red"), owner=LOCAL).id
    condition = {"kind": "first", "source": kept, "frame": None, "strength": 0.75, "set": {}}
    before = job(desk, condition)
    box = form.filled(before, desk)[first(form).keep]
    assert box["visible"]
    assert box["label"] == "From the earlier clip: a picture of 20x12 pixels"
    now = shown(form, before, desk)
    (again,) = form.asked(now, desk)
    assert again["conditions"] == [condition]
    (without,) = form.asked({**now, first(form).keep: False}, desk)
    assert without["conditions"] == []
    new = {**now, first(form).field: str(picture(tmp_path, "blue"))}
    ((given,),) = (asked["conditions"] for asked in form.asked(new, desk))
    assert given["source"] not in ("", kept)
    assert desk.assets.get(given["source"], owner=LOCAL).width == 20


def test_words_that_were_left_alone_say_all_that_they_said(form: Form, desk: Desk):
    now = shown(form, job(desk, STROKE), desk)
    (again,) = form.asked(now, desk)
    assert again["conditions"] == [STROKE]
    (stroke,) = (one for one in form.panels["any"].inputs if one.kind == "stroke")
    (other,) = form.asked({**now, stroke.field: " 2,2; 3,3"}, desk)
    assert other["conditions"] == [{"kind": "stroke", "source": "2,2;3,3"}]
    (none,) = form.asked({**now, stroke.field: ""}, desk)
    assert none["conditions"] == []


def test_a_picture_that_is_gone_is_named_and_not_offered(form: Form, desk: Desk, tmp_path: Path):
    kept = desk.upload(picture(tmp_path, "red"), owner=LOCAL).id
    before = job(desk, {"kind": "first", "source": kept})
    assert lost(before, desk) == []
    desk.cancel(before.id)
    desk.assets.delete(kept)
    assert lost(before, desk) == ["first"]
    assert not form.filled(before, desk)[first(form).keep]["visible"]
    (again,) = form.asked(shown(form, before, desk), desk)
    assert again["conditions"] == []


def test_a_received_file_that_has_expired_is_a_sentence(form: Form, desk: Desk, tmp_path: Path):
    now = shown(form, job(desk), desk)
    with pytest.raises(RequestError, match="received too long ago"):
        form.asked({**now, first(form).field: str(tmp_path / "gone.png")}, desk)


def test_a_story_is_not_made_again_as_something_else(form: Form, desk: Desk):
    asked = {"system": "any", "segments": [{"prompt": "a", "frames": 4}]}
    story = desk.submit(Request.from_json(asked))
    with pytest.raises(RequestError, match="tells a story"):
        form.filled(story, desk)


@pytest.fixture
def mounted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a mounted page receives files; one that an earlier server left was there before."""
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"):
        monkeypatch.setenv(name, "")
    block = gr.blocks.Block
    monkeypatch.setattr(
        block, "async_move_resource_to_block_cache", block.async_move_resource_to_block_cache
    )
    folder = desk.settings.home / "received"
    folder.mkdir()
    (folder / "old.png").write_bytes(b"an earlier server's")
    built(lambda: page.mount(FastAPI(), desk))
    return folder


def test_only_what_was_uploaded_is_opened_for_a_request(mounted: Path, tmp_path: Path):
    assert not [*mounted.iterdir()]

    def asked(path: object) -> Any:
        said = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
        return asyncio.run(
            async_move_files_to_cache(said, gr.Textbox(render=False), check_in_upload_folder=True)
        )

    own = picture(mounted, "red")
    assert Path(asked(own)["path"]) == own.resolve()
    secret = picture(tmp_path, "blue")
    for other in (secret, mounted / ".." / secret.name, "https://example.com/blue.png"):
        with pytest.raises(RequestError, match="no file but one that was uploaded"):
            asked(other)
    assert [path.name for path in mounted.iterdir()] == [own.name]
