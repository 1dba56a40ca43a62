"""The streaming pipeline: decode | interpolate | encode.

Each stage has its own thread and the queues between them are bounded, so memory depends on the
size of a frame and never on the length of the clip. Recorded frames go from the decoder to the
encoder as the planes they are; only the frames in between ever were RGB.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from inference.engine.errors import Cancelled, DiskFull, EngineError, MediaRefused
from inference.engine.fidelity import Fidelity
from inference.engine.framemap import FrameMapWriter
from inference.engine.holdout import HoldOut, Quality
from inference.engine.interpolator import Interpolator
from inference.engine.scenes import Link, SceneWatcher, thumbnail
from inference.engine.settings import ConversionSettings, span
from inference.engine.stages import Behind, ahead
from inference.engine.timeline import Row, RowStream, Timeline
from inference.engine.video.audio import FULL_DISK, AudioOutcome, AudioPlan
from inference.engine.video.colour import from_rgb, to_rgb
from inference.engine.video.decode import decode
from inference.engine.video.encode import Encoder
from inference.engine.video.frames import Frame, FrameFormat, Planes
from inference.engine.video.probe import Limits, VideoInfo, probe
from inference.engine.video.working import working_format

DEFAULT_LIMITS = Limits()
DECODED_AHEAD = 3
ENCODED_BEHIND = 6
"""Frames that may wait between the stages."""
AT_ONCE = 8
"""Times synthesised in one go; between goes, a request to stop is honoured."""


@dataclass(frozen=True)
class Progress:
    """How far a conversion is; `seconds_left` supposes that the rest goes as what is done."""

    frames_done: int
    frames_total: int
    new_frames_per_second: float
    seconds_left: float
    stage: str = "interpolating"


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion did.

    Attributes:
        frames: output frames, of which `recorded`, `synthesised` and `held`.
        cuts, repeats: scene cuts, and source frames that repeat the one before.
        damaged: packets that could not be decoded.
        duration: seconds of the result.
        seconds: wall time; `model_seconds` of it in the network.
        new_frames_per_second: synthesised frames for each second of wall time.
        confidence: mean over the synthesised frames, 0..1; None without any.
        audio: what became of the sound.
        fidelity: PSNR in dB of recorded frames in the result against the source's; None where
            none of the first frames is a recorded one.
        quality: the hold-out measurement.
    """

    frames: int
    recorded: int
    synthesised: int
    held: int
    cuts: int
    repeats: int
    damaged: int
    duration: float
    seconds: float
    model_seconds: float
    new_frames_per_second: float
    confidence: float | None
    audio: AudioOutcome
    fidelity: float | None = None
    quality: Quality = field(default_factory=Quality)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return asdict(self)


def convert(
    source: Path,
    target: Path,
    settings: ConversionSettings,
    interpolator: Interpolator,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    should_cancel: Callable[[], bool] | None = None,
    frame_map: Path | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> ConversionReport:
    """Convert a video file; `target` and `frame_map` appear complete or not at all.

    Args:
        on_progress: called after every few frames.
        should_cancel: asked as often; True ends the conversion.
        frame_map: where to write the frame map as JSON.

    Raises:
        MediaRefused, SettingsRefused: the file or the settings cannot be worked with.
        Cancelled: `should_cancel` said so.
        EngineError: the encoder failed, see `video.encode`; `disk_full` or `unwritable`.
    """
    info = probe(source, limits)
    settings.check(info)
    map_path = frame_map or target.with_name(target.name + ".map")
    # Temporary names beside the final ones: renaming is only atomic within a file system.
    partial, partial_map = (p.with_name(f".{p.name}.partial") for p in (target, map_path))
    try:
        run = _Conversion(
            source,
            info,
            settings,
            interpolator,
            on_progress=on_progress,
            should_cancel=should_cancel,
        )
        report = run.write(partial, partial_map)
        for written, final in ((partial_map, frame_map), (partial, target)):
            if final is not None:
                _publish(written, final)
        return report
    except OSError as error:
        if error.errno in FULL_DISK:
            raise DiskFull from error
        raise EngineError(
            "unwritable", f"The result could not be written ({error.strerror or error})."
        ) from error
    finally:
        for leftover in (partial, partial_map):
            leftover.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Recorded:
    """A decoded frame with what the other stages need of it."""

    frame: Frame
    rgb: Tensor
    link: Link


class _Conversion:
    """One run of the pipeline."""

    def __init__(
        self,
        source: Path,
        info: VideoInfo,
        settings: ConversionSettings,
        interpolator: Interpolator,
        *,
        on_progress: Callable[[Progress], None] | None,
        should_cancel: Callable[[], bool] | None,
    ) -> None:
        self._source, self._info, self._settings = source, info, settings
        self._interpolator = interpolator
        self._on_progress, self._should_cancel = on_progress, should_cancel
        self._format = working_format(info, settings.codec)
        self._span = span(info, settings)
        self._counts = {"recorded": 0, "synthesised": 0, "held": 0}
        self._confidence = 0.0
        self._started = time.perf_counter()

    def write(self, target: Path, frame_map: Path) -> ConversionReport:
        """Run to the end and write both files."""
        settings, model_before = self._settings, self._interpolator.seconds
        decoder = decode(
            self._source,
            self._info,
            pixel_format=self._format.pixel_format,
            start=self._span.start if settings.trim_in else None,
            end=self._span.end if settings.trim_out is not None else None,
        )
        scenes = SceneWatcher()
        expected = round((self._span.end - self._span.start) * self._info.frame_rate)
        holdout = HoldOut(self._interpolator, self._format, frames=expected)
        fidelity = Fidelity(self._format)
        with (
            contextlib.closing(decoder),
            contextlib.closing(ahead(self._decoded(decoder, scenes), DECODED_AHEAD)) as recorded,
        ):
            first = next(recorded, None)
            if first is None:
                raise MediaRefused("no_frames", "No picture of this video could be decoded.")
            # Where a trim of a variable rate begins is only known now; the sound begins there too.
            self._span = replace(self._span, start=first.frame.pts)
            timeline = Timeline(settings.rate, settings.slowness, self._span.start)
            self._total = timeline.total(self._span.end)
            with (
                FrameMapWriter(frame_map, self._map_head()) as rows,
                self._encoder(target) as encoder,
                Behind[Planes | Tensor](
                    lambda item: encoder.write(_planes(item, self._format)), ENCODED_BEHIND
                ) as encoding,
            ):
                stream = RowStream(timeline)
                for row, content in self._whole_frames(first, recorded, stream, holdout):
                    rows.write(row)
                    encoding.put(content)
                    if row.kind == "recorded" and not isinstance(content, Tensor):
                        fidelity.look(row, content)
                    self._count(row)
        seconds = time.perf_counter() - self._started
        made = self._counts["synthesised"]
        return ConversionReport(
            frames=sum(self._counts.values()),
            **self._counts,
            cuts=scenes.cuts,
            repeats=scenes.repeats,
            damaged=decoder.skipped,
            duration=float(sum(self._counts.values()) / settings.rate),
            seconds=seconds,
            model_seconds=self._interpolator.seconds - model_before,
            new_frames_per_second=made / seconds,
            confidence=self._confidence / made if made else None,
            audio=encoder.audio_outcome,
            fidelity=fidelity.measure(target),
            quality=holdout.result(),
        )

    def _decoded(self, decoder: Iterator[Frame], scenes: SceneWatcher) -> Iterator[_Recorded]:
        for frame in decoder:
            link = scenes.look(thumbnail(frame.planes[0], self._format.bit_depth))
            yield _Recorded(frame, to_rgb(frame, self._format), link)

    def _whole_frames(
        self,
        first: _Recorded,
        following: Iterator[_Recorded],
        stream: RowStream,
        holdout: HoldOut,
    ) -> Iterator[tuple[Row, Planes | Tensor]]:
        """Every output frame; the last recorded one is held to the end that the file announces."""
        left = first
        for right in itertools.chain([first], following):
            self._check()
            moves = right.link is Link.MOTION
            holdout.look(right.frame.pts, right.rgb, linked=moves)
            rows = stream.advance(right.frame.pts, hold=not moves)
            yield from self._between(left, right, [r for r in rows if r.index < self._total])
            left = right
        for row in stream.finish(self._span.end):
            yield row, left.frame.planes

    def _between(
        self, left: _Recorded, right: _Recorded, rows: list[Row]
    ) -> Iterator[tuple[Row, Planes | Tensor]]:
        """The output frames from one recorded frame up to the next."""
        waiting: list[Row] = []
        for row in rows:
            if row.kind == "synthesised":
                waiting.append(row)
            else:
                shown = left if row.shown == row.left else right
                yield row, shown.frame.planes
        for start in range(0, len(waiting), AT_ONCE):
            self._check()
            some = waiting[start : start + AT_ONCE]
            made = self._interpolator.interpolate(
                left.rgb, right.rgb, [float(row.t) for row in some], before_each=self._check
            )
            for row, frame, confidence in zip(some, made.frames, made.confidence, strict=True):
                self._confidence += confidence
                yield row.with_confidence(confidence), frame

    def _encoder(self, target: Path) -> Encoder:
        settings, part = self._settings, self._span
        mode = settings.audio_mode
        return Encoder(
            target,
            format=self._format,
            rate=settings.rate,
            codec=settings.codec,
            container=settings.container,
            audio=mode and AudioPlan(self._source, mode, part.start, part.end, settings.slowness),
        )

    def _map_head(self) -> dict[str, Any]:
        return {
            "rate": str(self._settings.rate),
            "slowness": str(self._settings.slowness),
            "model": self._interpolator.weights_name,
            "digest": self._interpolator.digest,
        }

    def _count(self, row: Row) -> None:
        self._counts[row.kind] += 1
        if self._on_progress is None:
            return
        done = sum(self._counts.values())
        elapsed = time.perf_counter() - self._started
        self._on_progress(
            Progress(
                frames_done=done,
                frames_total=self._total,
                new_frames_per_second=self._counts["synthesised"] / elapsed,
                seconds_left=elapsed / done * (self._total - done),
            )
        )

    def _check(self) -> None:
        if self._should_cancel is not None and self._should_cancel():
            raise Cancelled


def _planes(content: Planes | Tensor, format: FrameFormat) -> Planes:
    return from_rgb(content, format) if isinstance(content, Tensor) else content


def _publish(written: Path, final: Path) -> None:
    """Make sure the bytes are on the disk before the name says so."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(final)
