"""Which jobs the gallery shows, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from mutoscope.service.access import Caller
from mutoscope.service.desk import Desk
from mutoscope.service.jobs import STATES
from mutoscope.service.settings import Settings
from mutoscope.studio import cards, listing
from mutoscope.studio.listing import Wanted


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose jobs only wait."""
    with Desk.opened(Settings(home=tmp_path, warm=()), workers=False) as found:
        yield found


def ask(desk: Desk, prompt: str, **changes: object) -> str:
    return desk.submit(desk.request({"prompt": prompt, **changes})).id


def test_words_are_looked_for_in_prompt_seed_and_system(desk: Desk):
    ball, cube = ask(desk, "a red ball", seed=41), ask(desk, "a Blue CUBE", system="image")

    def shown(text: str) -> list[str]:
        return [job.id for job in listing.found(desk.store, Wanted(text=text), limit=9)[0]]

    assert shown("") == [cube, ball]
    assert shown("blue cube") == [cube]
    assert shown("ball 41") == [ball]
    assert shown("image") == [cube]
    assert shown("red cube") == []


def test_states_and_systems_narrow_it_down(desk: Desk):
    waiting, gone = ask(desk, "one"), ask(desk, "two")
    desk.cancel(gone)

    def shown(**wanted: object) -> list[str]:
        return [job.id for job in listing.found(desk.store, Wanted(**wanted), limit=9)[0]]

    assert shown(states=listing.GROUPS["In the making"]) == [waiting]
    assert shown(states=listing.GROUPS["Failed or cancelled"]) == [gone]
    assert shown(system="image") == []


def test_what_was_asked_with_a_key_is_not_shown(desk: Desk):
    mine = ask(desk, "mine")
    desk.submit(desk.request({"prompt": "ann's"}), caller=Caller(name="ann"))
    assert [job.id for job in listing.found(desk.store, Wanted(), limit=9)[0]] == [mine]


def test_more_are_there_only_if_they_are_wanted(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listing, "PIECE", 2)
    for index in range(5):
        ask(desk, "odd" if index % 2 else "even")
    jobs, more = listing.found(desk.store, Wanted(text="even"), limit=2)
    assert len(jobs) == 2
    assert more
    jobs, more = listing.found(desk.store, Wanted(text="even"), limit=3)
    assert len(jobs) == 3
    assert not more


def test_a_prompt_is_text_and_never_markup(desk: Desk):
    job = desk.get(ask(desk, "<script>alert(1)</script> \" onload='x'"))
    for state in STATES:
        shown = cards.board([replace(job, state=state)], filtered=False)
        assert "<script" not in shown
        assert "&lt;script&gt;" in shown
        assert "onload='x'" not in shown


def test_every_state_has_words_and_only_what_is_finished_has_a_picture(desk: Desk):
    job = desk.get(ask(desk, "a red ball"))
    assert {*cards.WORDS} == {*STATES}
    assert "<img" not in cards.card(job)
    assert "data-pick" not in cards.card(job)
    done = cards.card(replace(job, state="completed"))
    assert "variant=thumbnail" in done
    assert "data-pick" in done
    assert cards.facts(replace(job, state="running", step=3, steps=8)) == "step 3 of 8"


def test_an_empty_gallery_says_what_to_do():
    assert "kept here" in cards.board([], filtered=False)
    assert "fewer words" in cards.board([], filtered=True)
