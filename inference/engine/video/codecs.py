"""The codecs we write, what each takes, and how hard it tries."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Codec:
    """One way to compress pictures.

    Attributes:
        encoder: FFmpeg's name.
        containers: file kinds it may go in; the first is the usual one.
        pixel_formats: those of `frames.FrameFormat` that the encoder takes.
        even_sizes: subsampled chroma needs even sizes, so odd pictures are padded by a row or
            column.
        max_rate: frames per second that the encoder takes; None for any we allow.
        options: for the encoder; visually transparent, and quick enough for two cores.
    """

    encoder: str
    containers: tuple[str, ...]
    pixel_formats: frozenset[str]
    even_sizes: bool
    max_rate: int | None = None
    options: dict[str, str] = field(default_factory=dict)


def _formats(layouts: str, depths: tuple[str, ...]) -> frozenset[str]:
    return frozenset(layout + depth for layout in layouts.split() for depth in depths)


CODECS = {
    "h264": Codec(
        "libx264",
        ("mp4", "mov", "mkv"),
        _formats("yuv420p yuv422p yuv444p", ("", "10le")),
        even_sizes=True,
        # Without the last, what comes out depends on the processor and on uninitialised memory.
        options={"preset": "veryfast", "crf": "17", "x264-params": "cpu-independent=1"},
    ),
    "hevc": Codec(
        "libx265",
        ("mp4", "mov", "mkv"),
        _formats("gray yuv420p yuv422p yuv444p gbrp", ("", "10le", "12le")),
        even_sizes=True,
        options={"preset": "ultrafast", "crf": "17", "x265-params": "log-level=none"},
    ),
    "av1": Codec(
        "libsvtav1",
        ("mp4", "mkv", "webm"),
        _formats("yuv420p", ("", "10le")),
        even_sizes=False,
        max_rate=240,
        options={"preset": "9", "crf": "20"},
    ),
    "vp9": Codec(
        "libvpx-vp9",
        ("webm", "mp4", "mkv"),
        _formats("yuv420p yuv422p yuv444p gbrp", ("",)),
        even_sizes=False,
        options={
            "crf": "20",
            "b": "0",
            "deadline": "realtime",
            "cpu-used": "7",
            "row-mt": "1",
            "tile-columns": "2",
        },
    ),
}
"""By the name used in settings, in the API and on pages."""

ENCODABLE = {name: codec.containers for name, codec in CODECS.items()}
"""Containers each codec may be written to."""
