"""The command line: what it prints, writes and answers to the shell."""

import json
import os
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest

from inference.engine.cli import main
from inference.engine.framemap import read_rows
from inference.engine.video.info import VideoInfo
from inference.engine.video.probe import probe
from tests.engine import clips

CHECKOUT = Path(__file__).parents[2]
ENGINE = [sys.executable, "-m", "inference.engine"]


def test_interpolate_writes_the_clip_and_the_map_and_sums_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = clips.moving(tmp_path / "in.mp4", frames=6), tmp_path / "out.mp4"
    frame_map = tmp_path / "map.json"
    command = ["interpolate", str(source), str(target), "--fps", "60", "--slow", "2"]
    assert main([*command, "--map", str(frame_map), "--device", "cpu"]) == 0

    assert (probe(target).frames, probe(target).frame_rate) == (24, 60)
    assert len(list(read_rows(frame_map))) == 24
    printed = capsys.readouterr().out
    assert "24 frames (6 recorded, 15 synthesised, 3 held), 0.40 s" in printed
    assert "new frames per second" in printed
    assert "plain blending" in printed


def test_without_a_rate_the_clip_keeps_its_own(tmp_path: Path) -> None:
    source, target = clips.moving(tmp_path / "in.mp4", frames=3, rate=25), tmp_path / "out.MKV"
    assert main(["interpolate", str(source), str(target), "--slow", "4", "--device", "cpu"]) == 0
    assert (probe(target).frames, probe(target).frame_rate) == (12, 25)


def test_broadcast_rates_and_clock_times_are_read_as_people_write_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = clips.moving(tmp_path / "in.mp4", sound=False), tmp_path / "out.mp4"
    command = ["interpolate", str(source), str(target), "--fps", "59.94", "--slow", "2x"]
    assert main([*command, "--from", "0:00.1", "--to", "0.2", "--json", "--device", "cpu"]) == 0
    assert probe(target).frame_rate == Fraction(60000, 1001)
    report = json.loads(capsys.readouterr().out)
    assert report["frames"] == 12
    assert report["quality"]["psnr"] > 20


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--slow", "1000"], "bad_slowness"),
        (["--from", "9"], "bad_trim"),
        (["--codec", "vp9"], "encoder_refused"),
        (["--weights", "no-such-file"], ""),
        (["--device", "tpu"], "no_such_device"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: str
) -> None:
    source, target = clips.two_frames(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    target = target.with_suffix(".mov") if "vp9" in options else target
    assert main(["interpolate", str(source), str(target), *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(code)
    assert error.count("\n") == 1
    assert not target.exists()


def test_a_result_over_its_source_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = clips.two_frames(tmp_path / "in.mp4")
    before = source.read_bytes()
    assert main(["interpolate", str(source), str(source)]) == 2
    assert capsys.readouterr().err.startswith("same_file: ")
    assert source.read_bytes() == before


@pytest.mark.parametrize("options", [["--fps", "fast"], ["--slow", "0"], ["--from", "-1"], []])
def test_a_mistyped_command_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    paths = ["in.mp4", "out.mp4"] if options else []
    with pytest.raises(SystemExit) as caught:
        main(["interpolate", *paths, *options])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_probe_prints_what_the_file_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = clips.moving(tmp_path / "in.mp4")
    assert main(["probe", str(source)]) == 0
    assert VideoInfo.from_dict(json.loads(capsys.readouterr().out)) == probe(source)


def test_probe_refuses_with_a_code_and_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.mp4").write_text("not a video at all")
    assert main(["probe", str(tmp_path / "in.mp4")]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "not_a_video"
    assert error["message"].endswith(".")


def test_probe_starts_without_loading_pytorch(tmp_path: Path) -> None:
    source = clips.two_frames(tmp_path / "in.mp4")
    code = (
        "import sys; from inference.engine.cli import main; "
        f"status = main(['probe', {str(source)!r}]); "
        "sys.exit(status or 'torch' in sys.modules or 'django' in sys.modules)"
    )
    child = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.PIPE)
    assert child.returncode == 0
    assert json.loads(child.stdout)["frames"] == 2


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_train_and_evaluate_have_their_own_help(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"inference.engine {command}" in capsys.readouterr().out


def test_ctrl_c_ends_the_bar_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    source = clips.moving(folder / "in.mp4", frames=60)
    screen, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    command = [*ENGINE, "interpolate", str(source), str(folder / "out.mp4"), "--slow", "64"]
    child = subprocess.Popen(command, cwd=CHECKOUT, stderr=terminal)
    os.close(terminal)
    seen = b""
    try:
        deadline = time.monotonic() + 120
        while b"/3840" not in seen:  # 64 x 60 frames
            assert time.monotonic() < deadline, seen
            seen += os.read(screen, 1000)
        child.send_signal(signal.SIGINT)
        rest = b""
        with suppress(OSError):  # the terminal is closed
            while data := os.read(screen, 10_000):
                rest += data
        assert child.wait(timeout=60) == 130
        assert b"Stopped." in rest
    finally:
        child.kill()
        os.close(screen)
    assert [path.name for path in folder.iterdir()] == ["in.mp4"]
