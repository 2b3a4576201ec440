"""Pictures that stand still: png sheets."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mutoscope.codecs import tags
from mutoscope.codecs.sink import Options, Picture, Sink
from mutoscope.errors import MediaError

SHEET = 100_000_000
"""The pixels a sheet may have; ours."""


class Sheet(Sink):
    """A png with every picture in reading order, black where the last row is short."""

    def __init__(self, part: Path, *, fps: float, options: Options) -> None:
        super().__init__(part, fps=fps, options=options)
        self._pictures: list[Picture] = []

    def add(self, picture: Picture) -> None:
        """Take the next picture."""
        height, width, _ = picture.shape
        if (len(self._pictures) + 1) * height * width > SHEET:
            raise MediaError(
                f"a png sheet holds at most {SHEET} pixels, here {len(self._pictures)} frames;"
                " write a folder of frames"
            )
        self._pictures.append(picture)

    def close(self, record: str | None) -> None:
        """Finish the file."""
        columns = min(self.options.columns, len(self._pictures))
        rows = math.ceil(len(self._pictures) / columns)
        height, width, _ = self._pictures[0].shape
        sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
        for index, picture in enumerate(self._pictures):
            y, x = index // columns * height, index % columns * width
            sheet[y : y + height, x : x + width] = picture
        save_png(sheet, self.part, record)


def save_png(picture: Picture, path: Path, record: str | None) -> None:
    """Write one picture as png, the record in two iTXt chunks."""
    info = PngInfo()
    if record is not None:
        info.add_itxt(tags.OWN, record)
        info.add_itxt("Comment", record)
    Image.fromarray(picture).save(path, format="png", pnginfo=info)
