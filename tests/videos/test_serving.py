"""Ranges and conditions by RFC 9110, over bytes that tell their own place."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpResponseBase
from django.test import RequestFactory
from django.utils.http import http_date

from videos.models import Video
from videos.serving import CHUNK, serve

CONTENT = bytes(k % 251 for k in range(1000))
SIZE = len(CONTENT)

Get = Callable[..., HttpResponseBase]


@pytest.fixture
def file(media: Path) -> FieldFile:
    video = Video()
    video.file.save("source.mp4", ContentFile(CONTENT), save=False)
    return video.file


@pytest.fixture
def get(file: FieldFile) -> Get:
    """get(method="GET", range="bytes=0-9", if_range=…): the answer for these headers."""

    def ask(method: str = "GET", **headers: str) -> HttpResponseBase:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = RequestFactory().generic(method, "/", headers=named)
        return serve(request, file, content_type="video/mp4", filename="clip.mp4")

    return ask


def _body(response: HttpResponseBase) -> bytes:
    if response.streaming:
        return b"".join(response)  # type: ignore[arg-type]
    return response.content  # type: ignore[attr-defined, no-any-return]


def test_without_a_range_the_whole_file_comes_and_ranges_are_offered(get: Get) -> None:
    response = get()
    assert response.status_code == 200
    assert _body(response) == CONTENT
    assert response["Content-Length"] == str(SIZE)
    assert response["Accept-Ranges"] == "bytes"
    assert "Content-Range" not in response


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-499", 0, 499),
        ("bytes=500-", 500, 999),
        ("bytes=999-", 999, 999),
        ("bytes=500-5000", 500, 999),
        ("bytes=-1", 999, 999),
        ("bytes=-300", 700, 999),
        ("bytes=-5000", 0, 999),
        ("BYTES=1-2", 1, 2),
        ("bytes= 1-2 ", 1, 2),
        ("bytes=0001-0002", 1, 2),
        ("bytes=5-" + "9" * 100, 5, 999),
        ("bytes=-" + "9" * 100, 0, 999),
    ],
)
def test_a_single_range_brings_just_that_part(get: Get, asked: str, first: int, last: int) -> None:
    response = get(range=asked)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert response["Content-Length"] == str(last - first + 1)
    assert _body(response) == CONTENT[first : last + 1]


@pytest.mark.parametrize(
    "asked",
    ["bytes=1000-", "bytes=1000-1000", "bytes=5000-6000", "bytes=-0", f"bytes={'9' * 100}-"],
)
def test_a_range_beyond_the_end_is_a_416_that_tells_the_length(get: Get, asked: str) -> None:
    response = get(range=asked)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{SIZE}"
    assert _body(response) == b""


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-9,20-29",  # several parts
        "bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-,0-",
        "bytes=0-9,-0",
        "bytes=0-9,",
        ",bytes=0-9",
        "",
        "bytes",
        "0-9",
        "bytes=0",
        "bytes=0-9-",
        "bytes=--9",
        "bytes=0x1-2",
        "bytes=1.0-2",
        "bytes=0 -9",
        "bytes=0-\n9",
        "bytes =0-9",
        "bytes=9-0",
        "bytes=-",
        "bytes=",
        "bytes=a-b",
        "bytes=0-9x",
        "bytes=+1-2",
        "bytes=٣-٤",
        "lines=0-9",
        "bytes 0-9",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_ranges_that_are_several_or_unreadable_bring_the_whole_file(get: Get, asked: str) -> None:
    response = get(range=asked.encode().decode("latin-1"))
    assert response.status_code == 200
    assert _body(response) == CONTENT


def test_an_empty_file_is_sent_empty_and_has_no_first_byte(media: Path) -> None:
    video = Video()
    video.file.save("source.mp4", ContentFile(b""), save=False)

    def ask(method: str = "GET", **headers: str) -> HttpResponseBase:
        request = RequestFactory().generic(method, "/", headers=headers)
        return serve(request, video.file, content_type="video/mp4", filename="x.mp4")

    for response in (ask(), ask("HEAD"), ask(range="bytes=-5"), ask(range="bytes=x")):
        assert (response.status_code, response["Content-Length"]) == (200, "0")
        assert _body(response) == b""
    for asked in ("bytes=0-", "bytes=0-0", "bytes=-0"):
        response = ask(range=asked)
        assert (response.status_code, response["Content-Range"]) == (416, "bytes */0")


def test_head_tells_the_length_without_a_body_and_knows_no_ranges(get: Get) -> None:
    whole = get()
    for asked in ("bytes=0-9", "bytes=5000-", "nonsense"):
        response = get("HEAD", range=asked)
        assert response.status_code == 200
        assert response.headers == whole.headers
        assert _body(response) == b""


# The validators that a condition can name; the file has the tag ETAG and was modified at MODIFIED.
ETAG, OTHER, WEAK = "ETAG", '"other"', "W/ETAG"
MODIFIED = 1_700_000_000
SAME, BEFORE, AFTER = (http_date(MODIFIED + seconds) for seconds in (0, -1, 1))
RFC_850 = "Tuesday, 14-Nov-23 22:13:20 GMT"  # the two old ways to write SAME, still to be read
ASCTIME = "Tue Nov 14 22:13:20 2023"

PART = {"range": "bytes=5-9"}


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        # If-Range: the part if the file is still that one, else all of it. Strong comparison.
        ({**PART, "if_range": ETAG}, 206),
        ({**PART, "if_range": SAME}, 206),
        ({**PART, "if_range": RFC_850}, 206),
        ({**PART, "if_range": ASCTIME}, 206),
        ({**PART, "if_range": OTHER}, 200),
        ({**PART, "if_range": WEAK}, 200),
        ({**PART, "if_range": BEFORE}, 200),
        ({**PART, "if_range": AFTER}, 200),
        ({**PART, "if_range": "*"}, 200),
        ({**PART, "if_range": "nonsense"}, 200),
        ({"range": "bytes=5000-", "if_range": OTHER}, 200),
        ({"range": "bytes=5000-", "if_range": ETAG}, 416),
        ({"if_range": OTHER}, 200),
        # If-None-Match: weak comparison, before If-Modified-Since, and before the range.
        ({"if_none_match": ETAG}, 304),
        ({"if_none_match": WEAK}, 304),
        ({"if_none_match": f"{OTHER}, {ETAG}"}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": OTHER}, 200),
        ({"if_none_match": OTHER, "if_modified_since": SAME}, 200),
        ({"if_none_match": ETAG, "if_modified_since": BEFORE}, 304),
        ({**PART, "if_none_match": ETAG}, 304),
        ({**PART, "if_none_match": OTHER}, 206),
        ({"range": "bytes=5000-", "if_none_match": ETAG}, 304),
        # If-Modified-Since.
        ({"if_modified_since": SAME}, 304),
        ({"if_modified_since": RFC_850}, 304),
        ({"if_modified_since": AFTER}, 304),
        ({"if_modified_since": BEFORE}, 200),
        ({"if_modified_since": "nonsense"}, 200),
        ({**PART, "if_modified_since": SAME}, 304),
        # If-Match: strong comparison, before If-Unmodified-Since and everything else.
        ({"if_match": ETAG}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": f"{OTHER}, {ETAG}"}, 200),
        ({"if_match": OTHER}, 412),
        ({"if_match": WEAK}, 412),
        ({**PART, "if_match": ETAG}, 206),
        ({**PART, "if_match": OTHER}, 412),
        ({"if_match": OTHER, "if_none_match": ETAG}, 412),
        ({"if_match": ETAG, "if_none_match": ETAG}, 304),
        ({"if_match": ETAG, "if_unmodified_since": BEFORE}, 200),
        # If-Unmodified-Since.
        ({"if_unmodified_since": SAME}, 200),
        ({"if_unmodified_since": AFTER}, 200),
        ({"if_unmodified_since": BEFORE}, 412),
        ({"if_unmodified_since": "nonsense"}, 200),
        ({**PART, "if_unmodified_since": BEFORE}, 412),
    ],
    ids=str,
)
def test_conditions_are_weighed_as_rfc_9110_section_13_says(
    get: Get, file: FieldFile, conditions: dict[str, str], status: int
) -> None:
    os.utime(file.path, (MODIFIED, MODIFIED))
    tag = get()["ETag"]
    sent = {name: value.replace(ETAG, tag) for name, value in conditions.items()}
    response = get(**sent)
    assert response.status_code == status
    assert _body(response) == {200: CONTENT, 206: CONTENT[5:10]}.get(status, b"")
    assert response["ETag"] == tag
    assert response["Last-Modified"] == SAME
    head = get("HEAD", **sent)  # knows conditions, and no ranges
    assert head.status_code == (status if status in (304, 412) else 200)
    assert _body(head) == b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_not_modified_tells_no_length_or_type_but_the_files_own(get: Get, method: str) -> None:
    response = get(method, if_none_match=get()["ETag"])
    assert response.status_code == 304
    assert response["Content-Length"] == str(SIZE)
    assert "Content-Type" not in response
    assert "Content-Range" not in response


def test_the_tag_is_strong_stays_and_changes_with_the_file(get: Get, file: FieldFile) -> None:
    before = get()["ETag"]
    assert before == get()["ETag"]
    assert before.startswith('"')
    file.storage.delete(file.name)
    file.storage.save(file.name, ContentFile(CONTENT[::-1]))
    assert get()["ETag"] != before


def test_nothing_in_the_answer_lets_the_bytes_act_as_a_page(get: Get) -> None:
    for response in (get(), get(range="bytes=0-9"), get(range="bytes=5000-")):
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == "default-src 'none'"
        assert response["Cache-Control"] == "private, no-cache"
        assert response["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("run.mp4", 'attachment; filename="run.mp4"'),
        ('a "b".mp4', r'attachment; filename="a \"b\".mp4"'),
        ("走る ü.mp4", "attachment; filename*=utf-8''%E8%B5%B0%E3%82%8B%20%C3%BC.mp4"),
        (
            "a\r\nSet-Cookie: x=1.mp4",
            "attachment; filename*=utf-8''a%0D%0ASet-Cookie%3A%20x%3D1.mp4",
        ),
    ],
)
def test_any_title_makes_a_safe_file_name(file: FieldFile, name: str, header: str) -> None:
    request = RequestFactory().get("/")
    response = serve(request, file, content_type="video/mp4", filename=name, as_attachment=True)
    assert response["Content-Disposition"] == header


def test_a_file_longer_than_a_chunk_streams_in_pieces(media: Path) -> None:
    content = bytes(range(256)) * (3 * CHUNK // 256) + b"end"
    video = Video()
    video.file.save("source.mp4", ContentFile(content), save=False)
    request = RequestFactory().get("/", headers={"range": "bytes=10-"})
    response = serve(request, video.file, content_type="video/mp4", filename="x.mp4")
    pieces = list(response)  # type: ignore[call-overload]
    assert max(map(len, pieces)) == CHUNK
    assert b"".join(pieces) == content[10:]


def test_no_file_or_one_that_is_gone_is_a_404(file: FieldFile) -> None:
    request = RequestFactory().get("/")
    file.storage.delete(file.name)
    for missing in (file, Video().file):
        with pytest.raises(Http404):
            serve(request, missing, content_type="video/mp4", filename="x.mp4")


def test_behind_nginx_the_answer_names_the_file_and_sends_nothing(get: Get, settings: Any) -> None:
    settings.SLOMO_ACCEL_PREFIX = "/protected/"
    response = get(range="bytes=0-9")
    assert response.status_code == 200
    assert response["X-Accel-Redirect"].startswith("/protected/videos/")
    assert response["X-Accel-Redirect"].endswith("/source.mp4")
    assert response["Content-Type"] == "video/mp4"
    assert response["Content-Security-Policy"] == "default-src 'none'"
    assert not {"ETag", "Last-Modified", "Accept-Ranges"} & set(response.headers)  # nginx's own
    assert _body(response) == b""
