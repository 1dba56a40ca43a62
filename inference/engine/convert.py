"""A video file converted in one go; `segments` does the same in pieces."""

from pathlib import Path

from inference.engine import framemap
from inference.engine.interpolator import Interpolator
from inference.engine.pipeline import OnProgress, Pipeline, Progress, ShouldCancel
from inference.engine.plan import NO_LIMITS, plan_whole
from inference.engine.publish import published
from inference.engine.report import ConversionReport
from inference.engine.settings import ConversionSettings
from inference.engine.video.encode import Encoder
from inference.engine.video.probe import Limits

__all__ = ["ConversionReport", "Progress", "convert"]


def convert(
    source: Path,
    target: Path,
    settings: ConversionSettings,
    interpolator: Interpolator,
    *,
    on_progress: OnProgress = None,
    should_cancel: ShouldCancel = None,
    frame_map: Path | None = None,
    limits: Limits = NO_LIMITS,
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
    plan = plan_whole(source, settings, limits)
    pipeline = Pipeline(
        source,
        plan,
        plan.segments[0],
        interpolator,
        on_progress=on_progress,
        should_cancel=should_cancel,
    )
    finals = [target] if frame_map is None else [frame_map, target]
    with published(*finals) as partials:
        *maps, video = partials
        head = plan.map_head(interpolator.weights_name, interpolator.digest)
        audio = plan.audio(source)
        with (
            framemap.writing(maps[0] if maps else None, head) as take,
            Encoder(video, **plan.encoding, container=settings.container, audio=audio) as encoder,
        ):
            pipeline.run(encoder, take)
        return pipeline.finish(video).report(settings.rate, encoder.audio_outcome)
