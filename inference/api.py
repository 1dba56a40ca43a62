"""Conversions for programs: ask for one, poll it, download what it made."""

from uuid import UUID

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inference import services
from inference.engine.settings import ConversionSettings
from inference.media import Kind, serve_file
from inference.models import Conversion, ConversionQuerySet, Mode
from inference.modes import settings_for
from inference.selectors import forecast
from inference.serializers import (
    ConversionRequest,
    ConversionSerializer,
    ForecastSerializer,
    QualitySerializer,
)
from videos.models import Video
from videos.negotiation import FirstRenderer
from videos.serializers import ErrorSerializer

NOT_FOUND = OpenApiResponse(ErrorSerializer, "There is no such thing, or it is not yours.")
REFUSED = OpenApiResponse(ErrorSerializer, "The reason, as a code and a sentence.")
ENDED = OpenApiResponse(ErrorSerializer, "It has already ended.")


@extend_schema_view(
    list=extend_schema(summary="Your conversions, newest first"),
    retrieve=extend_schema(
        summary="One conversion and how far it is",
        responses={200: ConversionSerializer, 404: NOT_FOUND},
    ),
    destroy=extend_schema(
        summary="Delete a conversion with its files; stops it if it runs",
        responses={204: None, 404: NOT_FOUND},
    ),
)
class ConversionViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Conversion],
):
    """Conversions of the asker's own videos."""

    queryset = Conversion.objects.none()
    serializer_class = ConversionSerializer
    lookup_value_converter = "uuid"
    content_negotiation_class = FirstRenderer

    def get_queryset(self) -> ConversionQuerySet:
        return Conversion.objects.visible_to(self.request.user).select_related("video")

    @extend_schema(
        summary="Queue a conversion",
        request=ConversionRequest,
        responses={201: ConversionSerializer, 400: REFUSED, 404: NOT_FOUND},
    )
    def create(self, request: Request) -> Response:
        video, mode, settings = self._wish(request)
        conversion = services.conversion_create(video=video, mode=mode, settings=settings)
        body = self.get_serializer(conversion).data
        return Response(body, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="What a conversion would make, without queueing it",
        request=ConversionRequest,
        responses={200: ForecastSerializer, 400: REFUSED, 404: NOT_FOUND},
    )
    @action(detail=False, methods=["post"])
    def estimate(self, request: Request) -> Response:
        video, _, settings = self._wish(request)
        return Response(forecast(video=video, settings=settings).to_dict())

    @extend_schema(
        summary="Stop a conversion",
        request=None,
        responses={200: ConversionSerializer, 404: NOT_FOUND, 409: ENDED},
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        conversion = self.get_object()
        services.conversion_cancel(conversion=conversion)
        return Response(self.get_serializer(conversion).data)

    @extend_schema(
        summary="The resulting video; understands Range",
        responses={(200, "video/mp4"): OpenApiTypes.BINARY, 404: NOT_FOUND},
    )
    @action(detail=True)
    def file(self, request: Request, pk: UUID) -> HttpResponseBase:
        return serve_file(request._request, self.get_object(), Kind.FILE, as_attachment=True)

    @extend_schema(
        summary="The frame map: where every frame of the result comes from",
        responses={(200, "application/json"): OpenApiTypes.OBJECT, 404: NOT_FOUND},
    )
    @action(detail=True, url_path="frame-map")
    def frame_map(self, request: Request, pk: UUID) -> HttpResponseBase:
        return serve_file(request._request, self.get_object(), Kind.MAP)

    @extend_schema(
        summary="How good the result is", responses={200: QualitySerializer, 404: NOT_FOUND}
    )
    @action(detail=True)
    def quality(self, request: Request, pk: UUID) -> Response:
        return Response(QualitySerializer(self.get_object()).data)

    def perform_destroy(self, instance: Conversion) -> None:
        services.conversion_delete(conversion=instance)

    def _wish(self, request: Request) -> tuple[Video, Mode, ConversionSettings]:
        wish = ConversionRequest(data=request.data)
        wish.is_valid(raise_exception=True)
        data = dict(wish.validated_data)
        visible = Video.objects.visible_to(request.user)
        video = get_object_or_404(visible, pk=data.pop("video"))
        data["mode"] = mode = Mode(data["mode"])
        return video, mode, settings_for(source_rate=video.rate, **data)
