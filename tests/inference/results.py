"""Conversions in the state a page shows them in, without the work that leads there."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from inference import files
from inference.engine.framemap import FrameMapWriter, webvtt
from inference.engine.settings import ConversionSettings
from inference.engine.timeline import frame_map
from inference.models import Conversion
from inference.states import State
from tests.engine import clips
from tests.inference.conftest import slow_motion
from videos.models import Video

FRAMES = 30


def finished(video: Video, folder: Path, **columns: Any) -> Conversion:
    """A conversion that succeeded, with a real clip and a real frame map of `FRAMES` frames."""
    conversion = slow_motion(video)
    settings = ConversionSettings.from_dict(conversion.settings)
    times = [Fraction(k, 30) for k in range(FRAMES // 2)]
    rows = [
        replace(row, confidence=0.9) if row.kind == "synthesised" else row
        for row in frame_map(times, Fraction(FRAMES, 60), settings.rate, settings.slowness)
    ]
    made = {
        "result": clips.render(folder / "result.mp4", clips.pan(FRAMES)),
        "comparison": clips.render(folder / "comparison.mp4", clips.pan(2)),
        "frame_map": folder / "frames.json",
        "frame_map_vtt": folder / "frames.vtt",
        "preview": folder / "preview.gif",
    }
    with FrameMapWriter(made["frame_map"], {"rate": str(settings.rate)}) as writer:
        for row in rows:
            writer.write(row)
    made["frame_map_vtt"].write_text("".join(webvtt(rows, settings.rate)))
    made["preview"].write_bytes(b"GIF89a")
    for column, path in made.items():
        setattr(conversion, column, files.store(path, conversion.pk, 1))
    kinds = Counter(row.kind for row in rows)
    conversion.report = {
        "frames": FRAMES,
        "recorded": kinds["recorded"],
        "synthesised": kinds["synthesised"],
        "held": kinds["held"],
        "cuts": 0,
        "repeats": 0,
        "damaged": 0,
        "audio": {"action": "none", "reason": ""},
        "quality": {"reason": "The clip is too short."},
    }
    columns = {
        "state": State.SUCCEEDED,
        "attempt": 1,
        "psnr": 33.5,
        "ssim": 0.95,
        "blend_psnr": 28.0,
        "blend_ssim": 0.87,
        "model_name": "compact",
        "model_digest": "ab" * 32,
    } | columns
    for name, value in columns.items():
        setattr(conversion, name, value)
    conversion.save()
    return conversion


def failed(video: Video) -> Conversion:
    """A conversion that could not be done."""
    conversion = slow_motion(video)
    conversion.state = State.FAILED
    conversion.error_code, conversion.error_message = "corrupt", "The file is damaged."
    conversion.save()
    return conversion
