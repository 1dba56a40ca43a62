"""What every answer carries: policy, cookies, and pages that obey the policy."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

FOR_VISITORS = ["/", "/account/login/", "/account/signup/", "/account/password/reset/"]
FOR_MEMBERS = [
    "/account/",
    "/account/tokens/",
    "/account/delete/",
    "/account/email/",
    "/videos/",
    "/videos/upload/",
]


def directives(response: Any) -> dict[str, str]:
    policy = response["Content-Security-Policy"].split(";")
    return dict(part.strip().split(" ", 1) for part in policy)


def assert_obeys_the_policy(html: str) -> None:
    """No inline script, style or handler, and nothing from another host."""
    for tag in re.findall(r"<script[^>]*>", html):
        assert re.search(r'src="/static/', tag), tag
    assert "<style" not in html
    for tag in re.findall(r"<[a-z][^>]*>", html):
        assert not re.search(r"\s(style|on[a-z]+)=", tag), tag
        assert not re.search(r'(src|href|action)="(https?:)?//', tag), tag


@pytest.mark.parametrize("path", FOR_VISITORS)
def test_pages_for_visitors_carry_and_obey_the_policy(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert directives(response) == {
        "default-src": "'self'",
        "img-src": "'self' blob: data:",
        "media-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'self'",
    }
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert_obeys_the_policy(response.content.decode())


@pytest.mark.parametrize("path", FOR_MEMBERS)
def test_pages_for_members_obey_the_policy(member_client: Client, path: str) -> None:
    response = member_client.get(path)
    assert response.status_code == 200
    assert directives(response)["default-src"] == "'self'"
    assert_obeys_the_policy(response.content.decode())


def test_pages_have_landmarks_a_skip_link_and_one_heading(client: Client) -> None:
    for path in FOR_VISITORS:
        html = client.get(path).content.decode()
        assert html.index('href="#content"') < html.index("<header")
        assert html.count("<main") == html.count("<h1") == 1
        assert '<html lang="en-GB">' in html


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(client: Client, member: Any) -> None:
    client.get("/account/login/")
    client.post("/account/login/", {"login": member.email, "password": PASSWORD})
    for name in ("csrftoken", "sessionid"):
        cookie = client.cookies[name]
        assert cookie["httponly"], name
        assert cookie["samesite"] == "Lax", name


def test_the_landing_page_is_for_visitors_and_members_go_to_their_library(
    client: Client, member_client: Client
) -> None:
    assert "Slow motion you can vouch for" in client.get("/").content.decode()
    assert member_client.get("/")["Location"] == reverse("library")


def test_staff_sign_in_where_everyone_does(client: Client, member_client: Client) -> None:
    response = client.get("/admin/login/?next=/admin/")
    assert response["Location"] == "/account/login/?next=%2Fadmin%2F"
    assert member_client.get("/admin/login/").status_code == 403


def test_every_registered_admin_list_opens(staff_client: Client) -> None:
    from django.contrib import admin

    for model in admin.site._registry:
        if model._meta.app_label == "django_rq":  # shows the queue's own state, not rows
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        assert staff_client.get(reverse(name)).status_code == 200, name


def test_the_api_page_obeys_the_policy(client: Client) -> None:
    response = client.get("/api/docs/")
    assert response.status_code == 200
    html = response.content.decode()
    assert "<style" not in html
    assert all(re.search(r"src=", tag) for tag in re.findall(r"<script[^>]*>", html))
    script = re.findall(r'<script src="([^"]+)"', html)[-1]
    assert "SwaggerUIBundle" in client.get(script).content.decode()


def test_static_files_come_without_collectstatic(client: Client) -> None:
    response = client.get("/static/slomo/css/components.css")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/css")
