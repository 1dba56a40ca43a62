"""Every page of the main path fits a small phone: nothing scrolls sideways at 360 pixels."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NewContext, Open
from tests.engine import clips
from tests.inference.conftest import add_video, slow_motion
from tests.inference.results import failed, finished

LONG_NAME = "An-uninterrupted-name-as-cameras-give-them-GX010042_20261122_154501_000_final_final"
FOR_VISITORS = ["/", "/account/login/", "/account/signup/", "/account/password/reset/"]
FOR_MEMBERS = ["/videos/", "/videos/upload/", "/account/", "/account/tokens/", "/account/email/"]
FOR_STAFF = ["/admin/status/"]


def too_wide(page: Page, paths: list[str]) -> list[str]:
    """Those of the pages that are wider than the window."""
    found = []
    for path in paths:
        page.goto(path)
        excess = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if excess > 0:
            found.append(f"{path} by {excess} pixels")
    return found


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_scrolls_sideways(
    open_as: Open,
    new_context: NewContext,
    live_server: Any,
    staff: Any,
    tmp_path: Path,
    width: int,
) -> None:
    video = add_video(staff, clips.moving(tmp_path / "clip.mp4"))
    video.title = LONG_NAME
    video.save()
    conversions = [finished(video, tmp_path), failed(video), slow_motion(video)]
    address = video.get_absolute_url()
    theirs = [address, f"{address}edit/", f"{address}delete/"]
    theirs += [conversion.get_absolute_url() for conversion in conversions]
    window = {"width": width, "height": 740}

    visitor = new_context(base_url=live_server.url, viewport=window).new_page()
    assert too_wide(visitor, FOR_VISITORS) == []
    member = open_as(staff, "/", viewport=window)
    assert too_wide(member, FOR_MEMBERS + theirs + FOR_STAFF) == []
