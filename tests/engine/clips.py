"""Tiny clips for every test: rendered here, so that what is in them is known exactly.

`render` writes any list of pictures; the functions below it name the situations tests need.
Everything is deterministic. Sizes are small because the test machine is.
"""

import random
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) RGB."""

AUDIO_RATE = 48000


def texture(height: int, width: int, *, seed: int = 0) -> npt.NDArray[np.float64]:
    """Smooth periodic noise (H, W, 3) in 0..1: it can be rolled by any amount without a seam."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    picture = np.zeros((height, width, 3))
    for _ in range(12):
        down, across = random.integers(1, 5, 2)
        angle = 2 * np.pi * (down * y / height + across * x / width)
        phase, weight = random.uniform(0, 2 * np.pi, 3), random.uniform(0.3, 1, 3)
        picture += weight * np.cos(angle[..., None] + phase)
    low, high = picture.min(), picture.max()
    return (picture - low) / (high - low)


def to_bytes(picture: npt.NDArray[np.float64]) -> Picture:
    """0..1 to 16..235, away from the ends so that no codec clips it."""
    return np.round(16 + picture * 219).astype(np.uint8)


def pan(
    frames: int = 12,
    *,
    width: int = 96,
    height: int = 64,
    speed: tuple[int, int] = (3, 1),
    seed: int = 0,
) -> list[Picture]:
    """A texture moving `speed` = (right, down) whole pixels a frame."""
    picture = to_bytes(texture(height, width, seed=seed))
    right, down = speed
    return [np.roll(picture, (down * k, right * k), (0, 1)) for k in range(frames)]


def flat_field_pan(frames: int = 12, *, width: int = 96, height: int = 64) -> list[Picture]:
    """A faint texture moving over mid-grey: every frame has the very same mean brightness."""
    picture = np.round(128 + 12 * (texture(height, width, seed=3) - 0.5)).astype(np.uint8)
    return [np.roll(picture, 2 * k, 1) for k in range(frames)]


def cuts(frames: int = 12, *, every: int = 4, width: int = 96, height: int = 64) -> list[Picture]:
    """A pan whose scene changes at frames `every`, 2 `every`, …"""
    scenes = [
        pan(frames, width=width, height=height, seed=10 + scene)
        for scene in range(-(-frames // every))
    ]
    return [scenes[k // every][k] for k in range(frames)]


def repeats(
    frames: int = 12, *, every: int = 3, width: int = 96, height: int = 64
) -> list[Picture]:
    """A pan in which each frame k with (k + 1) % `every` == 0 repeats the one before."""
    moving = pan(frames, width=width, height=height)
    return [moving[k - 1] if (k + 1) % every == 0 else moving[k] for k in range(frames)]


def sine(seconds: float, *, frequency: float = 440.0, channels: int = 2) -> npt.NDArray[np.float32]:
    """(channels, samples) of a tone at a quarter of full scale."""
    t = np.arange(round(seconds * AUDIO_RATE)) / AUDIO_RATE
    tone = (0.25 * np.sin(2 * np.pi * frequency * t)).astype(np.float32)
    return np.tile(tone, (channels, 1))


def clicks(seconds: float, at: Sequence[float]) -> npt.NDArray[np.float32]:
    """(2, samples) of silence with a 5 ms burst at each time of `at`."""
    sound = np.zeros((2, round(seconds * AUDIO_RATE)), np.float32)
    for time in at:
        first = round(time * AUDIO_RATE)
        burst = np.sin(2 * np.pi * 2000 * np.arange(AUDIO_RATE // 200) / AUDIO_RATE)
        sound[:, first : first + burst.size] = 0.8 * burst[: sound.shape[1] - first]
    return sound


def render(
    path: Path,
    pictures: Sequence[Picture],
    *,
    rate: Fraction | int = 30,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    rotation: int = 0,
    mirrored: bool = False,
    sample_aspect_ratio: Fraction | int = 1,
    colour: tuple[int, int, int, int] = (1, 1, 1, 1),
    audio: npt.NDArray[np.float32] | None = None,
    audio_start: Fraction | int = 0,
    audio_codec: str | None = None,
) -> Path:
    """Write `pictures` to `path`; the suffix chooses the container.

    Args:
        pts: presentation times in `time_base` (default 0, 1, 2, … in 1 / `rate`).
        rotation: degrees clockwise that a player must turn the picture.
        mirrored: a player must also mirror it left to right, after turning.
        colour: H.273 codes of (range: 1 limited, 2 full; matrix; primaries; transfer).
        audio: (channels, samples) at 48 kHz, starting at `audio_start` seconds.
    """
    rate = Fraction(rate)
    time_base = time_base or 1 / rate
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, time_base=time_base)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.time_base = time_base
        context = stream.codec_context
        context.sample_aspect_ratio = Fraction(sample_aspect_ratio)
        context.color_range, context.colorspace = colour[:2]
        context.color_primaries, context.color_trc = colour[2:]
        fast = {"crf": "12", "preset": "ultrafast"} if codec in ("libx264", "libx265") else {}
        context.options = {**fast, **(options or {})}
        if rotation or mirrored:
            stream.set_display_rotation(-rotation, hflip=mirrored)
        sound = None
        if audio is not None:
            name = audio_codec or ("libopus" if path.suffix == ".webm" else "aac")
            sound = container.add_stream(name, rate=AUDIO_RATE, layout=_layout(audio))
            sound.time_base = Fraction(1, AUDIO_RATE)
        for k, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=pixel_format,
                dst_colorspace=1 if colour[1] == 1 else 5,
                dst_color_range=2 if colour[0] == 2 else 1,
            )
            frame.pts = k if pts is None else pts[k]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None and audio is not None:
            _write_audio(container, sound, audio, round(Fraction(audio_start) * AUDIO_RATE))
    return path


def _layout(audio: npt.NDArray[np.float32]) -> str:
    return "mono" if audio.shape[0] == 1 else "stereo"


def _write_audio(
    container: av.container.OutputContainer,
    stream: av.AudioStream,
    audio: npt.NDArray[np.float32],
    first: int,
) -> None:
    frame = av.AudioFrame.from_ndarray(audio, format="fltp", layout=_layout(audio))
    frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, first, Fraction(1, AUDIO_RATE)
    resampler = av.AudioResampler(
        stream.format, stream.layout, AUDIO_RATE, stream.codec_context.frame_size or 1024
    )
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


# The situations, each a clip of its own.


def moving(path: Path, *, frames: int = 12, rate: Fraction | int = 30, sound: bool = True) -> Path:
    """The plain case: a pan with a tone of the same length."""
    seconds = float(frames / Fraction(rate))
    return render(path, pan(frames), rate=rate, audio=sine(seconds) if sound else None)


def single_frame(path: Path) -> Path:
    """One picture, no sound."""
    return render(path, pan(1))


def two_frames(path: Path) -> Path:
    """Two pictures, no sound."""
    return render(path, pan(2))


def variable_rate(path: Path, *, frames: int = 12) -> Path:
    """Phone-like variable rate: steps of 33, 34, 50 and 100 ms in a clock of 1/90000 s."""
    steps = [3003, 3000, 4500, 3003, 9000, 3000]
    pts = [0]
    while len(pts) < frames:
        pts.append(pts[-1] + steps[(len(pts) - 1) % len(steps)])
    return render(path, pan(frames), pts=pts, time_base=Fraction(1, 90000))


def rotated(path: Path, *, degrees: int = 90, mirrored: bool = False, frames: int = 6) -> Path:
    """A pan stored lying down, to be turned `degrees` clockwise for showing."""
    return render(path, pan(frames), rotation=degrees, mirrored=mirrored)


def odd_size(path: Path, *, frames: int = 6) -> Path:
    """95x63 in 4:2:0, which H.264 cannot hold: VP9."""
    pictures = pan(frames, width=95, height=63)
    return render(path, pictures, codec="libvpx-vp9", options={"crf": "12", "cpu-used": "8"})


def ten_bit(path: Path, *, frames: int = 6) -> Path:
    """HDR-tagged 10-bit HEVC (BT.2020, PQ)."""
    return render(
        path,
        pan(frames),
        codec="libx265",
        pixel_format="yuv420p10le",
        colour=(1, 9, 9, 16),
        options={"x265-params": "log-level=error"},
    )


def full_chroma(path: Path, *, frames: int = 6) -> Path:
    """4:4:4 of odd size, which H.264 can hold."""
    return render(path, pan(frames, width=95, height=63), pixel_format="yuv444p")


def anamorphic(path: Path, *, frames: int = 6) -> Path:
    """Pixels 4/3 as wide as high."""
    return render(path, pan(frames), sample_aspect_ratio=Fraction(4, 3))


def full_range(path: Path, *, frames: int = 6) -> Path:
    """Full-range BT.601, as phones and webcams write it."""
    return render(path, pan(frames), colour=(2, 6, 6, 6))


def late_start(path: Path, *, frames: int = 8) -> Path:
    """The first picture is shown at 5 s of the file's clock."""
    pts = [150 + k for k in range(frames)]
    return render(path, pan(frames), pts=pts)


def padded(path: Path, *, size: int) -> Path:
    """An MP4 of exactly `size` bytes: a pan, then noise in a box that players pass over."""
    moving(path)
    with path.open("ab") as file:
        rest = size - file.tell()
        file.write(struct.pack(">I4s", rest, b"free"))
        noise = random.Random(1)
        for start in range(8, rest, 1 << 20):
            file.write(noise.randbytes(min(1 << 20, rest - start)))
    return path
