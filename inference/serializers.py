"""What programs send and get about conversions. Times are seconds, rates exact ratios."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from inference.engine.quantities import parse_rate, parse_seconds, parse_slowness
from inference.forms import AUDIO, CODECS, CONTAINERS, RATE_HELP, SECONDS_HELP, SLOWNESS_HELP
from inference.models import Conversion, Mode


@extend_schema_field(OpenApiTypes.STR)
class FractionField(serializers.Field[Fraction, str | float, str, Any]):
    """An exact number, sent as text ("60000/1001") or as a JSON number."""

    def __init__(self, parse: Callable[[str], Fraction], **options: Any) -> None:
        super().__init__(**options)
        self._parse = parse

    def to_internal_value(self, data: str | float) -> Fraction:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            raise serializers.ValidationError(str(self.help_text))
        try:
            return self._parse(str(data))
        except ValueError:
            raise serializers.ValidationError(str(self.help_text)) from None

    def to_representation(self, value: Fraction) -> str:
        return str(value)


class ConversionRequest(serializers.Serializer[Any]):
    """A conversion to make or to estimate."""

    video = serializers.UUIDField(help_text="Id of one of your videos.")
    mode = serializers.ChoiceField(
        choices=Mode.choices,
        help_text="smooth needs rate; slow needs slowness; both needs rate and slowness.",
    )
    rate = FractionField(
        parse_rate,
        required=False,
        allow_null=True,
        help_text=f"Frames per second of the result. {RATE_HELP}",
    )
    slowness = FractionField(
        parse_slowness,
        required=False,
        allow_null=True,
        help_text=f"How many seconds one source second lasts. {SLOWNESS_HELP}",
    )
    factor = FractionField(
        parse_slowness, required=False, allow_null=True, help_text="Another name for slowness."
    )
    trim_in = FractionField(
        parse_seconds, required=False, allow_null=True, help_text=f"Start. {SECONDS_HELP}"
    )
    trim_out = FractionField(
        parse_seconds, required=False, allow_null=True, help_text=f"End. {SECONDS_HELP}"
    )
    audio = serializers.ChoiceField(choices=list(AUDIO.items()), required=False)
    codec = serializers.ChoiceField(choices=list(CODECS.items()), required=False)
    container = serializers.ChoiceField(
        choices=[(key, label) for key, label in CONTAINERS.items() if key],
        required=False,
        help_text="Left out, the usual one for the codec.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Folds the two names of slowness into one."""
        factor = attrs.pop("factor", None)
        if factor is not None:
            if attrs.get("slowness") not in (None, factor):
                raise serializers.ValidationError(
                    {"factor": "Send slowness or factor, not two different values."}
                )
            attrs["slowness"] = factor
        return attrs


class ForecastSerializer(serializers.Serializer[Any]):
    """What a conversion would make."""

    frames = serializers.IntegerField(help_text="Frames of the result.")
    new_frames = serializers.IntegerField(help_text="Those of them that will be synthesised.")
    duration = serializers.FloatField(help_text="Length of the result in seconds.")
    seconds = serializers.FloatField(help_text="Rough time the work takes once it has begun.")


class QualitySerializer(serializers.ModelSerializer[Conversion]):
    """Hold-out figures: recorded frames made again from their neighbours, and plain blending.

    All null where the clip is too short to measure. `report` is the engine's full report.
    """

    report = serializers.DictField()

    class Meta:
        model = Conversion
        fields = ("psnr", "ssim", "blend_psnr", "blend_ssim", "report")
        read_only_fields = fields


class LinksSerializer(serializers.Serializer[Any]):
    """Where more is; absolute addresses. Those of files are null until there is a result."""

    page = serializers.URLField()
    file = serializers.URLField(allow_null=True)
    frame_map = serializers.URLField(allow_null=True)
    quality = serializers.URLField(allow_null=True)


class ConversionSerializer(serializers.ModelSerializer[Conversion]):
    """A conversion and how far it is."""

    settings = serializers.DictField()
    links = serializers.SerializerMethodField()

    class Meta:
        model = Conversion
        fields = (
            "id",
            "video",
            "mode",
            "settings",
            "state",
            "stage",
            "frames_done",
            "frames_total",
            "frames_per_second",
            "seconds_left",
            "error_code",
            "error_message",
            "psnr",
            "ssim",
            "blend_psnr",
            "blend_ssim",
            "model_name",
            "model_digest",
            "created_at",
            "started_at",
            "finished_at",
            "links",
        )
        read_only_fields = fields

    @extend_schema_field(LinksSerializer)
    def get_links(self, conversion: Conversion) -> dict[str, str | None]:
        """Addresses of the page and, once there is a result, of its files."""
        request = self.context["request"]
        page = request.build_absolute_uri(conversion.get_absolute_url())
        done = conversion.state == conversion.State.SUCCEEDED
        names = {"file": "file", "frame_map": "frame-map", "quality": "quality"}
        return {
            "page": page,
            **{
                key: reverse(f"api-conversion-{name}", [conversion.pk], request=request)
                if done
                else None
                for key, name in names.items()
            },
        }
