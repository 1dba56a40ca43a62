"""The library for programs: /api/v1/videos/."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.mixins import DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import BaseParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from videos import files, services
from videos.models import Video, VideoQuerySet
from videos.negotiation import FirstRenderer
from videos.selectors import Room
from videos.serializers import (
    ErrorSerializer,
    VideoDetailsSerializer,
    VideoSerializer,
    VideoUploadSerializer,
)
from videos.serving import serve
from videos.uploads import LimitedUploadHandler

NOT_FOUND = OpenApiResponse(ErrorSerializer, "There is no such video, or it is not yours.")
REFUSED = OpenApiResponse(ErrorSerializer, "The reason, as a code and a sentence.")


@extend_schema_view(
    list=extend_schema(summary="List your videos"),
    retrieve=extend_schema(
        responses={200: VideoSerializer, 404: NOT_FOUND}, summary="Look at a video"
    ),
    destroy=extend_schema(
        responses={204: None, 404: NOT_FOUND},
        summary="Delete a video",
        description="Its conversions and every file of both go with it.",
    ),
)
class VideoViewSet(
    ListModelMixin, RetrieveModelMixin, DestroyModelMixin, viewsets.GenericViewSet[Video]
):
    """A member's own videos; those of others do not exist here."""

    serializer_class = VideoSerializer
    queryset = Video.objects.none()
    lookup_value_converter = "uuid"
    content_negotiation_class = FirstRenderer
    upload_handler: LimitedUploadHandler

    def get_queryset(self) -> VideoQuerySet:
        return Video.objects.visible_to(self.request.user).prefetch_related("tags")

    def get_parsers(self) -> list[BaseParser]:
        # Only an upload has a multipart body; every other body is JSON.
        uploading = self.request is not None and self.request.method == "POST"
        return [MultiPartParser() if uploading else JSONParser()]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Puts the handler in place before signing in, which may read the body for a CSRF token.

        Who asks is not known here, so it knows the limit of one file and not the member's room;
        the service checks that.
        """
        limit = settings.SLOMO_MAX_UPLOAD_BYTES
        self.upload_handler = LimitedUploadHandler(
            request, room=Room(limit=limit, quota=limit, used=0)
        )
        request.upload_handlers = [self.upload_handler]
        return super().initialize_request(request, *args, **kwargs)

    @extend_schema(
        request={"multipart/form-data": VideoUploadSerializer},
        responses={201: VideoSerializer, 400: REFUSED, 422: REFUSED},
        summary="Upload a video",
        description=(
            "Answers once the file has been probed. It is refused with 422 when it is too large, "
            "does not fit your storage or is not a video we can work with."
        ),
    )
    def create(self, request: Request) -> Response:
        form = VideoUploadSerializer(data=request.data)
        for _, reason in self.upload_handler.refused:
            raise reason
        form.is_valid(raise_exception=True)
        assert request.user.is_authenticated  # the permissions of every view here
        video = services.video_create(
            owner=request.user,
            upload=form.validated_data["file"],
            title=form.validated_data.get("title", ""),
        )
        address = reverse("api-video-detail", [video.pk], request=request)
        return Response(
            self.get_serializer(video).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": address},
        )

    @extend_schema(
        request=VideoDetailsSerializer,
        responses={200: VideoSerializer, 400: REFUSED, 404: NOT_FOUND, 422: REFUSED},
        summary="Change title or tags",
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        video = self.get_object()
        form = VideoDetailsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.video_update(video=video, **form.validated_data)
        return Response(self.get_serializer(self.get_object()).data)

    def perform_destroy(self, instance: Video) -> None:
        services.video_delete(video=instance)

    @extend_schema(
        parameters=[OpenApiParameter("Range", str, OpenApiParameter.HEADER)],
        responses={
            (200, "video/*"): OpenApiTypes.BINARY,
            (206, "video/*"): OpenApiTypes.BINARY,
            404: NOT_FOUND,
            416: None,
        },
        summary="Download a video",
        description="The bytes as they were uploaded; single ranges are answered with 206.",
    )
    @action(detail=True, url_name="file")
    def file(self, request: Request, pk: str) -> HttpResponseBase:
        video = self.get_object()
        return serve(
            request._request,
            video.file,
            content_type=files.content_type(video.file),
            filename=files.download_name(video.title, video.file),
            as_attachment=True,
        )
