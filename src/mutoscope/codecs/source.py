"""A file that is being read: pictures out, one at a time, each with when it is seen.

Formats are told by their first bytes, never by name, and only those listed here are opened: a
playlist that points at other files is nobody's video. Whatever can't be read whole is refused.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from jaxtyping import UInt8
from PIL import Image, ImageOps

from mutoscope.codecs import tags
from mutoscope.codecs.sink import Picture
from mutoscope.codecs.trouble import Limits, plainly
from mutoscope.codecs.video import Colours
from mutoscope.codecs.whole import check_whole
from mutoscope.errors import MediaError

Resized = UInt8[np.ndarray, "new_H new_W 3"]
Colour = tuple[int, int, int]
Fit = Literal["crop", "pad", "stretch"]

DEMUXERS = "mov,matroska,avi"
"""FFmpeg's names of the containers we open; its others include playlists and network protocols."""

PILLOW = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP"}
FRAMES = (".png", ".jpg", ".jpeg")
"""What counts as a frame in a folder."""

TICKS = {"gif": 0.01, "webp": 0.001, "png": 0.001}
"""The unit, in seconds, in which a format counts time."""

UNSET = 0.1
"""Seconds a picture lasts that says 0, as in browsers."""


class Shown(NamedTuple):
    """A picture, and from when until when it is seen, in seconds."""

    time: float
    until: float
    picture: Picture


class Source:
    """A picture, a video or a folder of frames.

    `rate` is for a folder that doesn't say its own. `background` is what shows through transparent
    pixels; without it they are refused.
    """

    def __init__(
        self,
        path: Path,
        *,
        rate: float | None = None,
        background: Colour | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.path, self.background, self.limits = path, background, limits or Limits()
        self.kind = "folder"
        self._rate = rate
        if not path.is_dir():
            self.limits.file(path)
            with plainly(f"{path} can't be read"):
                self.kind = check_whole(path)

    def shown(self) -> Generator[Shown, None, None]:
        """Every picture in order; refuses a file that holds none."""
        count = 0
        for seen in self._pictures():
            count += 1
            yield seen
        if not count:
            raise MediaError(f"{self.path} holds no frames; give one that has some")

    def rate(self, times: list[float], until: float) -> float:
        """Frames per second, of the file or of these times: a whole number if they allow one."""
        if self._rate is None:
            mean = len(times) / until if until else 1.0
            whole = max(round(mean), 1)
            slack = TICKS.get(self.kind, 0.0) * 1.01
            exact = all(abs(time - k / whole) < slack for k, time in enumerate(times))
            self._rate = float(whole) if exact and until else mean
        return self._rate

    def _pictures(self) -> Iterator[Shown]:
        if self.kind == "folder":
            return self._folder()
        if self.kind in PILLOW:
            return self._stills(self.path, PILLOW[self.kind])
        return self._video()

    def _video(self) -> Iterator[Shown]:
        colours = Colours()
        with plainly(f"{self.path} can't be read as a video"), opened(self.path) as container:
            stream = moving(container, self.path)
            self.limits.picture(self.path, stream.width, stream.height)
            self._rate = rate = float(stream.average_rate or stream.guessed_rate or 25)
            for index, frame in enumerate(container.decode(stream)):
                if frame.is_corrupt:
                    raise MediaError(f"{self.path} is damaged at frame {index}; copy it again")
                self.limits.picture(self.path, frame.width, frame.height)
                time = index / rate if frame.pts is None else float(frame.time)
                last = float((frame.duration or 0) * (frame.time_base or 0)) or 1 / rate
                yield Shown(time, time + last, colours.to_picture(frame))

    def _stills(self, path: Path, format: str) -> Iterator[Shown]:
        with plainly(f"{path} can't be read as a picture"), pictured(path, format) as image:
            self.limits.picture(path, *image.size)
            moves = getattr(image, "is_animated", False)
            time = 0.0
            for index in range(getattr(image, "n_frames", 1)):
                with _quiet():
                    image.seek(index)
                    image.load()
                    upright = image if moves else ImageOps.exif_transpose(image)
                picture = _rgb(upright, path, self.background)
                until = time + (image.info.get("duration", 0) / 1000 or UNSET) if moves else time
                yield Shown(time, until, picture)
                time = until

    def _folder(self) -> Iterator[Shown]:
        paths = frames_in(self.path)
        if not paths:
            raise MediaError(f"{self.path} is a folder without png or jpg frames; check the path")
        said = tags.unpacked(_read_text(self.path / tags.FOLDER)).get("fps")
        if isinstance(said, int | float) and said > 0:
            self._rate = float(said)
        if self._rate is None:
            raise MediaError(f"{self.path} doesn't say how fast its frames follow; pass fps=")
        for index, path in enumerate(paths):
            self.limits.file(path)
            with plainly(f"{path} can't be read"):
                kind = check_whole(path)
            if kind not in PILLOW:
                raise MediaError(f"{path} is neither png nor jpg; take it out of the folder")
            for seen in self._stills(path, PILLOW[kind]):
                yield Shown(index / self._rate, (index + 1) / self._rate, seen.picture)


def frames_in(folder: Path) -> list[Path]:
    """The files that are the frames of a folder, in their order."""
    return sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in FRAMES), key=_natural
    )


def opened(path: Path) -> InputContainer:
    """A video container that is one of ours."""
    # `file:` keeps a name such as `concat:...` a name.
    return av.open(f"file:{path}", options={"format_whitelist": DEMUXERS})


def moving(container: InputContainer, path: Path) -> VideoStream:
    """The video stream, refused if there is none: the cover of a song is none."""
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        if not isinstance(stream.codec_context, VideoCodecContext):  # None, whatever is declared
            raise MediaError(f"{path} uses a codec that is not known here; convert it to mp4")
        return stream
    what = "sound but no pictures" if container.streams.audio else "no pictures"
    raise MediaError(f"{path} holds {what}; give a file with a video stream")


def fitted(picture: Picture, size: tuple[int, int], fit: Fit | None, path: Path) -> Resized:
    """A picture at another size (W, H); `fit` says what happens to another shape."""
    height, width, _ = picture.shape
    if (width, height) == size:
        return picture
    if fit is None and width * size[1] != height * size[0]:
        raise MediaError(
            f"{path} is {width}x{height} and doesn't have the shape of {size[0]}x{size[1]};"
            " say fit='crop', 'pad' or 'stretch'"
        )
    image = Image.fromarray(picture)
    if fit == "crop":
        return np.asarray(ImageOps.fit(image, size, Image.Resampling.BICUBIC))
    if fit == "pad":
        return np.asarray(ImageOps.pad(image, size, Image.Resampling.BICUBIC))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def resampled(shown: Iterator[Shown], fps: float) -> Iterator[Shown]:
    """At 0, 1 / fps, 2 / fps ... the picture whose own time is nearest, the earlier on ties."""
    slack, count, start = 1e-6 / fps, 0, None
    last: Shown | None = None
    for seen in shown:
        start = seen.time if start is None else start
        while last is not None and count / fps <= (last.time + seen.time) / 2 - start + slack:
            yield Shown(count / fps, (count + 1) / fps, last.picture)
            count += 1
        last = seen
    while (
        last is not None
        and start is not None
        and (count == 0 or count / fps < last.until - start - slack)
    ):
        yield Shown(count / fps, (count + 1) / fps, last.picture)
        count += 1


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's warnings: what matters in them is refused by Limits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def pictured(path: Path, format: str) -> Image.Image:
    """A picture that is of this format; nothing is decoded yet."""
    with _quiet():
        return Image.open(path, formats=[format])


def _rgb(image: Image.Image, path: Path, background: Colour | None) -> Picture:
    if image.mode in ("I", "F"):
        raise MediaError(f"{path} has pixels of 32 bits; save it with 8 or 16 bits a channel")
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    layer = image.convert("RGBA")
    if np.asarray(layer.getchannel("A")).min() == 255:
        return np.asarray(layer.convert("RGB"))
    if background is None:
        raise MediaError(f"{path} has transparent pixels; pass background=(R, G, B) to fill them")
    paper = Image.new("RGBA", layer.size, (*background, 255))
    return np.asarray(Image.alpha_composite(paper, layer).convert("RGB"))


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
