"""How the library shows a video's numbers."""

from fractions import Fraction

from django import template

register = template.Library()


@register.filter
def clock(seconds: float) -> str:
    """A length as players show it: "0:04", "1:02:03". What is shorter than a second is "0:01"."""
    minutes, second = divmod(max(1, round(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


@register.filter
def fps(rate: Fraction) -> str:
    """Frames per second, to two places where they matter: "30", "29.97"."""
    return f"{float(rate):.2f}".rstrip("0").rstrip(".")
