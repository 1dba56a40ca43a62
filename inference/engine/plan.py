"""What a conversion is to do, frame by frame, and how it can be cut into segments.

Known from the timestamps alone, without decoding the pictures. Segments are runs of output frames
that begin at a recorded frame, so that no pair of recorded frames is worked on twice; each can be
made by whoever is free, in any order, and comes out the same.
"""

import bisect
import contextlib
import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from inference.engine.errors import MediaRefused
from inference.engine.scenes import CONTEXT
from inference.engine.settings import ConversionSettings, span
from inference.engine.timeline import Timeline
from inference.engine.video.audio import AudioPlan
from inference.engine.video.decode import decode, frame_times
from inference.engine.video.encode import keyframes_apart
from inference.engine.video.frames import FrameFormat
from inference.engine.video.probe import Limits, VideoInfo, probe
from inference.engine.video.working import working_format

FRAMES_PER_SEGMENT = 600
"""Output frames: some minutes of work for a slow worker, and long beside what starting to decode
midway and an additional keyframe cost."""
SHORTEST_SEGMENT = 8
"""Output frames that encoders need to settle the order in which they write them."""
NO_LIMITS = Limits()


@dataclass(frozen=True)
class Segment:
    """A run of output frames.

    Attributes:
        index: counted from 0.
        first, last: output frames, `last` excluded.
        begin, end: the recorded frames shown in [begin, end), seconds of the source's clock, are
            this segment's; None for the end of the last segment.
        context: when to begin decoding: decisions about cuts and repeats look back; None for the
            file's beginning.
    """

    index: int
    first: int
    last: int
    begin: Fraction
    end: Fraction | None
    context: Fraction | None

    @property
    def frames(self) -> int:
        """Output frames."""
        return self.last - self.first

    def owns(self, time: Fraction | None) -> bool:
        """Whether something at `time` is counted here; what has no time is the first segment's."""
        if time is None:
            return self.index == 0
        return (self.index == 0 or time >= self.begin) and (self.end is None or time < self.end)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; fractions as "30000/1001"."""
        times = {name: getattr(self, name) for name in ("begin", "end", "context")}
        return {**asdict(self), **{k: None if t is None else str(t) for k, t in times.items()}}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        times = {name: data[name] for name in ("begin", "end", "context")}
        return cls(**{**data, **{k: None if t is None else Fraction(t) for k, t in times.items()}})


@dataclass(frozen=True)
class Plan:
    """A conversion laid out.

    Attributes:
        start, end: the part of the source that is converted, seconds of its clock; a recorded
            frame begins at `start`.
        segments: cover all output frames, in order.
    """

    info: VideoInfo
    settings: ConversionSettings
    start: Fraction
    end: Fraction
    segments: tuple[Segment, ...]

    @property
    def timeline(self) -> Timeline:
        """The rule that says what each output frame depicts."""
        return Timeline(self.settings.rate, self.settings.slowness, self.start)

    @property
    def frames(self) -> int:
        """Output frames in all."""
        return self.segments[-1].last

    @property
    def format(self) -> FrameFormat:
        """The planes that are worked in."""
        return working_format(self.info, self.settings.codec)

    @property
    def encoding(self) -> dict[str, Any]:
        """What every `VideoFile` of this conversion must be told, but for its container."""
        return {
            "format": self.format,
            "rate": self.settings.rate,
            "codec": self.settings.codec,
        }

    def audio(self, source: Path) -> AudioPlan | None:
        """What to do with the sound of `source`."""
        mode = self.settings.audio_mode
        return mode and AudioPlan(source, mode, self.start, self.end, self.settings.slowness)

    def map_head(self, model: str, model_digest: str) -> dict[str, Any]:
        """What the frame map says before its rows, of a conversion by these weights."""
        return {
            "rate": str(self.settings.rate),
            "slowness": str(self.settings.slowness),
            "model": model,
            "digest": model_digest,
        }

    @property
    def digest(self) -> str:
        """Names this plan: parts that were made for another one must not be joined."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; fractions as "30000/1001"."""
        return {
            "info": self.info.to_dict(),
            "settings": self.settings.to_dict(),
            "start": str(self.start),
            "end": str(self.end),
            "segments": [segment.to_dict() for segment in self.segments],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(
            info=VideoInfo.from_dict(data["info"]),
            settings=ConversionSettings.from_dict(data["settings"]),
            start=Fraction(data["start"]),
            end=Fraction(data["end"]),
            segments=tuple(Segment.from_dict(segment) for segment in data["segments"]),
        )


def plan_whole(source: Path, settings: ConversionSettings, limits: Limits = NO_LIMITS) -> Plan:
    """A conversion in one piece.

    Raises:
        MediaRefused, SettingsRefused: the file or the settings cannot be worked with.
    """
    info = probe(source, limits)
    settings.check(info)
    part = span(info, settings)
    start = _first_frame(source, info, part.start, settings) if settings.trim_in else part.start
    frames = Timeline(settings.rate, settings.slowness, start).total(part.end)
    context = start if settings.trim_in else None
    whole = Segment(0, 0, frames, begin=start, end=None, context=context)
    return Plan(info, settings, start, part.end, (whole,))


def plan(
    source: Path,
    settings: ConversionSettings,
    limits: Limits = NO_LIMITS,
    *,
    frames_per_segment: int = FRAMES_PER_SEGMENT,
) -> Plan:
    """A conversion in segments of about so many output frames; a short one has a single segment.

    The same for the same file and settings, whoever asks.

    Raises:
        MediaRefused, SettingsRefused: the file or the settings cannot be worked with.
    """
    undivided = plan_whole(source, settings, limits)
    count = undivided.frames // max(SHORTEST_SEGMENT, frames_per_segment)
    if count < 2:
        return undivided
    times = [time for time in frame_times(source, undivided.info) if time >= undivided.start]
    if not times:
        return undivided
    return replace(undivided, segments=_divided(undivided, times, count))


def _divided(undivided: Plan, times: list[Fraction], count: int) -> tuple[Segment, ...]:
    """`undivided` cut at some of the recorded frames shown at `times`."""
    timeline, [whole] = undivided.timeline, undivided.segments
    apart = keyframes_apart(undivided.settings.rate)
    segments = [whole]
    for number in range(1, count):
        before = segments[-1]
        # Where a keyframe would be in any case, or a little before: the seam is none of its own.
        wanted = whole.last * number // count - before.first
        most = before.first + max(1, round(wanted / apart)) * apart
        at = bisect.bisect_right(times, timeline.source_time(most)) - 1
        cut = math.ceil(timeline.position(times[at]))
        if min(cut - before.first, whole.last - cut) < SHORTEST_SEGMENT:
            continue  # one recorded frame stands for longer than a segment lasts
        context = times[max(0, at - CONTEXT)]
        segments[-1] = replace(before, last=cut, end=times[at])
        segments.append(Segment(len(segments), cut, whole.last, times[at], None, context))
    return tuple(segments)


def _first_frame(
    source: Path, info: VideoInfo, start: Fraction, settings: ConversionSettings
) -> Fraction:
    """When the frame shown at `start` began: of a variable rate only the file itself knows."""
    pixel_format = working_format(info, settings.codec).pixel_format
    with contextlib.closing(decode(source, info, pixel_format=pixel_format, start=start)) as frames:
        first = next(frames, None)
    if first is None:
        raise MediaRefused("no_frames", "No picture of this video could be decoded.")
    return first.pts
