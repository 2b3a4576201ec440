"""Edits of single things: another shape, size, verb, colour, material; one thing less or more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import final

from mutoscope.world import scene, words
from mutoscope.world.caption import article, names, noun_phrase
from mutoscope.world.dice import Dice
from mutoscope.world.facts import FLEETING, SILENCE, Facts, ThingFacts, related, shown, shown_verb
from mutoscope.world.instructions import ORDERS
from mutoscope.world.sample import goes_well, held_out
from mutoscope.world.scene import Scene, Thing
from mutoscope.world.words import inflect, said

_PLACES = 12
"""How many places are tried for a new thing."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """An instruction, and the scene that obeys it.

    `about` is what the instruction says of the given scene, `facts` what it says of the answer.
    `given` and `target` say what is drawn of each: "rgb", a map of MAPS, "box" or "mask" of the
    thing with index `thing`, or a filter of FILTERS over the picture.
    """

    task: str
    instruction: str
    scene: Scene
    about: Facts = SILENCE
    facts: Facts = SILENCE
    given: str = "rgb"
    target: str = "rgb"
    thing: int | None = None


@final
@dataclass(frozen=True, kw_only=True)
class Desk:
    """What an editor works on; `core` takes new words from the core tier, `still` edits images."""

    scene: Scene
    dice: Dice
    core: bool
    still: bool
    truth: Facts = field(init=False)
    well: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "truth", shown(self.scene))
        object.__setattr__(self, "well", bool(self.scene.things) and goes_well(self.scene))

    def order(self, task: str, kind: str, **slots: str) -> str:
        """An instruction in one of its wordings, with or without capital and stop."""
        text = self.dice.pick(ORDERS[task, kind]).format_map(slots)
        if self.dice.chance(0.5):
            return text
        return text[:1].upper() + text[1:] + ("" if text.endswith(('"', ".")) else ".")

    def fit(self, changed: Scene) -> Scene | None:
        """The changed scene, where it goes as well as before and training may see it as before."""
        if self.well and changed.things and not goes_well(changed):
            return None
        return changed if held_out(self.scene) or not held_out(changed) else None

    def colours(self) -> tuple[str, ...]:
        """The colours a thing may get; none where the look shows none."""
        hued = bool(self.truth.things) and self.truth.things[0].colour is not None
        return (scene.CORE_COLOURS if self.core else scene.COLOURS) if hued else ()

    def some(self) -> tuple[int, ThingFacts, str] | None:
        """A thing that words single out, what they say of it, and the words; None by bad luck."""
        if not self.scene.things:
            return None
        index = int(self.dice.roll() * len(self.scene.things))
        truth = self.truth.things[index]
        quiet = {"matte", "medium", None}
        extra = [n for n in ("colour", "size", "material") if getattr(truth, n) not in quiet]
        chosen = self.dice.shuffled(extra)[: int(self.dice.roll() * 2.2)]
        told = {"shape": truth.shape, **{n: getattr(truth, n) for n in chosen}}
        fits = [t for t in self.truth.things if told.items() <= vars(t).items()]
        if len(fits) != 1 or truth.verb in FLEETING:
            return None
        facts = ThingFacts(**told)
        return index, facts, f"the {noun_phrase(facts, names(facts, self.dice), self.dice)}"


def shape(desk: Desk) -> Edit | None:
    """Another shape, and maybe another colour."""
    colours = desk.colours() if desk.dice.chance(0.4) else ()
    colour = desk.dice.pick(colours) if colours else None
    return _attribute(desk, "shape", ThingFacts(shape=desk.dice.pick(scene.SHAPES), colour=colour))


def size(desk: Desk) -> Edit | None:
    """Another size."""
    return _attribute(desk, "size", ThingFacts(size=desk.dice.pick(("small", "large"))))


def colour(desk: Desk) -> Edit | None:
    """Another colour."""
    colours = desk.colours()
    return (
        _attribute(desk, "colour", ThingFacts(colour=desk.dice.pick(colours))) if colours else None
    )


def material(desk: Desk) -> Edit | None:
    """Another surface, where the look shows one."""
    if desk.core or not desk.truth.things or desk.truth.things[0].material is None:
        return None
    return _attribute(desk, "material", ThingFacts(material=desk.dice.pick(scene.MATERIALS)))


def _attribute(desk: Desk, kind: str, facts: ThingFacts) -> Edit | None:
    some = desk.some()
    if some is None:
        return None
    index, about, the = some
    fields = {name: value for name, value in vars(facts).items() if value is not None}
    new = replace(desk.scene.things[index], **fields)
    if any(getattr(desk.scene.things[index], name) == fields[name] for name in fields):
        return None
    # A ball's spin shows by its pattern only: such an edit would change what it does, too.
    if shown_verb(new, desk.scene.look) != shown_verb(desk.scene.things[index], desk.scene.look):
        return None
    chosen = names(facts, desk.dice)
    slots = {kind: chosen.get(kind, "")}
    if kind == "shape":
        slots = {"a": article(noun_phrase(facts, chosen, desk.dice))}
    return _replaced(desk, index, new, kind, (about, facts, {"the": the, **slots}))


def verb(desk: Desk) -> Edit | None:
    """Another verb; never for images."""
    some, name = desk.some(), desk.dice.pick(scene.CORE_VERBS)
    if some is None or desk.still:
        return None
    index, about, the = some
    old = desk.scene.things[index]
    new = replace(old, motion=replace(old.motion, verb=name, other=None, colour=None))
    if old.motion.verb == name or shown_verb(new, desk.scene.look) != name:
        return None
    do = inflect(desk.dice.pick(words.VERB_PHRASES[name]), "base")
    return _replaced(
        desk, index, new, "verb", (about, ThingFacts(verb=name), {"the": the, "do": do})
    )


def _replaced(
    desk: Desk,
    index: int,
    new: Thing,
    kind: str,
    saying: tuple[ThingFacts, ThingFacts, dict[str, str]],
) -> Edit | None:
    things = desk.scene.things
    changed = desk.fit(replace(desk.scene, things=(*things[:index], new, *things[index + 1 :])))
    if changed is None:
        return None
    about, facts, slots = saying
    task = "texture" if kind in {"colour", "material"} else "local"
    return Edit(
        task=task,
        instruction=desk.order(task, kind, **slots),
        scene=changed,
        about=Facts(things=(about,)),
        facts=Facts(things=(facts,)),
        thing=index,
    )


def remove(desk: Desk) -> Edit | None:
    """One thing less; the last stays, and so does one that another follows, pushes ..."""
    some = desk.some()
    if some is None or len(desk.scene.things) < 2:
        return None
    index, about, the = some
    if any(thing.motion.other == index for thing in desk.scene.things):
        return None
    rest = tuple(_reindexed(t, index) for k, t in enumerate(desk.scene.things) if k != index)
    changed = desk.fit(replace(desk.scene, things=rest))
    if changed is None:
        return None
    order, told = desk.order("remove", "thing", the=the), Facts(things=(about,))
    return Edit(task="remove", instruction=order, scene=changed, about=told, thing=index)


def _reindexed(thing: Thing, gone: int) -> Thing:
    other = thing.motion.other
    if other is None or other < gone:
        return thing
    return replace(thing, motion=replace(thing.motion, other=other - 1))


def add(desk: Desk) -> Edit | None:
    """One thing more, up to four (core: two), standing still where it fits."""
    some = desk.some() if desk.dice.chance(0.5) else None
    changed = _grown(desk) if len(desk.scene.things) < (2 if desk.core else 4) else None
    if changed is None:
        return None
    index = len(changed.things) - 1
    facts = _described(shown(changed).things[index])
    noun = noun_phrase(facts, names(facts, desk.dice), desk.dice)
    again = any(vars(facts).items() <= vars(_described(t)).items() for t in desk.truth.things)
    a = f"another {noun}" if again else article(noun)
    held = [r for r in words.RELATIONS if some and related(changed, index, r, some[0])]
    if some is None or not held:
        order, told = desk.order("add", "thing", a=a), Facts(things=(facts,))
        return Edit(task="add", instruction=order, scene=changed, facts=told, thing=index)
    relation = desk.dice.pick(held)
    rel = said(desk.dice.pick(words.RELATIONS[relation]))
    return Edit(
        task="add",
        instruction=desk.order("add", "related", a=a, rel=rel, the=some[2]),
        scene=changed,
        about=Facts(things=(some[1],)),
        facts=Facts(things=(facts, some[1]), relations=((0, relation, 1),)),
        thing=index,
    )


def _grown(desk: Desk) -> Scene | None:
    roll, pick = desk.dice.roll, desk.dice.pick
    new = Thing(
        shape=pick(scene.SHAPES),
        colour=pick(scene.CORE_COLOURS if desk.core else scene.COLOURS),
        material="matte" if desk.core else pick(("matte", "matte", *scene.MATERIALS)),
        size="medium" if desk.core else pick(("medium", *scene.SIZES)),
    )
    for _ in range(_PLACES if desk.well else 1):
        x, z = round(3.2 * roll() - 1.6, 3), round(2.6 * roll() - 1.8, 3)
        placed = replace(new, x=x, z=z, yaw=round(1.2 * roll() - 0.6, 3))
        changed = desk.fit(replace(desk.scene, things=(*desk.scene.things, placed)))
        if changed is not None:
            return changed
    return None


def _described(seen: ThingFacts) -> ThingFacts:
    """A thing's look without its unremarkable attributes."""
    size = seen.size if seen.size != "medium" else None
    material = seen.material if seen.material != "matte" else None
    return ThingFacts(shape=seen.shape, colour=seen.colour, size=size, material=material)
