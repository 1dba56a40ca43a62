"""The built-in clip's sound: a soft chord, and a thump each time the ball lands."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 48_000  # samples per second


def soundtrack(seconds: float, impacts: Sequence[float]) -> NDArray[np.float32]:
    """Stereo samples (2, seconds * RATE) in -1..1, with a thump at each of `impacts` (seconds)."""
    t = np.arange(round(seconds * RATE)) / RATE
    chord = sum(np.sin(2 * np.pi * pitch * t) for pitch in (220.0, 277.2, 329.6, 440.0))
    fade = np.minimum(1, np.minimum(t, seconds - t) / 0.15)
    mix = np.stack((chord, chord)) * 0.035 * fade
    for loudness, impact in zip((1.0, 0.7, 0.5), impacts, strict=True):
        since = np.maximum(t - impact, 0)
        thump = np.sin(2 * np.pi * (70 * since + 60 * (1 - np.exp(-since * 40)) / 40))
        click = np.sin(2 * np.pi * 1800 * since) * np.exp(-since * 180)
        hit = (t >= impact) * loudness * (0.55 * thump * np.exp(-since * 14) + 0.2 * click)
        pan = impact / seconds  # the ball crosses from left to right
        mix += hit * np.array([[1 - 0.5 * pan], [0.5 + 0.5 * pan]])
    return np.clip(mix, -1, 1).astype(np.float32)
