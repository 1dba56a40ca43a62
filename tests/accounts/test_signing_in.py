"""The way in: sign-up, sign-in, sign-out, forgotten passwords, and who can be kept out by whom."""

import re
from pathlib import Path
from typing import Any

import pytest
from allauth.account.urls import urlpatterns as allauth_urls
from django.contrib.auth import get_user
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_counts_yet() -> None:
    """Rate limits count in the cache, which tests share."""
    cache.clear()


def sign_in(client: Client, email: str, password: str, **extra: Any) -> Any:
    return client.post(reverse("account_login"), {"login": email, "password": password}, **extra)


def without_csrf_token(response: Any) -> str:
    return re.sub(r'(csrf-?\w+" (?:content|value))="\w+"', r"\1", response.content.decode())


def sign_up(client: Client, **fields: str) -> Any:
    form = {"email": "new@example.com", "password1": "a-long-enough-secret", **fields}
    return client.post(reverse("account_signup"), form)


def test_signing_up_makes_a_member_who_is_signed_in(client: Client) -> None:
    response = sign_up(client, email="New@Example.com", name="Nora")
    assert response.status_code == 302
    user = User.objects.get()
    assert (user.email, user.name) == ("new@example.com", "Nora")
    assert get_user(client) == user


def test_signing_up_without_a_name_is_fine_and_pages_show_the_address(client: Client) -> None:
    sign_up(client)
    assert str(User.objects.get()) == "new@example.com"


@pytest.mark.parametrize("password", ["short", "password123", "12345678901234", "new@example"])
def test_a_weak_password_is_refused_with_the_reason(client: Client, password: str) -> None:
    response = sign_up(client, password1=password)
    assert response.status_code == 200
    assert response.context["form"].errors["password1"]
    assert not User.objects.exists()


def test_an_address_in_other_letters_is_the_same_account(client: Client, member: User) -> None:
    response = sign_up(client, email="MEMBER@example.com")
    assert User.objects.count() == 1
    assert not response.wsgi_request.user.is_authenticated


def test_a_member_made_in_mixed_letters_can_sign_in(client: Client) -> None:
    user = User.objects.create_user(email="Mixed@Example.com", password=PASSWORD)
    assert user.email == "mixed@example.com"
    sign_in(client, "Mixed@Example.com", PASSWORD)
    assert get_user(client) == user


def test_signing_in_and_out(client: Client, member: User) -> None:
    assert sign_in(client, member.email, PASSWORD).status_code == 302
    assert get_user(client) == member
    client.post(reverse("account_logout"))
    assert not get_user(client).is_authenticated


def test_a_wrong_password_and_an_unknown_address_are_told_alike(
    client: Client, member: User
) -> None:
    wrong = sign_in(client, member.email, "not-the-password")
    unknown = sign_in(client, "nobody@example.com", "not-the-password")
    assert wrong.context["form"].errors == unknown.context["form"].errors


def test_signing_in_never_leads_to_another_site(client: Client, member: User) -> None:
    response = client.post(
        reverse("account_login"),
        {"login": member.email, "password": PASSWORD, "next": "https://evil.example/"},
    )
    assert response["Location"] == "/"


def test_a_closed_account_cannot_sign_in(client: Client, member: User) -> None:
    User.objects.update(is_active=False)
    response = sign_in(client, member.email, PASSWORD)
    assert response["Location"] == reverse("account_inactive")
    assert client.get(reverse("account_inactive")).status_code == 200


def test_guessing_is_slowed_down(client: Client, member: User) -> None:
    for _ in range(5):
        sign_in(client, member.email, "a-guess")
    response = sign_in(client, member.email, PASSWORD)
    assert "Too many failed login attempts" in response.content.decode()
    assert not get_user(client).is_authenticated


def test_a_stranger_who_guesses_does_not_lock_the_member_out(client: Client, member: User) -> None:
    for _ in range(10):
        sign_in(Client(), member.email, "a-guess", REMOTE_ADDR="203.0.113.7")
    sign_in(client, member.email, PASSWORD, REMOTE_ADDR="198.51.100.1")
    assert get_user(client) == member


def test_a_forged_forwarding_header_does_not_reset_the_count(client: Client, member: User) -> None:
    for number in range(6):
        sign_in(client, member.email, "a-guess", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    sign_in(client, member.email, PASSWORD)
    assert not get_user(client).is_authenticated


def test_a_forgotten_password_is_replaced_through_the_mailed_link(
    client: Client, member: User
) -> None:
    member.api_tokens.create(name="made by an intruder", digest="0" * 64)
    client.post(reverse("account_reset_password"), {"email": member.email})
    (message,) = mail.outbox
    assert message.to == [member.email]
    link = re.search(r"http://testserver(/account/password/reset/key/\S+)", str(message.body))
    assert link
    form_page = client.get(link[1], follow=True)
    client.post(
        form_page.request["PATH_INFO"], {"password1": "b-new-secret", "password2": "b-new-secret"}
    )
    sign_in(client, member.email, "b-new-secret")
    assert get_user(client) == member
    assert not member.api_tokens.exists()
    assert "no longer works" in Client().get(link[1], follow=True).content.decode()


def test_a_reset_reveals_nothing_about_who_is_a_member(client: Client, member: User) -> None:
    url = reverse("account_reset_password")
    known = client.post(url, {"email": member.email}, follow=True)
    unknown = Client().post(url, {"email": "nobody@example.com"}, follow=True)
    assert known.redirect_chain == unknown.redirect_chain
    assert without_csrf_token(known) == without_csrf_token(unknown)


def test_mail_goes_to_files_where_no_server_is_set(
    member: User, client: Client, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = settings.SLOMO_DATA_DIR / "mail"
    client.post(reverse("account_reset_password"), {"email": member.email})
    (file,) = settings.EMAIL_FILE_PATH.iterdir()
    assert "/account/password/reset/key/" in file.read_text()


def test_asking_for_resets_too_often_is_refused(client: Client, member: User) -> None:
    url = reverse("account_reset_password")
    answers = [client.post(url, {"email": member.email}).status_code for _ in range(6)]
    assert answers == [302] * 5 + [429]
    assert len(mail.outbox) == 5


@pytest.mark.parametrize("signed_in", [False, True])
def test_no_address_of_the_sign_in_fails(client: Client, member: User, signed_in: bool) -> None:
    if signed_in:
        sign_in(client, member.email, PASSWORD)
    for pattern in allauth_urls:
        arguments = dict.fromkeys(pattern.pattern.regex.groupindex, "1-a")
        response = client.get(reverse(pattern.name, kwargs=arguments))
        assert response.status_code in (200, 302), pattern.name


def count_in_redis(settings: Any, url: str) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "slomo_site.cache.SharedCache", "LOCATION": url, "KEY_PREFIX": "t"}
    }


def test_the_limits_count_in_redis_as_well(
    client: Client, member: User, valkey_server: str, settings: Any
) -> None:
    count_in_redis(settings, valkey_server)
    cache.clear()
    for _ in range(5):
        sign_in(client, member.email, "a-guess")
    sign_in(client, member.email, PASSWORD)
    assert not get_user(client).is_authenticated
    cache.clear()
    sign_in(client, member.email, PASSWORD)
    assert get_user(client) == member


def test_while_redis_is_away_members_sign_in_and_guessing_is_still_slowed_down(
    client: Client, member: User, tmp_path: Path, settings: Any
) -> None:
    count_in_redis(settings, f"unix://{tmp_path}/no-valkey.sock")
    sign_in(client, member.email, PASSWORD)
    assert get_user(client) == member
    client.logout()
    for _ in range(5):
        sign_in(client, member.email, "a-guess")
    sign_in(client, member.email, PASSWORD)
    assert not get_user(client).is_authenticated


@pytest.mark.parametrize(
    "name",
    [
        "account_login",
        "account_signup",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key_done",
        "account_email_verification_sent",
        "account_inactive",
    ],
)
def test_every_page_of_the_way_in_opens(client: Client, name: str) -> None:
    assert client.get(reverse(name)).status_code == 200


def test_every_page_for_members_opens(client: Client, member: User) -> None:
    sign_in(client, member.email, PASSWORD)
    for name in ("account_email", "account_change_password", "account_logout"):
        assert client.get(reverse(name)).status_code == 200, name
    assert client.get(reverse("account_reauthenticate")).status_code == 200


def test_a_second_address_needs_the_password_and_counts_once_confirmed(
    client: Client, member: User
) -> None:
    sign_in(client, member.email, PASSWORD)
    page = reverse("account_email")
    asked = client.post(page, {"email": "next@example.com", "action_add": ""})
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    assert not mail.outbox
    client.post(asked["Location"], {"password": PASSWORD})
    (message,) = (m for m in mail.outbox if m.to == ["next@example.com"])
    link = re.search(r"http://testserver(/account/confirm-email/\S+)", str(message.body))
    assert link
    assert b"next@example.com" in client.get(link[1]).content
    client.post(link[1])
    client.post(page, {"email": "next@example.com", "action_primary": ""})
    member.refresh_from_db()
    assert member.email == "next@example.com"
    assert b"Confirmed" in client.get(page).content


def test_adding_an_address_leaves_the_unconfirmed_first_one_in_place(
    client: Client, member: User
) -> None:
    sign_in(client, member.email, PASSWORD)
    asked = client.post(reverse("account_email"), {"email": "next@example.com", "action_add": ""})
    client.post(asked["Location"], {"password": PASSWORD})
    member.refresh_from_db()
    assert member.email == "member@example.com"
