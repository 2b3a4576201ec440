"""Totals of published benchmarks against sums written out, and what is missing is never 0."""

import json
import math
from pathlib import Path

import pytest

from mutoscope import cli
from mutoscope.evaluate.totals import (
    EVALCRAFTER,
    VBENCH_QUALITY,
    VBENCH_SEMANTIC,
    evalcrafter,
    vbench,
)

RAW = {
    "VQA_A": 59.44, "VQA_T": 76.51, "IS": 15.4, "clip_temp_score": 0.9984, "warping_error": 0.0117,
    "face_consistency_score": 0.9952, "action_score": 0.6853, "motion_ac_score": 0.56,
    "flow_score": 2.26, "clip_score": 0.2157, "blip_bleu": 0.23, "sd_score": 0.6842,
    "detection_score": 0.6709, "color_score": 0.453, "count_score": 0.6105, "ocr_score": 0.8153,
    "celebrity_id_score": 0.5,
}  # fmt: skip


def test_evalcrafters_groups_are_the_sums_written_out():
    found = evalcrafter(RAW).values
    quality = 5 * (0.03004555 * 0.5944 + 0.02887537 * 0.7651 - 0.01382558 * 0.154
                   + 0.08707462696457707)  # fmt: skip
    assert found["quality"] == pytest.approx(100 * quality, abs=1e-6)
    temporal = 5 * (2.92492244 * 0.9984 + 0.45475678 * (1 - 0.0117) + 0.17561504 * 0.9952
                    - 3.42274050899774)  # fmt: skip
    assert found["temporal"] == pytest.approx(100 * temporal, abs=1e-6)
    motion = 5 * (-0.01641512 * 0.6853 - 0.01340959 * 0.56 - 0.10517075 * 0.0226
                  + 0.1297562020899355)  # fmt: skip
    assert found["motion"] == pytest.approx(100 * motion, abs=1e-6)
    alignment = 5 * (
        -0.0701577 * 0.2157 + 0.02561424 * 0.23 + 0.05566109 * 0.6842 + 0.0173974 * 0.6709
        - 0.020954 * 0.453 + 0.03069167 * 0.6105 + 0.00372351 * (1 - 0.8153) + 0.22686202 * 0.5
    ) - 0.30683181901390977  # fmt: skip
    assert found["alignment"] == pytest.approx(100 * alignment, abs=1e-6)
    total = quality + temporal + motion + alignment
    assert found["total"] == pytest.approx(100 * total, abs=1e-6)


def test_vbench_is_0_at_all_lows_1_at_all_highs_and_quality_counts_four_times():
    rows = {**VBENCH_QUALITY, **VBENCH_SEMANTIC}
    lows, highs = ({name: row[k] for name, row in rows.items()} for k in (0, 1))
    assert vbench(lows).values == pytest.approx({"quality": 0, "semantic": 0, "total": 0})
    assert vbench(highs).values == pytest.approx({"quality": 1, "semantic": 1, "total": 1})
    frozen = vbench({**highs, "dynamic degree": 0.0}).values
    assert frozen["quality"] == pytest.approx(6 / 6.5)
    assert frozen["total"] == pytest.approx((4 * 6 / 6.5 + 1) / 5)


def test_what_is_missing_or_nan_is_named_and_its_group_has_no_value():
    found = evalcrafter({**RAW, "celebrity_id_score": math.nan})
    assert found.missing == ["celebrity_id_score"]
    assert set(found.values) == set(EVALCRAFTER) - {"alignment"}
    assert "total" not in vbench({"color": 1.0}).values
    assert vbench({"color": 1.0}).values == {}
    assert "dynamic degree" in vbench({}).missing


def test_the_command_line_sums_raw_scores_up(tmp_path: Path, capsys):
    path = tmp_path / "raw.json"
    path.write_text(json.dumps(RAW))
    assert cli.code(["totals", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["benchmark"] == "EvalCrafter"
    assert told["values"] == pytest.approx(evalcrafter(RAW).values)
    path.write_text(json.dumps({**dict.fromkeys(VBENCH_QUALITY, 1.0), "scene": None}))
    assert cli.code(["totals", str(path)]) == 0
    shown = capsys.readouterr()
    assert "quality" in shown.out
    assert "total" not in shown.out
    assert "no value without" in shown.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "can't be read as JSON"),
        ("[1]", "must hold a JSON object"),
        ('{"IS": "high"}', "'IS' isn't a number"),
        ('{"IS": 1' + "0" * 399 + "}", "holds a number of more than 308 digits"),
        ('{"IS": 1' + "0" * 5000 + "}", "can't be read as JSON"),
        ("{}", "got nothing"),
        ('{"IS": 1, "beauty": 2}', "got beauty"),
        ('{"IS": 1, "scene": 2}', "VBench or of EvalCrafter alone"),
    ],
)
def test_what_are_no_raw_scores_is_refused(tmp_path: Path, capsys, text, sentence):
    path = tmp_path / "raw.json"
    path.write_text(text)
    assert cli.code(["totals", str(path)]) == 2
    assert sentence in capsys.readouterr().err
