"""Every awkward file is converted or refused with a reason; none crashes or comes out wrong."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from inference.engine.errors import MediaRefused
from inference.engine.video.audio import AudioPlan
from inference.engine.video.decode import decode, working_format
from inference.engine.video.encode import Encoder
from inference.engine.video.probe import VideoInfo, probe
from tests.awkward_table import AWKWARD, CONVERTS

ENCODED = 6
DAMAGED = {"corrupted.mp4", "no_timescale.mp4"}  # these yield fewer frames than they announce


def test_the_table_names_every_file(shared_data: Path) -> None:
    assert {path.name for path in (shared_data / "awkward").iterdir()} == set(AWKWARD)


@pytest.mark.parametrize("name", [name for name, code in AWKWARD.items() if code != CONVERTS])
def test_an_unusable_file_is_refused_with_its_code_and_a_sentence(
    shared_data: Path, name: str
) -> None:
    with pytest.raises(MediaRefused) as caught:
        probe(shared_data / "awkward" / name)
    assert caught.value.code == AWKWARD[name]
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("name", [name for name, code in AWKWARD.items() if code == CONVERTS])
def test_a_usable_file_decodes_in_full_and_its_first_frames_encode(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    source = shared_data / "awkward" / name
    info = probe(source)
    format = working_format(info, "h264")
    decoder = decode(source, info, pixel_format=format.pixel_format)
    first = list(itertools.islice(decoder, ENCODED))
    times = [frame.pts for frame in itertools.chain(first, decoder)]
    assert times == sorted(set(times))
    assert times[0] == info.start
    assert times[-1] < info.start + info.duration
    if name not in DAMAGED:
        assert (len(times), decoder.skipped, decoder.dropped) == (info.frames, 0, 0)

    target = tmp_path / "out.mp4"
    plan = AudioPlan(source, "keep", info.start, info.start + len(first) / info.frame_rate)
    with Encoder(
        target, format=format, rate=info.frame_rate, codec="h264", container="mp4", audio=plan
    ) as encoder:
        for frame in first:
            encoder.write(frame.planes)
    result = probe(target)
    assert result.frames == len(first)
    assert result.frame_rate == info.frame_rate
    assert result.sample_aspect_ratio == info.sample_aspect_ratio
    assert (result.width - info.width, result.height - info.height) in [
        (w, h) for w in (0, info.width % 2) for h in (0, info.height % 2)
    ]
    assert (result.audio is None) == (encoder.audio_outcome.action in ("none", "dropped"))
    assert_same_colours(result, info)
    again = decode(target, result, pixel_format=format.pixel_format)
    for before, after in zip(first, again, strict=True):
        luma = before.planes[0].astype(float)
        error = luma - after.planes[0][: luma.shape[0], : luma.shape[1]]
        assert np.abs(error).mean() < 0.02 * 2**format.bit_depth


def assert_same_colours(result: VideoInfo, info: VideoInfo) -> None:
    """Tags as in the source; H.264 says nothing where a limited range goes without saying."""
    assert (result.colour.range == "full") == (info.colour.range == "full")
    for tag in ("matrix", "primaries", "transfer"):
        assert getattr(result.colour, tag) == getattr(info.colour, tag)
