"""Numbers as they are reported: intervals known by hand, tables that can be read."""

import json
import math
from pathlib import Path

import pytest

from mutoscope.evaluate.report import Entry, drafted, markdown, opened, save, share, wilson


def test_wilsons_interval_has_the_values_worked_out_by_hand():
    # n = 10, p = 1: lower end n / (n + z^2)
    assert wilson(10, 10) == pytest.approx((10 / (10 + 1.959964**2), 1.0))
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_interval_narrows_with_the_root_of_n_and_holds_the_share():
    widths = []
    for n in (10, 1000, 100_000):
        low, high = wilson(n // 5, n)
        assert low < 0.2 < high
        widths.append(high - low)
    assert widths[1] / widths[2] == pytest.approx(10, rel=0.02)


def test_a_share_of_nothing_says_so():
    entry = share([])
    assert math.isnan(entry.value)
    assert entry.n == 0
    assert entry.interval == (0.0, 1.0)


def test_a_table_has_a_column_for_every_baseline_and_json_has_the_fixed_keys(tmp_path):
    rows = {
        "colour": share([True, True, False, True], {"truth": 1.0}),
        "distance": Entry(value=1.25, n=4, better="lower", baselines={"real": 0.5}),
    }
    head, _, colour, distance = markdown(rows).splitlines()
    assert head == "|  | value | 95 % | n | truth | real |"
    assert colour.startswith("| colour | 75.0 % | 30.1 % to 95.4 % | 4 | 100.0 % |")
    assert distance == "| distance | 1.25 |  | 4 |  | 0.5 |"
    save(tmp_path / "a" / "b.json", {"one": rows}, {"n": 4})
    found = json.loads((tmp_path / "a" / "b.json").read_text())
    assert found["n"] == 4
    assert set(found["reports"]["one"]["colour"]) == {
        "value", "interval", "n", "better", "baselines",
    }  # fmt: skip
    assert opened(found["reports"]["one"]) == rows


def test_what_has_no_value_is_null_in_json_and_empty_in_a_table(tmp_path):
    entry = Entry(value=math.nan, n=0, baselines={"truth": math.nan, "chance": 0.5})
    save(tmp_path / "a.json", {"x": {"y": entry}}, {})
    assert "NaN" not in (tmp_path / "a.json").read_text()
    again = opened(json.loads((tmp_path / "a.json").read_text())["reports"]["x"])["y"]
    assert math.isnan(again.value)
    assert math.isnan(again.baselines["truth"])
    assert markdown({"y": entry}).endswith("| y |  |  | 0 |  | 0.5 |")


def test_two_who_write_one_file_at_once_both_finish_and_a_draft_never_stays(tmp_path: Path):
    path = tmp_path / "kept" / "one.json"

    def write(draft: Path) -> None:
        draft.write_text("mine")
        drafted(path, lambda other: other.write_text("theirs"))

    assert drafted(path, write).read_text() == "mine"
    with pytest.raises(TypeError):
        drafted(path, lambda draft: draft.write_bytes("text"))
    assert [one.name for one in path.parent.iterdir()] == ["one.json"]
