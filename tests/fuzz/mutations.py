"""Damages a video file in the ways files are damaged and forged; the same seed, the same damage."""

import re
from collections.abc import Callable, Sequence
from random import Random

_NAMES = (
    b"ftyp moov mvhd trak tkhd edts elst mdia mdhd hdlr minf dinf dref stbl stsd stts stss ctts "
    b"stsc stsz stco co64 mdat free udta meta moof mfhd traf tfhd tfdt trun mvex trex avc1 avcC "
    b"hev1 hvc1 hvcC av01 av1C vp08 vp09 vpcC mp4v mp4a esds colr pasp mdcv clli sgpd sbgp "
    b"RIFF LIST hdrl avih strl strh strf movi idx1 00dc 01wb"
).split()
_MARKS = re.compile(
    # Boxes and chunks by name; EBML's Segment, Info, Tracks, TrackEntry, Cluster, SimpleBlock, Cues
    b"|".join(
        [
            *_NAMES,
            b"\x18\x53\x80\x67|\x15\x49\xa9\x66|\x16\x54\xae\x6b|\xae|\x1f\x43\xb6\x75|\xa3|\x1c\x53\xbb\x6b",
        ]
    )
)
_NUMBERS = (0, 1, 2, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**24, 2**31 - 1, 2**31, 2**32 - 1)

_Bytes = bytearray
_Damage = Callable[[_Bytes, bytes, Random], None]


def mutate(files: Sequence[bytes], random: Random) -> bytes:
    """One of `files`, damaged up to three times over, perhaps with pieces of another."""
    data = _Bytes(random.choice(files))
    for _ in range(random.randint(1, 3)):
        if data:
            random.choice(_DAMAGES)(data, random.choice(files), random)
    return bytes(data)


def _flip_bits(data: _Bytes, _: bytes, random: Random) -> None:
    for _ in range(random.choice((1, 4, 16, 64))):
        data[_place(data, random)] ^= 1 << random.randrange(8)


def _set_number(data: _Bytes, _: bytes, random: Random) -> None:
    _write(data, _place(data, random), random)


def _change_box(data: _Bytes, _: bytes, random: Random) -> None:
    """A wrong size before a name, or a wrong field after it."""
    if (mark := _mark(data, random)) is not None:
        _write(data, max(0, mark + random.choice((-4, 4, 8, 12, 16, 20, 24, 28))), random)


def _rename_box(data: _Bytes, _: bytes, random: Random) -> None:
    if (mark := _mark(data, random)) is not None:
        data[mark : mark + 4] = random.choice(_NAMES)


def _repeat_box(data: _Bytes, _: bytes, random: Random) -> None:
    if (mark := _mark(data, random)) is not None:
        start = max(0, mark - 4)
        size = min(int.from_bytes(data[start : start + 4]), 1 << 16)
        data[start:start] = data[start : start + size] * random.choice((1, 2, 30))


def _truncate(data: _Bytes, _: bytes, random: Random) -> None:
    del data[_place(data, random) :]


def _remove(data: _Bytes, _: bytes, random: Random) -> None:
    start = _place(data, random)
    del data[start : start + _length(random)]


def _repeat(data: _Bytes, _: bytes, random: Random) -> None:
    start = _place(data, random)
    data[start:start] = data[start : start + _length(random)]


def _swap(data: _Bytes, _: bytes, random: Random) -> None:
    first, second, length = _place(data, random), _place(data, random), _length(random)
    one, other = data[first : first + length], data[second : second + length]
    data[first : first + len(one)] = other
    data[second : second + len(other)] = one


def _fill(data: _Bytes, _: bytes, random: Random) -> None:
    start, length = _place(data, random), _length(random)
    length = min(length, len(data) - start)
    kind = random.randrange(3)
    data[start : start + length] = (
        random.randbytes(length) if kind == 0 else (b"\0" if kind == 1 else b"\xff") * length
    )


def _splice(data: _Bytes, other: bytes, random: Random) -> None:
    """The beginning of this file and the end of another."""
    part = random.random()
    data[round(part * len(data)) :] = other[round(part * len(other)) :]


def _swap_header(data: _Bytes, other: bytes, random: Random) -> None:
    length = random.choice((8, 16, 64, 512, 4096))
    data[:length] = other[:length]


_DAMAGES: list[_Damage] = [
    *(_flip_bits, _set_number, _change_box, _change_box, _rename_box, _repeat_box, _truncate),
    *(_remove, _repeat, _swap, _fill, _splice, _swap_header),
]


def _place(data: _Bytes, random: Random) -> int:
    """Anywhere, but mostly near the ends, where indexes are."""
    size, kind = len(data), random.randrange(3)
    if kind == 0:
        return random.randrange(size)
    near = random.randrange(min(size, 4096))
    return near if kind == 1 else size - 1 - near


def _length(random: Random) -> int:
    return int(2 ** random.uniform(0, 14))


def _mark(data: _Bytes, random: Random) -> int | None:
    marks = [found.start() for found in _MARKS.finditer(data)]
    return random.choice(marks) if marks else None


def _write(data: _Bytes, at: int, random: Random) -> None:
    width = random.choice((1, 2, 4, 8))
    number = random.choice((*_NUMBERS, len(data), random.getrandbits(32))) % 256**width
    encoded = number.to_bytes(width, random.choice(("big", "big", "little")))
    data[at : at + width] = encoded[: len(data) - at]
