"""Decoded sound cut to a span of time and made longer at the same pitch."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.filter import Graph

_TOLERANCE = Fraction(1, 10)
"""Timestamps may stray this many seconds before silence is put in or sound left out."""
_PIECE = 1 << 14
"""Samples of silence made at a time, so that a long gap takes no more memory than a short one."""
_SLOWEST = 0.5
"""FFmpeg's atempo goes no slower in one step."""
_EARLY = 1024
"""Samples by which atempo lets a sound out too soon: half of its window (measured)."""
_TAIL = 1 << 13
"""Samples of silence that push the last window out of it."""


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
        steps = _steps(slowness)
        self._early = 0
        for step in steps:
            self._early = round(self._early / step) + _EARLY
        samples = round((end - start) * slowness * rate) - self._early
        self._graph = _graph(rate, layout, steps, samples)
        self._resampler = av.AudioResampler("fltp", layout, rate)
        self._kind: tuple[str, str, int] | None = None
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
            if at + frame.samples * self.rate // frame.sample_rate <= 0:
                continue
            if not begun:
                begun, self._position = True, min(0, at)
                yield from map(self._stamped, self._silence(self._early))
            gap = at - self._position
            tolerance = 0 if self._position == 0 else _TOLERANCE * self.rate
            if gap < -tolerance:
                continue
            if gap > tolerance:
                yield from self._push(self._silence(gap))
            yield from self._push(self._resampled(frame))
        if begun:
            yield from self._push(self._silence(_TAIL))
        self._graph.push(None)
        yield from self._pull()

    def _silence(self, samples: int) -> Iterator[av.AudioFrame]:
        while samples > 0:
            piece = av.AudioFrame("fltp", self.layout, min(samples, _PIECE))
            piece.sample_rate = self.rate
            for plane in piece.planes:
                plane.update(bytes(plane.buffer_size))
            samples -= piece.samples
            yield piece

    def _push(self, pieces: Iterable[av.AudioFrame]) -> Iterator[av.AudioFrame]:
        for piece in pieces:
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
            yield self._stamped(frame)

    def _stamped(self, frame: av.AudioFrame) -> av.AudioFrame:
        frame.pts, frame.time_base = self._produced, Fraction(1, self.rate)
        self._produced += frame.samples
        return frame

    def _resampled(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:  # streams may change their rate or channels on the way
            self._kind = kind
            self._resampler = av.AudioResampler("fltp", self.layout, self.rate)
        frame.pts = None  # ours count samples; the resampler would insist on its own
        return self._resampler.resample(frame)


def _steps(slowness: Fraction) -> list[float]:
    """Tempos whose product is 1 / `slowness`, each within what one atempo can do."""
    tempo, steps = float(1 / slowness), []
    while tempo < 1:
        steps.append(max(tempo, _SLOWEST))
        tempo /= steps[-1]
    return steps


def _graph(rate: int, layout: str, steps: list[float], samples: int) -> Graph:
    """Cut what comes before 0, change the tempo, end after `samples`."""
    graph = Graph()
    source = graph.add_abuffer(
        format="fltp", sample_rate=rate, layout=layout, time_base=Fraction(1, rate)
    )
    graph.link_nodes(
        source,
        graph.add("atrim", "start_pts=0"),
        *(graph.add("atempo", f"{step:.12f}") for step in steps),
        graph.add("atrim", f"end_pts={samples}"),
        graph.add("aformat", "sample_fmts=fltp"),
        graph.add("abuffersink"),
    ).configure()
    return graph
