"""Decoded sound cut to a span of time and made longer at the same pitch."""

from collections.abc import Iterator
from fractions import Fraction

import av
from av.filter import Graph

_TOLERANCE = Fraction(1, 10)
"""Timestamps may stray this many seconds before silence is put in or sound left out."""
_PIECE = 1 << 14
"""Samples of silence made at a time, so that a long gap takes no more memory than a short one."""
_SLOWEST = 0.5
"""FFmpeg's atempo goes no slower in one step."""


class Stretcher:
    """Sound frames of source time [start, end) as frames of output time [0, (end - start) s).

    Sound that begins late is preceded by silence and gaps are filled with it, so that sound
    and picture stay together; what lies outside of the span is cut to the sample.
    """

    def __init__(
        self, *, rate: int, layout: str, slowness: Fraction, start: Fraction, end: Fraction
    ) -> None:
        self.rate, self.layout = rate, layout
        self._start, self._end = start, end
        self._graph = _graph(rate, layout, slowness, end - start)
        self._resampler = self._new_resampler()
        self._position = 0  # samples since `start` that went into the graph
        self._produced = 0

    def run(self, frames: Iterator[av.AudioFrame]) -> Iterator[av.AudioFrame]:
        """Frames of 32-bit planar float at `rate`, with consecutive pts from 0."""
        begun = False
        for frame in frames:
            at = self._position
            if frame.pts is not None and frame.time_base is not None:
                time = frame.pts * frame.time_base
                if time >= self._end:
                    break
                at = round((time - self._start) * self.rate)
            if not begun:
                begun, self._position = True, min(0, at)
            gap = at - self._position
            tolerance = 0 if self._position == 0 else _TOLERANCE * self.rate
            if gap < -tolerance:
                continue
            if gap > tolerance:
                yield from self._silence(gap)
            for piece in self._resampled(frame):
                yield from self._push(piece)
        self._graph.push(None)
        yield from self._pull()

    def _silence(self, samples: int) -> Iterator[av.AudioFrame]:
        while samples > 0:
            piece = av.AudioFrame("fltp", self.layout, min(samples, _PIECE))
            piece.sample_rate = self.rate
            for plane in piece.planes:
                plane.update(bytes(plane.buffer_size))
            samples -= piece.samples
            yield from self._push(piece)

    def _push(self, piece: av.AudioFrame) -> Iterator[av.AudioFrame]:
        piece.pts, piece.time_base = self._position, Fraction(1, self.rate)
        self._position += piece.samples
        self._graph.push(piece)
        yield from self._pull()

    def _pull(self) -> Iterator[av.AudioFrame]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, av.AudioFrame)
            frame.pts, frame.time_base = self._produced, Fraction(1, self.rate)
            self._produced += frame.samples
            yield frame

    def _resampled(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        frame.pts = None  # ours count samples; the resampler would insist on its own
        try:
            return self._resampler.resample(frame)
        except ValueError:  # the stream changed its rate or channels on the way
            self._resampler = self._new_resampler()
            return self._resampler.resample(frame)

    def _new_resampler(self) -> av.AudioResampler:
        return av.AudioResampler(format="fltp", layout=self.layout, rate=self.rate)


def _graph(rate: int, layout: str, slowness: Fraction, length: Fraction) -> Graph:
    graph = Graph()
    nodes = [
        graph.add_abuffer(
            format="fltp", sample_rate=rate, layout=layout, time_base=Fraction(1, rate)
        ),
        graph.add("atrim", f"start_pts=0:end_pts={round(length * rate)}"),
    ]
    tempo = float(1 / slowness)
    while tempo < 1:
        step = max(tempo, _SLOWEST)
        nodes.append(graph.add("atempo", f"{step:.12f}"))
        tempo /= step
    nodes.append(graph.add("abuffersink"))
    graph.link_nodes(*nodes).configure()
    return graph
