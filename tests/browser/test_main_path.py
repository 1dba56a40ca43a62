"""The main path once, as a person walks it: real browser, web server, Valkey, worker, model."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from inference.engine.video.probe import probe
from tests.browser.conftest import NewContext
from tests.engine import clips
from tests.site.running import address_of, serve

FRAMES = 12


@pytest.fixture
def address(chromium: str, tmp_path: Path) -> Iterator[str]:
    """Of a whole site, started as `make serve` does."""
    with serve(tmp_path / "site") as site:
        yield address_of(site.hears("Slomo is at"))


def test_a_clip_goes_in_and_slow_motion_comes_out(
    new_context: NewContext, address: str, tmp_path: Path
) -> None:
    page = new_context().new_page()
    page.set_default_timeout(60_000)

    page.goto(address)
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Password").fill("a long walk by the sea")
    page.get_by_role("button", name="Create the account").click()
    page.get_by_role("link", name="Upload", exact=True).click()

    clip = clips.render(tmp_path / "pendulum.mp4", clips.pan(FRAMES, width=160, height=96), rate=30)
    page.locator("input[type=file]").set_input_files(clip)
    page.get_by_role("link", name="pendulum").click()

    page.locator("label", has_text="Slow motion").first.click()
    page.locator("label.choice-pill", has_text="2×").click()
    expect(page.locator("[data-summary]")).to_contain_text(f"{2 * FRAMES} frames")
    page.get_by_role("button", name="Make it").click()

    # Whether the progress page is seen or the work is done by then, it leads to the result.
    expect(page.get_by_role("link", name="Download video")).to_be_visible(timeout=300_000)
    _watch_frame_by_frame(page)

    with page.expect_download() as download:
        page.get_by_role("link", name="Download video").click()
    download.value.save_as(tmp_path / "result.mp4")
    result = probe(tmp_path / "result.mp4")
    assert (result.frames, result.duration) == (2 * FRAMES, 2 * probe(clip).duration)

    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{address}/videos/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def _watch_frame_by_frame(page: Page) -> None:
    badge = page.locator(".player__badge")
    expect(badge).to_contain_text(f"frame 1 of {2 * FRAMES}")
    expect(badge).to_contain_text("Recorded", ignore_case=True)
    page.keyboard.press("Period")
    expect(badge).to_contain_text(f"frame 2 of {2 * FRAMES}")
    expect(badge).to_contain_text("Synthesised", ignore_case=True)
    page.keyboard.press("Space")
    expect(badge).to_contain_text(f"frame {2 * FRAMES} of")
    page.keyboard.press("Comma")
    expect(badge).to_contain_text(f"frame {2 * FRAMES - 1} of")
