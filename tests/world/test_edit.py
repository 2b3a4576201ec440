"""Laws of editing: the instruction reads back, and the scene changes in what it says only."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_scenes import random_scene

from mutoscope.errors import DataError
from mutoscope.world.edit import MAPS, TASKS, drawn_edit, edit
from mutoscope.world.facts import Facts, ThingFacts, agrees, shown
from mutoscope.world.instructions import ORDERS, read
from mutoscope.world.picture import KINDS
from mutoscope.world.sample import goes_well, held_out, sample
from mutoscope.world.scene import CORE_STAGES, Scene

SEEDS = st.integers(0, 2**40)
LAW = settings(max_examples=5, deadline=None, derandomize=True)


def changed(before: Scene, after: Scene) -> set[str]:
    """The names of the fields in which two scenes with the same things differ."""
    names = {f.name for f in dataclasses.fields(Scene)} - {"things", "stage"}
    found = {n for n in names if getattr(before, n) != getattr(after, n)}
    pairs = [(before.stage, after.stage), *zip(before.things, after.things, strict=True)]
    for a, b in pairs:
        found |= {f.name for f in dataclasses.fields(a) if getattr(a, f.name) != getattr(b, f.name)}
    return found


def some_edit(seed, task):
    rng = np.random.default_rng(seed)
    for _ in range(50):
        drawn = random_scene(rng, core=True)
        try:
            return drawn, edit(drawn, rng, task)
        except DataError:
            continue
    raise AssertionError(f"no {task} edit found")


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_an_instruction_reads_back(task, seed):
    _, made = some_edit(seed, task)
    order = read(made.instruction)
    assert order is not None, made.instruction
    assert (order.task, order.about, order.facts) == (task, made.about, made.facts)
    assert not made.facts.unknown


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_what_an_instruction_says_is_true_before_and_after(task, seed):
    drawn, made = some_edit(seed, task)
    assert agrees(made.about, drawn)
    assert agrees(made.facts, made.scene)
    assert len([t for t in shown(drawn).things if _fits(made.about, t)]) <= 1


def _fits(about: Facts, thing: ThingFacts) -> bool:
    told = about.things[0] if about.things else None
    return told is not None and all(v in {None, getattr(thing, n)} for n, v in vars(told).items())


FIELDS = {
    "local": {"shape", "colour", "size", "motion"}, "texture": {"colour", "material"},
    "background": {"floor", "sky"}, "global": {"sky", "fog", "light"}, "style": {"look"},
    "text": {"sign"},
}  # fmt: skip


@pytest.mark.parametrize("task", [t for t in TASKS if t not in {"add", "remove"}])
@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_an_edit_changes_exactly_what_its_instruction_says(task, seed):
    drawn, made = some_edit(seed, task)
    differs = changed(drawn, made.scene)
    if task not in FIELDS:
        assert made.scene == drawn
        return
    scene_facts = {n: v for n, v in vars(made.facts).items() if v and n not in {"things"}}
    thing_facts = vars(made.facts.things[0]) if made.facts.things else {}
    said = set(scene_facts) | {n for n, v in thing_facts.items() if v is not None}
    said = {"motion" if n == "verb" else n for n in said - {"becomes", "speed"}}
    assert differs
    assert differs <= FIELDS[task]
    if said:  # "remove the sign" and "remove the fog" say what is gone
        assert differs == said
    if made.thing is not None:
        others = [k for k in range(len(drawn.things)) if k != made.thing]
        assert all(drawn.things[k] == made.scene.things[k] for k in others)


@LAW
@given(SEEDS)
def test_removing_and_adding_leave_all_other_things_alone(seed):
    drawn, less = some_edit(seed, "remove")
    kept = [t for k, t in enumerate(drawn.things) if k != less.thing]
    assert list(less.scene.things) == kept
    assert dataclasses.replace(less.scene, things=drawn.things) == drawn
    drawn, more = some_edit(seed, "add")
    assert more.scene.things[:-1] == drawn.things
    assert dataclasses.replace(more.scene, things=drawn.things) == drawn


def test_a_core_edit_of_a_sampled_scene_stays_core_fits_and_is_fit_for_training():
    for index in range(12):
        drawn, rng = sample(5, index), np.random.default_rng(index)
        for task in ("local", "texture", "background"):
            made = edit(drawn, rng, task, tier="core").scene
            assert goes_well(made)
            assert not held_out(made)
            stage = made.stage
            assert task != "background" or (stage.floor, stage.sky) in CORE_STAGES.values()
            assert all(t.material == "matte" for t in made.things)


def test_edits_of_images_change_no_verb():
    for index in range(10):
        drawn = sample(6, index)
        made = edit(drawn, np.random.default_rng(index), "local", still=True)
        assert [t.motion for t in made.scene.things] == [t.motion for t in drawn.things]


def test_an_edit_is_a_function_of_scene_and_generator_and_any_task_comes_up():
    drawn = sample(7, 1)
    first, again = (edit(drawn, np.random.default_rng(2)) for _ in range(2))
    assert first == again
    assert len({edit(drawn, np.random.default_rng(k)).task for k in range(20)}) >= 6


def test_sixteen_tasks_have_orders_and_targets_that_are_drawn():
    assert len(TASKS) == 16
    assert {task for task, _ in ORDERS} == set(TASKS)
    for task in TASKS:
        made = some_edit(3, task)[1]
        assert made.target in KINDS
        assert made.given in {"rgb", *MAPS}


def test_what_is_no_edit_reads_as_none_and_unknown_tasks_are_refused():
    assert read("what a lovely day") is None
    with pytest.raises(DataError, match="no edit task 'swap'; use one of local"):
        edit(sample(5, 0), np.random.default_rng(0), "swap")


@pytest.mark.parametrize("tier", ["core", "wide"])
@pytest.mark.parametrize("task", TASKS)
def test_every_number_has_an_edit_of_every_task(tier, task):
    for index in range(6):
        drawn, made = drawn_edit(8, index, task, tier=tier)
        assert made.task == task
        assert agrees(made.about, drawn)
        assert not held_out(drawn)
        assert not held_out(made.scene)
    assert drawn_edit(8, 5, task, tier=tier) == (drawn, made)


def test_an_edit_is_of_the_scene_of_its_number_where_that_allows_it():
    assert drawn_edit(8, 2, "style")[0] == sample(8, 2)
    assert drawn_edit(8, 2, "style", split="test")[0] == sample(8, 2, split="test")
