"""mp4 (h264) and webm (vp9), encoded in pieces, then copied whole behind their record."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from mutoscope.codecs import tags
from mutoscope.codecs.sink import Options, Picture, Sink
from mutoscope.errors import MediaError


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
        self._rate = Fraction(fps).limit_denominator(1001)
        self._bare = part.with_suffix(f".bare{part.suffix}")
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._count = 0

    def add(self, picture: Picture) -> None:
        """Take the next picture."""
        if self._container is None or self._stream is None:
            self._open(picture.shape[1], picture.shape[0])
        assert self._container is not None
        assert self._stream is not None
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def close(self, record: str | None) -> None:
        """Finish the file."""
        assert self._container is not None
        assert self._stream is not None
        self._container.mux(self._stream.encode(None))
        self._container.close()
        _copy(self._bare, self.part, record)

    def abandon(self) -> None:
        """Let go of what is open."""
        if self._container is not None:
            self._container.close()

    def _open(self, width: int, height: int) -> None:
        if self.even and (width % 2 or height % 2):
            raise MediaError(
                f"h264 needs an even width and height (got {width}x{height}); make it"
                f" {width + width % 2}x{height + height % 2} or write .webm, .webp or .gif"
            )
        self._container = av.open(str(self._bare), "w")
        stream = self._container.add_stream(
            self.codec, rate=self._rate, options=dict(self.settings)
        )
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        self._stream, context = stream, stream.codec_context
        # BT.709 in the broadcast range, said in the file: players guess where nothing is said.
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries = context.color_trc = 1


class Mp4(_Encoded):
    """h264 in mp4, as every player and browser shows it: 4:2:0, so even sizes only."""

    codec = "libx264"
    settings: ClassVar[dict[str, str]] = {"crf": "12", "preset": "medium"}
    even = True


def _copy(bare: Path, part: Path, record: str | None) -> None:
    """Copy a finished video behind its record: tags must stand before the first packet."""
    flags = {"movflags": "+faststart+use_metadata_tags"} if part.suffix == ".mp4" else {}
    with av.open(str(bare)) as source, av.open(str(part), "w", options=flags) as target:
        if record is not None:
            target.metadata.update({tags.OWN: record, "comment": record})
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
