"""What pages and the API read about conversions: progress, the queue, how long work will take."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from django.db.models import F

from inference import queue
from inference.engine.errors import EngineError
from inference.engine.settings import ConversionSettings, Estimate, estimate
from inference.engine.video.probe import VideoInfo
from inference.errors import ConversionRefused
from inference.models import Conversion, ConversionQuerySet
from inference.states import State
from videos.models import Video

# New megapixels a second of the compact network on two CPU cores; used until a conversion has
# been finished here and tells how fast this machine really is.
DEFAULT_SPEED = 2.5
MEASURED_CONVERSIONS = 20


@dataclass(frozen=True)
class Forecast:
    """What a conversion will make, before it is queued.

    Attributes:
        estimate: frames, new frames and duration of the result.
        seconds: rough time the work takes once it has begun.
    """

    estimate: Estimate
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON-safe values; durations in seconds."""
        return {
            "frames": self.estimate.frames,
            "new_frames": self.estimate.new_frames,
            "duration": float(self.estimate.duration),
            "seconds": round(self.seconds, 1),
        }


def forecast(*, video: Video, settings: ConversionSettings) -> Forecast:
    """What `settings` will make of `video`, and roughly how long that takes.

    Raises:
        ConversionRefused: the settings do not fit the video.
    """
    info = VideoInfo.from_dict(video.info)
    try:
        settings.check(info)
        outcome = estimate(info, settings)
    except EngineError as error:
        raise ConversionRefused(error.code, error.message) from error
    return Forecast(outcome, outcome.new_frames * _megapixels(video) / measured_speed())


def measured_speed() -> float:
    """New megapixels a second, as the latest finished conversions made them."""
    recent = (
        Conversion.objects.filter(state=State.SUCCEEDED, frames_per_second__gt=0)
        .select_related("video")
        .order_by("-finished_at")[:MEASURED_CONVERSIONS]
    )
    speeds = [(c.frames_per_second or 0) * _megapixels(c.video) for c in recent]
    return median(speeds) if speeds else DEFAULT_SPEED


def queue_position(conversion: Conversion) -> int:
    """How many conversions are before this one in the queue."""
    waiting = Conversion.objects.filter(state=State.QUEUED)
    return waiting.filter(created_at__lt=conversion.created_at).count()


@dataclass(frozen=True)
class Progress:
    """How far a conversion is.

    Attributes:
        conversion: the row, as read just now.
        ahead: conversions waiting before it; 0 unless it waits itself.
        worker_missing: it waits, and nobody is there to begin it.
    """

    conversion: Conversion
    ahead: int = 0
    worker_missing: bool = False


def conversion_progress(conversion: Conversion) -> Progress:
    """How far `conversion` is; looks at the queue only while it waits."""
    if conversion.state != State.QUEUED:
        return Progress(conversion)
    return Progress(
        conversion,
        ahead=queue_position(conversion),
        worker_missing=queue.workers_listening() == 0,
    )


# How the review may be ordered, with the words shown for it. The gain over plain blending compares
# clips of different difficulty, which PSNR alone does not.
REVIEW_SORTINGS = {
    "worst": "Worst quality first",
    "newest": "Newest first",
    "oldest": "Oldest first",
}


def review_queue(
    *, state: str = "", review: str = "", sorting: str = "worst"
) -> ConversionQuerySet:
    """Everyone's conversions for staff, each with `gain` (dB over plain blending, or None).

    Args:
        state: only those in this state; empty for all.
        review: only those so decided; empty for all.
        sorting: a key of `REVIEW_SORTINGS`; unmeasured ones come last in "worst".
    """
    conversions = Conversion.objects.select_related("video__owner").annotate(
        gain=F("psnr") - F("blend_psnr")
    )
    if state:
        conversions = conversions.filter(state=state)
    if review:
        conversions = conversions.filter(review=review)
    orders: dict[str, tuple[Any, ...]] = {
        "newest": ("-created_at", "-id"),
        "oldest": ("created_at", "id"),
    }
    worst = (F("gain").asc(nulls_last=True), "-created_at", "-id")
    return conversions.order_by(*orders.get(sorting, worst))


def _megapixels(video: Video) -> float:
    return video.width * video.height / 1e6
