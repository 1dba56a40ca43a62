"""What tests/site/test_access_matrix.py leaves out: parts of files, and ids that are none."""

import pytest
from django.test import Client
from django.urls import reverse

from videos.models import Video

pytestmark = pytest.mark.django_db

MEDIA = ["video-file", "video-poster"]
NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("name", MEDIA)
@pytest.mark.parametrize("range_header", ["", "bytes=0-9"])
def test_a_rival_and_a_stranger_get_the_404_of_an_id_that_never_existed_for_media(
    client: Client,
    other_client: Client,
    staff_client: Client,
    video: Video,
    name: str,
    range_header: str,
) -> None:
    for asker in (client, other_client, staff_client):
        for pk in (video.pk, NOBODYS):
            response = asker.get(reverse(name, args=[pk]), headers={"range": range_header})
            assert response.status_code == 404


@pytest.mark.parametrize("name", ["video-file", "video-poster", "video-edit", "video-delete"])
def test_addresses_take_ids_and_nothing_that_looks_like_a_path(
    member_client: Client, name: str
) -> None:
    prefix, suffix = reverse(name, args=[NOBODYS]).split(NOBODYS)
    for wrong in ("1", "..", "../../etc/passwd", NOBODYS.upper() + "x", "source.mp4"):
        assert member_client.get(prefix + wrong + suffix).status_code == 404
