"""Every address with every method, as everybody: the answers that `access_table.py` promises.

Addresses come from the URL resolver, so that none can be forgotten. Whatever a request changes is
rolled back before the next one.
"""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatch
from functools import partial
from http.cookies import SimpleCookie
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.services import token_create
from tests.conftest import PASSWORD
from tests.engine import clips
from tests.inference.conftest import add_video
from tests.inference.results import finished
from tests.site.access_table import ASKERS, METHODS, SAFE, TABLE, Answer, Row, Staff, Superusers
from videos.services import video_update
from videos.tus.services import upload_create

pytestmark = pytest.mark.django_db

NOBODYS = uuid.UUID("00000000-0000-4000-8000-000000000000")
SECRET = "zebra finch"  # in whatever of the owner's a person can read


@dataclass(frozen=True)
class Address:
    """An entry of the URL configuration."""

    name: str
    route: str
    parts: tuple[str, ...]  # the names of those that vary

    @property
    def key(self) -> str:
        """What its row is found by."""
        return self.name or self.route

    @property
    def row(self) -> Row:
        """Its row: that of its key, else the first one with a `*` that fits."""
        return TABLE.get(self.key) or next(
            row for pattern, row in TABLE.items() if fnmatch(self.key, pattern)
        )

    def path(self, pk: Any, **more: str) -> str:
        """The address of the thing with this id; `more` are other parts of it."""
        values = {
            "app_label": "videos",
            "content_type_id": "1",
            "key": "1-a",
            "uidb36": "1",
            "url": "no/such/page/",
        } | more
        filled = {part: values.get(part, str(pk)) for part in self.parts}
        if self.name:
            return reverse(self.name, kwargs=filled)
        route = re.sub(r"\(\?P<(\w+)>.*?\)\$?", r"<\1>", self.route)
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: filled[found[1]], route)


def _addresses(
    patterns: list[URLPattern | URLResolver], route: str = "", space: str = ""
) -> Iterator[Address]:
    for pattern in patterns:
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _addresses(pattern.url_patterns, here, inner)
        else:
            name = space + pattern.name if pattern.name else ""
            parts = pattern.pattern.converters or pattern.pattern.regex.groupindex
            yield Address(name, here, tuple(parts))


ADDRESSES = list(_addresses(get_resolver().url_patterns))


@dataclass(frozen=True)
class Told:
    """What an asker sees of a response."""

    status: int
    to: str
    text: str

    @property
    def answer(self) -> Answer | str:
        """What it means; a word of its own for what should never be."""
        if self.status == 302 and re.match(r"/(account|admin)/login/\?next=", self.to):
            return Answer.SIGN_IN
        if self.status in (401, 403, 404, 405):
            return Answer(str(self.status))
        if self.status < 400 or self.status in (400, 409, 415, 422):
            return Answer.WORKS
        return f"unexpected {self.status}"

    def less(self, path: str) -> tuple[int, str, str]:
        """All of it but the address that was asked for."""
        return self.status, self.to.replace(path, ""), self.text.replace(path, "")


@dataclass
class World:
    """Everyone who asks, and the owner's things by the word that rows use for them."""

    things: dict[str, Any]
    cookies: dict[str, SimpleCookie] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    # One for all, because each new client starts the whole site.
    client: Client = field(default_factory=partial(Client, raise_request_exception=False))

    def path(self, address: Address) -> str:
        """The address of the owner's thing that its row is about."""
        of = address.row.of
        if address.name == "account_confirm_email":
            return address.path("", key=EmailConfirmationHMAC(self.things["address"]).key)
        return address.path(self.things[of].pk if of else NOBODYS)

    def ask(self, asker: str, method: str, row: Row, path: str, *, body: str = "") -> Told:
        """The answer to a request, by default with an empty form; what it did is undone."""
        client = self.client
        client.cookies = SimpleCookie(
            {name: morsel.value for name, morsel in self.cookies.get(asker, {}).items()}
        )
        headers = {**row.headers}
        if asker in self.tokens:
            headers["authorization"] = f"Bearer {self.tokens[asker]}"
        content_type = headers.pop("content-type", "application/x-www-form-urlencoded")
        if path.startswith("/api/"):
            body = body or "{}"
            content_type = row.headers.get("content-type", "application/json")
        with transaction.atomic():
            response = client.generic(method, path, body, content_type, headers=headers)
            content = b"".join(response) if response.streaming else response.content
            transaction.set_rollback(True)
        # Less the CSRF tokens, which differ each time.
        text = re.sub(r"[A-Za-z0-9]{64}", "", content.decode(errors="replace"))
        return Told(response.status_code, response.get("Location", ""), text)


@pytest.fixture
def world(member: User, other_member: User, staff: User, tmp_path: Path, settings: Any) -> World:
    settings.ACCOUNT_RATE_LIMITS = False  # some thousand requests, all from one address
    member.name = SECRET
    member.save()
    video = add_video(member, clips.moving(tmp_path / "clip.mp4"))
    video_update(video=video, title=SECRET, tags=[SECRET])
    video.poster.save("poster.jpg", ContentFile(b"\xff\xd8"))
    token, reading = token_create(user=member, name=SECRET, scope="read", lifetime=None)
    expired, old = token_create(user=member, name="old", scope="write", lifetime=timedelta(1))
    ApiToken.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    address = EmailAddress.objects.create(user=member, email=member.email, primary=True)
    world = World(
        {
            "video": video,
            "conversion": finished(video, tmp_path),
            "token": token,
            "tag": video.tags.get(),
            "user": member,
            "address": address,
            "group": Group.objects.create(name="group"),
            "upload": upload_create(owner=member, length=9, name=f"{SECRET}.mp4", title=SECRET),
        }
    )
    world.tokens = {
        "read": reading,
        "write": token_create(user=member, name="w", scope="write", lifetime=None)[1],
        "expired": old,
        "revoked": "slomo_" + "A" * 43,
        "rival_token": token_create(user=other_member, name="r", scope="write", lifetime=None)[1],
    }
    people = {
        "owner": member,
        "rival": other_member,
        "superuser": staff,
        "staff": User.objects.create_user("reviewer@example.com", PASSWORD, is_staff=True),
        "closed": User.objects.create_user("closed@example.com", PASSWORD, is_staff=True),
    }
    for name, person in people.items():
        client = Client()
        client.force_login(person)
        world.cookies[name] = client.cookies
    User.objects.filter(pk=people["closed"].pk).update(is_active=False)
    return world


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    keys = {address.key for address in ADDRESSES}
    unknown = [key for key in keys if not any(fnmatch(key, pattern) for pattern in TABLE)]
    assert not unknown, "decide in tests/site/access_table.py who may use these"
    stale = [pattern for pattern in TABLE if not any(fnmatch(key, pattern) for key in keys)]
    assert not stale, "these rows belong to no address any more"


def test_everyone_gets_just_what_the_table_says(world: World) -> None:
    wrong: dict[str, list[str]] = {}
    for address in ADDRESSES:
        row, path = address.row, world.path(address)
        for asker, method in product(ASKERS, METHODS):
            told, promised = world.ask(asker, method, row, path), row.answer(asker, method)
            finding = "" if told.answer == promised else f"{told.answer}, not {promised}"
            if SECRET in told.text and not may_read_of_the_owner(asker, row):
                finding += " and shows what is the owner's"
            if finding:
                wrong.setdefault(f"{address.key}, {method}: {finding}", []).append(asker)
    assert not wrong, _listed(wrong)


def may_read_of_the_owner(asker: str, row: Row) -> bool:
    return asker in ("owner", "read", "write", "superuser") or (
        asker == "staff" and isinstance(row, Staff)
    )


def test_what_one_may_not_see_cannot_be_told_from_what_is_not_there(world: World) -> None:
    wrong: dict[str, list[str]] = {}
    for address in ADDRESSES:
        row, path, nowhere = address.row, world.path(address), address.path(NOBODYS)
        if not row.of or isinstance(row, Superusers):  # staff may know which rows there are
            continue
        for asker, method in product(ASKERS, METHODS):
            if may_read_of_the_owner(asker, row):
                continue
            theirs, nobodys = (world.ask(asker, method, row, one) for one in (path, nowhere))
            if theirs.less(path) != nobodys.less(nowhere):
                wrong.setdefault(f"{address.key}, {method}", []).append(asker)
    assert not wrong, _listed(wrong)


def test_a_session_changes_nothing_without_a_csrf_token_and_a_token_needs_none(
    world: World,
) -> None:
    world.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    wrong: dict[str, list[str]] = {}
    unsafe = [method for method in METHODS if method not in SAFE]
    for address in ADDRESSES:
        row, path = address.row, world.path(address)
        for asker, method in product(("visitor", "owner", "superuser", "write"), unsafe):
            promised = row.answer(asker, method)
            refused = (
                (Answer.FORBIDDEN,) if promised is Answer.WORKS else (Answer.FORBIDDEN, promised)
            )
            if asker == "write" and path.startswith("/api/"):
                refused = (promised,)
            told = world.ask(asker, method, row, path)
            if told.answer not in refused:
                wrong.setdefault(f"{address.key}, {method}: {told.answer}", []).append(asker)
    assert not wrong, _listed(wrong)


def test_a_video_of_others_named_in_a_body_is_not_there_either(world: World) -> None:
    for name, pk in product(
        ("api-conversion-list", "api-conversion-estimate"), (world.things["video"].pk, NOBODYS)
    ):
        for asker, answer in (
            ("rival", Answer.NOTHING_HERE),
            ("rival_token", Answer.NOTHING_HERE),
            ("staff", Answer.NOTHING_HERE),
            ("superuser", Answer.NOTHING_HERE),
            ("read", Answer.FORBIDDEN),
        ):
            wish = json.dumps({"video": str(pk), "mode": "slow", "factor": 2})
            told = world.ask(asker, "POST", TABLE[name], reverse(name), body=wish)
            assert told.answer == answer, (name, asker)
            assert SECRET not in told.text


def _listed(wrong: dict[str, list[str]]) -> str:
    return "\n".join(f"{what}: {', '.join(who)}" for what, who in wrong.items())
