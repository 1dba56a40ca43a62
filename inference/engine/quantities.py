"""Frame rates, slowness and times as people type them, read into exact fractions."""

import re
from fractions import Fraction

_NUMBER = re.compile(r"\d{1,7}(\.\d{1,9})?", re.ASCII)
_RATIO = re.compile(r"\d{1,9}/\d{1,9}", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,4}):([0-5]?\d(?:\.\d{1,9})?)", re.ASCII)


def parse_rate(text: str) -> Fraction:
    """Frames per second from "60", "59.94", "60000/1001" or "60 fps".

    Broadcast rates (24, 30, 60 … times 1000/1001) are written rounded: 23.976 or 23.98. A decimal
    that is such a rate to the places given is taken as the exact one, so that no clip drifts.
    Raises ValueError where the text is not a positive number.
    """
    text = text.strip().lower().removesuffix("fps").strip()
    rate = _fraction(text)
    places = len(text.partition(".")[2])
    film_or_video = round(rate * Fraction(1001, 1000))
    broadcast = Fraction(film_or_video * 1000, 1001)
    if film_or_video % 6 == 0 and places >= 2 and round(broadcast, places) == rate:
        return broadcast
    return rate


def parse_slowness(text: str) -> Fraction:
    """Times slower than real time from "8", "2.5", "8x" or "5/2"; ValueError otherwise."""
    return _fraction(text.strip().lower().rstrip("x×").strip())


def parse_seconds(text: str) -> Fraction:
    """A moment in seconds from "12.5", "1:02.5" or "1:00:02"; ValueError otherwise."""
    text = text.strip().lower().removesuffix("s").strip()
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = clock.groups()
        return Fraction(int(hours or 0) * 3600 + int(minutes) * 60) + Fraction(seconds)
    if _NUMBER.fullmatch(text):
        return Fraction(text)
    raise ValueError(f"not a time: {text!r}")


def decimal_text(value: Fraction, places: int = 3) -> str:
    """The fraction as a short decimal for people: 60000/1001 -> "59.94", 8 -> "8"."""
    text = f"{float(value):.{places}f}"
    return text.rstrip("0").rstrip(".")


def _fraction(text: str) -> Fraction:
    if not (_NUMBER.fullmatch(text) or _RATIO.fullmatch(text)):
        raise ValueError(f"not a number: {text!r}")
    try:
        value = Fraction(text)
    except ZeroDivisionError:
        raise ValueError(f"not a number: {text!r}") from None
    if value <= 0:
        raise ValueError(f"not positive: {text!r}")
    return value
