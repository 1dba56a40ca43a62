"""A real browser, signed in, that allows no error in its console."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Open = Callable[..., Page]


@pytest.fixture
def open_as(chromium: str, live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """open_as(member, "/videos/", **context): the page as `member` sees it.

    What else is given goes to Playwright's `new_context` (`viewport`, `java_script_enabled` …).
    """
    # Playwright's own event loop runs in this thread, where Django then suspects async code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)

        def open_page(member: Any, address: str, **context: Any) -> Page:
            client = Client()
            client.force_login(member)
            name = django_settings.SESSION_COOKIE_NAME
            session = {"name": name, "value": client.cookies[name].value, "url": live_server.url}
            signed_in = browser.new_context(base_url=live_server.url, **context)
            signed_in.add_cookies([session])  # type: ignore[list-item]
            page = signed_in.new_page()
            page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(address)
            return page

        yield open_page
        browser.close()
    # A refusal is a 422, which Chromium reports as if it were a fault of the page.
    assert [text for text in problems if "422" not in text] == []
