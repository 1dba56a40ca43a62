"""Numbers as people type them."""

from fractions import Fraction

import pytest

from inference.engine.quantities import decimal_text, parse_rate, parse_seconds, parse_slowness


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("60", Fraction(60)),
        (" 120 fps", Fraction(120)),
        ("59.94", Fraction(60000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("60000/1001", Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("60.0", Fraction(60)),
        ("24.9", Fraction(249, 10)),
    ],
)
def test_a_written_rate_is_its_exact_fraction(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "fast", "-30", "0", "30/0", "1e9", "inf", "nan", "٣٠", "30,5", "1_000", "9" * 20]
)
def test_what_is_no_positive_number_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "slowness"), [("8", 8), ("8x", 8), ("2.5×", Fraction(5, 2)), ("5/2", Fraction(5, 2))]
)
def test_a_written_slowness_is_its_exact_fraction(text: str, slowness: Fraction) -> None:
    assert parse_slowness(text) == slowness


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("12.5", Fraction(25, 2)),
        ("12.5 s", Fraction(25, 2)),
        ("1:02.5", Fraction(125, 2)),
        ("1:00:02", 3602),
    ],
)
def test_a_written_time_is_exact_seconds(text: str, seconds: Fraction) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["-1", "1:99", "soon", "1:2:3:4"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_seconds(text)


def test_a_fraction_is_shown_as_a_short_decimal() -> None:
    assert decimal_text(Fraction(60000, 1001)) == "59.94"
    assert decimal_text(Fraction(8)) == "8"
