"""The tus protocol at /api/v1/uploads/, for the upload page and for programs.

A body is read in small parts as it arrives and never as a whole; nothing here may touch
`request.data` or `request.body`. Uploads of others, like those that never were, are a 404.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import http_date
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from videos.bodies import limit_waiting
from videos.errors import PieceRefused, UploadGone, UploadRefused
from videos.models import Upload, UploadQuerySet, Video
from videos.negotiation import FirstRenderer
from videos.serializers import ErrorSerializer, UploadSerializer
from videos.tus import headers, services

REFUSED = OpenApiResponse(ErrorSerializer, "The reason, as a code and a sentence.")


def _header(name: str, description: str, *, required: bool = False) -> OpenApiParameter:
    return OpenApiParameter(
        name, str, OpenApiParameter.HEADER, required=required, description=description
    )


RESUMABLE = _header("Tus-Resumable", f"The version: `{headers.VERSION}`.", required=True)
OFFSET = _header("Upload-Offset", "Byte at which the piece begins.", required=True)


class TusView(GenericAPIView[Upload]):
    """What both addresses share: the version and headers of every answer."""

    serializer_class = UploadSerializer
    queryset = Upload.objects.none()
    content_negotiation_class = FirstRenderer
    parser_classes = []

    def get_queryset(self) -> UploadQuerySet:
        return Upload.objects.visible_to(self.request.user)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Heeds X-HTTP-Method-Override, for clients behind proxies that know only POST."""
        override = request.headers.get("X-HTTP-Method-Override")
        if request.method == "POST" and override in ("PATCH", "DELETE"):
            request.method = override
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        speaks = request.headers.get("Tus-Resumable")
        if request.method not in ("GET", "OPTIONS") and speaks != headers.VERSION:
            raise PieceRefused(
                412, "unsupported_version", f"Send the header Tus-Resumable: {headers.VERSION}."
            )

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        response["Tus-Resumable"] = response["Tus-Version"] = headers.VERSION
        response["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)

    @extend_schema(exclude=True)
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """What this server can do."""
        abilities = {
            "Tus-Extension": headers.EXTENSIONS,
            "Tus-Max-Size": str(settings.SLOMO_MAX_UPLOAD_BYTES),
            "Tus-Checksum-Algorithm": ",".join(headers.CHECKSUMS),
        }
        return Response(status=204, headers=abilities)


class UploadsView(ListModelMixin, TusView):
    """All of a member's unfinished uploads."""

    def get_queryset(self) -> UploadQuerySet:
        return super().get_queryset().open()

    @extend_schema(summary="List your unfinished uploads")
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(
        request=None,
        parameters=[
            RESUMABLE,
            _header("Upload-Length", "Bytes of the whole file.", required=True),
            _header("Upload-Metadata", "`filename` and `title`, their values in base64."),
        ],
        responses={201: None, 400: REFUSED, 409: REFUSED, 413: REFUSED, 422: REFUSED},
        summary="Begin an upload in pieces",
        description=(
            "Slomo speaks [tus 1.0](https://tus.io/protocols/resumable-upload) with the extensions "
            "creation, termination, checksum (sha1, sha256) and expiration, so that an upload goes "
            "on after a broken connection; there is a client for most languages. The answer's "
            "`Location` takes the pieces. A file too large for the site or for your storage is "
            "refused here, before its first byte."
        ),
    )
    def post(self, request: Request) -> Response:
        about = headers.metadata(request.headers)
        assert request.user.is_authenticated  # the permissions of every view here
        upload = services.upload_create(
            owner=request.user,
            length=headers.number(request.headers, "Upload-Length"),
            name=about.get("filename", ""),
            title=about.get("title", ""),
        )
        # Relative: a proxy in front may have another scheme and host.
        place = {"Location": reverse("api-upload-detail", args=[upload.pk])}
        return Response(status=201, headers=place | _state(upload))


class UploadView(TusView):
    """One upload; once it is complete and probed, the video that it became."""

    @extend_schema(
        responses={200: UploadSerializer, 303: None, 404: REFUSED, 410: REFUSED, 422: REFUSED},
        summary="Look at an upload",
        description=(
            "Leads to the video once there is one (303), or tells why there is none (422). HEAD "
            "answers in headers, as the protocol has it: `Upload-Offset` of `Upload-Length` bytes "
            "have arrived, and `Slomo-Video` is the address of the video once there is one."
        ),
    )
    def get(self, request: Request, pk: UUID) -> Response:
        found = self._find(pk)
        if isinstance(found, Video):
            return Response(status=303, headers={"Location": _address(found)})
        return Response(self.get_serializer(found).data)

    def head(self, request: Request, pk: UUID) -> Response:
        """What `get` tells, as the protocol's headers."""
        return Response(headers=_state(self._find(pk)))

    @extend_schema(
        request={headers.BODY_TYPE: OpenApiTypes.BINARY},
        parameters=[RESUMABLE, OFFSET, _header("Upload-Checksum", "`sha256` and the digest.")],
        responses={
            204: None,
            **dict.fromkeys((400, 404, 409, 410, 411, 413, 415, 422, 423, 460, 507), REFUSED),
        },
        summary="Send a piece",
        description=(
            "The last piece is answered once the file has been probed: `Slomo-Video` is then the "
            "address of the video, or 422 says why there is none. Where that answer was lost, an "
            "empty piece at the end asks for it again."
        ),
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        size = headers.body_size(request.headers)
        offset = headers.number(request.headers, "Upload-Offset")
        checksum = headers.checksum(request.headers)
        upload = self._find(pk)
        if isinstance(upload, Video):
            if size or offset != upload.size:
                raise PieceRefused(
                    409, "upload_complete", "This upload is complete and takes no more bytes."
                )
            return Response(status=204, headers=_state(upload))
        limit_waiting(request._request)
        video = services.piece_receive(
            upload=upload,
            offset=offset,
            size=size,
            read=request._request.read,
            checksum=checksum,
        )
        return Response(status=204, headers=_state(video or upload))

    @extend_schema(
        request=None,
        parameters=[RESUMABLE],
        responses={204: None, 404: REFUSED},
        summary="Cancel an upload",
    )
    def delete(self, request: Request, pk: UUID) -> Response:
        services.upload_delete(upload=get_object_or_404(self.get_queryset(), pk=pk))
        return Response(status=204)

    def _find(self, pk: UUID) -> Upload | Video:
        """The upload, or what it became.

        Raises:
            UploadRefused: the file was complete, and refused.
            UploadGone: it has expired.
            Http404: there is none, or it is not the member's.
        """
        upload = self.get_queryset().filter(pk=pk).first()
        if upload is None:  # asked in this order, neither is missed while one becomes the other
            video = Video.objects.visible_to(self.request.user).filter(pk=pk).first()
            if video is None:
                raise Http404
            return video
        if upload.error_code:
            raise UploadRefused(upload.error_code, upload.error_message)
        if upload.expired:
            raise UploadGone
        return upload


def _state(found: Upload | Video) -> dict[str, str]:
    """How far it is, as headers."""
    if isinstance(found, Video):
        size = str(found.size)
        return {"Upload-Offset": size, "Upload-Length": size, "Slomo-Video": _address(found)}
    return {
        "Upload-Offset": str(services.offset_of(found)),
        "Upload-Length": str(found.length),
        "Upload-Expires": http_date(found.expires_at.timestamp()),
    }


def _address(video: Video) -> str:
    return reverse("api-video-detail", args=[video.pk])
