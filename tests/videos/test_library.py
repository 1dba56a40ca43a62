"""Searching, sorting and filtering, in the querysets and on the page."""

import unicodedata
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.videos.conftest import RowMaker
from videos import selectors, views
from videos.models import SORTINGS, Tag, Video

pytestmark = pytest.mark.django_db


def _titles(owner: User, **wishes: str) -> list[str]:
    return [video.title for video in selectors.library(owner, **wishes)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("jump", {"Long jump", "High jump"}),
        ("LONG jump", {"Long jump"}),
        ("jump athletics", {"Long jump"}),
        ("img_77", {"High jump"}),
        ("ÜBUNG", {"übung"}),
        (unicodedata.normalize("NFD", "übung"), {"übung"}),
        ("100%", {"100% effort"}),
        (".*", set()),
        ("a(", set()),
        ("\0", {"Long jump", "High jump", "übung", "100% effort"}),
        ("swimming", set()),
    ],
)
def test_a_search_finds_every_word_in_title_file_name_or_tags(
    member: User, row: RowMaker, text: str, found: set[str]
) -> None:
    row("Long jump", tags=("athletics",))
    row("High jump", original_name="IMG_7731.MOV")
    row("übung")
    row("100% effort")
    assert set(_titles(member, text=text)) == found


def test_a_tag_shows_only_the_videos_that_carry_it(member: User, row: RowMaker) -> None:
    row("Both", tags=("sprint", "final"))
    row("One", tags=("sprint",))
    row("None")
    assert set(_titles(member, tag="sprint")) == {"Both", "One"}
    assert _titles(member, tag="final", text="b") == ["Both"]
    assert _titles(member, tag="unheard of") == []


@pytest.mark.parametrize(
    ("key", "titles"),
    [
        ("newest", ["c", "B", "a"]),
        ("oldest", ["a", "B", "c"]),
        ("title", ["a", "B", "c"]),
        ("longest", ["B", "c", "a"]),
        ("largest", ["c", "a", "B"]),
        ("nonsense", ["c", "B", "a"]),
    ],
)
def test_each_sorting_orders_as_it_says(
    member: User, row: RowMaker, key: str, titles: list[str]
) -> None:
    facts = [("a", 1.0, 20), ("B", 9.0, 10), ("c", 5.0, 30)]
    for days, (title, duration, size) in enumerate(facts):
        video = row(title, duration=duration, size=size)
        Video.objects.filter(pk=video.pk).update(created_at=timezone.now() + timedelta(days=days))
    assert _titles(member, sorting=key) == titles


def test_a_member_sees_only_their_own_and_a_stranger_nothing(
    member: User, other_member: User, row: RowMaker
) -> None:
    row("Mine", tags=("a",))
    row("Theirs", owner=other_member, tags=("b",))
    assert _titles(member) == ["Mine"]
    assert not Video.objects.visible_to(AnonymousUser()).exists()
    assert [tag.name for tag in Tag.objects.in_use_by(member)] == ["a"]


def test_room_counts_the_bytes_of_the_member_s_own_videos(
    member: User, other_member: User, row: RowMaker, settings: Any
) -> None:
    settings.SLOMO_MAX_UPLOAD_BYTES = 600
    member.storage_quota = 1000
    row("Mine", size=700)
    row("Theirs", owner=other_member, size=5000)
    room = selectors.room_of(member)
    assert (room.used, room.left, room.limit) == (700, 300, 600)


# The page


def test_an_empty_library_says_what_to_do(member_client: Client) -> None:
    page = member_client.get("/videos/").content.decode()
    assert "No videos yet" in page
    assert 'href="/videos/upload/"' in page
    assert 'type="search"' not in page


def test_the_page_shows_facts_and_tags_of_each_video(member_client: Client, row: RowMaker) -> None:
    row("Run", tags=("final",), duration=83, frame_rate="30000/1001", size=2 << 20)
    page = member_client.get("/videos/").content.decode().replace("\xa0", " ")
    for text in ("Run", "1:23", "96 × 64", "29.97 fps", "2.0 MB", "final"):
        assert text in page


def test_a_search_without_matches_offers_the_way_back(member_client: Client, row: RowMaker) -> None:
    row("Run")
    page = member_client.get("/videos/", {"q": "swim", "tag": "final"}).content.decode()
    assert "Nothing matches" in page
    assert "“swim”" in page
    assert "Show all videos" in page


def test_what_a_member_types_comes_back_as_text(member_client: Client, row: RowMaker) -> None:
    row("<script>alert(1)</script>", tags=("<b>",))
    page = member_client.get("/videos/", {"q": '"><script>alert(2)</script>'}).content.decode()
    assert "<script>alert" not in page


def test_pages_keep_search_tag_and_order(
    member_client: Client, row: RowMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PER_PAGE", 2)
    for number in range(5):
        row(f"Run {number}", tags=("final",))
    wishes = {"q": "run", "tag": "final", "sort": "title"}
    first = member_client.get("/videos/", wishes).content.decode()
    assert "Run 1" in first
    assert "Run 2" not in first
    assert "?q=run&amp;tag=final&amp;sort=title&amp;page=2" in first
    last = member_client.get("/videos/", {**wishes, "page": "3"}).content.decode()
    assert "Page 3 of 3" in last
    assert "Run 4" in last


def test_a_page_beyond_the_last_or_no_number_still_shows_videos(
    member_client: Client, row: RowMaker
) -> None:
    row("Run")
    for number in ("99", "-1", "x"):
        assert "Run" in member_client.get("/videos/", {"page": number}).content.decode()


def test_the_page_needs_as_many_queries_for_many_videos_as_for_one(
    member_client: Client, row: RowMaker, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        row(f"Run {number}", tags=(f"tag{number}",))
    with django_assert_max_num_queries(8):
        member_client.get("/videos/")


def test_every_sorting_has_words_on_the_page(member_client: Client, row: RowMaker) -> None:
    row("Run")
    page = member_client.get("/videos/", {"sort": "title"}).content.decode()
    for words, _ in SORTINGS.values():
        assert words in page
    assert '<option value="title" selected>' in page
