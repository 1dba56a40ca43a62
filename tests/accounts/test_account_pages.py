"""The member's own pages."""

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_counts_yet() -> None:
    cache.clear()


@pytest.mark.parametrize("name", ["account", "account-tokens", "account-delete"])
def test_a_visitor_is_asked_to_sign_in(client: Client, name: str) -> None:
    response = client.get(reverse(name))
    assert response["Location"] == f"{reverse('account_login')}?next={reverse(name)}"


def test_the_account_page_shows_what_is_used_of_the_quota(
    member: User, member_client: Client
) -> None:
    User.objects.update(storage_quota=5 * 1024**3)
    page = member_client.get(reverse("account")).content.decode()
    assert member.email in page
    assert "0\xa0bytes" in page
    assert "5.0\xa0GB" in page


def test_a_member_changes_their_name(member: User, member_client: Client) -> None:
    member_client.post(reverse("account"), {"name": "Mia <script>"})
    member.refresh_from_db()
    assert member.name == "Mia <script>"
    assert b"Mia <script>" not in member_client.get(reverse("account")).content


def test_deleting_an_account_needs_its_password(member: User, member_client: Client) -> None:
    response = member_client.post(reverse("account-delete"), {"password": "a-guess"})
    assert "That is not your password." in response.content.decode()
    assert User.objects.filter(pk=member.pk).exists()


def test_a_deleted_account_is_gone_and_signed_out(member: User, member_client: Client) -> None:
    member.api_tokens.create(name="script", digest="0" * 64)
    response = member_client.post(reverse("account-delete"), {"password": PASSWORD}, follow=True)
    assert not User.objects.exists()
    assert "has been deleted" in response.content.decode()
    assert member_client.get(reverse("account")).status_code == 302


def test_guessing_the_password_on_the_delete_page_is_slowed_down(
    member: User, member_client: Client
) -> None:
    url = reverse("account-delete")
    for _ in range(5):
        member_client.post(url, {"password": "a-guess"})
    response = member_client.post(url, {"password": PASSWORD})
    assert "Too many failed login attempts" in response.content.decode()
    assert User.objects.exists()
