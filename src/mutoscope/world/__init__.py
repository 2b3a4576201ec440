"""The procedural world: captioned, exactly known video without end (numpy and numba only)."""

from mutoscope.world.caption import caption
from mutoscope.world.parse import parse
from mutoscope.world.render import Render, render
from mutoscope.world.sample import sample
from mutoscope.world.scene import VERSION, Scene

__all__ = ["VERSION", "Render", "Scene", "caption", "parse", "render", "sample"]
