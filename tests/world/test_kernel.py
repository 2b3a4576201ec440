"""Compiled functions are kept on disk only as long as nothing that is inside them has changed."""

import re
from pathlib import Path

from mutoscope.world import kernel, raster

ROOM = Path(kernel.__file__).parent


def test_the_stamp_covers_every_file_that_has_kernels_and_what_they_import():
    texts = {p.stem: p.read_text() for p in ROOM.glob("*.py")}
    inside = {
        name for name, text in texts.items() if "import inlined" in text or "kernel\n" in text
    }
    imported = {
        name
        for stem in inside
        for name in re.findall(r"^from mutoscope\.world\.(\w+) import", texts[stem], re.M)
    }
    # What is imported for its functions on arrays or its words leaves no trace in a kernel.
    plain = {"camera", "motion", "scene", "verbs"}
    assert inside | (imported - plain) <= set(kernel.SOURCES)


def test_kernels_carry_the_stamp():
    assert raster.paint._cache._cache_file._source_stamp == kernel.stamp()
    assert len(kernel.stamp()) == 64
