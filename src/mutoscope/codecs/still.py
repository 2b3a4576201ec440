"""Pictures that stand still: png sheets and folders of png frames."""

from __future__ import annotations

import json
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
        """Keep the next picture."""
        if (len(self._pictures) + 1) * picture.shape[0] * picture.shape[1] > SHEET:
            raise MediaError(
                f"a png sheet holds {SHEET} pixels and was full after {len(self._pictures)} frames;"
                " write a folder of frames"
            )
        self._pictures.append(picture.copy())

    def close(self, record: str | None) -> None:
        """Lay out the pictures."""
        columns = min(self.options.columns, len(self._pictures))
        rows = math.ceil(len(self._pictures) / columns)
        height, width, _ = self._pictures[0].shape
        sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
        for index, picture in enumerate(self._pictures):
            top, left = index // columns * height, index % columns * width
            sheet[top : top + height, left : left + width] = picture
        _save(sheet, self.part, record)

    def abandon(self) -> None:
        """Forget the pictures."""
        self._pictures.clear()


class Folder(Sink):
    """A folder of `000000.png`, `000001.png` ... with `record.json`, which also holds the rate."""

    def __init__(self, part: Path, *, fps: float, options: Options) -> None:
        super().__init__(part, fps=fps, options=options)
        self._count = 0
        part.mkdir()

    def add(self, picture: Picture) -> None:
        """Write the next picture."""
        _save(picture, self.part / f"{self._count:06d}.png", None)
        self._count += 1

    def close(self, record: str | None) -> None:
        """Write the record and the rate."""
        if record is not None:
            text = json.dumps({**json.loads(record), "fps": self.fps}, ensure_ascii=False, indent=1)
            (self.part / tags.FOLDER).write_text(text, encoding="utf-8")

    def abandon(self) -> None:
        """Nothing is open."""


def _save(picture: Picture, path: Path, record: str | None) -> None:
    """Write one picture as png, the record in two iTXt chunks."""
    info = PngInfo()
    if record is not None:
        info.add_itxt(tags.OWN, record)
        info.add_itxt("Comment", record)
    # Far quicker than Pillow's own level 6, and little larger.
    Image.fromarray(picture).save(path, format="png", pnginfo=info, compress_level=3)
