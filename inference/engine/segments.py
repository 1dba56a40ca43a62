"""A long conversion in segments: each is made by whoever is free, and then they are joined.

A segment comes out the same whoever makes it and whenever; one that is lost is made again alone.
Joined, they have the frames, times, sound and frame map of a conversion in one piece, and its
report: decisions about cuts, repeats and held-out frames are made on the same frames. Only the
encoder begins afresh at each segment, with a keyframe.

    work = plan(source, settings)
    for segment in work.segments:             # anywhere, in any order
        convert_segment(source, part(segment), work, segment.index, interpolator)
    join([part(s) for s in work.segments], source, target, work, frame_map=…)
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from inference.engine import framemap
from inference.engine.errors import EngineError, MediaRefused, PartDamaged
from inference.engine.framemap import row_from_dict, row_to_dict
from inference.engine.interpolator import Interpolator
from inference.engine.pipeline import OnProgress, Pipeline, Progress, ShouldCancel, check
from inference.engine.plan import Plan, Segment, plan
from inference.engine.publish import published
from inference.engine.report import ConversionReport, Tally
from inference.engine.timeline import Row
from inference.engine.video.concatenate import Concatenation, PartUnusable
from inference.engine.video.encode import PART, Encoder

__all__ = ["PART", "Part", "Plan", "Segment", "convert_segment", "join", "plan", "sidecar"]


@dataclass(frozen=True)
class Part:
    """What is known of a segment once it is made; kept as JSON beside its video.

    Attributes:
        plan: digest of the plan that it was made for.
        index: of the segment.
        model, digest: the weights that made it.
        size: of the video file, bytes.
        tally: what was counted.
        rows: the frame map's, with recorded frames counted from the segment's first one.
    """

    plan: str
    index: int
    model: str
    digest: str
    size: int
    tally: Tally
    rows: list[Row]

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "plan": self.plan,
            "index": self.index,
            "model": self.model,
            "digest": self.digest,
            "size": self.size,
            "tally": self.tally.to_dict(),
            "rows": [row_to_dict(row) for row in self.rows],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        rows = [row_from_dict(row) for row in data["rows"]]
        return cls(**{**data, "tally": Tally.from_dict(data["tally"]), "rows": rows})


def sidecar(part: Path) -> Path:
    """Where the facts about the segment in the file `part` are."""
    return part.with_name(part.name + ".json")


def convert_segment(
    source: Path,
    target: Path,
    plan: Plan,
    index: int,
    interpolator: Interpolator,
    *,
    on_progress: OnProgress = None,
    should_cancel: ShouldCancel = None,
) -> Part:
    """Make one segment: its pictures in `target`, the rest in `sidecar(target)`.

    The two appear complete or not at all, the sidecar last. There is no sound: `join` adds it.

    Args:
        source: the file that was planned for.
        on_progress: called after every few frames; counts this segment's.
        should_cancel: asked as often; True ends it.

    Raises:
        Cancelled: `should_cancel` said so.
        EngineError: `unreadable` or `source_changed`; the encoder failed, see `video.encode`;
            `disk_full` or `unwritable`.
    """
    _check_source(source, plan)
    segment = plan.segments[index]
    pipeline = Pipeline(
        source, plan, segment, interpolator, on_progress=on_progress, should_cancel=should_cancel
    )
    rows: list[Row] = []
    with published(target, sidecar(target)) as (video, facts):
        with Encoder(video, **plan.encoding, container=PART) as encoder:
            pipeline.run(encoder, rows.append)
        part = Part(
            plan=plan.digest,
            index=index,
            model=interpolator.weights_name,
            digest=interpolator.digest,
            size=video.stat().st_size,
            tally=pipeline.finish(video),
            rows=rows,
        )
        facts.write_text(json.dumps(part.to_dict()), encoding="utf-8")
    return part


def join(
    parts: Sequence[Path],
    source: Path,
    target: Path,
    plan: Plan,
    *,
    on_progress: OnProgress = None,
    should_cancel: ShouldCancel = None,
    frame_map: Path | None = None,
) -> ConversionReport:
    """Put all segments together and add the sound; nothing is encoded again but that.

    Args:
        parts: the segments' files, in order, their sidecars beside them.
        source: the file that was planned for; only its sound is read.
        on_progress, should_cancel: as in `convert`; the stage is `joining`.
        frame_map: where to write the frame map as JSON.

    Raises:
        PartDamaged: one segment, named by `index`, must be made again.
        Cancelled: `should_cancel` said so.
        EngineError: `weights_differ`: the segments must all be made again; `unreadable` or
            `source_changed`; the sound's encoder failed; `disk_full` or `unwritable`.
    """
    started = time.perf_counter()
    _check_source(source, plan)
    head = _read(parts[0], plan, 0)
    tallies: list[Tally] = []
    finals = [target] if frame_map is None else [frame_map, target]

    def each() -> None:
        check(should_cancel)
        if on_progress is not None:
            on_progress(_progress(video.frames, plan.frames, time.perf_counter() - started))

    with published(*finals) as partials:
        *maps, partial = partials
        container, audio = plan.settings.container, plan.audio(source)
        opening = plan.map_head(head.model, head.digest)
        with (
            framemap.writing(maps[0] if maps else None, opening) as take,
            Concatenation(partial, **plan.encoding, container=container, audio=audio) as video,
        ):
            for segment in plan.segments:
                path = parts[segment.index]
                part = _read(path, plan, segment.index)
                if part.digest != head.digest:
                    raise EngineError(
                        "weights_differ",
                        "The weights were changed while this conversion ran. Start it again.",
                    )
                try:
                    video.append(path, segment.frames, each)
                except PartUnusable as error:
                    raise PartDamaged(segment.index) from error
                before = sum(tally.sources for tally in tallies)
                for row in part.rows:
                    take(replace(row, left=row.left + before))
                tallies.append(part.tally)
        total = Tally.total(tallies)
        total.seconds += time.perf_counter() - started
        return total.report(plan.settings.rate, video.audio_outcome)


def _check_source(source: Path, plan: Plan) -> None:
    try:
        size = source.stat().st_size
    except OSError as error:
        raise MediaRefused("unreadable", "The video file could not be read.") from error
    if size != plan.info.size:
        raise EngineError("source_changed", "The video is not the one that was planned for.")


def _read(path: Path, plan: Plan, index: int) -> Part:
    """The sidecar of a segment, which must be the plan's."""
    try:
        part = Part.from_dict(json.loads(sidecar(path).read_text(encoding="utf-8")))
        whole = path.stat().st_size == part.size
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PartDamaged(index) from error
    numbers = [row.index for row in part.rows]
    segment = plan.segments[index]
    if (
        not whole
        or (part.plan, part.index) != (plan.digest, index)
        or numbers != list(range(segment.first, segment.last))
    ):
        raise PartDamaged(index)
    return part


def _progress(done: int, total: int, elapsed: float) -> Progress:
    left = elapsed / done * (total - done) if done else 0.0
    return Progress(done, total, new_frames_per_second=0.0, seconds_left=left, stage="joining")
