"""Tab Tune in a real Chromium: a clip is given, learned, kept early, and made other clips with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mutoscope import media
from mutoscope.clip import Clip
from tests import tiny
from tests.studio.conftest import Opened, Studio
from tests.studio.test_page import choose, made, told

pytestmark = pytest.mark.xdist_group("tune")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio on tiny weights, so that a step is nothing."""
    pytest.importorskip("gradio", reason="the studio needs the extra 'studio'")
    base = tiny.folder(tmp_path_factory.mktemp("base"), "image")
    home = tmp_path_factory.mktemp("tune") / "home"
    with Studio(home, warm=[], weights=str(base), decode_seconds=120) as found:
        yield found


KEPT = "document.querySelector('#tune-stage figure')?.dataset.state === 'completed'"


def test_a_clip_is_learned_kept_early_and_retold(opened: Opened, studio: Studio, tmp_path: Path):
    drawn = torch.rand(1, 3, 4, 24, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    clip = media.write(Clip(frames=drawn, fps=8), tmp_path / "dance.webp")
    with opened("tune") as page:
        page.get_by_role("tab", name="Tune").click()
        page.click("#tune")
        page.wait_for_selector("#tune-note [role=alert]")
        assert page.inner_text("#tune-note") == "There is no clip yet; give one."
        page.locator("#tune-clip input[type=file]").set_input_files(clip)
        page.locator("#tune-clip").get_by_text("dance").first.wait_for()
        page.fill("#tune-prompt textarea", "a red ball")
        page.fill("#tune-preview textarea", "a blue cube")
        page.get_by_label("Steps").locator("visible=true").first.fill("1000")
        page.click("#tune")
        page.get_by_role("button", name="Stop and keep").click()
        page.wait_for_function(KEPT)
        page.wait_for_selector("#tune-stage img")
        (one,) = (s for s in told(studio, "/v1/systems")["data"] if s["tuned"])
        assert one["tuned"]["steps"] < 1000
        assert one["tuned"]["frames"] == 4
        page.reload()
        page.get_by_role("tab", name="Tune").click()
        card = page.locator(f"#tuned [data-system='{one['name']}']")
        card.get_by_text("a red ball").wait_for()
        card.get_by_role("button", name="Make with it").click()
        page.wait_for_selector("#prompt textarea", state="visible")
        assert "a red ball" in page.get_by_label("System", exact=True).first.input_value()
        page.get_by_text("More settings").locator("visible=true").first.click()
        page.get_by_label("Steps").locator("visible=true").first.fill("2")
        page.fill("#prompt textarea", "a blue cube")
        page.press("#prompt textarea", "Enter")
        job = told(studio, f"/v1/jobs/{made(page)}")
        assert (job["request"]["system"], job["request"]["frames"]) == (one["name"], 4)
        page.get_by_role("tab", name="Gallery").click()
        page.wait_for_selector(f"[data-open={job['id']}]")
        assert page.locator(".card[data-state]").count() == 1, "a tuning is no clip"
        page.reload()
        page.wait_for_function("document.querySelector('#prompt textarea').value === 'a blue cube'")
        assert "a red ball" in page.get_by_label("System", exact=True).first.input_value()
        choose(page, "System", "image")
        page.get_by_role("tab", name="Tune").click()
        card.get_by_role("button", name="Delete", exact=True).click()
        card.get_by_role("button", name="Delete for good").click()
        card.wait_for(state="detached")
    assert not any(system["tuned"] for system in told(studio, "/v1/systems")["data"])
