"""Every awkward file through the site: uploaded over the API, then converted in this process.

Each ends as tests/awkward_table.py says: converted, or refused with a code and a sentence. Only the
first frames are converted, by the real runner with the real model.
"""

from fractions import Fraction
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client

from inference import runner
from inference.attempts import Attempt
from inference.engine.video.probe import probe
from inference.models import Conversion
from tests.awkward_table import AWKWARD, CONVERTS
from videos.models import Video

# The runner closes the connection it finds, and with it any transaction around the test.
pytestmark = pytest.mark.django_db(transaction=True)

FRAMES = 3


@pytest.mark.parametrize(("name", "outcome"), AWKWARD.items(), ids=AWKWARD)
def test_it_ends_converted_or_refused_with_a_reason(
    member_client: Client, shared_data: Path, name: str, outcome: str
) -> None:
    with (shared_data / "awkward" / name).open("rb") as file:
        answer = member_client.post("/api/v1/videos/", {"file": file})
    video = answer.json()
    if outcome != CONVERTS:
        assert answer.status_code == 422
        assert video["error"]["code"] == outcome
        assert video["error"]["message"].endswith(".")
        assert not Video.objects.exists()
        return
    assert answer.status_code == 201, video
    assert Video.objects.get().poster.open().read(2) == b"\xff\xd8"

    wish = {"video": video["id"], "mode": "slow", "factor": 2}
    if video["frames"] > FRAMES:
        wish["trim_out"] = round(float(FRAMES / Fraction(video["frame_rate"])), 4)
    answer = member_client.post("/api/v1/conversions/", wish, content_type="application/json")
    assert answer.status_code == 201, answer.json()
    attempt = Attempt.claim(UUID(answer.json()["id"]))
    assert attempt is not None
    runner.run(attempt, should_stop=lambda: False, announce=lambda _: None)

    conversion = Conversion.objects.get()
    assert (conversion.state, conversion.error_message) == ("succeeded", "")
    result = probe(Path(conversion.result.path))
    assert result.frames == conversion.report["frames"] == conversion.frames_total
    counted = sum(conversion.report[kind] for kind in ("recorded", "synthesised", "held"))
    assert counted == result.frames
