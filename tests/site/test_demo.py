"""`make demo`: the whole product from the terminal, and what it says when it cannot."""

import re
import signal
from pathlib import Path

import numpy as np
import pytest

from inference.engine.video.probe import probe
from slomo_site.demo import scene
from slomo_site.demo.client import Member
from slomo_site.demo.clip import render_clip
from slomo_site.demo.sound import RATE, soundtrack
from tests.engine import clips
from tests.site.running import gone, manage


def test_a_clip_comes_back_eight_times_slower_and_ctrl_c_ends_it_all(tmp_path: Path) -> None:
    clip = clips.moving(tmp_path / "mine.mp4", frames=8)
    with manage(tmp_path / "site", "demo", "--clip", str(clip)) as demo:
        demo.hears("Slomo keeps running at")
        said = "".join(demo.said)
        assert re.search(r"Page +http://127\.0\.0\.1:\d+/conversions/", said)
        assert re.search(r"Took +[\d.]+ s", said)
        assert re.search(r"Speed +[\d.]+ new frames per second", said)
        assert re.search(r"PSNR +[\d.]+ dB +\(plain blending [\d.]+ dB\)", said)
        assert re.search(r"SSIM +0\.\d+ +\(plain blending 0\.\d+\)", said)
        result = Path(re.search(r"File +(.+)", said)[1])  # type: ignore[index]
        assert probe(result).frames == 64
        family = demo.family()
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(timeout=60) == 0
        assert gone(family, within=10)

    # The next one is the same member again, and exits by itself.
    with manage(tmp_path / "site", "demo", "--clip", str(clip), "--once") as demo:
        assert demo.process.wait(timeout=300) == 0
        demo.hears("Page")
        assert "Signed up" not in "".join(demo.said)


def test_a_file_that_is_no_video_ends_it_with_the_sites_own_words(tmp_path: Path) -> None:
    clip = tmp_path / "notes.mp4"
    clip.write_text("Milk, bread, eggs.\n" * 100)
    with manage(tmp_path / "site", "demo", "--clip", str(clip), "--once") as demo:
        assert demo.process.wait(timeout=300) == 1
        demo.hears("not a video")
        assert "Traceback" not in "".join(demo.said)


def test_a_missing_file_is_named_before_anything_starts(tmp_path: Path) -> None:
    with manage(tmp_path / "site", "demo", "--clip", "no-such.mp4", "--once") as demo:
        assert demo.process.wait(timeout=120) == 1
        demo.hears("There is no file no-such.mp4")
        assert "Starting" not in "".join(demo.said)


def test_the_member_is_kept_for_the_owner_of_the_folder_alone(tmp_path: Path) -> None:
    member = Member("demo@example.com", "secret", "token")
    member.write(tmp_path / "member.json")
    assert Member.read(tmp_path / "member.json") == member
    assert (tmp_path / "member.json").stat().st_mode & 0o077 == 0


def test_the_built_in_clip_is_a_plain_short_video_with_sound(tmp_path: Path) -> None:
    render_clip(tmp_path / "clip.mp4")
    info = probe(tmp_path / "clip.mp4")
    assert (info.width, info.height, info.frame_rate, info.frames) == (640, 360, 30, 54)
    assert info.audio is not None
    assert info.audio.duration == pytest.approx(1.8, abs=0.03)


@pytest.mark.parametrize("impact", scene.IMPACTS)
def test_the_ball_is_heard_when_it_touches_the_ground(impact: float) -> None:
    frame = round(impact * scene.FPS)
    heights = [scene.ball_position(index)[1] for index in (frame - 2, frame, frame + 2)]
    assert heights[1] == max(heights) == pytest.approx(scene.FLOOR - scene.BALL_RADIUS, abs=12)
    loudness = np.abs(soundtrack(1.8, scene.IMPACTS)).max(axis=0)
    at = round(impact * RATE)
    assert loudness[at : at + 2400].max() > 2 * loudness[at - 2400 : at].max()
