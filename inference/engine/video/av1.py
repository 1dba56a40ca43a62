"""What an AV1 packet may hold, read from its outline alone.

One packet is one picture, with others that are not shown beside it. Yet the decoder also takes a
packet that says "show that picture again" a million times, in three bytes each, and hands all of
the million out at once: gigabytes from a file of megabytes.
"""

from typing import Any

import av

from inference.engine.errors import MediaRefused

_FRAME_HEADER, _FRAME = 3, 6  # OBU types
_MOST = 64
"""Frames in one packet: far more than any layer or hidden picture needs."""


def check(packet: "av.Packet[Any]") -> None:
    """Refuse a packet (`too_many_frames`) that holds more frames than a picture is made of."""
    data = memoryview(packet)
    frames = at = 0
    while at < len(data):
        header = data[at]
        frames += header >> 3 & 15 in (_FRAME_HEADER, _FRAME)
        if frames > _MOST:
            raise MediaRefused(
                "too_many_frames",
                f"The video has more than {_MOST} frames in one packet, the limit.",
            )
        if not header & 2:  # no size: it is the last
            return
        size, at = _leb128(data, at + 1 + (header >> 2 & 1))
        at += size


def _leb128(data: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, and where it ends."""
    number = 0
    for shift, byte in enumerate(data[at : at + 8]):
        number |= (byte & 127) << 7 * shift
        at += 1
        if byte < 128:
            break
    return number, at
