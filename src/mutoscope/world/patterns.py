"""The sentence shapes of captions, as tables.

Slots: {a} {b} are objects ("a red ball"), {the_a} {the_b} point back to them, {does_a} {do_a}
{doing_a} their verbs with speed, {is_a} their "is" or "are", {it} {It} the pronoun, {on} the place,
{rel} a relation, {film} "a video of", {list} all objects. An empty {on} leaves no trace.
"""

ONE_DOES = (
    "{a} {does_a} {on}",
    "{a} {does_a} {on}",
    "{a} {on} {does_a}",
    "{on}, {a} {does_a}",
    "{a} {is_a} {doing_a} {on}",
    "{a} {doing_a} {on}",
    "there {is_a} {a} {doing_a} {on}",
    "there {is_a} {a} that {does_a} {on}",
    "{on} there {is_a} {a} {doing_a}",
    "{a} {on}. {it} {does_a}",
    "{a} {on}; {it} {does_a}",
    "there {is_a} {a} {on}. {it} {is_a} {doing_a}",
    "{a} that {does_a} {on}",
    "{a} which {is_a} {doing_a} {on}",
    "{film} {a} {doing_a} {on}",
    "{film} {a} {on} that {does_a}",
    "{film} {a} that {is_a} {doing_a} {on}",
    "watch {a} {do_a} {on}",
    "make {a} {do_a} {on}",
    "we see {a} {doing_a} {on}",
    "show me {a} {doing_a} {on}",
    "{a} can be seen {doing_a} {on}",
    "here {is_a} {a} {doing_a} {on}",
    "{on} we see {a} that {does_a}",
    "{a}, {doing_a} {on}",
)
ONE_BARE = (
    "{a} {on}",
    "{a} {on}",
    "there {is_a} {a} {on}",
    "{on} there {is_a} {a}",
    "{on}, {a}",
    "{film} {a} {on}",
    "we see {a} {on}",
    "show me {a} {on}",
    "here {is_a} {a} {on}",
    "{a} can be seen {on}",
    "just {a} {on}",
)
TWO_DO = (
    "{a} {does_a} and {b} {does_b} {on}",
    "{a} {does_a} while {b} {does_b} {on}",
    "{a} {does_a} {on} while {b} {does_b}",
    "{on}, {a} {does_a} and {b} {does_b}",
    "{on}, {a} {does_a} while {b} {does_b}",
    "while {a} {does_a}, {b} {does_b} {on}",
    "as {a} {does_a}, {b} {does_b} {on}",
    "{a} {doing_a} and {b} {doing_b} {on}",
    "{a} {doing_a} while {b} {does_b} {on}",
    "{a} {is_a} {doing_a} and {b} {is_b} {doing_b} {on}",
    "{on} {a} {is_a} {doing_a} while {b} {is_b} {doing_b}",
    "{a} {does_a}, and {b} {does_b} {on}",
    "{a} {does_a}, {b} {does_b} {on}",
    "{a} {does_a}; {b} {does_b} {on}",
    "{a} {does_a} {on}. {b} {does_b}",
    "{a} {does_a}, with {b} {doing_b} {on}",
    "{a} {does_a} and at the same time {b} {does_b} {on}",
    "{film} {a} {doing_a} and {b} {doing_b} {on}",
    "{film} {a} that {does_a} and {b} that {does_b} {on}",
    "{film} {a} {doing_a} while {b} {does_b} {on}",
    "there {is_a} {a} {doing_a} and {b} {doing_b} {on}",
    "{on} there {is_a} {a} that {does_a} and {b} that {does_b}",
    "we see {a} {doing_a} while {b} {does_b} {on}",
    "watch {a} {do_a} while {b} {does_b} {on}",
    "show me {a} {doing_a} and {b} {doing_b} {on}",
)
TWO_POINTED = (
    "{a} and {b} {on}. {the_a} {does_a} and {the_b} {does_b}",
    "{a} and {b} {on}: {the_a} {does_a}, {the_b} {does_b}",
    "there are {a} and {b} {on}. {the_a} {is_a} {doing_a} while {the_b} {is_b} {doing_b}",
    "{film} {a} and {b} {on}. {the_a} {does_a} while {the_b} {does_b}",
)
"""For two objects that "the ..." can tell apart."""
TOGETHER = (
    "{list} {do_a} {on}",
    "{list} {all} {do_a} {on}",
    "{list} are {doing_a} {on}",
    "{list} are {all} {doing_a} {on}",
    "{on}, {list} {do_a}",
    "{film} {list}, {all} {doing_a} {on}",
    "{list} {on}. they {all} {do_a}",
    "watch {list} {do_a} {on}",
)
"""For several objects that do the same; {all} is "both" for two."""
LIST_BARE = (
    "{list} {on}",
    "there are {list} {on}",
    "{on} there are {list}",
    "{on}, {list}",
    "{film} {list} {on}",
    "we see {list} {on}",
    "show me {list} {on}",
    "{list} can be seen {on}",
)
RELATED = (
    "{a} {rel} {b} {on}",
    "{a} {is_a} {rel} {b} {on}",
    "there {is_a} {a} {rel} {b} {on}",
    "{on}, {a} {rel} {b}",
    "{on}, {a} {is_a} {rel} {b}",
    "{film} {a} {rel} {b} {on}",
)
FILMS = (
    "a video of",
    "a clip of",
    "an animation of",
    "footage of",
    "a scene with",
    "a short video of",
)
PICTURES = ("a picture of", "an image of", "a view of", "a scene with", "a still image of")
SHOTS = (
    "{core}, the camera {moves}",
    "{core}. the camera {moves}",
    "{core} as the camera {moves}",
    "{core} while the camera {moves}",
    "{core}; the camera {is} {moving}",
    "{core}, with the camera {moving}",
    "{core}. the camera {is} {moving}",
    "{core}. {shot}",
    "the camera {moves}. {core}",
    "{core}, {shot}",
    "{core}, {shot}",
)
SHOTS_APART = tuple(s for s in SHOTS if ". " in s)
"""For cores of several sentences."""
OPENING_SHOTS = ("as the camera {moves}, {core}", "while the camera {moves}, {core}")
"""For cores that are one whole clause."""
WATCHED = ("{core}, {said}", "{core}. {said}", "{core} while {said}", "{said}. {core}")
"""Of a clause that says how the camera moves."""
SIGNS = (
    '{core}, with a sign that says "{sign}"',
    '{core} and a sign that reads "{sign}"',
    '{core}. a sign says "{sign}"',
    '{core}. the word "{sign}" is in the scene',
    '{core}, and the word "{sign}"',
)
NOTHING = ("the scene {on}", "a scene {on}", "an empty scene {on}")
SENTENCES = (
    *ONE_DOES, *ONE_BARE, *TWO_DO, *TWO_POINTED, *TOGETHER, *LIST_BARE, *RELATED, *SHOTS,
    *OPENING_SHOTS, *SIGNS, *NOTHING,
)  # fmt: skip
"""Every sentence shape."""
