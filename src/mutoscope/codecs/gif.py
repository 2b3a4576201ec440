"""gif: one palette for the whole clip, found in a first pass and applied in a second.

The pictures wait on disk between the passes, so memory stays that of one picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.stream import VideoStream

from mutoscope.codecs.sink import Options, Picture, Sink
from mutoscope.codecs.video import rate_of, round_up
from mutoscope.errors import MediaError

FASTEST = 50
"""A gif counts in hundredths of a second, and browsers slow down whatever lasts less than two."""

BGRA = av.VideoFormat("bgra")


class Gif(Sink):
    """An animated gif that loops for ever."""

    def __init__(self, part: Path, *, fps: float, options: Options) -> None:
        super().__init__(part, fps=fps, options=options)
        if fps > FASTEST:
            raise MediaError(
                f"a gif plays at most {FASTEST} fps (got {fps:g}); write .webp or .mp4"
            )
        if options.lossless:
            raise MediaError("a gif has 256 colours and is never lossless; write .webp")
        self._rate = rate_of(fps)
        self._spool = part.with_suffix(".raw").open("w+b")
        self._shape: tuple[int, ...] = ()
        self._finder: Graph | None = None
        self._count = 0

    def add(self, picture: Picture) -> None:
        """Look at the colours of the next picture and put it aside."""
        if self._finder is None:
            self._shape = picture.shape
            self._finder = Graph()
            self._finder.link_nodes(
                self._entrance(self._finder, picture.shape[1], picture.shape[0]),
                self._finder.add("palettegen", "reserve_transparent=0"),
                self._finder.add("buffersink"),
            ).configure()
        self._spool.write(picture.tobytes())
        self._finder.vpush(self._frame(picture, self._count))
        for _ in _ready(self._finder):  # nothing yet, but unasked a graph only piles up its input
            raise AssertionError
        self._count += 1

    def close(self, record: str | None) -> None:
        """Apply the palette to every picture put aside, and encode."""
        assert self._finder is not None
        self._finder.vpush(None)
        palette = self._finder.vpull()
        palette.pts, palette.time_base = 0, 1 / self._rate
        # The muxer would let the last picture last as long as the one before it.
        start, end = (
            round_up(count * 100 / self._rate) for count in (self._count - 1, self._count)
        )
        options = {"loop": "0", "final_delay": str(end - start)}
        with av.open(str(self.part), "w", format="gif", options=options) as target:
            stream = target.add_stream("gif", rate=self._rate)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = self._shape[1], self._shape[0], "pal8"
            for frame in self._painted(palette):
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
        if record is not None:
            _comment(self.part, record.encode())

    def abandon(self) -> None:
        """Close what was put aside."""
        self._spool.close()

    def _painted(self, palette: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Every picture put aside, in the colours of the palette."""
        graph = Graph()
        pictures = self._entrance(graph, self._shape[1], self._shape[0])
        colours = self._entrance(graph, palette.width, palette.height)
        painter = graph.add("paletteuse", "dither=sierra2_4a")
        pictures.link_to(painter, 0, 0)
        colours.link_to(painter, 0, 1)
        painter.link_to(graph.add("buffersink"))
        graph.configure()
        colours.push(palette)
        colours.push(None)
        for frame in chain(self._frames(), [None]):
            pictures.push(frame)
            yield from _ready(graph)

    def _entrance(self, graph: Graph, width: int, height: int) -> FilterContext:
        return graph.add_buffer(width=width, height=height, format=BGRA, time_base=1 / self._rate)

    def _frames(self) -> Iterator[av.VideoFrame]:
        """Every picture put aside."""
        self._spool.seek(0)
        for index in range(self._count):
            raw = self._spool.read(math.prod(self._shape))
            yield self._frame(np.frombuffer(raw, np.uint8).reshape(self._shape), index)

    def _frame(self, picture: Picture, index: int) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgra")
        frame.pts, frame.time_base = index, 1 / self._rate
        return frame


def _ready(graph: Graph) -> Iterator[av.VideoFrame]:
    """Every frame the graph can give now."""
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def _comment(path: Path, text: bytes) -> None:
    """Put a comment extension behind the header, which FFmpeg's muxer can't."""
    whole = path.read_bytes()
    head = 13 + (3 * 2 ** ((whole[10] & 7) + 1) if whole[10] & 0x80 else 0)
    pieces = (text[start : start + 255] for start in range(0, len(text), 255))
    blocks = b"".join(bytes([len(piece)]) + piece for piece in pieces)
    path.write_bytes(whole[:head] + b"\x21\xfe" + blocks + b"\0" + whole[head:])
