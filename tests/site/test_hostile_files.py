"""Files that name other files and addresses: nothing but the upload is ever opened.

Each is tried on a careless reader first, which shows that the forgery works; where this FFmpeg does
not fall for one however careless, `careless` is None and the test stands guard for the next FFmpeg.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client

from inference import runner
from inference.attempts import Attempt
from inference.engine.errors import MediaRefused
from inference.engine.video.probe import probe
from inference.models import Conversion
from tests import hostile
from tests.awkward_table import CONVERTS
from tests.hostile import SECRET, Canary, Forger

# The runner closes the connection it finds, and with it any transaction around the test.
pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Attack:
    """A forgery, the options of a reader that falls for it, and what becomes of it here."""

    forge: Forger
    careless: dict[str, str] | None
    outcome: str = "not_a_video"
    leaks: bool = False

    def __str__(self) -> str:
        return self.forge.__name__


PLAYLISTS = {"format": "hls", "allowed_extensions": "ALL", "extension_picky": "0"}
SCRIPTS = {"safe": "0"}
REFERENCES = {"enable_drefs": "1", "use_absolute_path": "1"}
ATTACKS = [
    Attack(hostile.hls, PLAYLISTS),
    Attack(hostile.hls_key, PLAYLISTS),
    Attack(hostile.concat, SCRIPTS),
    Attack(hostile.concat_subfile, SCRIPTS),
    Attack(hostile.concat_socket, SCRIPTS),
    Attack(hostile.dash, None),
    Attack(hostile.svg, None),
    Attack(hostile.sdp, None),
    Attack(hostile.picture_elsewhere, REFERENCES, outcome="no_frames", leaks=True),
    Attack(hostile.sound_elsewhere, REFERENCES, outcome=CONVERTS, leaks=True),
    Attack(hostile.subtitles_elsewhere, None, outcome=CONVERTS),
]


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    folder = tmp_path / "canary"
    folder.mkdir()
    canary = Canary(folder)
    canary.disturbed()  # while it was made
    yield canary
    canary.close()


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.careless is not None], ids=str)
def test_a_careless_reader_falls_for_it(attack: Attack, canary: Canary, tmp_path: Path) -> None:
    path = attack.forge(tmp_path / "clip.mp4", canary)
    found = hostile.fall_for(path, **(attack.careless or {}))
    assert canary.disturbed()
    assert (SECRET in found) == attack.leaks


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "%03d.m3u8"])
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_the_engine_opens_nothing_else(
    attack: Attack, name: str, canary: Canary, tmp_path: Path
) -> None:
    """In this very process, so without the walls around the site's probe."""
    path = attack.forge(tmp_path / name, canary)
    canary.disturbed()
    if attack.outcome == CONVERTS:
        probe(path)
    else:
        with pytest.raises(MediaRefused) as refusal:
            probe(path)
        assert refusal.value.code == attack.outcome
    assert not canary.disturbed()


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_it_is_refused_or_converted_without_what_it_points_to(
    attack: Attack, canary: Canary, tmp_path: Path, member_client: Client, media: Path
) -> None:
    path = attack.forge(tmp_path / "clip.mp4", canary)
    canary.disturbed()
    with path.open("rb") as file:
        answer = member_client.post("/api/v1/videos/", {"file": file})
    if attack.outcome == CONVERTS:
        assert answer.status_code == 201, answer.json()
        # Uncompressed sound would be copied as it is, and the secret with it.
        wish = {"video": answer.json()["id"], "mode": "smooth", "rate": "60", "container": "mov"}
        answer = member_client.post("/api/v1/conversions/", wish, content_type="application/json")
        assert answer.status_code == 201, answer.json()
        attempt = Attempt.claim(UUID(answer.json()["id"]))
        assert attempt is not None
        runner.run(attempt, should_stop=lambda: False, announce=lambda _: None)
        conversion = Conversion.objects.get()
        assert (conversion.state, conversion.error_message) == ("succeeded", "")
        assert conversion.comparison
        assert conversion.preview
    else:
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == attack.outcome
    assert not canary.disturbed()
    assert SECRET not in answer.content
    kept = [file.read_bytes() for file in media.rglob("*") if file.is_file()]
    assert bool(kept) == (attack.outcome == CONVERTS)
    assert not [data for data in kept if SECRET in data]
