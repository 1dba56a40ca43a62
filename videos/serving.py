"""Answers a request for stored bytes, by the rules for ranges of RFC 9110, section 14.

One range is answered with 206. Several ranges in one request are answered with the whole file,
as the RFC allows: no player asks for them, and it spares us multipart bodies. A range we can't
read is ignored, one beyond the end is a 416 that says how long the file is. Only GET knows ranges.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.core.files.storage import Storage
from django.db.models.fields.files import FieldFile
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe

CHUNK = 256 << 10
"""Bytes read and sent at a time."""

# Exactly one range. int() reads at most 4300 digits; any real position has far fewer.
_RANGE = re.compile(
    r"bytes=\s*(?P<first>\d{0,4000})-(?P<last>\d{0,4000})\s*", re.IGNORECASE | re.ASCII
)


class Span(NamedTuple):
    """Bytes `first` to `last` of a file, both included."""

    first: int
    last: int


class UnsatisfiableError(Exception):
    """The range asked for lies beyond the end of the file."""


def serve(
    request: HttpRequest,
    file: FieldFile,
    *,
    content_type: str,
    filename: str,
    as_attachment: bool = False,
) -> HttpResponseBase:
    """The bytes of `file`, or the part of them that `request` asks for.

    The caller has checked that the asker may have them. Behind nginx (`SLOMO_ACCEL_PREFIX`) the
    answer has no body and names the file for nginx, which knows ranges and conditions itself;
    docs/nginx.conf has it add the security headers again, because it passes on only some of ours.

    Raises:
        Http404: there is no file, or its bytes are gone from the storage.
    """
    if not file.name:
        raise Http404
    storage, name = file.storage, file.name
    try:
        size, modified = storage.size(name), storage.get_modified_time(name)
    except FileNotFoundError:
        raise Http404 from None
    if settings.SLOMO_ACCEL_PREFIX:
        prefix = settings.SLOMO_ACCEL_PREFIX.rstrip("/")
        response: HttpResponseBase = HttpResponse(
            headers={"X-Accel-Redirect": f"{prefix}/{quote(name)}"}
        )
    else:
        etag = _etag(name, size, modified)
        response = _answer(request, storage, name, size=size, etag=etag, modified=modified)
        response["Accept-Ranges"] = "bytes"
        response["ETag"] = etag
        response["Last-Modified"] = http_date(modified.timestamp())
    if response.status_code in (200, 206):
        response["Content-Type"] = content_type
        response["Content-Disposition"] = content_disposition_header(as_attachment, filename) or ""
    # Kept by the asker's own browser only, and only with our consent each time: whoever signs
    # out or deletes the video has closed it.
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def parse_range(header: str, size: int) -> Span | None:
    """The one part of a file of `size` bytes that a Range header asks for.

    None where the header is to be ignored: another unit, a malformed range, several ranges, or the
    last bytes of an empty file, which are all of it and which no Content-Range can name.

    Raises:
        UnsatisfiableError: the range holds no byte of the file.
    """
    match = _RANGE.fullmatch(header)
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:  # "-500": the last 500
        length = int(match["last"])
        if length == 0:
            raise UnsatisfiableError
        return Span(max(0, size - length), size - 1) if size else None
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else max(first, size - 1)
    if last < first:
        return None
    if first >= size:
        raise UnsatisfiableError
    return Span(first, min(last, size - 1))


def _answer(
    request: HttpRequest,
    storage: Storage,
    name: str,
    *,
    size: int,
    etag: str,
    modified: datetime,
) -> HttpResponseBase:
    seconds = int(modified.timestamp())
    not_needed = get_conditional_response(request, etag=etag, last_modified=seconds)
    if not_needed is not None:  # 304, or 412
        if not_needed.status_code == 304:
            # Else CommonMiddleware says 0; a 304 may only tell the length that a 200 would have.
            not_needed["Content-Length"] = str(size)
        return not_needed
    span = None
    if request.method == "GET" and _range_applies(request, etag, seconds):
        try:
            span = parse_range(request.headers.get("Range", ""), size)
        except UnsatisfiableError:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, last = span or Span(0, size - 1)
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse()
    else:
        response = StreamingHttpResponse(_chunks(storage, name, first, last))
    response["Content-Length"] = str(last - first + 1)
    if span is not None:
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def _range_applies(request: HttpRequest, etag: str, modified: int) -> bool:
    """Whether the file is still the one that the asker has a part of (If-Range)."""
    condition = request.headers.get("If-Range", "").strip()
    if not condition:
        return True
    if condition.startswith(('"', "W/")):  # a weak tag never equals our strong one
        return condition == etag
    # A date must match exactly. Ours is strong enough for that: a stored file is not rewritten.
    return parse_http_date_safe(condition) == modified


def _chunks(storage: Storage, name: str, first: int, last: int) -> Iterator[bytes]:
    # Opened only here: a generator that is never started would never close it.
    with storage.open(name) as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _etag(name: str, size: int, modified: datetime) -> str:
    """A strong tag: our files are written once under a name, and the time tells a rewrite."""
    facts = f"{name}|{size}|{modified.timestamp():.6f}"
    return f'"{hashlib.sha256(facts.encode()).hexdigest()[:32]}"'
