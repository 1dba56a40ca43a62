"""The site through real servers: gunicorn alone, and behind nginx with the file from docs/.

Behind nginx it is over TLS, where cookies, HSTS and the counting of visitors are as in production.
"""

import re
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services import token_create
from inference.models import Conversion
from tests.conftest import PASSWORD
from tests.inference.conftest import wait_for
from tests.site import servers
from tests.site.servers import HOST, Response, Server
from videos.models import Video

CONTENT = bytes(k % 251 for k in range(100_000))
SIZE = len(CONTENT)
CANARY = b"the canary in the data folder"
NOBODYS = "00000000-0000-4000-8000-000000000000"

# The suffix under which each of a conversion's files is stored.
SUFFIXES = {
    "result": "mp4",
    "frame_map": "json",
    "frame_map_vtt": "vtt",
    "comparison": "mp4",
    "preview": "gif",
}
# Every address of bytes, with what they are served as.
MEDIA = {
    "video-file": "video/mp4",
    "video-poster": "image/jpeg",
    "api-video-file": "video/mp4",
    "conversion-file": "video/mp4",
    "conversion-map": "application/json",
    "conversion-vtt": "text/vtt; charset=utf-8",
    "conversion-comparison": "video/mp4",
    "conversion-preview": "image/gif",
    "api-conversion-file": "video/mp4",
    "api-conversion-frame-map": "application/json",
}


# The servers: one of each for the whole module


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Path:
    folder = tmp_path_factory.mktemp("servers") / "data"
    folder.mkdir()
    (folder / "canary.txt").write_bytes(CANARY)
    return folder


@pytest.fixture(scope="module")
def gunicorn(data_dir: Path) -> Iterator[Server]:
    with servers.gunicorn(data_dir) as server:
        yield server


@pytest.fixture(scope="module")
def behind_proxy(data_dir: Path) -> Iterator[Server]:
    """Set up for HTTPS behind nginx, asked without it."""
    environment = {
        "SLOMO_HTTPS": "1",
        "SLOMO_TRUSTED_PROXIES": "1",
        "SLOMO_ACCEL_PREFIX": "/protected-media/",
    }
    with servers.gunicorn(data_dir, **environment) as server:
        yield server


@pytest.fixture(scope="module")
def nginx(data_dir: Path, behind_proxy: Server) -> Iterator[Server]:
    with servers.nginx(data_dir.parent, behind_proxy, data_dir / "media") as server:
        yield server


@pytest.fixture(params=["gunicorn", "nginx"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


# What the member has, and how askers sign in


@pytest.fixture
def conversion(transactional_db: None, member: User, data_dir: Path, settings: Any) -> Conversion:
    """A finished conversion; each of its files, and of its video's, holds `CONTENT`."""
    settings.SLOMO_DATA_DIR, settings.MEDIA_ROOT = data_dir, data_dir / "media"
    video = Video(owner=member, title="“Clip”\r\nX-Evil: 1", original_name="clip.mp4", size=SIZE)
    video.duration, video.width, video.height, video.frames = 1.0, 96, 64, 30
    video.frame_rate = "30/1"
    video.file.save("source.mp4", ContentFile(CONTENT), save=False)
    video.poster.save("poster.jpg", ContentFile(CONTENT), save=False)
    video.save()
    conversion = Conversion(video=video, mode="slow", settings={}, state=Conversion.State.SUCCEEDED)
    for column, suffix in SUFFIXES.items():
        name = f"conversions/{conversion.pk}/1/{column}.{suffix}"
        setattr(conversion, column, default_storage.save(name, ContentFile(CONTENT)))
    conversion.save()
    return conversion


def signed_in(user: User) -> dict[str, str]:
    """The headers of a browser with the user's session, over HTTP and over HTTPS."""
    client = Client()
    client.force_login(user)
    key = client.cookies["sessionid"].value
    return {"Cookie": f"sessionid={key}; __Host-sessionid={key}"}


def program_of(user: User) -> dict[str, str]:
    """The header of a program with the user's token."""
    _, secret = token_create(user=user, name="t", scope="write", lifetime=None)
    return {"Authorization": f"Bearer {secret}"}


def address(name: str, conversion: Conversion) -> str:
    of_video = "video" in name
    return reverse(name, args=[conversion.video.pk if of_video else conversion.pk])


# Bytes


def test_every_file_comes_whole_or_in_part_with_the_headers_that_keep_it_harmless(
    server: Server, conversion: Conversion, member: User
) -> None:
    for asker in (signed_in(member), program_of(member)):
        for name, content_type in MEDIA.items():
            if "Authorization" in asker and not name.startswith("api-"):
                continue
            path = address(name, conversion)
            whole = server.ask(path, asker)
            part = server.ask(path, {**asker, "Range": "bytes=5-9"})
            headed = server.ask(path, asker, method="HEAD")
            assert (whole.status, whole.body) == (200, CONTENT), name
            assert (part.status, part.body) == (206, CONTENT[5:10]), name
            assert (headed.status, headed.body) == (200, b""), name
            assert headed.headers["Content-Length"] == str(SIZE)
            assert part.headers["Content-Range"] == f"bytes 5-9/{SIZE}"
            assert whole.headers.get_all("Accept-Ranges") == ["bytes"]
            beyond = server.ask(path, {**asker, "Range": "bytes=100000-"})
            assert beyond.status == 416
            assert beyond.headers["Content-Range"] == f"bytes */{SIZE}"
            for response in (whole, part, headed):
                assert response.headers["Content-Type"] == content_type
                assert re.match("(inline|attachment); ", response.headers["Content-Disposition"])
                assert "X-Evil" not in response.headers
                assert "no-cache" in response.headers["Cache-Control"]
                assert "Cookie" not in asker or "Cookie" in response.headers["Vary"]
            for response in (whole, part, headed, beyond):
                assert_harmless(response)


def assert_harmless(response: Response) -> None:
    for name, value in {
        "Content-Security-Policy": "default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Frame-Options": "DENY",
    }.items():
        # A set: nginx says it twice in a 416.
        assert set(response.headers.get_all(name, [])) == {value}, name
    assert "X-Accel-Redirect" not in response.headers


@pytest.mark.parametrize("validator", ["ETag", "Last-Modified"])
def test_a_download_goes_on_where_it_broke_off_unless_the_file_is_another(
    server: Server, conversion: Conversion, member: User, validator: str
) -> None:
    path, asker = address("video-file", conversion), signed_in(member)
    known = server.ask(path, asker, method="HEAD").headers[validator]
    rest = {**asker, "Range": "bytes=90000-"}
    assert server.ask(path, {**rest, "If-Range": known}).body == CONTENT[90000:]
    for other in ('"other"', formatdate(0, usegmt=True)):
        assert server.ask(path, {**rest, "If-Range": other}).body == CONTENT
    known_as = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}[validator]
    for method in ("GET", "HEAD"):
        current = server.ask(path, {**asker, known_as: known}, method=method)
        assert (current.status, current.body) == (304, b"")
        assert current.headers.get("Content-Length", str(SIZE)) == str(SIZE)
    assert server.ask(path, {**rest, "If-Match": '"other"'}).status == 412


def test_strangers_and_rivals_get_a_404_for_every_file_whole_or_in_part(
    server: Server, conversion: Conversion, other_member: User
) -> None:
    for name in MEDIA:
        path = address(name, conversion)
        for asker in ({}, signed_in(other_member), program_of(other_member)):
            for asked in ({}, {"Range": "bytes=0-9"}, {"X-Accel-Redirect": "/protected-media/"}):
                response = server.ask(path, {**asker, **asked})
                expected = 401 if name.startswith("api-") and not asker else 404
                assert response.status == expected, (name, asker)
                assert CONTENT[:10] not in response.body


# Paths that want to be something else

UP = ("..", "%2e%2e", "%2E.", "%252e%252e", "..%00", "..;", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae")
UP += ("%uff0e%uff0e", "....", ".%2e", "\\..", "..%5c", "%5c..")
SEPARATORS = ("/", "%2f", "%252f", "\\", "%5c", "//", "%c0%af", "/./")
GOALS = ("canary.txt", "secret_key", "db.sqlite3", "slomo_site/settings.py", "etc/passwd")


def tricks(conversion: Conversion) -> Iterator[str]:
    """Targets under every address that leads to files, which no file must answer to."""
    video, made = f"/videos/{conversion.video.pk}", f"/conversions/{conversion.pk}"
    roots = ["/", "/static/", "/static/slomo/", "/protected-media/", "/media/"]
    roots += ["/videos/", f"{video}/", f"{video}/file/", f"{made}/", f"{made}/file/"]
    roots += [f"/api/v1{video}/file/", f"/api/v1{made}/file/"]
    for root in roots:
        for goal in GOALS:
            yield f"{root}{goal}"
            yield f"{root}/{goal}"
            yield f"{root}%00{goal}"
            yield f"{root}file:///{goal}"
        steps = [up + "/" for up in UP] + [".." + separator for separator in SEPARATORS]
        for step in (*steps, "%2e%2e%2f", "..%5c..%2f"):
            yield f"{root}{step}canary.txt"
            yield f"{root}{step * 9}etc/passwd"
    for stored in (conversion.video.file.name, conversion.result.name):
        yield f"/protected-media/{stored}"
        yield f"/protected-media/./{stored}"
        yield f"/protected%2dmedia/{stored}"
        yield f"//protected-media//{stored}"
        yield f"/static/../protected-media/{stored}"
        yield f"/media/{stored}"
        yield f"/{stored}"
    for end in (
        "%00",
        "%00.txt",
        "%0a",
        "%0d%0aX-Evil:%201",
        ";.css",
        "/",
        "/.",
        "%20",
        "%ff",
        "~",
    ):
        yield f"{video}/file{end}"
        yield f"{made}/map.json{end}"
    yield f"/videos/{{{conversion.video.pk}}}/file"
    yield f"/videos/{str(conversion.video.pk).upper()}/file"
    yield f"/videos/{conversion.video.pk.hex}/file"
    yield f"/videos/urn:uuid:{conversion.video.pk}/file"


def test_no_trick_with_a_path_gets_a_file(
    server: Server, conversion: Conversion, member: User
) -> None:
    asker = {**signed_in(member), **program_of(member)}
    wrong = []
    for target in tricks(conversion):
        response = server.ask(target, asker)
        if response.status not in (400, 404) or gives_away(response):
            wrong.append(f"{response.status} {target} {response.headers.get('Location', '')}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "target",
    [
        b"/static/\x00/etc/passwd",
        b"/static/..\\..\\canary.txt",
        b"/static/\xc0\xae\xc0\xae/canary.txt",
        b"/static/\xff\xfe/canary.txt",
        b"static/../canary.txt",
        b"../canary.txt",
        b"\\etc\\passwd",
        b"file:///etc/passwd",
        b"http://localhost/etc/passwd",
        b"http://slomo.example/static/../../canary.txt",
        b"//localhost/static/../canary.txt",
        b"/static/" + b"../" * 2000 + b"etc/passwd",
        b"*",
    ],
)
def test_no_malformed_request_line_gets_a_file(server: Server, target: bytes) -> None:
    response = server.ask(target)
    assert response.status in (400, 404, 414), response.status
    assert not gives_away(response)


def gives_away(response: Response) -> bool:
    secrets = (CANARY, CONTENT[:100], b"root:x:", b"SQLite format", b"INSTALLED_APPS")
    return any(secret in response.body for secret in secrets) or "X-Evil" in response.headers


# HTTPS

HSTS = "max-age=31536000; includeSubDomains; preload"
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


class Browser:
    """A visitor with cookies, who fills in forms over HTTPS."""

    def __init__(self, server: Server, headers: dict[str, str] | None = None) -> None:
        self.server = server
        self.headers = headers or {}
        self.cookies: dict[str, str] = {}

    def visit(self, path: str, **form: str) -> Response:
        """Loads the page, then submits the form in it where one is given."""
        response = self._send("GET", path)
        if not form:
            return response
        token = re.search(rb'csrfmiddlewaretoken" value="(\w+)"', response.body)
        assert token
        form["csrfmiddlewaretoken"] = token[1].decode()
        return self._send("POST", path, urlencode(form).encode())

    def _send(self, method: str, path: str, body: bytes = b"") -> Response:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
            "Referer": f"https://{HOST}{path}",
            **self.headers,
        }
        response = self.server.ask(path, headers, method=method, body=body)
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response


def test_over_https_the_cookies_of_a_member_stay_with_this_host_and_out_of_reach_of_scripts(
    behind_proxy: Server, transactional_db: None, member: User
) -> None:
    # Hashed as the site does; the tests' own quick way is unknown there.
    member.password = make_password(PASSWORD, hasher=PBKDF2PasswordHasher())
    member.save()
    browser = Browser(behind_proxy, {"X-Forwarded-Proto": "https"})
    response = browser.visit("/account/login/", login=member.email, password=PASSWORD)
    assert (response.status, response.headers["Location"]) == (302, "/")
    assert browser.visit("/account/").status == 200
    names = []
    for cookie in response.headers.get_all("Set-Cookie") or []:
        names.append(cookie.partition("=")[0])
        words = {word.strip().lower() for word in cookie.split(";")}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= words
        assert "domain" not in cookie.lower()
    assert {"__Host-sessionid", "__Host-csrftoken"} <= set(names)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 200),
        ("/account/login/", "GET", 200),
        ("/account/login/", "POST", 403),  # without a CSRF token
        ("/account/", "GET", 302),
        ("/no/such/page", "GET", 404),
        (f"/videos/{NOBODYS}/file", "GET", 404),
        ("/api/v1/videos/", "GET", 401),
        ("/api/schema/", "GET", 200),
        ("/admin/", "GET", 302),
        ("/static/slomo/logo.svg", "GET", 200),
        ("/static/no-such-file", "GET", 404),
    ],
)
def test_every_answer_over_https_carries_the_headers_that_protect(
    behind_proxy: Server, transactional_db: None, path: str, method: str, status: int
) -> None:
    response = behind_proxy.ask(path, {"X-Forwarded-Proto": "https"}, method=method)
    assert response.status == status
    assert response.headers["Strict-Transport-Security"] == HSTS
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    if not path.startswith("/static/slomo/"):  # files of ours, which WhiteNoise answers itself
        assert set(response.headers["Content-Security-Policy"].split("; ")) == set(
            POLICY.split("; ")
        )
        assert response.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("said", [None, "http", "HTTPS, http", "ftp"])
def test_whatever_does_not_come_over_https_is_sent_there(
    behind_proxy: Server, said: str | None
) -> None:
    response = behind_proxy.ask("/account/login/", {"X-Forwarded-Proto": said} if said else {})
    assert response.status == 301
    assert response.headers["Location"] == "https://slomo.example/account/login/"
    assert "Set-Cookie" not in response.headers


# Behind nginx only


def test_the_media_folder_cannot_be_asked_for_directly(
    nginx: Server, conversion: Conversion, member: User
) -> None:
    """Not even by the owner; `tricks` has the ways around it."""
    for stored in (conversion.video.file.name, conversion.result.name, ""):
        response = nginx.ask(f"/protected-media/{stored}", signed_in(member))
        assert response.status == 404
        assert b"nginx" in response.body  # which answered itself: the location is `internal`


def test_plain_http_is_sent_on_by_nginx(nginx: Server) -> None:
    response = Server(nginx.plain_port).ask("/videos/?q=a%2fb")
    assert (response.status, response.headers["Location"]) == (
        301,
        "https://slomo.example/videos/?q=a%2fb",
    )


def test_files_over_https_carry_hsts(nginx: Server, conversion: Conversion, member: User) -> None:
    response = nginx.ask(address("video-file", conversion), signed_in(member))
    assert response.headers.get_all("Strict-Transport-Security") == [HSTS]


def test_no_header_makes_someone_who_guesses_passwords_another_visitor(
    nginx: Server, transactional_db: None, member: User
) -> None:
    names = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X_Forwarded_For", "Client-IP")
    for number in range(6):
        forged = dict.fromkeys(names, f"198.51.100.{number}")
        forged["Forwarded"] = f"for=198.51.100.{number}"
        guess = Browser(nginx, forged).visit(
            "/account/login/", login=member.email, password="a-guess"
        )
        limited = b"Too many failed login attempts" in guess.body
        assert limited == (number == 5)


def test_an_upload_reaches_the_site_while_it_is_being_sent(
    nginx: Server, transactional_db: None, member: User
) -> None:
    asker = {**program_of(member), "Tus-Resumable": "1.0.0"}
    begun = nginx.ask("/api/v1/uploads/", {**asker, "Upload-Length": "2000000"}, method="POST")
    assert begun.status == 201
    place = begun.headers["Location"]

    def arrived() -> bool:
        state = nginx.ask(place, asker, method="HEAD")
        return int(state.headers["Upload-Offset"]) > 500_000

    piece = {
        **asker,
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": "2000000",
    }
    with nginx.connect() as sender:
        sender.sendall(servers.head("PATCH", place, piece))
        sender.sendall(bytes(1_000_000))
        wait_for(arrived)
    assert nginx.ask(place, asker, method="DELETE").status == 204


@pytest.mark.parametrize("size", [3_000_000, 30_000_000])
def test_a_large_body_is_refused_by_the_site_in_its_words_and_not_cut_off(
    server: Server, transactional_db: None, member: User, size: int
) -> None:
    """nginx would refuse more than 1 MB with a page of its own, unless told otherwise."""
    https = {"X-Forwarded-Proto": "https"}
    as_json = {**program_of(member), "Content-Type": "application/json"}
    unknown = {"Authorization": "Bearer slomo_unknown", "Content-Type": "multipart/form-data"}
    for asker, status in ((as_json, 415), (unknown, 401), ({}, 401)):
        headers = {**https, **asker}
        response = server.ask("/api/v1/videos/", headers, method="POST", body=bytes(size))
        assert response.status == status
        assert b'"error"' in response.body
