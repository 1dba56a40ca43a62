"""Opening a stranger's file: the demuxer comes from its first bytes, and nothing else is read.

A playlist, a concatenation script or a subtitle file can make FFmpeg open other files and
addresses. So the format is never guessed by FFmpeg: only the containers below are opened, each
by name, with the file protocol alone and with decoders from a list.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
from av.container import InputContainer
from av.stream import Disposition

from inference.engine.errors import MediaRefused

_VIDEO_DECODERS = (
    "h264,hevc,av1,libdav1d,vp8,vp9,mpeg1video,mpeg2video,mpeg4,msmpeg4v2,msmpeg4v3,mjpeg,"
    "prores,dnxhd,theora,h263,flv,wmv1,wmv2,wmv3,vc1,ffv1,huffyuv,ffvhuff,utvideo,rawvideo,"
    "qtrle,png,dvvideo,cinepak,vp6,vp6f,svq3"
)
_AUDIO_DECODERS = (
    "aac,ac3,eac3,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,flac,alac,"
    "amrnb,amrwb,wmav1,wmav2,dca,truehd,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,"
    "pcm_s32be,pcm_f32le,pcm_f32be,pcm_u8,pcm_s8,pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav,"
    "adpcm_ima_qt"
)
VIDEO_DECODERS = frozenset(_VIDEO_DECODERS.split(","))
AUDIO_DECODERS = frozenset(_AUDIO_DECODERS.split(","))

MAX_PIXELS = 4096 * 4096
KNOWN_CONTAINERS = "MP4, MOV, MKV, WebM, AVI, MPEG, TS, FLV, WMV and OGV"

Media = TypeVar("Media", av.VideoStream, av.AudioStream)

_TS_PACKET, _M2TS_PACKET = 188, 192
_HEAD = 2 * _M2TS_PACKET + 5
_MAGIC = {
    b"\x00\x00\x01\xba": "mpeg",
    b"FLV\x01": "flv",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "wmv",
    b"OggS": "ogv",
}
_DEMUXERS = {
    "mp4": "mov",
    "mkv": "matroska",
    "webm": "matroska",
    "ts": "mpegts",
    "wmv": "asf",
    "ogv": "ogg",
}
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_INDEXED = ("mov", "matroska")
_SEEK_MARGIN = 1
"""Seconds to seek early: indexes go by decoding time, which runs ahead of presentation."""
_RESET = Fraction(1, 2)
"""A decoding time that jumps back by more seconds than this starts a new clock."""


def container_of(head: bytes) -> str | None:
    """The container that `head`, the file's first bytes, announces: `mp4`, `mkv`, …."""
    if head[4:8] in _BOXES:
        return "mov" if head[8:12] == b"qt  " else "mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in head else "mkv"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    if head[::_TS_PACKET] == b"GGG" or head[4::_M2TS_PACKET] == b"GGG":
        return "ts"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def open_source(path: Path, *, max_pixels: int = MAX_PIXELS) -> InputContainer:
    """Open a video file for reading; frames of more than `max_pixels` will not be decoded.

    Raises:
        MediaRefused: `not_a_video` when the first bytes are those of no known container,
            `corrupt` when the container cannot be read, `unreadable` when the file cannot.
    """
    name = container_of(read_head(path))
    if name is None:
        raise MediaRefused(
            "not_a_video",
            f"This is not a video file of a kind we know. {KNOWN_CONTAINERS} work.",
        )
    demuxer = _DEMUXERS.get(name, name)
    decoding = {
        "codec_whitelist": f"{_VIDEO_DECODERS},{_AUDIO_DECODERS}",
        "max_pixels": str(max_pixels),
    }
    try:
        container = av.open(
            f"file:{path}",
            "r",
            format=demuxer,
            metadata_errors="replace",
            options=decoding
            | {
                "protocol_whitelist": "file",
                "format_whitelist": av.ContainerFormat(demuxer, "r").name,
            },
        )
    except (av.FFmpegError, ValueError) as error:
        raise MediaRefused(
            "corrupt", "The file is damaged or incomplete: its index could not be read."
        ) from error
    # The container's options hold while it looks for its streams; the decoders have their own.
    for stream in container.streams:
        if stream.codec_context is not None:
            stream.codec_context.options = decoding
    return container


def read_head(path: Path) -> bytes:
    """As many first bytes as `container_of` looks at; MediaRefused `unreadable`."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise MediaRefused("unreadable", "The video file could not be read.") from error


def video_stream(container: InputContainer) -> av.VideoStream | None:
    """The track to work on: the default one, else the first; never cover art."""
    streams = [s for s in container.streams.video if Disposition.attached_pic not in s.disposition]
    return min(streams, key=lambda s: Disposition.default not in s.disposition, default=None)


def audio_stream(container: InputContainer) -> av.AudioStream | None:
    """The sound that goes with the picture: the default track, else the first."""
    streams = container.streams.audio
    return min(streams, key=lambda s: Disposition.default not in s.disposition, default=None)


def seek(container: InputContainer, time: Fraction) -> bool:
    """Go to a keyframe some time before `time`, in seconds; False if the file has no index."""
    if container.format.name not in _INDEXED:
        return False
    container.seek(int((time - _SEEK_MARGIN) * av.time_base))
    return True


def keyframe_before(path: Path, time: Fraction) -> int:
    """How many of the video track's packets may be left out by whoever begins shortly before
    `time`, in seconds: all before a keyframe. Reads the file up to there, but decodes nothing."""
    skipped = 0
    with open_source(path) as container:
        stream = video_stream(container)
        if stream is None or stream.time_base is None:
            return 0
        latest = (time - _SEEK_MARGIN) / stream.time_base
        for number, packet in enumerate(packets(container, stream)):
            if packet.dts is not None and packet.dts > latest:
                break
            if packet.is_keyframe:
                skipped = number
    return skipped


def packets(container: InputContainer, stream: Media) -> Iterator["av.Packet[Media]"]:
    """The stream's packets, in the file's order, on one continuous clock.

    Recordings joined end to end (MPEG transport streams above all) restart their clock; here
    it goes on from where it was. A read error ends the stream: what came before is kept.
    """
    assert stream.time_base is not None
    back = _RESET / stream.time_base
    offset, last, step = 0, None, 0
    for other in container.streams:
        if other is not stream:
            other.discard = av.stream.Discard.all
    try:
        for packet in container.demux(stream):
            if packet.size == 0:
                continue  # to a decoder it would mean the end
            if packet.dts is not None:
                if last is not None and packet.dts < last - back:
                    offset += last + step - packet.dts
                last, step = packet.dts, packet.duration or step
                packet.dts += offset
                if packet.pts is not None:
                    packet.pts += offset
            yield packet
    except (av.FFmpegError, IndexError):
        # IndexError: at the end, PyAV 18 stumbles over streams that appeared on the way.
        return
