"""mp4 (h264) and webm (vp9), encoded in pieces, then copied whole behind their record."""

from __future__ import annotations

import math
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from mutoscope.codecs import tags
from mutoscope.codecs.sink import Options, Picture, Sink
from mutoscope.codecs.trouble import FOREIGN
from mutoscope.errors import MediaError

EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
"""swscale's default is quick and a level too dark: on soft noise its round trip through 4:2:0 had a
squared error of 76, this one 10."""

UNSAID = 2
"""FFmpeg's number for a colour matrix that the file does not name."""


def rate_of(fps: float) -> Fraction:
    """Frames a second as containers count them: 29.97... becomes 30000/1001."""
    return Fraction(fps).limit_denominator(1001)


def round_up(value: Fraction) -> int:
    """The nearest whole number, halves up: as FFmpeg rounds times."""
    return math.floor(value + Fraction(1, 2))


class Colours:
    """RGB <-> the 4:2:0 of videos: BT.709 in the broadcast range, unless a file says otherwise."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def to_video(self, picture: Picture) -> av.VideoFrame:
        """A picture as a frame for an encoder."""
        return self._reformatter.reformat(
            av.VideoFrame.from_ndarray(picture, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=EXACT,
        )

    def to_picture(self, frame: av.VideoFrame) -> Picture:
        """A decoded frame as a picture, upright."""
        # Players take an unnamed matrix for BT.709 from 720 lines on, for BT.601 below.
        guess = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
        rgb = self._reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=guess if frame.colorspace == UNSAID else None,
            interpolation=EXACT,
        )
        return np.rot90(rgb.to_ndarray(), frame.rotation // 90 % 4)


class _Encoded(Sink):
    """Encode to a first file; on close, copy its packets behind the tags, index in front."""

    codec: ClassVar[str]
    settings: ClassVar[dict[str, str]]
    even: ClassVar[bool]

    def __init__(self, part: Path, *, fps: float, options: Options) -> None:
        super().__init__(part, fps=fps, options=options)
        if options.lossless:
            raise MediaError(
                f"{part.suffix[1:]} is never lossless here; write .webp or a folder of frames"
            )
        self._rate = rate_of(fps)
        self._bare = part.with_suffix(f".bare{part.suffix}")
        self._colours = Colours()
        self._open: tuple[OutputContainer, VideoStream] | None = None
        self._count = 0

    def add(self, picture: Picture) -> None:
        """Encode the next picture."""
        height, width, _ = picture.shape
        self._open = self._open or self._opened(width, height)
        container, stream = self._open
        frame = self._colours.to_video(picture)
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._count += 1
        container.mux(stream.encode(frame))

    def close(self, record: str | None) -> None:
        """Encode what the encoder still holds, then put the record in front."""
        assert self._open is not None
        container, stream = self._open
        container.mux(stream.encode(None))
        container.close()
        _copy(self._bare, self.part, rate=self._rate, record=record)

    def abandon(self) -> None:
        """Close the encoder."""
        if self._open is not None:
            with suppress(*FOREIGN):  # the trailer of a file nobody will see
                self._open[0].close()

    def _opened(self, width: int, height: int) -> tuple[OutputContainer, VideoStream]:
        if self.even and (width % 2 or height % 2):
            raise MediaError(
                f"{self.part.suffix[1:]} needs an even width and height (got {width}x{height});"
                f" make it {width + width % 2}x{height + height % 2} or write .webm, .webp or .gif"
            )
        container = av.open(str(self._bare), "w")
        stream = container.add_stream(self.codec, rate=self._rate, options=dict(self.settings))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries = context.color_trc = 1
        return container, stream


class Mp4(_Encoded):
    """h264 in mp4, as every player and browser shows it: 4:2:0, so even sizes only."""

    codec = "libx264"
    # swscale puts chroma in the centre of its four pixels, h264's default is their left edge: a
    # file that doesn't say so comes back 10 dB worse. Left to do what is fastest on a processor,
    # x264 now and then gives other bytes for the same frames.
    settings: ClassVar[dict[str, str]] = {
        "crf": "12", "preset": "medium", "chroma_sample_location": "center",
        "x264-params": "cpu-independent=1",
    }  # fmt: skip
    even = True


class Webm(_Encoded):
    """vp9 in webm, any size."""

    codec = "libvpx-vp9"
    settings: ClassVar[dict[str, str]] = {
        "crf": "15", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1",
    }  # fmt: skip
    even = False


def _copy(bare: Path, part: Path, *, rate: Fraction, record: str | None) -> None:
    """Copy a finished video behind its record: tags must stand before the first packet."""
    # bitexact: no library's version and no random ids, so equal clips make equal files.
    flags = {"fflags": "+bitexact"}
    if part.suffix == ".mp4":
        flags["movflags"] = "+faststart+use_metadata_tags"
    with av.open(str(bare)) as source, av.open(str(part), "w", options=flags) as target:
        if record is not None:
            target.metadata.update({tags.OWN: record, "comment": record})
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        copy.codec_context.framerate = rate  # else webm leaves players to guess it
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
