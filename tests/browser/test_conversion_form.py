"""The conversion form in a real browser: what it will make is said while choosing."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.engine import clips
from tests.inference.conftest import add_video
from videos.models import Video


@pytest.fixture
def clip(transactional_db: None, member: Any, tmp_path: Path) -> Video:
    """One second at 30 frames per second."""
    return add_video(member, clips.moving(tmp_path / "clip.mp4", frames=30, sound=False))


def test_what_it_will_make_follows_every_choice(open_as: Open, member: Any, clip: Video) -> None:
    page = open_as(member, clip.get_absolute_url())
    summary = page.locator("[data-summary]")
    expect(summary).to_contain_text("Makes 240 frames")
    page.get_by_text("4×").click()
    expect(summary).to_contain_text("Makes 120 frames")
    page.get_by_text("Smooth").click()
    expect(summary).to_contain_text("Makes 60 frames")
    expect(page.get_by_text("How much slower?")).to_be_hidden()


def test_the_trim_takes_the_player_s_position(open_as: Open, member: Any, clip: Video) -> None:
    page = open_as(member, clip.get_absolute_url())
    page.evaluate("document.querySelector('[data-source-video]').currentTime = 0.5")
    page.get_by_role("button", name="Use current position").first.click()
    expect(page.get_by_label("Start at")).to_have_value("0.5")
    expect(page.locator("[data-summary]")).to_contain_text("Makes 120 frames")


def test_without_javascript_a_button_says_what_it_will_make(
    open_as: Open, member: Any, clip: Video
) -> None:
    page = open_as(member, clip.get_absolute_url(), java_script_enabled=False)
    page.get_by_text("Smooth").click()
    page.get_by_text("120", exact=True).click()
    page.get_by_role("button", name="Show what it will make").click()
    expect(page.locator("[data-summary]")).to_contain_text("Makes 120 frames")
    expect(page.get_by_label("Smooth")).to_be_checked()
