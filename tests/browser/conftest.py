"""A real browser that allows no error in its console, signed in where a test wants that."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

# For what should be there at once, on a machine that is busy with something else.
expect.set_options(timeout=60_000)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Chromium reports refusals and a line that a test has cut as if they were faults of the page.
NO_FAULTS = ("409", "422", "423", "ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET")

NewContext = Callable[..., BrowserContext]
Open = Callable[..., Page]


@pytest.fixture
def new_context(chromium: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewContext]:
    """new_context(**options): a fresh profile; the options are those of Playwright's method.

    At the end no page of it may have logged an error, a breach of the content policy included.
    """
    # Playwright's own event loop runs in this thread, where Django then suspects async code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    problems: list[str] = []

    def watch(page: Page) -> None:
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=ARGUMENTS, timeout=120_000
        )

        def make(**options: Any) -> BrowserContext:
            context = browser.new_context(**options)
            context.on("page", watch)
            return context

        yield make
        browser.close()
    unexpected = [text for text in problems if not any(words in text for words in NO_FAULTS)]
    assert unexpected == []


@pytest.fixture
def open_as(new_context: NewContext, live_server: Any) -> Open:
    """open_as(member, "/videos/", **options): the page as `member` sees it."""

    def open_page(member: Any, address: str, **options: Any) -> Page:
        client = Client()
        client.force_login(member)
        name = django_settings.SESSION_COOKIE_NAME
        session = {"name": name, "value": client.cookies[name].value, "url": live_server.url}
        context = new_context(base_url=live_server.url, **options)
        context.add_cookies([session])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(address)
        return page

    return open_page
