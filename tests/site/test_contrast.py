"""The colours of the design tokens against each other, light and dark (WCAG 2.2 AA)."""

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "slomo_site/static/slomo/css/tokens.css"

TEXT, CONTROL = 4.5, 3.0
SURFACES = ("page", "surface", "sunken")
PAIRS = [
    *((text, ground, TEXT) for text in ("text", "muted", "accent") for ground in SURFACES),
    *((line, ground, CONTROL) for line in ("control-line", "focus") for ground in SURFACES),
    *((state, f"{state}-soft", TEXT) for state in ("good", "warn", "bad", "info")),
    *((state, "surface", TEXT) for state in ("good", "warn", "bad", "info")),
    *((f"frame-{kind}", "surface", CONTROL) for kind in ("recorded", "synthesised", "held")),
    *(("on-frame", f"frame-{kind}", TEXT) for kind in ("recorded", "synthesised", "held")),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
]


def themes() -> dict[str, dict[str, str]]:
    light, _, dark = TOKENS.read_text().partition("@media")
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", css)) for css in (light, dark)]
    return {"light": found[0], "dark": found[0] | found[1]}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it, 0 (black) to 1 (white)."""
    codes = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in codes]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "least"), PAIRS)
def test_colours_stand_out_enough(theme: str, front: str, ground: str, least: float) -> None:
    colours = themes()[theme]
    low, high = sorted((luminance(colours[front]), luminance(colours[ground])))
    assert (high + 0.05) / (low + 0.05) >= least
