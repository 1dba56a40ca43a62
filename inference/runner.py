"""Runs one attempt at a conversion; the part of the worker that touches the model.

Lives in the worker's child. Every outcome ends in the row: a result, or a code and a sentence.
"""

import functools
import logging
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
)

from inference import division, files
from inference.attempts import Attempt
from inference.engine import framemap, presentation
from inference.engine.convert import ConversionReport, convert
from inference.engine.errors import Cancelled, DiskFull, EngineError, OutOfMemory
from inference.engine.interpolator import Interpolator
from inference.engine.plan import plan
from inference.engine.settings import ConversionSettings
from inference.models import Conversion
from inference.progress import Reporter
from inference.segments import SegmentAttempt
from inference.trouble import DATABASE_AWAY, STORAGE_AWAY, NotStored, Trouble, storage

INTERNAL_ERROR = (
    "internal_error",
    "Something went wrong on our side. The details are in the log; please tell whoever runs this "
    "site.",
)

DISK_FULL = (
    "disk_full",
    "There is no room left on the disk of this site. Start the conversion again when whoever runs "
    "the site has made some.",
)

logger = logging.getLogger(__name__)


@functools.cache
def interpolator() -> Interpolator:
    """The model, loaded once in the life of the process."""
    return Interpolator()


def warm_up() -> None:
    """Loads the model ahead of the first conversion, which otherwise reports the failure."""
    try:
        interpolator()
    except Exception:
        logger.exception("The model could not be loaded")


def run(
    attempt: Attempt | SegmentAttempt,
    *,
    should_stop: Callable[[], bool],
    announce: Callable[[int], None],
) -> Trouble | None:
    """Converts and publishes, or records why not; once it should stop, returns soon.

    Args:
        attempt: one that has been claimed.
        should_stop: asked between frames.
        announce: told how many segments others may help with.

    Returns:
        What another attempt may be spared; None where the row says it all.

    Raises:
        MemoryError: the process had better end.
    """
    log = logging.LoggerAdapter(logger, {"job": attempt.conversion_id})
    close_old_connections()
    try:
        if isinstance(attempt, SegmentAttempt):
            division.help_with(attempt, interpolator(), should_stop)
        else:
            _convert_and_publish(attempt, Reporter(attempt, should_stop), announce)
    except Cancelled:
        log.info("Stopped")
    except Conversion.DoesNotExist:
        log.info("Deleted meanwhile")
    except (MemoryError, OutOfMemory) as error:
        log.exception("Out of memory")
        raise MemoryError from error
    except DiskFull:
        log.exception("The disk is full")
        attempt.fail(*DISK_FULL)
    except EngineError as error:
        log.info("Refused: %s: %s", error.code, error.message)
        attempt.fail(error.code, error.message)
    except NotStored:
        log.exception("The result could not be stored")
        return STORAGE_AWAY
    except (OperationalError, InterfaceError):
        log.exception("The database is away")
        connections.close_all()
        return DATABASE_AWAY
    except Exception:
        # Where the row was deleted or cancelled, its files may have vanished under the work.
        level = logging.ERROR if attempt.fail(*INTERNAL_ERROR) else logging.INFO
        log.log(level, "Failed", exc_info=True)
    return None


def _convert_and_publish(
    attempt: Attempt, reporter: Reporter, announce: Callable[[int], None]
) -> None:
    conversion = Conversion.objects.select_related("video").get(pk=attempt.conversion_id)
    settings = ConversionSettings.from_dict(conversion.settings)
    model = interpolator()
    model.spares_memory = conversion.spares_memory
    with files.work_folder(attempt.conversion_id, attempt.number) as folder:
        with storage():
            source = files.local_copy(str(conversion.video.file.name), folder)
        result = folder / f"result.{settings.container}"
        frame_map = folder / "frames.json"
        layout = plan(source, settings, frames_per_segment=django_settings.SLOMO_SEGMENT_FRAMES)
        if len(layout.segments) > 1:
            report = division.lead(
                attempt, layout, source, result, frame_map, model, reporter, announce
            )
        else:
            report = convert(
                source,
                result,
                settings,
                model,
                on_progress=reporter,
                should_cancel=reporter.should_stop,
                frame_map=frame_map,
            )
        made = {"result": result, "frame_map": frame_map, "frame_map_vtt": _webvtt(frame_map)}
        compare = functools.partial(
            presentation.write_comparison, source, result, frame_map, settings
        )
        preview = functools.partial(presentation.write_preview, result)
        made |= _extra("comparison", compare, folder / "comparison.mp4", reporter)
        made |= _extra("preview", preview, folder / "preview.gif", reporter)
        with storage():
            names = {
                column: files.store(path, attempt.conversion_id, attempt.number)
                for column, path in made.items()
            }
    attempt.succeed(
        **names,
        **_figures(report),
        model_name=model.weights_name,
        model_digest=model.digest,
    )


def _extra(
    column: str, write: Callable[..., None], path: Path, reporter: Reporter
) -> dict[str, Path]:
    """Makes a file that is nice to have; a conversion does not fail for the want of it."""
    reporter.stage(column)
    try:
        write(path, before_each=reporter.check)
    except (Cancelled, MemoryError):
        raise
    except Exception:
        logger.exception("No %s was made", column)
        return {}
    return {column: path}


def _webvtt(frame_map: Path) -> Path:
    rate = Fraction(framemap.read_head(frame_map)["rate"])
    path = frame_map.with_suffix(".vtt")
    with path.open("w", encoding="utf-8") as file:
        file.writelines(framemap.webvtt(framemap.read_rows(frame_map), rate))
    return path


def _figures(report: ConversionReport) -> dict[str, Any]:
    return {
        "report": report.to_dict(),
        "psnr": report.quality.psnr,
        "ssim": report.quality.ssim,
        "blend_psnr": report.quality.blend_psnr,
        "blend_ssim": report.quality.blend_ssim,
        "frames_done": report.frames,
        "frames_total": report.frames,
        "frames_per_second": report.new_frames_per_second,
    }
