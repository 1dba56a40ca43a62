"""How templates name a conversion."""

from django import template

from inference import wording
from inference.models import Conversion

register = template.Library()


@register.filter
def what(conversion: Conversion) -> str:
    """What was asked for: "Slow motion, 8× slower at 30 frames per second"."""
    return wording.conversion_words(conversion)


@register.filter
def gain(conversion: Conversion) -> float | None:
    """Decibels of PSNR over plain blending; None where not measured."""
    if conversion.psnr is None or conversion.blend_psnr is None:
        return None
    return conversion.psnr - conversion.blend_psnr
