"""API tokens: made on a page, shown once, hashed at rest, limited in scope and time."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import services
from accounts.errors import TooManyTokens
from accounts.models import ApiToken, User

pytestmark = pytest.mark.django_db

VIDEOS = "/api/v1/videos/"


def make_token(user: User, scope: str = "read", lifetime: timedelta | None = None) -> str:
    _, secret = services.token_create(user=user, name="night job", scope=scope, lifetime=lifetime)
    return secret


def call(method: str, secret: str, url: str = VIDEOS) -> Any:
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    return client.generic(method, url, content_type="application/json")


def test_a_token_made_on_the_page_opens_the_api_and_is_shown_once(
    member: User, member_client: Client
) -> None:
    url = reverse("account-tokens")
    response = member_client.post(url, {"name": "laptop", "scope": "read", "lifetime": "30"})
    found = re.search(r"slomo_[\w-]{43}", response.content.decode())
    assert found
    assert "no-store" in response["Cache-Control"]
    assert call("GET", found[0]).status_code == 200
    again = member_client.get(url).content.decode()
    assert "laptop" in again
    assert found[0] not in again


def test_the_secret_is_not_in_the_database(member: User) -> None:
    secret = make_token(member)
    row = ApiToken.objects.values().get()
    assert not any(secret in str(value) or secret[6:] in str(value) for value in row.values())


def test_a_token_that_expires_ends_by_itself(member: User) -> None:
    secret = make_token(member, lifetime=timedelta(days=7))
    assert call("GET", secret).status_code == 200
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = call("GET", secret)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_token"


def test_a_revoked_token_is_refused_at_once(member: User, member_client: Client) -> None:
    secret = make_token(member)
    member_client.post(reverse("token-revoke", args=[ApiToken.objects.get().pk]))
    assert call("GET", secret).status_code == 401


def test_a_closed_account_closes_its_tokens(member: User) -> None:
    secret = make_token(member)
    User.objects.update(is_active=False)
    assert call("GET", secret).status_code == 401


@pytest.mark.parametrize("secret", ["", "slomo_", "slomo_" + "A" * 43, "\xff\xfe", "a b c"])
def test_a_token_that_never_was_is_refused_in_the_error_shape(secret: str) -> None:
    response = call("GET", secret)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert set(response.json()["error"]) == {"code", "message"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_reading_token_changes_nothing(member: User, method: str) -> None:
    response = call(method, make_token(member))
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "read_only_token"


def test_a_writing_token_gets_past_the_scope(member: User) -> None:
    response = call("POST", make_token(member, scope="write"))
    assert response.status_code == 400  # no file came along
    assert "file" in response.json()["error"]["fields"]


def test_a_token_opens_no_pages_and_makes_no_tokens(member: User) -> None:
    secret = make_token(member, scope="write")
    for name in ("account", "account-tokens", "account-delete", "account_email"):
        response = call("POST", secret, reverse(name))
        assert response.status_code in (302, 403), name
    assert ApiToken.objects.count() == 1


def test_the_page_shows_when_a_token_was_last_used(member: User) -> None:
    secret = make_token(member)
    assert ApiToken.objects.get().last_used_at is None
    call("GET", secret)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    call("GET", secret)
    assert ApiToken.objects.get().last_used_at == first  # written at most once a minute


def test_another_members_token_cannot_be_seen_or_revoked(
    member: User, other_client: Client
) -> None:
    make_token(member)
    token = ApiToken.objects.get()
    assert other_client.post(reverse("token-revoke", args=[token.pk])).status_code == 404
    assert ApiToken.objects.exists()
    assert "night job" not in other_client.get(reverse("account-tokens")).content.decode()


def test_the_number_of_tokens_is_limited_and_the_limit_named(
    member: User, member_client: Client
) -> None:
    for _ in range(services.MAX_TOKENS):
        make_token(member)
    with pytest.raises(TooManyTokens):
        make_token(member)
    form = {"name": "one more", "scope": "read", "lifetime": "never"}
    page = member_client.post(reverse("account-tokens"), form).content.decode()
    assert f"You have {services.MAX_TOKENS} tokens" in page
