"""The tus protocol as its clients use it, and everything they can get wrong."""

import base64
import hashlib
import io
import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.services import token_create, user_delete
from tests.parallel import at_once
from tests.videos.conftest import uploaded
from videos import bodies, selectors, services
from videos.errors import PieceRefused
from videos.models import Upload, Video
from videos.tus import storage
from videos.tus.services import MAX_OPEN, remove_abandoned, upload_create

# What follows a commit, such as the removal of bytes, must happen.
pytestmark = pytest.mark.django_db(transaction=True)

UPLOADS = "/api/v1/uploads/"
VERSION = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"
AS_PIECE = VERSION | {"Content-Type": PIECE}


class Tus:
    """A client of the protocol for one member."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def create(self, length: int | str, *, name: str = "clip.mp4", title: str = "") -> Any:
        words = {"filename": name, "title": title}
        pairs = [f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in words.items()]
        headers = {"Upload-Length": str(length), "Upload-Metadata": ",".join(pairs)}
        return self.client.post(UPLOADS, b"", PIECE, headers=VERSION | headers)

    def begin(self, length: int, **about: str) -> str:
        answer = self.create(length, **about)
        assert answer.status_code == 201, answer.content
        return str(answer["Location"])

    def send(self, place: str, data: bytes | io.BytesIO, offset: int, **headers: str) -> Any:
        """Sends a piece, as much of it as there is: the test client would insist on all."""
        body = data if isinstance(data, io.BytesIO) else io.BytesIO(data)
        size = {"Content-Length": str(len(body.getvalue()))}
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        headers = AS_PIECE | size | {"Upload-Offset": str(offset)} | named
        extra: Any = {"wsgi.input": body}
        return self.client.patch(place, headers=headers, **extra)

    def ask(self, place: str) -> Any:
        return self.client.head(place, headers=VERSION)

    def offset(self, place: str) -> int:
        answer = self.ask(place)
        assert answer.status_code == 200
        return int(answer["Upload-Offset"])

    def cancel(self, place: str) -> Any:
        return self.client.delete(place, headers=VERSION)


@pytest.fixture
def tus(member_client: Client) -> Tus:
    return Tus(member_client)


def refused(answer: Any, status: int, code: str) -> str:
    """The sentence of a refusal, which must be this one."""
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    message = str(answer.json()["error"]["message"])
    assert message.endswith((".", "?"))
    assert answer["Tus-Resumable"] == "1.0.0"
    return message


def kept() -> list[str]:
    """Names of the files that uploads have on disk."""
    return sorted(path.name for path in storage.folder().glob("*"))


def received(place: str) -> bytes:
    return (storage.folder() / place.split("/")[-2]).read_bytes()


# From the first byte to the video


def test_a_file_in_pieces_becomes_the_very_video_that_a_form_would_make(
    tus: Tus, member: User, clip: Path
) -> None:
    content = clip.read_bytes()
    answer = tus.create(len(content), name="Zürich 走る.MOV")
    place = answer["Location"]
    assert re.fullmatch(r"/api/v1/uploads/[0-9a-f-]{36}/", place)
    assert tus.offset(place) == 0
    for start in range(0, len(content), 1000):
        answer = tus.send(place, content[start : start + 1000], start)
        assert answer.status_code == 204
        assert int(answer["Upload-Offset"]) == min(start + 1000, len(content))
    video = Video.objects.get()
    assert answer["Slomo-Video"] == f"/api/v1/videos/{video.pk}/"
    assert (video.owner, video.title, video.original_name) == (
        member,
        "Zürich 走る",
        "Zürich 走る.MOV",
    )
    assert video.file.name == f"videos/{video.pk}/source.mp4"
    assert video.file.open().read() == content
    form = services.video_create(owner=member, upload=uploaded(clip))
    for fact in ("size", "duration", "width", "height", "frame_rate", "frames", "info"):
        assert getattr(video, fact) == getattr(form, fact)
    assert (kept(), Upload.objects.count()) == ([], 0)


def test_a_title_can_come_with_it(tus: Tus, clip: Path) -> None:
    content = clip.read_bytes()
    tus.send(tus.begin(len(content), title="Long\x00 jump"), content, 0)
    assert Video.objects.get().title == "Long jump"


@pytest.mark.parametrize("name", ["", "..", "/", "../../etc/passwd", "a\u202eb\x00"])
def test_any_name_is_a_name_and_never_a_path(tus: Tus, clip: Path, name: str) -> None:
    content = clip.read_bytes()
    tus.send(tus.begin(len(content), name=name), content, 0)
    video = Video.objects.get()
    assert video.title in ("video", "passwd", "a b")
    assert video.file.name == f"videos/{video.pk}/source.mp4"


def test_it_says_what_it_can_do(tus: Tus, settings: Any) -> None:
    settings.SLOMO_MAX_UPLOAD_BYTES = 12345
    answer = tus.client.options(UPLOADS)
    assert answer.status_code == 204
    assert answer["Tus-Version"] == "1.0.0"
    assert answer["Tus-Max-Size"] == "12345"
    assert answer["Tus-Extension"] == "creation,termination,checksum,expiration"
    assert answer["Tus-Checksum-Algorithm"] == "sha1,sha256"


def test_a_proxy_that_knows_only_post_is_no_hindrance(tus: Tus) -> None:
    place = tus.begin(10)
    headers = VERSION | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    answer = tus.client.post(place, b"12345", PIECE, headers=headers)
    assert answer.status_code == 204
    assert tus.offset(place) == 5


def test_a_member_sees_what_is_unfinished(tus: Tus) -> None:
    place = tus.begin(1000, name="run.mp4")
    tus.send(place, b"x" * 300, 0)
    expired = tus.begin(1000)
    Upload.objects.filter(pk=expired.split("/")[-2]).update(expires_at=timezone.now())
    (listed,) = tus.client.get(UPLOADS).json()["results"]
    assert (listed["name"], listed["length"], listed["offset"]) == ("run.mp4", 1000, 300)
    assert listed["url"].endswith(place)
    assert tus.client.get(place).json() == listed


# Where the last answer was lost


def test_a_finished_upload_leads_to_its_video_as_often_as_asked(tus: Tus, clip: Path) -> None:
    content = clip.read_bytes()
    place = tus.begin(len(content))
    tus.send(place, content, 0)
    video = Video.objects.get()
    address = f"/api/v1/videos/{video.pk}/"
    assert tus.offset(place) == len(content)
    assert tus.ask(place)["Slomo-Video"] == address
    again = tus.send(place, b"", len(content))
    assert (again.status_code, again["Slomo-Video"]) == (204, address)
    look = tus.client.get(place)
    assert (look.status_code, look["Location"]) == (303, address)
    refused(tus.send(place, b"more", len(content)), 409, "upload_complete")
    assert Video.objects.count() == 1
    services.video_delete(video=video)
    assert tus.ask(place).status_code == 404


def test_a_refusal_is_told_again_and_the_room_is_free(tus: Tus, member: User) -> None:
    place = tus.begin(500)
    used = selectors.room_of(member).used
    said = refused(tus.send(place, b"just text\n" * 50, 0), 422, "not_a_video")
    assert (used, selectors.room_of(member).used, kept()) == (500, 0, [])
    assert refused(tus.send(place, b"", 500), 422, "not_a_video") == said
    assert refused(tus.client.get(place), 422, "not_a_video") == said
    assert tus.ask(place).status_code == 422
    assert tus.cancel(place).status_code == 204
    assert tus.ask(place).status_code == 404
    assert not Video.objects.exists()


def test_what_arrived_whole_is_finished_later_where_the_web_server_died(
    tus: Tus, clip: Path, media: Path
) -> None:
    content = clip.read_bytes()
    place = tus.begin(len(content))
    tus.send(place, content[:-1], 0)
    upload = Upload.objects.get()
    # As if it had been killed while it moved the file into the library.
    (storage.folder() / str(upload.pk)).write_bytes(content)
    (storage.folder() / f"{upload.pk}.finished").write_bytes(b"left")
    left = media / "videos" / str(upload.pk)
    left.mkdir(parents=True)
    (left / "source.mp4").write_bytes(b"left")
    assert tus.offset(place) == len(content)
    assert "Slomo-Video" in tus.send(place, b"", len(content))
    assert Video.objects.get().file.open().read() == content
    assert sorted(path.name for path in left.iterdir()) == ["poster.jpg", "source.mp4"]
    assert kept() == []


# Limits, before the first byte


def test_size_and_quota_are_refused_before_the_first_byte(
    tus: Tus, member: User, settings: Any
) -> None:
    settings.SLOMO_MAX_UPLOAD_BYTES = 5 << 20
    User.objects.filter(pk=member.pk).update(storage_quota=3 << 20)
    assert "5.0\u00a0MB" in refused(tus.create((5 << 20) + 1), 413, "too_large")
    assert "3.0\u00a0MB" in refused(tus.create((3 << 20) + 1), 413, "quota_exceeded")
    assert "empty" in refused(tus.create(0), 422, "empty_file")
    assert not Upload.objects.exists()
    assert tus.create(3 << 20).status_code == 201


def test_room_is_kept_for_an_upload_until_it_is_cancelled_or_expires(
    tus: Tus, member: User, clip: Path
) -> None:
    User.objects.filter(pk=member.pk).update(storage_quota=1000)
    first = tus.begin(600)
    refused(tus.create(600), 413, "quota_exceeded")
    form = tus.client.post("/api/v1/videos/", {"file": uploaded(clip)})
    assert refused_by_form(form) == "quota_exceeded"
    tus.cancel(first)
    tus.begin(600)
    refused(tus.create(600), 413, "quota_exceeded")
    Upload.objects.update(expires_at=timezone.now())
    tus.begin(600)


def refused_by_form(answer: Any) -> str:
    assert answer.status_code == 422
    return str(answer.json()["error"]["code"])


def test_an_upload_does_not_stand_in_its_own_way(tus: Tus, member: User, clip: Path) -> None:
    content = clip.read_bytes()
    User.objects.filter(pk=member.pk).update(storage_quota=len(content))
    place = tus.begin(len(content))
    assert "Slomo-Video" in tus.send(place, content, 0)
    assert selectors.room_of(member).used == len(content)


def test_a_quota_that_shrank_meanwhile_refuses_at_the_end(
    tus: Tus, member: User, clip: Path, media: Path
) -> None:
    content = clip.read_bytes()
    place = tus.begin(len(content))
    User.objects.filter(pk=member.pk).update(storage_quota=10)
    refused(tus.send(place, content, 0), 422, "quota_exceeded")
    assert list(media.rglob("*.*")) == []
    assert kept() == []


def test_the_number_of_uploads_is_bounded(tus: Tus, member: User) -> None:
    soon = timezone.now() + timedelta(hours=1)
    many = [Upload(owner=member, name="x", length=1, expires_at=soon) for _ in range(MAX_OPEN)]
    Upload.objects.bulk_create(many)
    assert str(MAX_OPEN) in refused(tus.create(1), 409, "too_many_uploads")


# Wrong offsets, lies, damage


@pytest.mark.parametrize("offset", [0, 4, 6, 10])
def test_a_wrong_offset_is_refused_and_changes_nothing(tus: Tus, offset: int) -> None:
    place = tus.begin(10)
    tus.send(place, b"12345", 0)
    assert "byte 5" in refused(tus.send(place, b"xyz", offset), 409, "offset_conflict")
    assert (tus.offset(place), received(place)) == (5, b"12345")


def test_a_piece_that_reaches_beyond_the_declared_length_is_refused_whole(tus: Tus) -> None:
    place = tus.begin(10)
    tus.send(place, b"12345", 0)
    said = refused(tus.send(place, b"678901", 5), 413, "longer_than_declared")
    assert "10 bytes" in said
    assert received(place) == b"12345"


def test_a_body_shorter_than_it_says_is_kept_as_far_as_it_came(tus: Tus) -> None:
    place = tus.begin(10)
    answer = tus.send(place, b"12345", 0, Content_Length="9")
    assert "4 bytes early" in refused(answer, 400, "piece_incomplete")
    assert (tus.offset(place), received(place)) == (5, b"12345")
    assert tus.send(place, b"6789", 5).status_code == 204


@pytest.mark.parametrize("text", ["", "-1", "1e3", "٣", "9" * 30, "0x10", "1.5"])
def test_a_length_or_offset_that_is_no_number_is_refused(tus: Tus, text: str) -> None:
    refused(tus.create(text), 400, "invalid_header")
    place = tus.begin(10)
    answer = tus.send(place, b"12345", 0, Upload_Offset=text)
    refused(answer, 400, "invalid_header")


@pytest.mark.parametrize("pairs", ["filename %%%", "filename é", "filename Zm9v YmFy"])
def test_metadata_that_cannot_be_read_is_refused(tus: Tus, pairs: str) -> None:
    headers = {"Upload-Length": "10", "Upload-Metadata": pairs}
    refused(tus.client.post(UPLOADS, headers=VERSION | headers), 400, "invalid_header")


def test_other_bodies_and_other_versions_are_refused(tus: Tus) -> None:
    place = tus.begin(10)
    headers = VERSION | {"Upload-Offset": "0"}
    answer = tus.client.patch(place, b"12345", "video/mp4", headers=headers)
    refused(answer, 415, "unsupported_media_type")
    answer = tus.send(place, b"12345", 0, Transfer_Encoding="chunked")
    refused(answer, 411, "length_required")
    answer = tus.client.post(UPLOADS, headers={"Upload-Length": "10", "Tus-Resumable": "0.2.2"})
    refused(answer, 412, "unsupported_version")
    assert answer["Tus-Version"] == "1.0.0"
    assert tus.client.head(place).status_code == 412
    assert tus.offset(place) == 0


# Checksums


def checksum(data: bytes, algorithm: str) -> str:
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_piece_that_was_changed_on_its_way_is_dropped(tus: Tus, algorithm: str) -> None:
    place = tus.begin(10)
    good = checksum(b"12345", algorithm)
    assert tus.send(place, b"12345", 0, Upload_Checksum=good).status_code == 204
    answer = tus.send(place, b"678X0", 5, Upload_Checksum=checksum(b"67890", algorithm))
    refused(answer, 460, "checksum_mismatch")
    assert (tus.offset(place), received(place)) == (5, b"12345")


@pytest.mark.parametrize("asked", ["md5 MTIz", "sha1", "sha1 MTIz", "sha256 %%"])
def test_a_checksum_that_cannot_be_checked_is_refused(tus: Tus, asked: str) -> None:
    place = tus.begin(10)
    refused(tus.send(place, b"12345", 0, Upload_Checksum=asked), 400, "invalid_header")
    assert tus.offset(place) == 0


def test_a_piece_with_a_checksum_counts_whole_or_not_at_all(tus: Tus) -> None:
    place = tus.begin(10)
    whole = checksum(b"1234567", "sha256")
    answer = tus.send(place, b"12345", 0, Upload_Checksum=whole, Content_Length="7")
    refused(answer, 400, "piece_incomplete")
    assert tus.offset(place) == 0
    # As if the web server had been killed in the middle of such a piece.
    tus.send(place, b"12", 0)
    Upload.objects.update(checked_from=2)
    with (storage.folder() / place.split("/")[-2]).open("ab") as file:
        file.write(b"unchecked")
    assert tus.offset(place) == 2
    tus.send(place, b"345", 2)
    assert received(place) == b"12345"


# Two at once


class SlowBody(io.BytesIO):
    """A body whose second half does not come before `go`."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.half = len(data) // 2
        self.begun, self.go = Event(), Event()

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self.half:
            self.begun.set()
            assert self.go.wait(timeout=90)
            return super().read(size)
        return super().read(self.half)


@pytest.fixture
def slow_piece(tus: Tus, member: User, clip: Path) -> "Iterator[tuple[str, SlowBody, list[Any]]]":
    """A clip that one writer is half through sending; its answer comes after `go`."""
    content = clip.read_bytes()
    place = tus.begin(len(content))
    body = SlowBody(content)
    answers: list[Any] = []

    def send() -> None:
        client = Client()
        client.force_login(member)
        answers.append(Tus(client).send(place, body, 0))
        connections.close_all()

    writer = Thread(target=send)
    writer.start()
    assert body.begun.wait(timeout=90)
    yield place, body, answers
    body.go.set()
    writer.join()


def finish(body: SlowBody, answers: list[Any]) -> Any:
    body.go.set()
    while not answers:
        Event().wait(0.05)
    return answers[0]


def test_a_second_writer_is_refused_while_the_first_goes_on(
    tus: Tus, clip: Path, slow_piece: tuple[str, SlowBody, list[Any]]
) -> None:
    place, body, answers = slow_piece
    half = tus.offset(place)
    assert half == body.half
    for offset in (0, half):
        said = refused(tus.send(place, b"other bytes", offset), 423, "upload_busy")
        assert "another tab" in said
    assert finish(body, answers).status_code == 204
    assert Video.objects.get().file.open().read() == clip.read_bytes()


def test_of_writers_at_once_one_gets_through_and_nothing_is_mixed(
    tus: Tus, member: User, clip: Path
) -> None:
    content = clip.read_bytes()
    place = tus.begin(len(content))
    clients = [Client() for _ in range(3)]
    for client in clients:
        client.force_login(member)
    answers = at_once(*[partial(Tus(client).send, place, content, 0) for client in clients])
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 204
    assert set(statuses[1:]) <= {404, 409, 410, 423}  # by when they came
    assert Video.objects.get().file.open().read() == content
    assert kept() == []


def test_uploads_begun_at_once_do_not_pass_the_quota(member: User) -> None:
    User.objects.filter(pk=member.pk).update(storage_quota=1300)
    outcomes = at_once(*[partial(upload_create, owner=member, length=600)] * 4)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, PieceRefused)]
    assert [refusal.code for refusal in refusals] == ["quota_exceeded"] * 2
    assert Upload.objects.count() == 2


def test_an_upload_that_ends_as_its_member_leaves_leaves_nothing(
    tus: Tus, member: User, clip: Path, media: Path
) -> None:
    content = clip.read_bytes()
    place = tus.begin(len(content))
    tus.send(place, content[:-1], 0)
    last = partial(tus.send, place, content[-1:], len(content) - 1)
    at_once(last, partial(user_delete, user=User.objects.get(pk=member.pk)))
    assert (Upload.objects.count(), Video.objects.count(), kept()) == (0, 0, [])
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_cancelling_ends_the_piece_that_is_coming_in(
    tus: Tus, slow_piece: tuple[str, SlowBody, list[Any]]
) -> None:
    place, body, answers = slow_piece
    assert tus.cancel(place).status_code == 204
    refused(finish(body, answers), 410, "upload_gone")
    assert (kept(), Upload.objects.count(), Video.objects.count()) == ([], 0, 0)


def test_an_account_that_goes_takes_its_uploads_along(
    tus: Tus, member: User, slow_piece: tuple[str, SlowBody, list[Any]]
) -> None:
    _, body, answers = slow_piece
    user_delete(user=member)
    assert kept() == []
    refused(finish(body, answers), 410, "upload_gone")
    assert kept() == []


def test_an_upload_that_expires_while_a_piece_comes_in_stays(
    tus: Tus, slow_piece: tuple[str, SlowBody, list[Any]]
) -> None:
    _, body, answers = slow_piece
    Upload.objects.update(expires_at=timezone.now())
    remove_abandoned()
    assert finish(body, answers).status_code == 204


def test_a_sender_that_falls_silent_is_let_go(tus: Tus, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under gunicorn, which reads from the socket it names; its next writer must get in."""
    monkeypatch.setattr(bodies, "STALL_SECONDS", 0.2)
    place = tus.begin(1000)
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb", buffering=0) as body:
        theirs.sendall(b"x" * 300)
        extra: Any = {"wsgi.input": body, "gunicorn.socket": ours}
        headers = AS_PIECE | {"Upload-Offset": "0", "Content-Length": "1000"}
        answer = tus.client.patch(place, headers=headers, **extra)
    refused(answer, 400, "piece_incomplete")
    assert tus.offset(place) == 300
    assert tus.send(place, b"y", 300).status_code == 204


# Whose


def test_others_and_strangers_find_nothing(tus: Tus, other_client: Client, client: Client) -> None:
    place = tus.begin(10)
    rival = Tus(other_client)
    nobodys = f"{UPLOADS}{uuid4()}/"
    for address in (place, nobodys):
        assert rival.ask(address).status_code == 404
        refused(rival.client.get(address), 404, "not_found")
        refused(rival.send(address, b"evil", 0), 404, "not_found")
        refused(rival.cancel(address), 404, "not_found")
        refused(Tus(client).send(address, b"evil", 0), 401, "not_authenticated")
    assert rival.client.get(UPLOADS).json()["results"] == []
    refused(Tus(client).create(10), 401, "not_authenticated")
    assert tus.offset(place) == 0


def test_a_rival_learns_nothing_of_a_finished_one(
    tus: Tus, other_client: Client, clip: Path
) -> None:
    content = clip.read_bytes()
    place = tus.begin(len(content))
    tus.send(place, content, 0)
    assert Tus(other_client).ask(place).status_code == 404


def test_a_page_s_script_needs_the_page_s_token(member: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)
    tus = Tus(client)
    assert tus.create(10).status_code == 403
    token = str(client.get("/videos/upload/").context["csrf_token"])
    headers = VERSION | {"Upload-Length": "10", "X-CSRFToken": token}
    place = client.post(UPLOADS, b"", PIECE, headers=headers)["Location"]
    assert tus.send(place, b"12345", 0).status_code == 403
    assert tus.send(place, b"12345", 0, X_CSRFToken=token).status_code == 204


def test_a_program_needs_a_token_that_may_write(member: User, db: None) -> None:
    def program(scope: str) -> Tus:
        _, secret = token_create(user=member, name=scope, scope=scope, lifetime=None)
        return Tus(Client(headers={"authorization": f"Bearer {secret}"}))

    writer, reader = program(ApiToken.Scope.WRITE), program(ApiToken.Scope.READ)
    place = writer.begin(10)
    assert writer.send(place, b"12345", 0).status_code == 204
    assert reader.offset(place) == 5
    refused(reader.send(place, b"67890", 5), 403, "read_only_token")
    refused(reader.create(10), 403, "read_only_token")
    refused(reader.cancel(place), 403, "read_only_token")


# The end of time


def test_an_upload_that_nobody_goes_on_with_expires(tus: Tus) -> None:
    place = tus.begin(10)
    told = parsedate_to_datetime(tus.send(place, b"12345", 0)["Upload-Expires"])
    assert timedelta(hours=47) < told - timezone.now() < timedelta(hours=49)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(tus.send(place, b"67890", 5), 410, "upload_gone")
    assert tus.ask(place).status_code == 410
    live = tus.begin(10)
    tus.send(live, b"1", 0)
    (storage.folder() / str(uuid4())).write_bytes(b"of no upload")
    remove_abandoned()
    assert tus.ask(place).status_code == 404
    assert kept() == [live.split("/")[-2]]


def test_each_piece_puts_the_end_off(tus: Tus) -> None:
    place = tus.begin(10)
    soon = timezone.now() + timedelta(minutes=1)
    Upload.objects.update(expires_at=soon)
    tus.send(place, b"12345", 0)
    assert Upload.objects.get().expires_at > soon + timedelta(hours=47)


def test_the_reconciler_clears_up(tus: Tus, valkey: Any) -> None:
    tus.send(tus.begin(10), b"12345", 0)
    Upload.objects.update(expires_at=timezone.now())
    call_command("reconcile")
    assert (kept(), Upload.objects.count()) == ([], 0)


def test_a_full_disk_is_told_and_what_arrived_stays(
    tus: Tus, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tus.begin(10)
    tus.send(place, b"123", 0)

    def full(self: storage.Received, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(storage.Received, "write", full)
        refused(tus.send(place, b"45", 3), 507, "disk_full")
    assert tus.send(place, b"45", 3).status_code == 204


# What the schema says


def test_the_schema_tells_programs_how(client: Client) -> None:
    paths = client.get("/api/schema/", headers={"accept": "application/json"}).json()["paths"]
    assert set(paths["/api/v1/uploads/"]) == {"get", "post"}
    assert set(paths["/api/v1/uploads/{id}/"]) == {"get", "patch", "delete"}
    body = paths["/api/v1/uploads/{id}/"]["patch"]["requestBody"]["content"]
    assert list(body) == [PIECE]
