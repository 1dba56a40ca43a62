"""The files of a finished conversion as answers to requests; the caller has checked permission."""

from enum import StrEnum
from pathlib import PurePath

from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, HttpResponseBase

from inference.models import Conversion
from videos import files
from videos.serving import serve


class Kind(StrEnum):
    """Which of a conversion's files is asked for."""

    FILE = "file"
    MAP = "map"
    VTT = "vtt"
    COMPARISON = "comparison"
    PREVIEW = "preview"


# Each kind's column, and what the file is called after the video's title when it is saved.
_FILES = {
    Kind.FILE: ("result", "slow motion"),
    Kind.MAP: ("frame_map", "frame map"),
    Kind.VTT: ("frame_map_vtt", "frame map"),
    Kind.COMPARISON: ("comparison", "side by side"),
    Kind.PREVIEW: ("preview", "preview"),
}

# Beside the videos' own types.
_CONTENT_TYPES = {
    ".json": "application/json",
    ".vtt": "text/vtt; charset=utf-8",
    ".gif": "image/gif",
}


def serve_file(
    request: HttpRequest, conversion: Conversion, kind: Kind, *, as_attachment: bool = False
) -> HttpResponseBase:
    """The bytes of one of the conversion's files, named after its video.

    Raises:
        Http404: the conversion has no such file.
    """
    column, name = _FILES[kind]
    file: FieldFile = getattr(conversion, column)
    own_type = _CONTENT_TYPES.get(PurePath(file.name or "").suffix)
    return serve(
        request,
        file,
        content_type=own_type or files.content_type(file),
        filename=files.download_name(f"{conversion.video.title} {name}", file),
        as_attachment=as_attachment,
    )
