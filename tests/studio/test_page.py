"""The page in a real Chromium: what a person does on each tab, end to end.

Whatever the console says as an error, and every request that leaves the machine, fails the test.
Screenshots of each are in build/screens.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from PIL import Image

from tests.studio.conftest import SCREENS, Opened, Studio

pytestmark = pytest.mark.xdist_group("studio")


def choose(page: Any, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).locator("visible=true").first.click()
    page.get_by_role("option", name=option, exact=True).click()


def draw_slowly(page: Any, pause: float, steps: int) -> None:
    """The drawn system, so many seconds a step."""
    choose(page, "System", "drawn")
    page.get_by_text("More settings").click()
    page.get_by_label("Pause").fill(str(pause))
    page.get_by_label("Steps").locator("visible=true").fill(str(steps))


def asked(studio: Studio, **request: object) -> dict[str, Any]:
    """A job made over the API, when it is done."""
    body = json.dumps({"request": {"system": "drawn", "prompt": "a ball", **request}}).encode()
    head = {"Content-Type": "application/json"}
    with urlopen(Request(f"{studio.url}/v1/jobs", body, head)) as answer:
        job = json.load(answer)
    with urlopen(f"{studio.url}/v1/jobs/{job['id']}/events") as stream:
        stream.read()
    return job


def told(studio: Studio, path: str) -> dict[str, Any]:
    """What the service says."""
    with urlopen(f"{studio.url}{path}") as answer:
        return json.load(answer)


def conditions(studio: Studio, job: str) -> list[dict[str, Any]]:
    return told(studio, f"/v1/jobs/{job}")["request"]["conditions"]


MADE = """before => {
    const tile = document.querySelector("figure.tile[data-state=completed]");
    return tile && tile.dataset.job !== before && tile.dataset.job;
}"""


def made(page: Any, before: str = "") -> str:
    """The id of the clip on the stage, once it is another one and complete."""
    return page.wait_for_function(MADE, arg=before).json_value()


def upload(page: Any, picture: Path) -> None:
    """Give a picture to the first input there is."""
    field = page.locator(".upload >> visible=true").first
    field.locator("input[type=file]").set_input_files(picture)
    field.get_by_text(picture.stem).first.wait_for()


def test_an_example_becomes_a_clip_by_one_click(opened: Opened):
    with opened("make") as page:
        page.get_by_role("button", name="a red ball bounces on the grass").click()
        page.wait_for_selector("img.preview")
        assert page.locator("figure.tile").get_attribute("data-preview")
        page.wait_for_selector("figure[data-state=completed] video")
        page.wait_for_function("document.querySelector('figure video').readyState >= 2")
        video = page.locator("figure video")
        assert video.evaluate("one => [one.videoWidth, one.videoHeight, one.loop, one.paused]") == [
            128, 128, True, False,
        ]  # fmt: skip
        assert page.input_value("#prompt textarea") == "a red ball bounces on the grass"


def test_a_job_is_there_again_after_loading_and_escape_stops_it(opened: Opened, studio: Studio):
    with opened("cancel") as page:
        draw_slowly(page, 0.5, 200)
        page.fill("#prompt textarea", "two wombats")
        page.wait_for_selector("#words b")
        assert "wombats" in page.inner_text("#words")
        choose(page, "Variations", "2")
        page.press("#prompt textarea", "Enter")
        page.wait_for_selector("img.preview")
        page.reload()
        page.wait_for_selector("figure.tile[data-state=running]")
        assert page.locator("figure.tile").count() == 2
        page.wait_for_selector("#cancel", state="visible")
        assert "of 200" in page.inner_text("#stage")
        page.keyboard.press("Escape")
        page.wait_for_function(
            "document.querySelectorAll('figure[data-state=cancelled]').length === 2"
        )
        page.wait_for_selector("#cancel", state="hidden")


def test_what_is_wrong_is_one_sentence_below_the_button(opened: Opened):
    with opened("error") as page:
        page.fill("#prompt textarea", "  ")
        page.click("#make")
        page.wait_for_selector("#note [role=alert]")
        assert page.inner_text("#note") == "The prompt is empty; say what shall be seen."
        choose(page, "System", "drawn")
        page.fill("#drawn-stroke-points textarea", "1,1;99,99")
        page.fill("#prompt textarea", "a ball")
        page.press("#prompt textarea", "Control+Enter")
        page.wait_for_function("document.querySelector('#note')?.innerText.includes('frame of')")
        assert page.inner_text("#note").startswith("A stroke stays on the frame of 16x16 pixels")


def test_a_stroke_is_drawn_or_typed_and_reaches_the_job(opened: Opened, studio: Studio):
    with opened("stroke") as page:
        choose(page, "System", "drawn")
        page.wait_for_selector("svg.pad")
        page.locator("svg.pad").scroll_into_view_if_needed()
        box = page.locator("svg.pad").bounding_box()
        left, top, unit = box["x"], box["y"], box["width"] / 16
        page.mouse.move(left + 2 * unit, top + 2 * unit)
        page.mouse.down()
        page.mouse.move(left + 8 * unit, top + 4 * unit)
        page.mouse.move(left + 12 * unit, top + 12 * unit)
        page.mouse.up()
        field = "#drawn-stroke-points textarea"
        assert page.input_value(field) == "2,2;8,4;12,12"
        page.fill(field, "3,1;4,1;9,9")
        page.wait_for_function(
            "document.querySelector('svg.pad polyline').getAttribute('points') === '3,1 4,1 9,9'"
        )
        page.fill("#prompt textarea", "a drawn ball")
        page.press("#prompt textarea", "Enter")
        page.wait_for_selector("figure[data-state=completed]")
        (one,) = conditions(studio, made(page))
    assert (one["kind"], one["source"]) == ("stroke", "3,1;4,1;9,9")


def test_a_picture_is_uploaded_and_reaches_the_job(opened: Opened, studio: Studio, tmp_path: Path):
    picture = tmp_path / "dot.png"
    Image.new("RGB", (20, 12), "red").save(picture)
    with opened("upload") as page:
        choose(page, "System", "drawn")
        upload(page, picture)
        page.fill("#prompt textarea", "a ball that begins red")
        page.press("#prompt textarea", "Enter")
        (condition,) = conditions(studio, made(page))
    assert condition["kind"] == "first"
    asset = told(studio, f"/v1/assets/{condition['source']}")
    assert (asset["width"], asset["height"], asset["frames"]) == (20, 12, 1)


def test_a_picture_stays_when_its_clip_is_changed_and_made_again_until_it_is_taken_away(
    opened: Opened, studio: Studio, tmp_path: Path
):
    picture = tmp_path / "spot.png"
    Image.new("RGB", (20, 12), "green").save(picture)
    with opened("again") as page:
        choose(page, "System", "drawn")
        upload(page, picture)
        page.fill("#prompt textarea", "a ball that begins green")
        page.press("#prompt textarea", "Enter")
        one = made(page)
        page.get_by_role("tab", name="Gallery").click()
        page.locator(f"[data-open={one}]").click()
        page.get_by_role("button", name="Change and make again").click()
        kept = page.get_by_label("From the earlier clip: a picture of 20x12 pixels")
        kept.wait_for()
        assert kept.is_checked()
        page.screenshot(path=SCREENS / "earlier.png")
        page.fill("#prompt textarea", "a ball that begins as green as before")
        page.press("#prompt textarea", "Enter")
        two = made(page, one)
        page.reload()
        kept.wait_for()
        kept.uncheck()
        page.fill("#prompt textarea", "a ball that begins as it likes")
        page.click("#make")
        three = made(page, two)
    (first,) = conditions(studio, one)
    assert conditions(studio, two) == [first]
    assert first["kind"] == "first"
    assert conditions(studio, three) == []


def test_the_gallery_finds_opens_compares_changes_and_deletes(opened: Opened, studio: Studio):
    one = asked(studio, prompt="an otter by day", seed=11, frames=8)
    asked(studio, prompt="an otter by night", seed=12, frames=4)
    with opened("gallery") as page:
        page.get_by_role("tab", name="Gallery").click()
        page.get_by_label("Find").fill("otter")
        page.wait_for_function("document.querySelectorAll('.card').length === 2")
        choose(page, "State", "Finished")
        boxes = page.locator("[data-pick]")
        boxes.nth(0).check()
        boxes.nth(1).check()
        page.get_by_role("button", name="Compare", exact=True).click()
        page.wait_for_selector("#compare canvas")
        page.locator("#compare input[type=range]").fill("2")
        frames = page.locator("#compare canvas").evaluate_all(
            "all => all.map(c => c.dataset.frame)"
        )
        assert frames == ["2", "2"]
        page.keyboard.press("ArrowRight")
        assert "frame 4 of 8" in page.inner_text("#compare output")
        page.screenshot(path=SCREENS / "compare.png")
        page.keyboard.press("Escape")
        page.locator(f"[data-open={one['id']}]").click()
        page.get_by_text("Its record").click()
        page.wait_for_function(
            "document.querySelector('#details pre').textContent.includes('frames_sha256')"
        )
        page.screenshot(path=SCREENS / "details.png")
        with page.expect_download() as download:
            page.locator("#details").get_by_role("link", name="Download").click()
        assert download.value.suggested_filename.endswith(".mp4")
        page.get_by_role("button", name="Change and make again").click()
        page.wait_for_function(
            "document.querySelector('#prompt textarea').value === 'an otter by day'"
        )
        assert page.get_by_label("Seed", exact=True).input_value() == "11"
        page.get_by_role("tab", name="Gallery").click()
        page.locator(f"[data-open={one['id']}]").click()
        page.get_by_role("button", name="Delete", exact=True).click()
        page.get_by_role("button", name="Delete for good").click()
        page.wait_for_function("document.querySelectorAll('.card').length === 1")


def shipped(studio: Studio) -> list[str]:
    """Two clips of the model that ships: those that other tests made, else short ones."""
    found = told(studio, "/v1/jobs?system=modelscope&state=completed&limit=2")["data"]
    jobs = [job["id"] for job in found]
    for seed in range(2 - len(jobs)):
        short: dict[str, Any] = {"frames": 4, "steps": 2, "seed": seed}
        asking = {"system": "modelscope", "prompt": "a red ball bounces on the grass", **short}
        jobs.append(asked(studio, **asking)["id"])
    return jobs


def test_clips_of_the_shipped_model_are_found_opened_and_compared(opened: Opened, studio: Studio):
    one, two = shipped(studio)
    with opened("shipped") as page:
        page.get_by_role("tab", name="Gallery").click()
        choose(page, "State", "Finished")
        page.get_by_label("Find").fill("red ball modelscope")
        page.wait_for_function(
            "(all => all.length > 1 && all.every(one => one.innerText.includes('modelscope')))"
            "([...document.querySelectorAll('.card')])"
        )
        for job in (one, two):
            page.locator(f"[data-pick={job}]").check()
        page.wait_for_function(
            "job => document.querySelector(`[data-open=${job}] img`)?.naturalWidth === 128", arg=one
        )
        page.get_by_role("button", name="Compare", exact=True).click()
        page.wait_for_selector("#compare canvas")
        sizes = page.locator("#compare canvas").evaluate_all("all => all.map(c => c.width)")
        assert sizes == [128, 128]
        page.keyboard.press("Escape")
        page.locator(f"[data-open={one}]").click()
        page.wait_for_function("document.querySelector('#details video')?.readyState >= 2")
        page.get_by_text("Its record").click()
        page.wait_for_function(
            "document.querySelector('#details pre').textContent.includes('\"modelscope\"')"
        )
        page.get_by_role("button", name="Change and make again").click()
        page.wait_for_function("document.querySelector('#prompt textarea').value.includes('red')")
        assert page.get_by_label("System", exact=True).first.input_value() == "modelscope"


def tabbed(page: Any, to: str, key: str = "Tab") -> None:
    """Press Tab, or Shift+Tab, until what is wanted has the focus."""
    for _ in range(200):
        if page.evaluate("to => document.activeElement?.matches(to) ?? false", to):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{to} can't be reached by {key} alone")


def test_a_clip_is_made_and_two_are_compared_by_keys_alone(opened: Opened, studio: Studio):
    before = asked(studio, prompt="a newt by day", seed=21)["id"]
    with opened("keys") as page:
        page.wait_for_selector("#make:enabled")
        tabbed(page, "#prompt textarea")
        page.keyboard.type("a newt by night")
        tabbed(page, "input[role=combobox][aria-label=System]")
        page.keyboard.type("drawn")
        page.get_by_role("option", name="drawn", exact=True).wait_for()
        page.keyboard.press("Enter")
        page.wait_for_selector("svg.pad")
        tabbed(page, "#make", "Shift+Tab")
        page.keyboard.press("Enter")
        one = made(page)
        tabbed(page, "[role=tab][aria-selected=false]", "Shift+Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"[data-pick={one}]")
        for job in (one, before):
            tabbed(page, f"[data-pick={job}]")
            page.keyboard.press("Space")
        tabbed(page, "#picked .solid")
        page.keyboard.press("Enter")
        page.wait_for_selector("#compare canvas")
        inside = "document.querySelector('#compare').contains(document.activeElement)"
        assert page.evaluate(inside)
        page.keyboard.press("Enter")  # on Pause
        page.wait_for_function("document.querySelector('#compare .solid').textContent === 'Play'")
        tabbed(page, "#compare input[type=range]")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "document.querySelector('#compare output').textContent.startsWith('frame 2')"
        )
        page.keyboard.press("Escape")
        page.wait_for_selector("#compare", state="detached")
        tabbed(page, f"[data-open={one}]", "Shift+Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#details")
        tabbed(page, "#details .solid")
        page.keyboard.press("Enter")
        page.wait_for_function(
            "document.querySelector('#prompt textarea').value === 'a newt by night'"
        )


@pytest.mark.parametrize(("width", "dark"), [(375, False), (375, True), (1280, True)])
def test_it_fits_a_phone_and_the_night(opened: Opened, width: int, dark: bool):  # noqa: FBT001
    name = f"{'phone' if width < 400 else 'wide'}-{'dark' if dark else 'light'}"
    with opened(name, width=width, dark=dark) as page:
        page.wait_for_selector("#theme")
        assert page.evaluate("document.body.classList.contains('dark')") is dark
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("tab", name="Gallery").click()
        page.wait_for_selector("#board :is(.card, .empty)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=SCREENS / f"{name}-gallery.png")
        page.get_by_role("tab", name="Make").click()
