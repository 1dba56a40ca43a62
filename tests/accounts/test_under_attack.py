"""The way in, under attack: guessing, posing as others, and asking who is a member."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.accounts.test_signing_in import sign_in, sign_up, without_csrf_token
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

TOO_MANY = "Too many failed login attempts"
RESET = "account_reset_password"


@pytest.fixture(autouse=True)
def no_counts_yet() -> None:
    cache.clear()


def guess(client: Client, user: User, **extra: Any) -> bool:
    """Tries a wrong password; whether it was looked at at all."""
    return TOO_MANY not in sign_in(client, user.email, "a-guess", **extra).content.decode()


# Guessing passwords

FORGED = {
    "X-Forwarded-For": "203.0.113.{}",
    "X-Forwarded-For, of proxies": "203.0.113.{}, 10.0.0.1",
    "X-Real-IP": "203.0.113.{}",
    "Forwarded": "for=203.0.113.{}",
    "Client-IP": "203.0.113.{}",
    "True-Client-IP": "203.0.113.{}",
    "CF-Connecting-IP": "203.0.113.{}",
    "X-Forwarded-Host": "{}.example.com",
    "User-Agent": "browser {}",
}


@pytest.mark.parametrize("name", FORGED)
def test_no_header_makes_a_guesser_another_visitor(client: Client, member: User, name: str) -> None:
    looked_at = [
        guess(client, member, headers={name.partition(",")[0]: FORGED[name].format(number)})
        for number in range(7)
    ]
    assert looked_at == [True] * 5 + [False] * 2


def test_behind_a_proxy_of_ours_only_the_address_it_adds_counts(
    client: Client, member: User, settings: Any
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(5):
        assert guess(client, member, headers={"x-forwarded-for": f"1.2.3.{number}, 203.0.113.7"})
    assert not guess(client, member, headers={"x-forwarded-for": "198.51.100.9, 203.0.113.7"})
    assert guess(client, member, headers={"x-forwarded-for": "203.0.113.7, 198.51.100.9"})


def test_past_fewer_proxies_than_named_it_is_the_connection_that_counts(
    client: Client, member: User, settings: Any
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    looked_at = [
        guess(client, member, headers={"x-forwarded-for": f"203.0.113.{number}"})
        for number in range(7)
    ]
    assert looked_at == [True] * 5 + [False] * 2


def test_a_guesser_with_a_whole_ipv6_network_is_one_visitor(client: Client, member: User) -> None:
    looked_at = [guess(client, member, REMOTE_ADDR=f"2001:db8::{k:x}") for k in range(7)]
    assert looked_at == [True] * 5 + [False] * 2
    sign_in(client, member.email, PASSWORD, REMOTE_ADDR="2001:db8:0:1::1")
    assert get_user(client) == member


def test_many_guessers_together_do_not_lock_the_member_out(client: Client, member: User) -> None:
    for number in range(40):
        guess(client, member, REMOTE_ADDR=f"203.0.113.{number}")
    sign_in(client, member.email, PASSWORD, REMOTE_ADDR="198.51.100.1")
    assert get_user(client) == member


def test_one_guess_for_each_of_many_accounts_is_slowed_down_too(client: Client) -> None:
    answers = [sign_in(client, f"m{k}@example.com", "a-guess") for k in range(21)]
    slowed = [TOO_MANY in answer.content.decode() for answer in answers]
    assert slowed == [False] * 20 + [True]


def test_a_success_in_between_does_not_reset_the_count(client: Client, member: User) -> None:
    for _ in range(4):
        guess(client, member)
    sign_in(client, member.email, PASSWORD)
    client.logout()
    assert guess(client, member)
    assert not guess(client, member)


def test_being_slowed_down_does_not_tell_who_is_a_member(client: Client, member: User) -> None:
    for _ in range(6):
        known = sign_in(client, member.email, "a-guess")
        unknown = sign_in(client, "nobody@example.com", "a-guess")
        assert known.context["form"].errors == unknown.context["form"].errors


class CountingHasher(MD5PasswordHasher):
    """Counts the hashes made, which are what takes time at the sign-in."""

    made = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).made += 1
        return super().encode(password, salt)


def test_a_sign_in_does_the_same_work_whether_there_is_such_a_member_or_not(
    client: Client, member: User, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.{CountingHasher.__qualname__}"]
    User.objects.create_user("closed@example.com", PASSWORD, is_active=False)
    work = {}
    for email in (member.email, "nobody@example.com", "closed@example.com"):
        before = CountingHasher.made
        sign_in(client, email, "a-guess")
        work[email] = CountingHasher.made - before
    assert set(work.values()) == {1}, work


def test_a_thief_of_a_session_cannot_guess_the_password_there(
    member_client: Client,
) -> None:
    for page, field in (
        ("account_change_password", "oldpassword"),
        ("account_reauthenticate", "password"),
    ):
        cache.clear()
        tries = [member_client.post(reverse(page), {field: f"guess-{k}"}) for k in range(12)]
        stopped = [try_.status_code == 429 or TOO_MANY in try_.content.decode() for try_ in tries]
        assert not stopped[0] and stopped[-1], page


# What else can be asked for too often


def test_signing_up_too_often_is_refused(client: Client) -> None:
    answers = []
    for number in range(21):
        answers.append(sign_up(client, email=f"new{number}@example.com").status_code)
        client.logout()
    assert answers == [302] * 20 + [429]


def test_making_tokens_too_often_is_refused(member: User, member_client: Client) -> None:
    answers = []
    for _ in range(31):
        form = {"name": "t", "scope": "read", "lifetime": "7"}
        answers.append(member_client.post(reverse("account-tokens"), form).status_code)
        member.api_tokens.all().delete()
    assert answers == [200] * 30 + [429]
    assert member_client.get(reverse("account-tokens")).status_code == 200


def test_resets_asked_for_by_strangers_leave_the_member_a_link_that_works(
    client: Client, member: User
) -> None:
    for number in range(8):
        client.post(reverse(RESET), {"email": member.email}, REMOTE_ADDR=f"203.0.113.{number}")
    assert len(mail.outbox) == 5  # and no flood of mail
    link = re.search(r"http://testserver(\S+/key/\S+)", str(mail.outbox[0].body))
    assert link
    page = client.get(link[1], follow=True).request["PATH_INFO"]
    client.post(page, {"password1": "b-new-secret", "password2": "b-new-secret"})
    sign_in(client, member.email, "b-new-secret")
    assert get_user(client) == member


def test_resets_for_many_accounts_are_limited_for_one_visitor(client: Client) -> None:
    answers = [client.post(reverse(RESET), {"email": f"m{k}@example.com"}) for k in range(11)]
    assert [answer.status_code for answer in answers] == [302] * 10 + [429]


# Who is a member


def test_a_reset_tells_alike_and_mails_alike_for_members_strangers_and_closed_accounts(
    member: User,
) -> None:
    User.objects.create_user("closed@example.com", PASSWORD, is_active=False)
    told = []
    for email in (member.email, "nobody@example.com", "closed@example.com", "MEMBER@example.com"):
        client = Client()
        mail.outbox.clear()
        first = client.post(reverse(RESET), {"email": email})
        assert [message.to for message in mail.outbox] == [[email.lower()]]
        headers = {k: v for k, v in first.headers.items() if k != "Date"}
        then = client.get(first["Location"])
        told.append((first.status_code, first.content, headers, without_csrf_token(then)))
    assert all(one == told[0] for one in told)


def test_where_addresses_are_confirmed_a_sign_up_does_not_tell_who_is_a_member(
    member: User, settings: Any
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    EmailAddress.objects.create(user=member, email=member.email, primary=True, verified=True)
    told = []
    for email in ("new@example.com", member.email):
        client = Client()
        mail.outbox.clear()
        first = sign_up(client, email=email)
        assert [message.to for message in mail.outbox] == [[email]]
        assert not get_user(client).is_authenticated
        then = client.get(first["Location"])
        told.append((first.status_code, first["Location"], without_csrf_token(then)))
    assert told[0] == (told[1][0], told[1][1], told[1][2].replace(member.email, "new@example.com"))
    assert User.objects.filter(email=member.email).count() == 1


def test_an_address_of_another_member_cannot_be_taken_over(
    client: Client, member: User, other_member: User, settings: Any
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    for user in (member, other_member):
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    sign_in(client, other_member.email, PASSWORD)
    page = reverse("account_email")
    client.post(page, {"email": member.email, "action_add": ""})
    client.post(page, {"email": member.email, "action_primary": ""})
    other_member.refresh_from_db()
    assert other_member.email == "rival@example.com"
    assert not EmailAddress.objects.filter(user=other_member, email=member.email, verified=True)


# Sessions and links


def test_signing_in_begins_a_new_session_and_signing_out_ends_it_everywhere(
    client: Client, member: User
) -> None:
    client.cookies["sessionid"] = planted = "a" * 32
    sign_in(client, member.email, PASSWORD)
    key = client.cookies["sessionid"].value
    assert key != planted
    stolen = Client()
    stolen.cookies["sessionid"] = key
    assert get_user(stolen) == member
    client.get(reverse("account_logout"))
    assert get_user(stolen) == member  # a link to it signs nobody out
    client.post(reverse("account_logout"))
    assert not get_user(stolen).is_authenticated
    assert not Session.objects.filter(session_key=key).exists()


@pytest.mark.parametrize("how", ["changed", "reset"])
def test_a_new_password_ends_the_other_sessions(client: Client, member: User, how: str) -> None:
    thief = Client()
    for one in (client, thief):
        sign_in(one, member.email, PASSWORD)
    if how == "changed":
        new = {"oldpassword": PASSWORD, "password1": "b-new-secret", "password2": "b-new-secret"}
        client.post(reverse("account_change_password"), new)
        assert get_user(client) == member
    else:
        Client().post(reverse(RESET), {"email": member.email})
        link = re.search(r"http://testserver(\S+/key/\S+)", str(mail.outbox[-1].body))
        assert link
        anew = Client()
        page = anew.get(link[1], follow=True).request["PATH_INFO"]
        anew.post(page, {"password1": "b-new-secret", "password2": "b-new-secret"})
    assert not get_user(thief).is_authenticated


def test_a_link_in_a_mail_leads_to_the_host_that_was_asked_and_no_forged_one(
    client: Client, member: User
) -> None:
    forged = {"x-forwarded-host": "evil.example", "x-forwarded-server": "evil.example"}
    client.post(reverse(RESET), {"email": member.email}, headers=forged)
    other_host = {"host": "evil.example"}
    refused = client.post(reverse(RESET), {"email": member.email}, headers=other_host)
    assert refused.status_code == 400
    (message,) = mail.outbox
    assert "http://testserver/account/password/reset/key/" in message.body
    assert "evil.example" not in message.body
    assert not getattr(message, "alternatives", [])
