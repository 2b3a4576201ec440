"""The procedural world: captioned, exactly known video without end (numpy and numba only)."""
