"""Uses the site the way anyone would: its pages to sign up and make a token, its API for the rest.

Speaks HTTP only. What it does here another program can do against any Slomo.
"""

import json
import secrets
from dataclasses import asdict, dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import requests

TIMEOUT = 120  # seconds; an upload is answered only once it has been probed


class SiteRefused(Exception):
    """The site said no, or nothing; the message says what to whom."""


@dataclass(frozen=True)
class Member:
    """Who the demo is on this site: what a person would keep in a password manager."""

    email: str
    password: str
    token: str = ""

    @classmethod
    def read(cls, path: Path) -> "Member | None":
        """The member kept at `path`; None if there is none."""
        return cls(**json.loads(path.read_text())) if path.exists() else None

    def write(self, path: Path) -> None:
        """Keeps the member, readable by the owner of the data folder alone."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), indent=2))


class Pages:
    """The site's pages, as a browser with cookies sees them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()

    def join(self, known: Member | None) -> Member:
        """Signs `known` in, or a new member up where that one is not known here."""
        if known and self._signed_in("/account/login/", login=known.email, password=known.password):
            return known
        member = Member(f"demo-{secrets.token_hex(3)}@example.com", secrets.token_urlsafe(12))
        if not self._signed_in("/account/signup/", email=member.email, password1=member.password):
            raise SiteRefused("The site did not let the demo sign up.")
        return member

    def token(self, *, name: str) -> str:
        """A new API token that may write, for a week. Raises SiteRefused if the page shows none."""
        answer = self._submit("/account/tokens/", name=name, scope="write", lifetime="7")
        shown = _TextOf("secret")
        shown.feed(answer.text)
        if not shown.text:
            raise SiteRefused("The token page did not show a new token.")
        return shown.text

    def _signed_in(self, path: str, **fields: str) -> bool:
        """Whether submitting the form ended in being signed in."""
        self._submit(path, **fields)
        account = self._session.get(f"{self._url}/account/", timeout=TIMEOUT)
        return account.ok and account.url == f"{self._url}/account/"

    def _submit(self, path: str, **fields: str) -> requests.Response:
        self._session.get(self._url + path, timeout=TIMEOUT)  # sets the CSRF cookie
        csrf = self._session.cookies.get("csrftoken", default="")
        data = {**fields, "csrfmiddlewaretoken": csrf}
        return self._session.post(self._url + path, data=data, timeout=TIMEOUT)


class Api:
    """The REST API with a member's token. A refusal raises SiteRefused in the site's words."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/api/v1"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def accepts_token(self) -> bool:
        """Whether the token is still good."""
        return self._session.get(f"{self._url}/videos/", timeout=TIMEOUT).ok

    def upload(self, path: Path) -> dict[str, Any]:
        """Sends a clip; returns the video."""
        with path.open("rb") as file:
            return self._json("POST", "videos/", files={"file": (path.name, file)})

    def convert(self, video: str, **wish: Any) -> dict[str, Any]:
        """Queues a conversion of the video; returns it."""
        return self._json("POST", "conversions/", json={"video": video, **wish})

    def conversion(self, conversion: str) -> dict[str, Any]:
        """The conversion as it is now."""
        return self._json("GET", f"conversions/{conversion}/")

    def quality(self, conversion: str) -> dict[str, Any]:
        """Its PSNR and SSIM, those of plain blending, and the engine's report."""
        return self._json("GET", f"conversions/{conversion}/quality/")

    def download(self, conversion: str, target: Path) -> None:
        """Writes the resulting video to `target`."""
        answer = self._request("GET", f"conversions/{conversion}/file/", stream=True)
        with target.open("wb") as file:
            for chunk in answer.iter_content(1 << 20):
                file.write(chunk)

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        body: dict[str, Any] = self._request(method, path, **options).json()
        return body

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        answer = self._session.request(method, f"{self._url}/{path}", timeout=TIMEOUT, **options)
        if not answer.ok:
            raise SiteRefused(_reason(answer))
        return answer


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"The site answered {answer.status_code} to {answer.request.path_url}."


class _TextOf(HTMLParser):
    """The text of the element with a given id."""

    def __init__(self, element_id: str) -> None:
        super().__init__()
        self.text = ""
        self._id = element_id
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = ("id", self._id) in attrs

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text += data
