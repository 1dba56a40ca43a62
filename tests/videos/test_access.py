"""Who may open which address: every one, as its owner, as a rival and signed out."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, User
from accounts.services import token_create
from videos.models import Video

pytestmark = pytest.mark.django_db

PAGES = ["video-edit", "video-delete"]
MEDIA = ["video-file", "video-poster"]
API = ["api-video-detail", "api-video-file"]
NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("name", PAGES + MEDIA + API)
def test_the_owner_gets_it(member_client: Client, video: Video, name: str) -> None:
    assert member_client.get(reverse(name, args=[video.pk])).status_code == 200


@pytest.mark.parametrize("method", ["get", "head", "post"])
@pytest.mark.parametrize("name", PAGES)
def test_a_rival_gets_the_404_of_an_id_that_never_existed_for_pages(
    other_client: Client, video: Video, name: str, method: str
) -> None:
    theirs = getattr(other_client, method)(reverse(name, args=[video.pk]))
    nobodys = getattr(other_client, method)(reverse(name, args=[NOBODYS]))
    assert theirs.status_code == nobodys.status_code == 404
    assert _without_token(theirs) == _without_token(nobodys)
    assert Video.objects.filter(pk=video.pk).exists()


@pytest.mark.parametrize("name", MEDIA)
@pytest.mark.parametrize("range_header", ["", "bytes=0-9"])
def test_a_rival_and_a_stranger_get_the_404_of_an_id_that_never_existed_for_media(
    client: Client,
    other_client: Client,
    staff_client: Client,
    video: Video,
    name: str,
    range_header: str,
) -> None:
    for asker in (client, other_client, staff_client):
        for pk in (video.pk, NOBODYS):
            response = asker.get(reverse(name, args=[pk]), headers={"range": range_header})
            assert response.status_code == 404


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_a_rival_gets_404_from_the_api(other_client: Client, video: Video, method: str) -> None:
    send = getattr(other_client, method)
    for pk in (video.pk, NOBODYS):
        response = send(reverse("api-video-detail", args=[pk]), {}, "application/json")
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "not_found"
    assert other_client.get(reverse("api-video-file", args=[video.pk])).status_code == 404
    assert Video.objects.filter(pk=video.pk).exists()


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("library", "get"),
        *((name, m) for name in ["video-upload", *PAGES] for m in ("get", "post")),
    ],
)
def test_a_stranger_is_sent_to_sign_in_by_pages(
    client: Client, video: Video, name: str, method: str
) -> None:
    address = reverse(name, args=[video.pk] if name in PAGES else [])
    response = getattr(client, method)(address)
    assert response.status_code == 302
    assert response["Location"] == f"{reverse('account_login')}?next={address}"


@pytest.mark.parametrize("name", API)
def test_a_stranger_gets_401_from_the_api(client: Client, video: Video, name: str) -> None:
    response = client.get(reverse(name, args=[video.pk]))
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_stranger_cannot_list_or_upload_by_the_api(client: Client, db: None) -> None:
    assert client.get("/api/v1/videos/").status_code == 401
    assert client.post("/api/v1/videos/", {}).status_code == 401


def test_a_token_that_may_only_read_cannot_change_anything(
    client: Client, video: Video, member: User
) -> None:
    _, secret = token_create(user=member, name="look", scope=ApiToken.Scope.READ, lifetime=None)
    headers = {"authorization": f"Bearer {secret}"}
    address = reverse("api-video-detail", args=[video.pk])
    assert client.get(address, headers=headers).status_code == 200
    assert client.delete(address, headers=headers).status_code == 403
    assert client.post("/api/v1/videos/", {}, headers=headers).status_code == 403


@pytest.mark.parametrize("name", ["video-file", "video-poster", "video-edit", "video-delete"])
def test_addresses_take_ids_and_nothing_that_looks_like_a_path(
    member_client: Client, name: str
) -> None:
    prefix, suffix = reverse(name, args=[NOBODYS]).split(NOBODYS)
    for wrong in ("1", "..", "../../etc/passwd", NOBODYS.upper() + "x", "source.mp4"):
        assert member_client.get(prefix + wrong + suffix).status_code == 404


def _without_token(response: Any) -> bytes:
    """The body less its CSRF tokens, which differ every time."""
    return re.sub(rb"[A-Za-z0-9]{64}", b"", response.content)
