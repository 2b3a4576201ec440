"""The rows of VideoCrafter1's check, of clips that show exactly what picture and words say."""

import numpy as np
import pytest
import torch

from mutoscope import checks
from mutoscope.checks import Subject
from mutoscope.checks import videocrafter1 as rows
from mutoscope.errors import DataError
from mutoscope.evaluate.faithfulness import renders
from mutoscope.evaluate.reading import shipped
from mutoscope.world.caption import caption
from mutoscope.world.parse import parse
from mutoscope.world.sample import sample

COUNT, SIDE = 6, 64


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    scenes = rows.drawn(COUNT)
    others = [sample(rows.SEED + 1, k, objects=1, split="test") for k in range(COUNT)]
    told, short = {}, {}
    for k, scene in enumerate(scenes):
        told[caption(scene, np.random.default_rng((rows.SEED, k)), detail="full")] = scene
        one = sample(rows.SEED, k, split="test")
        short[caption(one, np.random.default_rng((rows.SEED, k)), detail="short")] = one

    def clip(prompt, seed, asked):
        scene = {**short, **told}.get(prompt, others[seed])
        if given := asked.get("conditions"):
            number = int(given[0].source.rpartition("-")[2].removesuffix(".png"))
            scene = scenes[number] if given[0].strength and prompt else others[number]
        size = (SIDE, SIDE)
        return renders([scene], frames=rows.FRAMES, size=size, fps=asked.get("fps", 8.0))

    def ask(asked):
        return lambda prompts, seeds: torch.cat(
            [clip(p, s, asked) for p, s in zip(prompts, seeds, strict=True)]
        )

    return Subject(
        make=lambda _: ask({}), ask=ask, settings={}, twin=lambda _: ask({}), reader=shipped(),
        count=COUNT, fps=8.0, side=SIDE, folder=tmp_path_factory.mktemp("given"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(subject):
    return {row.id: row for row in checks.find("videocrafter1").run(subject)}


def test_what_obeys_rate_words_and_picture_is_as_good_as_the_truth(found):
    rate = found["rate: pixels a frame fall"]
    assert rate.value == pytest.approx(rate.baselines["truth"]) == pytest.approx(1, abs=0.05)
    for name in ("colour and shape of the picture", "motion of the words"):
        row = found[f"both: {name}"]
        assert row.value == pytest.approx(row.baselines["truth"])
        assert row.value > row.baselines["chance"]
        assert row.n == COUNT


def test_what_is_left_without_a_picture_or_words_is_told_beside_chance(found):
    left = [row for name, row in found.items() if name.endswith("is chance")]
    assert len(left) == 2
    for row in left:
        assert row.value == pytest.approx(row.baselines["chance"] - row.baselines["left"])


def test_new_doors_change_nothing_and_an_extension_takes_nothing_away(found):
    assert found["doors: new ones change nothing"].value == 0
    gap = found["extension: what was said is seen"]
    assert gap.value == 0
    assert gap.passes


def test_whoever_knows_the_noise_gets_the_clean_clip_back_if_the_sampler_knows_it_is_shrunk(found):
    row = found["path: the clean clip comes back"]
    assert row.passes
    assert row.baselines["not shrunk"] > row.threshold
    assert row.baselines["not divided"] < -0.3


def test_ranks_fall_rise_or_do_neither():
    table = np.array([[4.0, 1.0, 2.0, 0.0], [3.0, 2.0, 2.0, 0.0], [1.0, 9.0, 2.0, 1.0]])
    np.testing.assert_allclose(rows.falls(table), [1, -1, 0, -0.866], atol=1e-3)


def test_the_words_beside_a_picture_say_only_what_things_do(subject, found):
    for objects in (1, 2):
        for case in rows.cases(subject.folder, rows.drawn(2, objects), SIDE):
            facts = parse(case.prompt)
            verbs = sorted(thing.motion.verb for thing in case.scene.things)
            assert sorted(thing.verb for thing in facts.things) == verbs
            assert all(t.colour is None and t.shape is None for t in facts.things)
            assert case.picture.exists()


def test_without_a_folder_for_pictures_nothing_is_asked():
    bare = Subject(
        make=lambda _: None, ask=lambda _: None, settings={}, twin=lambda _: None,
        reader=shipped(), count=2, fps=8.0, side=SIDE,
    )  # fmt: skip
    with pytest.raises(DataError, match="name a folder"):
        next(checks.find("videocrafter1").run(bare))


def test_what_needs_a_training_of_its_own_is_named():
    left = {one.file: one.reason for one in checks.find("videocrafter1").unchecked()}
    assert "mechanism_videocrafter1" in left["full tokens over one"]
    assert {"joint training", "inflation over time"} <= set(left)


def test_the_lines_of_the_readme_are_rows_with_the_baselines_they_name(found):
    for line in checks.obeyed("videocrafter1"):
        named = {line.shuffled, line.without, line.truth} - {None}
        assert named <= set(found[line.row].baselines)
