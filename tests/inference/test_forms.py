"""What the conversion form reads, and what the modes make of it."""

from fractions import Fraction
from typing import Any

import pytest

from inference.errors import ConversionRefused
from inference.forms import ConversionForm
from inference.models import Mode
from inference.modes import settings_for

SOURCE_RATE = Fraction(30000, 1001)


def wishes(**data: str) -> dict[str, Any]:
    form = ConversionForm(data)
    assert form.is_valid(), form.errors
    return form.wishes


def errors(**data: str) -> dict[str, Any]:
    form = ConversionForm(data)
    assert not form.is_valid()
    return dict(form.errors)


def test_smooth_with_a_preset_means_that_rate_at_full_speed() -> None:
    settings = settings_for(
        source_rate=SOURCE_RATE, **wishes(mode="smooth", smooth_rate="120", factor="8")
    )
    assert (settings.rate, settings.slowness) == (120, 1)


def test_smooth_with_a_broadcast_rate_means_its_exact_fraction() -> None:
    read = wishes(mode="smooth", smooth_rate="custom", smooth_rate_custom="59.94")
    assert read["rate"] == Fraction(60000, 1001)


def test_slow_plays_at_the_rate_of_the_source() -> None:
    settings = settings_for(source_rate=SOURCE_RATE, **wishes(mode="slow", factor="8"))
    assert (settings.rate, settings.slowness) == (SOURCE_RATE, 8)


def test_slow_plays_at_thirty_when_asked_to() -> None:
    settings = settings_for(
        source_rate=Fraction(240),
        **wishes(mode="slow", factor="custom", factor_custom="2.5", played_at="30"),
    )
    assert (settings.rate, settings.slowness) == (30, Fraction(5, 2))


def test_both_takes_rate_and_slowness_as_written() -> None:
    settings = settings_for(source_rate=SOURCE_RATE, **wishes(mode="both", rate="60", slowness="4"))
    assert (settings.rate, settings.slowness) == (60, 4)


def test_trim_is_read_as_exact_seconds() -> None:
    read = wishes(mode="slow", factor="2", trim_in="0.5", trim_out="1:02.25")
    assert (read["trim_in"], read["trim_out"]) == (Fraction(1, 2), Fraction(249, 4))


def test_without_a_container_the_codec_s_usual_one_is_taken() -> None:
    read = wishes(mode="slow", factor="2", codec="vp9")
    assert settings_for(source_rate=SOURCE_RATE, **read).container == "webm"


def test_a_number_the_mode_needs_is_asked_for_at_its_field() -> None:
    assert set(errors(mode="both", rate="60")) == {"slowness"}
    assert set(errors(mode="smooth", smooth_rate="custom")) == {"smooth_rate_custom"}
    assert set(errors(mode="slow", factor="custom", factor_custom="much")) == {"factor_custom"}


def test_a_wrong_number_of_another_mode_is_overlooked() -> None:
    assert wishes(mode="slow", factor="4", rate="fast")["slowness"] == 4


def test_a_wrong_trim_is_told_how_to_write_it() -> None:
    assert "12.5" in errors(mode="slow", factor="2", trim_in="later")["trim_in"][0]


def test_an_unknown_mode_is_refused() -> None:
    assert set(errors(mode="backwards")) == {"mode"}


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"mode": Mode.SMOOTH}, "rate_missing"),
        ({"mode": Mode.SLOW}, "slowness_missing"),
        ({"mode": Mode.BOTH, "rate": Fraction(60)}, "slowness_missing"),
        (
            {"mode": Mode.SMOOTH, "rate": Fraction(60), "slowness": Fraction(2)},
            "smooth_keeps_speed",
        ),
    ],
)
def test_what_contradicts_or_lacks_what_its_mode_needs_is_refused(
    wish: dict[str, Any], code: str
) -> None:
    with pytest.raises(ConversionRefused) as refusal:
        settings_for(source_rate=SOURCE_RATE, **wish)
    assert refusal.value.code == code
