"""Uploading and the library in a real browser, with and without JavaScript."""

import base64
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.engine import clips
from tests.videos.conftest import uploaded
from videos import services
from videos.models import Video

pytestmark = pytest.mark.django_db(transaction=True)

UPLOAD = "/videos/upload/"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Two good clips, a text that calls itself a video, and 3 MB of noise."""
    text, noise = tmp_path / "notes.mp4", tmp_path / "noise.mp4"
    text.write_text("just text\n" * 100)
    noise.write_bytes(bytes(3 << 20))
    return {
        "first": clips.moving(tmp_path / "first ü.mp4"),
        "second": clips.moving(tmp_path / "second.mp4", sound=False),
        "text": text,
        "noise": noise,
    }


def _row(page: Page, name: str) -> Any:
    return page.locator(".upload-row").filter(has_text=name)


def test_each_file_goes_by_itself_and_ends_with_a_link_or_its_own_reason(
    open_as: Open, member: Any, files: dict[str, Path]
) -> None:
    page = open_as(member, UPLOAD)
    expect(page.get_by_role("button", name="Upload")).to_be_hidden()
    chosen = [files["first"], files["text"], files["second"]]
    page.get_by_label("Choose videos").set_input_files(chosen)
    expect(_row(page, "notes.mp4")).to_contain_text("This is not a video file", timeout=20_000)
    expect(_row(page, "second.mp4").get_by_role("link")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("status").last).to_have_text("second.mp4: Open “second”")
    assert {video.title for video in Video.objects.all()} == {"first ü", "second"}
    _row(page, "first ü.mp4").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("first ü")


def test_files_can_be_dropped_on_the_form(
    open_as: Open, member: Any, files: dict[str, Path]
) -> None:
    page = open_as(member, UPLOAD)
    content = base64.b64encode(files["first"].read_bytes()).decode()
    transfer = page.evaluate_handle(
        """(content) => {
          const transfer = new DataTransfer();
          const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
          transfer.items.add(new File([bytes], "dropped.mp4"));
          return transfer;
        }""",
        content,
    )
    form = page.locator("[data-upload]")
    form.dispatch_event("dragenter", {"dataTransfer": transfer})
    expect(form).to_have_class("card upload upload--over")
    form.dispatch_event("drop", {"dataTransfer": transfer})
    expect(form).to_have_class("card upload")
    expect(_row(page, "dropped.mp4").get_by_role("link")).to_be_visible(timeout=20_000)


def test_a_file_on_its_way_shows_how_far_it_is_and_can_be_cancelled(
    open_as: Open, member: Any, files: dict[str, Path]
) -> None:
    page = open_as(member, UPLOAD)
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1}
    slow.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": 300_000})
    chosen = [files["noise"], files["second"], files["first"]]
    page.get_by_label("Choose videos").set_input_files(chosen)
    expect(_row(page, "noise.mp4")).to_contain_text("% sent")
    expect(_row(page, "first ü.mp4")).to_contain_text("Waiting")
    page.get_by_role("button", name="Cancel first ü.mp4").click()
    page.get_by_role("button", name="Cancel noise.mp4").click()
    expect(_row(page, "noise.mp4")).to_contain_text("Cancelled")
    expect(_row(page, "second.mp4").get_by_role("link")).to_be_visible(timeout=20_000)
    expect(_row(page, "first ü.mp4")).to_contain_text("Cancelled")
    assert [video.title for video in Video.objects.all()] == ["second"]


def test_a_file_that_cannot_fit_is_not_even_sent(
    open_as: Open, member: Any, files: dict[str, Path], settings: Any
) -> None:
    settings.SLOMO_MAX_UPLOAD_BYTES = 1 << 20
    page = open_as(member, UPLOAD)
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if r.method == "POST" else None)
    page.get_by_label("Choose videos").set_input_files(files["noise"])
    expect(_row(page, "noise.mp4")).to_contain_text("larger than 1.0\u00a0MB")
    assert sent == []


def test_without_javascript_the_form_uploads_all_the_same(
    open_as: Open, member: Any, files: dict[str, Path]
) -> None:
    page = open_as(member, UPLOAD, java_script_enabled=False)
    page.get_by_label("Choose videos").set_input_files([files["first"], files["text"]])
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("notes.mp4: This is not a video file")
    page.get_by_role("link", name="first ü").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("first ü")


def test_the_library_is_searched_by_keyboard_alone(
    open_as: Open, member: Any, files: dict[str, Path]
) -> None:
    for name in ("first", "second"):
        services.video_create(owner=member, upload=uploaded(files[name]))
    page = open_as(member, "/videos/")
    page.get_by_label("Search").focus()
    page.keyboard.type("second")
    page.keyboard.press("Enter")
    expect(page.locator(".video-card")).to_have_count(1)
    poster = page.locator(".video-card img")
    assert poster.evaluate("async (img) => { await img.decode(); return img.naturalWidth; }") == 96


@pytest.mark.parametrize("address", ["/videos/", "/videos/upload/", "edit/", "delete/"])
def test_every_page_fits_a_small_phone(
    open_as: Open, member: Any, files: dict[str, Path], address: str
) -> None:
    video = services.video_create(
        owner=member, upload=uploaded(files["first"]), title="Averylongtitle" * 12
    )
    services.video_update(video=video, tags=["averylongtagwithoutanyspaceinitatall-0123456789"])
    if not address.startswith("/"):
        address = f"/videos/{video.pk}/{address}"
    page = open_as(member, address, viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
