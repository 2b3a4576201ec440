"""gif: one palette for the whole clip, found in a first pass and applied in a second.

The pictures wait on disk between the passes, so memory stays that of one picture.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph

from mutoscope.codecs.sink import Options, Picture, Sink
from mutoscope.errors import MediaError

BGRA = av.VideoFormat("bgra")
FASTEST = 50
"""A gif counts in hundredths of a second, and browsers slow down whatever lasts less than two."""


class Gif(Sink):
    """An animated gif that loops for ever."""

    def __init__(self, part: Path, *, fps: float, options: Options) -> None:
        super().__init__(part, fps=fps, options=options)
        if fps > FASTEST:
            raise MediaError(
                f"a gif can't play faster than {FASTEST} fps (got {fps:g}); write .webp"
            )
        if options.lossless:
            raise MediaError("gif has 256 colours and is never lossless; write .webp")
        self._rate = Fraction(fps).limit_denominator(1001)
        self._spool = part.with_suffix(".raw").open("w+b")
        self._shape = (0, 0, 3)
        self._graph: Graph | None = None
        self._count = 0

    def add(self, picture: Picture) -> None:
        """Take the next picture."""
        if self._graph is None:
            self._shape = picture.shape
            self._graph = self._palette_graph()
        self._spool.write(picture.tobytes())
        self._graph.vpush(self._frame(picture, self._count))
        self._count += 1

    def close(self, record: str | None) -> None:
        """Finish the file."""
        assert self._graph is not None
        self._graph.vpush(None)
        palette = self._graph.vpull()
        assert isinstance(palette, av.VideoFrame)
        self._encode(palette)
        if record is not None:
            _comment(self.part, record)

    def abandon(self) -> None:
        """Let go of what is open."""
        self._spool.close()

    def _frame(self, picture: Picture, index: int) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgra")
        frame.pts, frame.time_base = index, 1 / self._rate
        return frame

    def _palette_graph(self) -> Graph:
        height, width, _ = self._shape
        graph = Graph()
        source = graph.add_buffer(width=width, height=height, format=BGRA, time_base=1 / self._rate)
        graph.link_nodes(
            source, graph.add("palettegen", "reserve_transparent=0"), graph.add("buffersink")
        ).configure()
        return graph

    def _encode(self, palette: av.VideoFrame) -> None:
        height, width, _ = self._shape
        graph = Graph()
        base = 1 / self._rate
        pictures = graph.add_buffer(width=width, height=height, format=BGRA, time_base=base)
        colours = graph.add_buffer(width=16, height=16, format=BGRA, time_base=base)
        use, sink = graph.add("paletteuse", "dither=sierra2_4a"), graph.add("buffersink")
        pictures.link_to(use, 0, 0)
        colours.link_to(use, 0, 1)
        use.link_to(sink, 0, 0)
        graph.configure()
        palette.pts, palette.time_base = 0, base
        colours.push(palette)
        colours.push(None)
        self._spool.seek(0)
        with av.open(str(self.part), "w", format="gif", options={"loop": "0"}) as target:
            stream = target.add_stream("gif", rate=self._rate)
            stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
            for index in range(self._count):
                raw = self._spool.read(height * width * 3)
                picture = np.frombuffer(raw, np.uint8).reshape(self._shape)
                pictures.push(self._frame(picture, index))
                drain(graph, stream, target)
            pictures.push(None)
            drain(graph, stream, target)
            target.mux(stream.encode(None))


def drain(graph: Graph, stream: av.VideoStream, target: av.container.OutputContainer) -> None:
    """Encode every picture the graph has ready."""
    while True:
        try:
            frame = graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
        target.mux(stream.encode(frame))


def _comment(path: Path, text: str) -> None:
    """Put a comment extension behind the header, where ffmpeg's muxer can't."""
    data = path.read_bytes()
    table = 3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0
    head = 13 + table
    words = text.encode()
    blocks = b"".join(
        bytes([len(words[i : i + 255])]) + words[i : i + 255] for i in range(0, len(words), 255)
    )
    path.write_bytes(data[:head] + b"\x21\xfe" + blocks + b"\x00" + data[head:])
