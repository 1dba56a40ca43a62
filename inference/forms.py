"""The conversion form: what a member may type and choose, read into exact values."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from inference.engine.quantities import parse_rate, parse_seconds, parse_slowness
from inference.models import Mode, Review
from inference.selectors import REVIEW_SORTINGS
from inference.states import State

CUSTOM = "custom"

SMOOTH_RATES = {"60": "60", "120": "120", "240": "240", CUSTOM: "other"}
FACTORS = {"2": "2×", "4": "4×", "8": "8×", CUSTOM: "other"}
PLAYED_AT = {"": "the clip’s own rate", "30": "30 frames per second"}
AUDIO = {
    "auto": "Automatic: kept where the speed stays, stretched where it slows",
    "keep": "Keep as it is",
    "stretch": "Stretch with the picture, pitch kept",
    "drop": "No sound",
}
CODECS = {
    "h264": "H.264: plays everywhere",
    "hevc": "HEVC: smaller, not in every browser",
    "av1": "AV1: smallest, slow to make",
    "vp9": "VP9: smaller, plays in browsers",
}
CONTAINERS = {
    "": "Automatic: the usual one for the codec",
    "mp4": "MP4",
    "mov": "MOV (QuickTime)",
    "mkv": "MKV (Matroska)",
    "webm": "WebM",
}

RATE_HELP = "Write frames per second as a number, such as 59.94 or 60000/1001."
SLOWNESS_HELP = "Write how many times slower as a number, such as 8 or 2.5."
SECONDS_HELP = "Write a time in seconds, such as 12.5, or as minutes:seconds, such as 1:02.5."


class FractionField(forms.CharField):
    """A text field whose value is a Fraction, or None when left empty."""

    def __init__(self, parse: Callable[[str], Fraction], **options: Any) -> None:
        """`help_text` says how to write the value; it is also what a wrong value is told."""
        super().__init__(required=False, max_length=40, **options)
        self._parse = parse

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return self._parse(text)
        except ValueError:
            raise ValidationError(str(self.help_text), code="invalid") from None


class ConversionForm(forms.Form):
    """Mode, rate, slowness, trim and format. `wishes` has them as `settings_for` takes them."""

    mode = forms.ChoiceField(choices=Mode.choices, initial=Mode.SLOW, widget=forms.RadioSelect)

    smooth_rate = forms.ChoiceField(
        choices=list(SMOOTH_RATES.items()), initial="60", required=False, widget=forms.RadioSelect
    )
    smooth_rate_custom = FractionField(parse_rate, help_text=RATE_HELP, label="Frames per second")

    factor = forms.ChoiceField(
        choices=list(FACTORS.items()), initial="8", required=False, widget=forms.RadioSelect
    )
    factor_custom = FractionField(parse_slowness, help_text=SLOWNESS_HELP, label="Times slower")
    played_at = forms.ChoiceField(
        choices=list(PLAYED_AT.items()), required=False, label="Played at"
    )

    rate = FractionField(parse_rate, help_text=RATE_HELP, label="Frames per second", initial="60")
    slowness = FractionField(
        parse_slowness, help_text=SLOWNESS_HELP, label="Times slower", initial="4"
    )

    trim_in = FractionField(parse_seconds, help_text=SECONDS_HELP, label="Start at")
    trim_out = FractionField(parse_seconds, help_text=SECONDS_HELP, label="End at")
    audio = forms.ChoiceField(
        choices=list(AUDIO.items()), initial="auto", required=False, label="Sound"
    )
    codec = forms.ChoiceField(choices=list(CODECS.items()), initial="h264", required=False)
    container = forms.ChoiceField(choices=list(CONTAINERS.items()), required=False, label="File")

    def clean(self) -> dict[str, Any]:
        """Wants the numbers that the chosen mode needs, and overlooks those of the others."""
        data = super().clean() or self.cleaned_data
        needed = self._needed(data)
        for name in ("smooth_rate_custom", "factor_custom", "rate", "slowness"):
            if name not in needed:
                self.errors.pop(name, None)
            elif data.get(name) is None and name not in self.errors:
                self.add_error(name, str(self.fields[name].help_text))
        return data

    @staticmethod
    def _needed(data: dict[str, Any]) -> set[str]:
        match data.get("mode"):
            case Mode.SMOOTH:
                return {"smooth_rate_custom"} if data.get("smooth_rate") == CUSTOM else set()
            case Mode.SLOW:
                return {"factor_custom"} if data.get("factor") == CUSTOM else set()
            case Mode.BOTH:
                return {"rate", "slowness"}
        return set()

    def trim(self) -> list[forms.BoundField]:
        """The fields that choose the part, for the template."""
        return [self["trim_in"], self["trim_out"]]

    def format(self) -> list[forms.BoundField]:
        """The fields most members leave alone."""
        return [self["audio"], self["codec"], self["container"]]

    @property
    def wishes(self) -> dict[str, Any]:
        """The valid form as keyword arguments of `inference.modes.settings_for`."""
        data = self.cleaned_data
        mode = Mode(data["mode"])
        rate, slowness = data.get("rate"), data.get("slowness")
        if mode == Mode.SMOOTH:
            rate, slowness = self._chosen("smooth_rate", default="60"), None
        elif mode == Mode.SLOW:
            played_at = data["played_at"]
            rate = Fraction(played_at) if played_at else None
            slowness = self._chosen("factor", default="8")
        return {
            "mode": mode,
            "rate": rate,
            "slowness": slowness,
            "trim_in": data["trim_in"],
            "trim_out": data["trim_out"],
            "audio": data["audio"] or "auto",
            "codec": data["codec"] or "h264",
            "container": data["container"],
        }

    def _chosen(self, name: str, *, default: str) -> Any:
        choice = self.cleaned_data[name] or default
        return self.cleaned_data[f"{name}_custom"] if choice == CUSTOM else Fraction(choice)


class ReviewForm(forms.Form):
    """A reviewer's decision about a conversion."""

    decision = forms.ChoiceField(choices=Review.choices, widget=forms.RadioSelect)
    note = forms.CharField(
        max_length=2000,
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text="Why; the next reviewer reads it, the member does not.",
    )


class ReviewFilterForm(forms.Form):
    """Which conversions the review lists, and in which order."""

    state = forms.ChoiceField(choices=[("", "All"), *State.choices], required=False)
    review = forms.ChoiceField(choices=[("", "All"), *Review.choices], required=False)
    sorting = forms.ChoiceField(
        choices=list(REVIEW_SORTINGS.items()), required=False, label="Order"
    )
