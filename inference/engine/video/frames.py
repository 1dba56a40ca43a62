"""What a picture is between decoder and encoder: planes of code values and how to read them.

Recorded frames travel as the planes the decoder made, never as RGB, so that the encoder gets
the very code values the camera's file held.
"""

import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.unsignedinteger[Any]]
Planes = tuple[Plane, ...]

_NAME = re.compile(r"(?:gray|gbrp|yuv(?P<chroma>420|422|444)p)(?:(?P<depth>10|12)le)?$")

# Code points of ITU-T H.273 (and FFmpeg's two of range), by FFmpeg's names.
_RANGES = {0: "unspecified", 1: "limited", 2: "full"}
_MATRICES = {
    0: "gbr",
    1: "bt709",
    2: "unspecified",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}
_PRIMARIES = {
    1: "bt709",
    2: "unspecified",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
_TRANSFERS = {
    1: "bt709",
    2: "unspecified",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
_TABLES = (_RANGES, _MATRICES, _PRIMARIES, _TRANSFERS)
_CHROMA_SHIFT = {"420": (1, 1), "422": (1, 0), "444": (0, 0)}


@dataclass(frozen=True)
class ColourTags:
    """How code values become light, in the words of ITU-T H.273 as FFmpeg spells them.

    `range` is `limited`, `full` or `unspecified`; the other three are names such as `bt709`,
    `smpte170m`, `bt2020nc`, `smpte2084`, or `unspecified`.
    """

    range: str = "unspecified"
    matrix: str = "unspecified"
    primaries: str = "unspecified"
    transfer: str = "unspecified"

    @classmethod
    def from_codes(cls, *codes: int) -> Self:
        """From the numbers FFmpeg uses: range, matrix, primaries, transfer."""
        return cls(
            *(table.get(code, "unspecified") for table, code in zip(_TABLES, codes, strict=True))
        )

    @property
    def codes(self) -> tuple[int, ...]:
        """The inverse of `from_codes`."""
        names = (self.range, self.matrix, self.primaries, self.transfer)
        return tuple(
            next(code for code, known in table.items() if known == name)
            for table, name in zip(_TABLES, names, strict=True)
        )

    def to_dict(self) -> dict[str, str]:
        """The four names, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**data)


@dataclass(frozen=True)
class FrameFormat:
    """The planes of a working frame: planar grey, YUV or GBR of 8, 10 or 12 bits.

    `width` and `height` are those of the picture shown, so of plane 0; chroma planes of odd
    sizes round up. `pixel_format` is FFmpeg's name, without the deprecated `yuvj` forms: the
    range is in `colour`. Planes are uint8 for 8 bits, else uint16 in native order.
    """

    pixel_format: str
    width: int
    height: int
    colour: ColourTags = ColourTags()
    sample_aspect_ratio: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if _NAME.match(self.pixel_format) is None:
            raise ValueError(f"{self.pixel_format} is not a working pixel format")

    @property
    def family(self) -> str:
        """`gray`, `yuv` or `gbrp`."""
        return self.pixel_format[:4] if self._match["chroma"] is None else "yuv"

    @property
    def bit_depth(self) -> int:
        """8, 10 or 12."""
        return int(self._match["depth"] or 8)

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The array type of every plane."""
        return np.dtype(np.uint8 if self.bit_depth == 8 else np.uint16)

    @property
    def chroma_shift(self) -> tuple[int, int]:
        """log2 of the chroma subsampling, (horizontal, vertical); (0, 0) without subsampling."""
        return _CHROMA_SHIFT.get(self._match["chroma"] or "444", (0, 0))

    @property
    def plane_shapes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of each plane."""
        luma = (self.height, self.width)
        if self.family == "gray":
            return (luma,)
        across, down = self.chroma_shift
        chroma = (-(-self.height >> down), -(-self.width >> across))
        return (luma, chroma, chroma)

    @property
    def _match(self) -> re.Match[str]:
        match = _NAME.match(self.pixel_format)
        assert match is not None  # __post_init__ has checked
        return match


class Frame(NamedTuple):
    """One recorded picture: `pts` in seconds of the source's own clock, planes upright."""

    pts: Fraction
    planes: Planes
