"""The review player in a real browser: what it names is what is on screen, frame for frame."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from inference import files
from inference.engine.framemap import FrameMapWriter, read_rows
from inference.models import Conversion
from tests.browser.conftest import Open
from tests.engine import clips
from tests.inference.conftest import add_video, wait_for
from tests.inference.results import FRAMES, finished

BITS = 6
CELL = 16  # pixels: large enough that a lossy codec keeps black and white apart

# The number that the picture itself shows, read back from the video's pixels.
ON_SCREEN = f"""() => {{
  const video = document.querySelector("[data-player] video");
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  let number = 0;
  for (let bit = 0; bit < {BITS}; bit += 1) {{
    const x = bit * {CELL} + {CELL // 2};
    if (context.getImageData(x, {CELL // 2}, 1, 1).data[0] > 127) number |= 1 << bit;
  }}
  return number;
}}"""

STILL = """() => {
  const video = document.querySelector("[data-player] video");
  return video.paused && !video.seeking;
}"""


def numbered(frames: int) -> list[clips.Picture]:
    """Pictures that show their own number as black and white cells."""
    pictures = []
    for number, picture in enumerate(clips.pan(frames, width=BITS * CELL, height=64)):
        for bit in range(BITS):
            picture[:CELL, bit * CELL : (bit + 1) * CELL] = 255 * (number >> bit & 1)
        pictures.append(np.ascontiguousarray(picture))
    return pictures


@pytest.fixture
def conversion(transactional_db: None, member: Any, tmp_path: Path) -> Conversion:
    """A finished conversion whose frames carry their numbers, with one held frame at 7."""
    video = add_video(member, clips.moving(tmp_path / "clip.mp4", frames=15, sound=False))
    conversion = finished(video, tmp_path)
    clips.render(tmp_path / "numbered.mp4", numbered(FRAMES), options={"bf": "2", "g": "12"})
    with FrameMapWriter(tmp_path / "held.json", {"rate": "30"}) as writer:
        for row in read_rows(Path(conversion.frame_map.path)):
            held = row.index == 7
            writer.write(replace(row, kind="held", confidence=None) if held else row)
    conversion.result = files.store(tmp_path / "numbered.mp4", conversion.pk, 2)
    conversion.frame_map = files.store(tmp_path / "held.json", conversion.pk, 2)
    conversion.save()
    return conversion


@pytest.fixture
def page(open_as: Open, member: Any, conversion: Conversion) -> Page:
    """The conversion's page, opened by its owner."""
    page = open_as(member, conversion.get_absolute_url())
    page.get_by_text("frame 1 of").wait_for()
    return page


def wait_for_frame(page: Page, frame: int) -> None:
    page.get_by_text(f"frame {frame + 1} of {FRAMES}").wait_for()


def wait_until_still(page: Page) -> None:
    # Not wait_for_function: it evaluates text, which the content policy forbids.
    wait_for(lambda: page.evaluate(STILL))
    page.wait_for_timeout(300)  # for the frame callback, which comes with the next painted frame


def names_what_it_shows(page: Page, shown: int) -> bool:
    """Whether the still picture is the one that is named; on a busy machine that takes a while."""
    about = page.locator("[data-about]").inner_text()
    return bool(page.evaluate(STILL)) and about.startswith(f"frame {shown + 1} of")


def test_every_frame_can_be_stepped_to_and_is_the_one_named(page: Page) -> None:
    for frame in range(1, FRAMES):
        page.keyboard.press("Period")
        wait_for_frame(page, frame)
        assert page.evaluate(ON_SCREEN) == frame
    page.keyboard.press("Period")  # there is none after the last
    for frame in reversed(range(FRAMES - 4, FRAMES - 1)):
        page.keyboard.press("Comma")
        wait_for_frame(page, frame)
        assert page.evaluate(ON_SCREEN) == frame


def test_the_badge_names_each_kind_with_its_source_time(page: Page) -> None:
    badge = page.locator(".player__badge")
    assert badge.inner_text().replace("\n", " ").startswith("RECORDED frame 1 of 30 · source 0.000")
    page.keyboard.press("Period")
    wait_for_frame(page, 1)
    assert "SYNTHESISED" in badge.inner_text()
    assert "source 0.017 s · t 0.50 · 90 % sure" in badge.inner_text()
    page.locator("[data-scrubber]").fill("7")
    wait_for_frame(page, 7)
    assert "HELD" in badge.inner_text()


def test_shift_and_arrows_go_between_recorded_frames(page: Page) -> None:
    page.keyboard.press("Shift+ArrowRight")
    wait_for_frame(page, 2)
    page.keyboard.press("Shift+ArrowRight")
    wait_for_frame(page, 4)
    page.keyboard.press("Shift+ArrowLeft")
    wait_for_frame(page, 2)
    assert page.evaluate(ON_SCREEN) == 2


def test_keys_pressed_faster_than_the_browser_seeks_all_count(page: Page) -> None:
    for _ in range(3):
        for key in ("Period", "Period", "Shift+ArrowRight", "Shift+ArrowRight", "Comma"):
            page.keyboard.press(key)
    wait_until_still(page)
    wait_for_frame(page, 13)  # by way of 5 and 9; every second frame is a recorded one
    assert page.evaluate(ON_SCREEN) == 13


def test_playing_names_the_frame_it_stops_on(page: Page) -> None:
    page.keyboard.press("KeyJ")
    expect(page.locator("[data-speed]")).to_have_text("0.5×")
    page.keyboard.press("KeyK")
    expect(page.locator("[data-about]")).not_to_contain_text("frame 1 of")
    page.keyboard.press("Space")
    wait_until_still(page)
    wait_for(lambda: names_what_it_shows(page, page.evaluate(ON_SCREEN)))
    assert page.evaluate(ON_SCREEN) > 0


def test_playing_on_at_the_end_begins_again(page: Page) -> None:
    page.locator("[data-scrubber]").fill(str(FRAMES - 3))
    wait_for_frame(page, FRAMES - 3)
    for _ in range(3):
        page.keyboard.press("KeyJ")  # slowly, so that no frame passes between two looks
    page.keyboard.press("Space")
    wait_for_frame(page, FRAMES - 1)
    wait_until_still(page)
    assert page.evaluate(ON_SCREEN) == FRAMES - 1
    page.keyboard.press("Space")
    expect(page.locator("[data-about]")).to_contain_text(re.compile("frame [2-9] of"))


def test_every_key_is_also_a_button_reached_by_tab(page: Page) -> None:
    page.locator("[data-scrubber]").focus()
    reached = []
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.dataset.action"))
    assert [action for action in reached if action] == [
        "previous-recorded",
        "previous",
        "play",
        "next",
        "next-recorded",
        "slower",
        "faster",
        "full-screen",
        "help",
    ]


def test_the_frame_map_takes_a_click(page: Page) -> None:
    strip = page.locator("[data-overview]")
    width = strip.evaluate("strip => strip.clientWidth")
    strip.click(position={"x": width * 0.51, "y": 5})
    wait_for_frame(page, FRAMES // 2)


def test_question_mark_opens_the_keys_and_escape_closes_them(page: Page) -> None:
    page.keyboard.press("Shift+Slash")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Period")  # belongs to the dialog now
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.locator("[data-about]").inner_text().startswith("frame 1 of")


def test_a_codec_the_browser_lacks_is_said_in_words_and_no_frame_is_named(
    open_as: Open, member: Any, conversion: Conversion, tmp_path: Path
) -> None:
    clips.render(
        tmp_path / "hevc.mp4",
        clips.pan(4),
        codec="libx265",
        options={"x265-params": "log-level=none"},
    )
    conversion.result = files.store(tmp_path / "hevc.mp4", conversion.pk, 2)
    conversion.settings |= {"codec": "hevc"}
    conversion.save()
    page = open_as(member, conversion.get_absolute_url())
    page.get_by_text("This browser cannot play HEVC").wait_for()
    assert not page.locator(".player__badge").is_visible()
    assert page.locator("[data-overview]").is_visible()
