"""Files that try to make their reader open something else, and a canary that notices."""

import ctypes
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.engine import clips

SECRET = b"The canary sings at midnight. "


class Canary:
    """A file full of a secret and a listening port, which know whether anyone came.

    Attributes:
        file: the secret many times over; as sound or picture it is noise, but decodable.
        clip: a video that a playlist can name.
        port: of a server on 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "secret.txt"
        self.file.write_bytes(SECRET * 20_000)
        self.clip = clips.render(folder / "secret.ts", clips.pan(3))
        self._watch = _watch(self.file, self.clip)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._visits = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def disturbed(self) -> bool:
        """Whether a file was opened or the port called since this was asked last."""
        visits, self._visits = self._visits, 0
        return bool(_events(self._watch)) or visits > 0

    def close(self) -> None:
        """Stop watching."""
        os.close(self._watch)
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            self._visits += 1
            visitor.close()


def _watch(*paths: Path) -> int:
    """A descriptor that can be read once any of `paths` was opened."""
    if sys.platform != "linux":
        pytest.skip("only Linux tells who opens a file (inotify)")
    libc = ctypes.CDLL(None, use_errno=True)
    watch = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    assert watch >= 0
    for path in paths:
        assert libc.inotify_add_watch(watch, bytes(path), 0x20) >= 0  # IN_OPEN
    return watch


def _events(watch: int) -> bytes:
    try:
        return os.read(watch, 1 << 16)
    except BlockingIOError:
        return b""


Forger = Callable[[Path, Canary], Path]


def hls(path: Path, canary: Canary) -> Path:
    path.write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n"
        f"#EXTINF:1,\n{canary.clip}\n"
        f"#EXTINF:1,\nhttp://127.0.0.1:{canary.port}/next.ts\n#EXT-X-ENDLIST\n"
    )
    return path


def hls_key(path: Path, canary: Canary) -> Path:
    """A playlist whose key is fetched before anything else."""
    path.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n"
        f'#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:{canary.port}/key"\n'
        f"#EXTINF:1,\n{canary.clip}\n#EXT-X-ENDLIST\n"
    )
    return path


def concat(path: Path, canary: Canary) -> Path:
    path.write_text(f"ffconcat version 1.0\nfile '{canary.clip}'\n")
    return path


def concat_subfile(path: Path, canary: Canary) -> Path:
    path.write_text(f"ffconcat version 1.0\nfile 'subfile,,start,0,end,0,,:{canary.clip}'\n")
    return path


def concat_socket(path: Path, canary: Canary) -> Path:
    path.write_text(f"ffconcat version 1.0\nfile 'http://127.0.0.1:{canary.port}/a.ts'\n")
    return path


def dash(path: Path, canary: Canary) -> Path:
    path.write_text(
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period>'
        '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
        f"<BaseURL>http://127.0.0.1:{canary.port}/a.mp4</BaseURL>"
        '<SegmentBase indexRange="0-1"/></Representation></AdaptationSet></Period></MPD>'
    )
    return path


def svg(path: Path, canary: Canary) -> Path:
    path.write_text(
        '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file://' + str(canary.file) + '">]>'
        '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><text>&x;</text>'
        f'<image href="http://127.0.0.1:{canary.port}/a.png" width="9" height="9"/></svg>'
    )
    return path


def sdp(path: Path, canary: Canary) -> Path:
    path.write_text(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=clip\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=video {canary.port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    )
    return path


def picture_elsewhere(path: Path, canary: Canary) -> Path:
    """A MOV whose uncompressed pictures lie in the canary's file: they would show it."""
    plain = clips.render(
        path.with_suffix(".plain.mov"), clips.pan(2), codec="rawvideo", pixel_format="rgb24"
    )
    path.write_bytes(_elsewhere(plain.read_bytes(), canary, track=0))
    return path


def sound_elsewhere(path: Path, canary: Canary) -> Path:
    """A MOV like any other, but for its sound: that is the canary's file."""
    plain = clips.render(
        path.with_suffix(".plain.mov"),
        clips.pan(6),
        audio=clips.sine(0.2),
        audio_codec="pcm_s16le",
    )
    path.write_bytes(_elsewhere(plain.read_bytes(), canary, track=1))
    return path


def subtitles_elsewhere(path: Path, canary: Canary) -> Path:
    """An AVI like any other, but for an embedded "subtitle" that is a playlist."""
    plain = clips.render(path.with_suffix(".plain.avi"), clips.pan(6), codec="mpeg4", options={})
    playlist = hls(path.with_suffix(".m3u8"), canary).read_bytes()
    name = "x\0".encode("utf-16-le")
    gab2 = b"GAB2\0" + struct.pack("<HI", 2, len(name)) + name
    gab2 += struct.pack("<HI", 4, len(playlist)) + playlist
    path.write_bytes(_with_avi_stream(plain.read_bytes(), b"txts", gab2))
    return path


def box(name: bytes, *content: bytes) -> bytes:
    """An MP4 box."""
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + name + body


def replaced(data: bytes, place: list[tuple[bytes, int]], new: bytes) -> bytes:
    """`data` with the box at `place`, a path of (name, how many of that name to pass over), and
    every size around it, replaced. The movie must come after the media, as offsets are kept."""
    (name, skip), *rest = place
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] == name:
            if skip == 0:
                inner = data[at + 8 : at + size]
                made = box(name, replaced(inner, rest, new)) if rest else new
                return data[:at] + made + data[at + size :]
            skip -= 1
        at += size
    raise ValueError(f"no {name!r}")


MEDIA = [(b"mdia", 0), (b"minf", 0)]


def _elsewhere(data: bytes, canary: Canary, *, track: int) -> bytes:
    """The movie with one track's media in the canary's file (a Macintosh alias record)."""
    path = str(canary.file).encode()
    path += b"\0" * (len(path) % 2)
    alias = b"".join(
        [
            *(bytes(10), b"\0", bytes(27), bytes(12)),
            *(bytes([len(canary.file.name)]), canary.file.name.encode().ljust(63, b"\0")),
            *(bytes(16), struct.pack(">hh", -1, -1), bytes(16)),
            *(struct.pack(">HH", 2, len(path)), path, struct.pack(">HH", 0xFFFF, 0)),
        ]
    )
    reference = box(b"alis", bytes(4), alias)
    dref = box(b"dref", bytes(4), struct.pack(">I", 1), reference)
    place = [(b"moov", 0), (b"trak", track), *MEDIA, (b"dinf", 0), (b"dref", 0)]
    return replaced(data, place, dref)


def _with_avi_stream(data: bytes, kind: bytes, content: bytes) -> bytes:
    """An AVI with one more stream that consists of one chunk."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    strh = kind + bytes(4) + struct.pack("<11I", 0, 0, 0, 1, 1, 0, 1, len(content), 0, 0, 0)
    stream = chunk(b"LIST", b"strl" + chunk(b"strh", strh + bytes(8)) + chunk(b"strf", b""))
    header, movi = data.index(b"LIST"), data.index(b"movi") - 8
    size = struct.unpack_from("<I", data, header + 4)[0]
    hdrl = chunk(b"LIST", data[header + 8 : header + 8 + size] + stream)
    media = struct.unpack_from("<I", data, movi + 4)[0]
    body = data[movi + 8 : movi + 8 + media] + chunk(b"01tx", content)
    return chunk(b"RIFF", b"AVI " + hdrl + chunk(b"LIST", body))


def fall_for(path: Path, **options: str) -> bytes:
    """Read a file as a careless program would; returns what it saw and heard."""
    found = b""
    format = options.pop("format", None)
    allowed = {"protocol_whitelist": "file,http,tcp,subfile,crypto,data"}
    try:
        with av.open(str(path), format=format, options=allowed | options, timeout=5) as container:
            for packet in container.demux():
                for frame in packet.decode():
                    if isinstance(frame, (av.VideoFrame, av.AudioFrame)):
                        found += np.ascontiguousarray(frame.to_ndarray()).tobytes()
    except (av.FFmpegError, OSError, ValueError, IndexError):
        pass
    return found
