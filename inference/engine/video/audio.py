"""The sound that goes with the pictures: copied, trimmed, or stretched with its pitch kept.

Sound that is missing, damaged or foreign never fails a conversion. It is left out, and
`AudioOutcome` says so.
"""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import av
from av.container import InputContainer, OutputContainer

from inference.engine.errors import FULL_DISK
from inference.engine.video import source
from inference.engine.video.stretch import Stretcher

Packet: TypeAlias = "av.Packet[av.AudioStream]"

_COPYABLE = {
    "mp4": {"aac", "mp3", "ac3", "eac3", "opus", "alac"},
    "mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"},
    "mkv": {"aac", "mp3", "ac3", "eac3", "opus", "vorbis", "flac", "alac", "pcm_s16le"},
    "webm": {"opus", "vorbis"},
}
_NEEDS_HEADER = {"aac", "opus", "vorbis", "flac", "alac"}
_ENCODERS = {"mp4": "aac", "mov": "aac", "mkv": "aac", "webm": "libopus"}
_KEPT_RATES = {"aac": (44100, 48000), "libopus": (48000,)}
_RATE = 48000
_BIT_RATE = 96_000
"""Per channel; transparent for both encoders."""
_EDIT_LISTS = ("mp4", "mov")
"""Muxers that can say "leave out the first samples", which compressed sound begins with."""
_SEEK_FROM = 10
"""Seconds: before that, reading from the beginning is as quick."""
_SLACK = Fraction(1, 4)
"""Sound may reach this many seconds beyond the picture and still count as untrimmed."""


@dataclass(frozen=True)
class AudioPlan:
    """What to do with the source's sound.

    Attributes:
        source: the file that has it.
        mode: `keep` plays it at its own speed, `stretch` makes it `slowness` times as long at
            the same pitch.
        start: the source time, in seconds of the file's clock, shown at time 0 of the output.
        end: the source time at which the output ends.
    """

    source: Path
    mode: Literal["keep", "stretch"]
    start: Fraction
    end: Fraction
    slowness: Fraction = Fraction(1)


@dataclass(frozen=True)
class AudioOutcome:
    """What became of the sound; `reason` is a sentence where it was left out, whole or in part.

    `none` means that the source has no sound or that none was asked for.
    """

    action: Literal["none", "copied", "encoded", "stretched", "dropped"]
    reason: str = ""


class AudioTrack:
    """The sound track of an output file, written in step with its pictures.

    Make it after the video stream and before the first packet is muxed: the file's header needs
    to know whether there is sound. `outcome` is final after `close`.
    """

    def __init__(self, plan: AudioPlan | None, output: OutputContainer, container: str) -> None:
        self.outcome = AudioOutcome("none")
        self._output = output
        self._input: InputContainer | None = None
        self._packets: Iterator[Packet] = iter(())
        self._next: Packet | None = None
        if plan is not None:
            self._open(plan, container)

    def advance(self, until: Fraction | None) -> None:
        """Write the sound up to output time `until` in seconds; all that is left for None."""
        while self._next is not None and (until is None or _time(self._next) <= until):
            try:
                self._output.mux(self._next)
            except av.FFmpegError as error:
                if error.errno in FULL_DISK:
                    raise
                self._end_early()
                return
            self._next = self._pull()

    def close(self) -> None:
        """Let go of the source."""
        self._packets = iter(())
        if self._input is not None:
            self._input.close()

    def _open(self, plan: AudioPlan, container: str) -> None:
        self._input = source.open_source(plan.source)
        stream = source.audio_stream(self._input)
        if stream is None:
            return
        context = stream.codec_context
        known = context is not None and context.codec.name in source.AUDIO_DECODERS
        if not known or stream.time_base is None:
            self.outcome = AudioOutcome("dropped", "The sound's compression is not supported.")
            return
        if plan.start > _SEEK_FROM:
            source.seek(self._input, plan.start)
        if self._copies(plan, stream, container):
            self.outcome = AudioOutcome("copied")
            copy = self._output.add_stream_from_template(stream)
            self._packets = _copied(self._input, stream, copy, plan)
        else:
            self._encode(plan, stream, container)
        self._next = self._pull()

    def _copies(self, plan: AudioPlan, stream: av.AudioStream, container: str) -> bool:
        """Whether the packets can go over as they are: nothing to change, nothing to cut."""
        name = stream.codec_context.codec.canonical_name
        assert self._input is not None
        if plan.mode == "stretch" or name not in _COPYABLE[container]:
            return False
        context = stream.codec_context
        if name in _NEEDS_HEADER and not context.extradata:
            return False  # as in transport streams, where each packet has its own
        if not context.sample_rate or not context.channels:
            return False  # a damaged header, which containers refuse to repeat
        first, last = _extent(self._input, stream)
        return first >= plan.start - _SLACK and last <= plan.end + _SLACK

    def _encode(self, plan: AudioPlan, stream: av.AudioStream, container: str) -> None:
        assert self._input is not None
        encoder = _ENCODERS[container]
        rate = stream.codec_context.sample_rate
        stretcher = Stretcher(
            rate=rate if rate in _KEPT_RATES[encoder] else _RATE,
            layout="mono" if stream.codec_context.channels == 1 else "stereo",
            slowness=plan.slowness if plan.mode == "stretch" else Fraction(1),
            start=plan.start,
            end=plan.end,
        )
        frames = stretcher.run(_decoded(self._input, stream))
        first = next(frames, None)
        if first is None:
            self.outcome = AudioOutcome("dropped", "No sound could be decoded in this part.")
            return
        self.outcome = AudioOutcome("stretched" if plan.mode == "stretch" else "encoded")
        target = self._output.add_stream(encoder, rate=stretcher.rate, layout=stretcher.layout)
        assert isinstance(target, av.AudioStream)
        target.bit_rate = _BIT_RATE * (1 if stretcher.layout == "mono" else 2)
        self._packets = _encoded(first, frames, target)

    def _pull(self) -> "Packet | None":
        """The next packet; damage ends the sound where it is."""
        try:
            return next(self._packets, None)
        except av.FFmpegError:
            self._end_early()
            return None

    def _end_early(self) -> None:
        self._next = None
        self.outcome = AudioOutcome(self.outcome.action, "The sound is damaged and ends early.")


def _extent(container: InputContainer, stream: av.AudioStream) -> tuple[Fraction, Fraction]:
    """First and last second of the sound, as far as the file says."""
    tick = stream.time_base or Fraction(1)
    first = (stream.start_time or 0) * tick
    if stream.duration is not None:
        return first, first + stream.duration * tick
    end = (container.start_time or 0) + (container.duration or 0)
    return first, Fraction(end, av.time_base)


def _time(packet: Packet) -> Fraction:
    """Output time in seconds."""
    return Fraction(0 if packet.pts is None else packet.pts) * (packet.time_base or 1)


def _copied(
    container: InputContainer, stream: av.AudioStream, copy: av.AudioStream, plan: AudioPlan
) -> Iterator[Packet]:
    """The packets of the plan's span, as they are, counted from its start."""
    assert stream.time_base is not None
    offset = round(plan.start / stream.time_base)
    end = plan.end / stream.time_base
    last: int | None = None
    for packet in source.packets(container, stream):
        if packet.pts is None or packet.dts is None or packet.pts >= end:
            continue
        if last is not None and packet.dts <= last:
            continue  # containers refuse a clock that does not advance
        if packet.pts < offset and copy.container.format.name not in _EDIT_LISTS:
            continue  # a negative time would move the picture instead
        last = packet.dts
        packet.pts -= offset
        packet.dts -= offset
        packet.stream = copy
        yield packet


def _decoded(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    for packet in itertools.chain(source.packets(container, stream), [None]):
        with contextlib.suppress(av.FFmpegError):  # one damaged packet is a gap, not the end
            yield from stream.decode(packet)


def _encoded(
    first: av.AudioFrame, frames: Iterator[av.AudioFrame], target: av.AudioStream
) -> Iterator[Packet]:
    for frame in itertools.chain([first], frames):
        yield from target.encode(frame)
    yield from target.encode(None)
