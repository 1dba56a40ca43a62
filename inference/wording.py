"""Numbers, states and failures as sentences, so that pages, JSON and e-mails say the same."""

from fractions import Fraction
from typing import Any

from inference.engine.quantities import decimal_text
from inference.engine.settings import ConversionSettings
from inference.models import Conversion, Mode
from inference.selectors import Forecast, Progress
from inference.states import State

# What the worker is doing, by the engine's name for it.
STAGES = {
    "interpolating": "Making the new frames",
    "joining": "Joining the segments",
    "comparison": "Making the clip that compares both",
    "preview": "Making the preview",
}

GENERAL_ADVICE = "You can try again with the same settings, or choose others on the video’s page."
OUR_FAULT = "That is not your clip’s fault. Try again; if it fails again, ask for help."


def conversion_words(conversion: Conversion) -> str:
    """What was asked for, in a few words: "Slow motion, 8× slower at 30 frames per second"."""
    settings = ConversionSettings.from_dict(conversion.settings)
    rate = f"{decimal_text(settings.rate)} frames per second"
    name = Mode(conversion.mode).label.partition(":")[0]
    if settings.slowness == 1:
        return f"{name}, {rate}"
    return f"{name}, {decimal_text(settings.slowness)}× slower at {rate}"


def forecast_sentence(forecast: Forecast, rate: Fraction) -> str:
    """What will be made and how long that takes, in one or two sentences."""
    outcome = forecast.estimate
    return (
        f"Makes {count(outcome.frames, 'frame')}, {number(outcome.new_frames)} of them new, that "
        f"play for {clock(float(outcome.duration))} at {decimal_text(rate)} frames per second. "
        f"Takes roughly {duration_words(forecast.seconds)} once it begins."
    )


def advice(conversion: Conversion) -> str:
    """What to do about a failed conversion, besides what its own message says."""
    ours = conversion.error_code in ("worker_lost", "internal_error")
    return OUR_FAULT if ours else GENERAL_ADVICE


def progress_words(progress: Progress) -> dict[str, Any]:
    """The progress page's texts, as its template and its script both take them.

    `fraction` is None where there is nothing to measure yet; `problem` is empty where all is well.
    """
    conversion = progress.conversion
    started = conversion.state != State.QUEUED and conversion.frames_total > 0
    return {
        "finished": not conversion.is_active,
        "fraction": round(conversion.progress, 4) if started else None,
        "headline": _headline(progress),
        "facts": _facts(conversion) if conversion.state == State.RUNNING else [],
        "problem": (
            "No worker is listening, so nothing will begin yet. Whoever runs this site needs to "
            "start one; your conversion waits and then begins by itself."
            if progress.worker_missing
            else ""
        ),
        "can_cancel": conversion.state in (State.QUEUED, State.RUNNING),
    }


def _headline(progress: Progress) -> str:
    conversion = progress.conversion
    if conversion.state == State.QUEUED:
        if progress.ahead:
            return f"Waiting: {count(progress.ahead, 'conversion')} before this one"
        return "Waiting for a worker: this one is next"
    if conversion.state == State.RUNNING:
        return STAGES.get(conversion.stage, "Starting")
    return conversion.get_state_display()


def _facts(conversion: Conversion) -> list[str]:
    facts = [f"{number(conversion.frames_done)} of {count(conversion.frames_total, 'frame')}"]
    if conversion.frames_per_second:
        facts.append(f"{conversion.frames_per_second:.1f} new frames per second")
    if conversion.seconds_left is not None:
        facts.append(f"About {duration_words(conversion.seconds_left)} left")
    return facts


def duration_words(seconds: float) -> str:
    """A length of time as one would say it: "40 seconds", "3 minutes", "2 hours 10 minutes"."""
    if seconds < 90:
        return count(max(1, round(seconds)), "second")
    minutes = round(seconds / 60)
    if minutes < 60:
        return count(minutes, "minute")
    hours, minutes = divmod(minutes, 60)
    return count(hours, "hour") + (f" {count(minutes, 'minute')}" if minutes else "")


def clock(seconds: float) -> str:
    """A clip's length: "4.27 s", or "3:05 min" from a minute on."""
    if seconds < 60:
        return f"{decimal_text(Fraction(seconds), 2)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min"


def number(value: int) -> str:
    """A whole number with narrow spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def count(value: int, noun: str) -> str:
    """A number and its noun: "1 frame", "240 frames"."""
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"
