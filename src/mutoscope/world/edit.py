"""Edits of a scene with their instructions, for each of Emu Edit's sixteen tasks.

An edit changes exactly what its instruction says: same things at the same places otherwise. The
edited scene is rendered and, for tasks whose answer is a picture of a truth, drawn as `target`.

Source: Sheynin et al. (2023), Emu Edit, section 3.1 (the tasks).
Departs: pairs are exact, where the paper makes them with a language model and masked attention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from mutoscope.errors import DataError
from mutoscope.world import edit_things, instructions, scene, words
from mutoscope.world.caption import tell
from mutoscope.world.dice import Dice
from mutoscope.world.edit_things import Desk, Edit
from mutoscope.world.facts import Facts, shown
from mutoscope.world.instructions import FILTERS, MAPS, TASKS
from mutoscope.world.plan import plan
from mutoscope.world.sample import redraws
from mutoscope.world.scene import Scene, Stage
from mutoscope.world.words import said

__all__ = ["FILTERS", "MAPS", "TASKS", "Edit", "drawn_edit", "edit"]

SIGN_WORDS = ("HELLO", "OPEN", "PLAY", "MOON", "STOP", "TEA", "CIRCUS", "ZEBRA", "NORTH", "JAZZ")
"""Words that edits put on signs (ours)."""
_TRIES = 32
_OPEN_SKIES = ("day", "sunset", "night", "overcast")


def edit(
    scene: Scene,
    rng: np.random.Generator,
    task: str | None = None,
    *,
    tier: Literal["core", "wide"] = "wide",
    still: bool = False,
) -> Edit:
    """An edit of the scene for a task of TASKS, or for a random one that the scene allows.

    `tier` "core" takes new shapes, colours, verbs and stages from the core words; `still` never
    changes a verb, for images. A scene that training may see stays one that it may see.
    """
    if task is not None and task not in TASKS:
        raise DataError(f"no edit task {task!r}; use one of {', '.join(TASKS)}")
    dice = Dice(rng)
    desk = Desk(scene=scene, dice=dice, core=tier == "core", still=still)
    for name in [task] if task is not None else dice.shuffled(TASKS):
        for _ in range(_TRIES):
            found = dice.pick(_MAKERS[name])(desk)
            if found is not None:
                return found
    raise DataError(f"the scene allows no {task} edit; use another scene or another task")


def drawn_edit(
    seed: int,
    index: int,
    task: str | None = None,
    *,
    tier: Literal["core", "wide"] = "core",
    split: str = "train",
    still: bool = False,
) -> tuple[Scene, Edit]:
    """A scene and an edit of it, a pure function of the arguments.

    The scene is that of `sample(seed, index)`, or another where that one doesn't allow the task;
    things are removed from two and added to one, else `sample`'s own odds hold.
    """
    objects = {"remove": 2, "add": 1}.get(task or "")
    for drawn, rng in redraws(seed, index, tier=tier, objects=objects, split=split):
        with suppress(DataError):
            return drawn, edit(drawn, rng, task, tier=tier, still=still)
    raise DataError(f"no scene allows a {task} edit; use another of {', '.join(TASKS)}")


def _place(desk: Desk) -> Edit | None:
    """Another floor, another sky, or both."""
    dice, stage = desk.dice, desk.scene.stage
    kind = "both" if desk.core else dice.pick(("sky", "floor", "both"))
    core = dice.pick(tuple(scene.CORE_STAGES.values()))
    floor, sky = core if desk.core else (dice.pick(scene.FLOORS), dice.pick(scene.SKIES))
    both = {"floor": floor, "sky": sky}
    fields: dict[str, Any] = {n: v for n, v in both.items() if kind in {n, "both"}}
    changed = _restaged(desk, replace(stage, **fields), fields)
    if changed is None:
        return None
    spoken = {"floor": words.FLOORS[floor], "sky": words.SKIES[sky]}
    order = desk.order(
        "background",
        kind,
        on=" ".join(said(dice.pick(spoken[name])) for name in fields),
        backdrop=dice.pick(instructions.BACKDROPS[sky]),
    )
    return Edit(task="background", instruction=order, scene=changed, facts=Facts(**fields))


def _restaged(desk: Desk, stage: Stage, fields: Mapping[str, object]) -> Scene | None:
    """The scene on another stage, if each of the fields is new and shows."""
    old, changed = desk.scene.stage, desk.fit(replace(desk.scene, stage=stage))
    if changed is None or any(getattr(old, name) == value for name, value in fields.items()):
        return None
    truth = shown(changed)
    hidden = any(getattr(truth, n) != v for n, v in fields.items() if v is not False)
    return None if hidden else changed


def _sky(desk: Desk) -> Edit | None:
    """Another weather or hour."""
    sky = desk.dice.pick(_OPEN_SKIES)
    changed = _restaged(desk, replace(desk.scene.stage, sky=sky), {"sky": sky})
    if desk.scene.stage.sky not in _OPEN_SKIES or changed is None:
        return None
    order = desk.order("global", "sky", weather=desk.dice.pick(instructions.WEATHERS[sky]))
    return Edit(task="global", instruction=order, scene=changed, facts=Facts(sky=sky))


def _fog(desk: Desk) -> Edit | None:
    """Fog where there was none, or none where there was."""
    fog = not desk.scene.stage.fog
    if not fog and desk.truth.fog is None:
        return None
    changed = _restaged(desk, replace(desk.scene.stage, fog=fog), {"fog": fog})
    if changed is None:
        return None
    order = desk.order("global", "fog" if fog else "clear")
    return Edit(task="global", instruction=order, scene=changed, facts=Facts(fog=fog or None))


def _light(desk: Desk) -> Edit | None:
    """Light from another side."""
    light = desk.dice.pick(scene.LIGHTS)
    changed = _restaged(desk, replace(desk.scene.stage, light=light), {"light": light})
    if changed is None:
        return None
    order = desk.order("global", "light", side="above" if light == "above" else f"the {light}")
    return Edit(task="global", instruction=order, scene=changed, facts=Facts(light=light))


def _look(desk: Desk) -> Edit | None:
    """Another look."""
    look = desk.dice.pick(scene.LOOKS)
    if look == desk.scene.look:
        return None
    style = said(desk.dice.pick(words.LOOK_OF[look])).removesuffix(" of")
    order = desk.order("style", "look", look=said(desk.dice.pick(words.LOOK_IN[look])), style=style)
    changed = replace(desk.scene, look=look)
    return Edit(task="style", instruction=order, scene=changed, facts=Facts(look=look))


def _sign(desk: Desk) -> Edit | None:
    """A sign put up, changed or taken away."""
    old, new = desk.scene.sign, desk.dice.pick(SIGN_WORDS)
    if old is not None and desk.dice.chance(0.4):
        order = desk.order("text", "remove")
        return Edit(task="text", instruction=order, scene=replace(desk.scene, sign=None))
    if old == new:
        return None
    order = desk.order("text", "add" if old is None else "change", sign=f'"{new}"')
    changed = replace(desk.scene, sign=new)
    return Edit(task="text", instruction=order, scene=changed, facts=Facts(sign=new))


def _pointed(task: str, target: str) -> Callable[[Desk], Edit | None]:
    """The box or mask of a thing."""

    def make(desk: Desk) -> Edit | None:
        some = desk.some()
        if some is None:
            return None
        index, about, the = some
        order, told = desk.order(task, "thing", the=the), Facts(things=(about,))
        return Edit(
            task=task, instruction=order, scene=desk.scene, about=told, target=target, thing=index
        )

    return make


def _map(task: str) -> Callable[[Desk], Edit]:
    """A map of the scene, or the scene from its map."""

    def make(desk: Desk) -> Edit:
        if desk.dice.chance(0.5):
            order = desk.order(task, "to")
            return Edit(task=task, instruction=order, scene=desk.scene, target=task)
        facts = plan(desk.scene, desk.dice, still=desk.still)
        order = desk.order(task, "from", scene=tell(facts, desk.dice, still=desk.still))
        return Edit(task=task, instruction=order, scene=desk.scene, facts=facts, given=task)

    return make


def _filter(desk: Desk) -> Edit:
    """The picture through a filter."""
    target = desk.dice.pick(FILTERS)
    order = desk.order("colour", target)
    return Edit(task="colour", instruction=order, scene=desk.scene, target=target)


_MAKERS: Mapping[str, Sequence[Callable[[Desk], Edit | None]]] = MappingProxyType({
    "local": (edit_things.shape, edit_things.size, edit_things.verb),
    "remove": (edit_things.remove,),
    "add": (edit_things.add,),
    "texture": (edit_things.colour, edit_things.material),
    "background": (_place,),
    "global": (_sky, _fog, _light),
    "style": (_look,),
    "text": (_sign,),
    "detect": (_pointed("detect", "box"),),
    "segment": (_pointed("segment", "mask"),),
    "colour": (_filter,),
    **{task: (_map(task),) for task in MAPS},
})  # fmt: skip
