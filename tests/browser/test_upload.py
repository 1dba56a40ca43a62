"""Uploading and the library in a real browser, with and without JavaScript."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import Open
from tests.browser.line import line_to
from tests.engine import clips
from tests.inference.conftest import wait_for
from tests.videos.conftest import uploaded
from videos import services
from videos.models import Upload, Video
from videos.tus import storage
from videos.tus.services import upload_create

pytestmark = pytest.mark.django_db(transaction=True)

UPLOAD = "/videos/upload/"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Two good clips, one of 24 MB, and a text that calls itself a video."""
    text = tmp_path / "notes.mp4"
    text.write_text("just text\n" * 100)
    return {
        "first": clips.moving(tmp_path / "first ü.mp4"),
        "second": clips.moving(tmp_path / "second.mp4", sound=False),
        "long": clips.padded(tmp_path / "long.mp4", size=24 << 20),
        "text": text,
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
    expect(_row(page, "notes.mp4")).to_contain_text("This is not a video file")
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


def _slow_line(page: Page) -> Callable[[], object]:
    """From now on some 2 MB go out a second, until what it returns is called."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1}

    def limit(speed: int) -> None:
        devtools.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": speed})

    limit(2 << 20)
    return lambda: limit(-1)


def _pieces(page: Page) -> list[int]:
    """Where the pieces begin that the page sends, as it sends them."""
    begin: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            begin.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    return begin


def _stored() -> bytes:
    return Video.objects.get().file.open().read()


def test_a_file_on_its_way_shows_how_far_it_is_and_can_be_cancelled(
    open_as: Open, member: Any, files: dict[str, Path]
) -> None:
    page = open_as(member, UPLOAD)
    _slow_line(page)
    chosen = [files["long"], files["second"], files["first"]]
    page.get_by_label("Choose videos").set_input_files(chosen)
    long = _row(page, "long.mp4")
    expect(long).to_contain_text(re.compile(r"\d % sent · .* of 24\.0.MB · .*[KM]B/s · .* left"))
    expect(_row(page, "first ü.mp4")).to_contain_text("Waiting")
    page.get_by_role("button", name="Cancel first ü.mp4").click()
    page.get_by_role("button", name="Cancel long.mp4").click()
    expect(long).to_contain_text("Cancelled")
    expect(_row(page, "second.mp4").get_by_role("link")).to_be_visible(timeout=20_000)
    expect(_row(page, "first ü.mp4")).to_contain_text("Cancelled")
    assert [video.title for video in Video.objects.all()] == ["second"]
    wait_for(lambda: not Upload.objects.exists())


def test_by_keyboard_a_file_pauses_lets_the_next_one_go_first_and_resumes(
    open_as: Open, member: Any, files: dict[str, Path]
) -> None:
    page = open_as(member, UPLOAD)
    full_speed = _slow_line(page)
    pieces = _pieces(page)
    page.get_by_label("Choose videos").set_input_files([files["long"], files["second"]])
    long = _row(page, "long.mp4")
    expect(long).to_contain_text("B/s")
    page.get_by_role("button", name="Pause long.mp4").focus()
    page.keyboard.press("Enter")
    expect(long).to_contain_text("Paused at")
    expect(page.get_by_role("status").last).to_contain_text("long.mp4: Paused at")
    expect(_row(page, "second.mp4").get_by_role("link")).to_be_visible(timeout=20_000)
    resume = page.get_by_role("button", name="Resume long.mp4")
    expect(resume).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause long.mp4")).to_be_focused()
    full_speed()
    expect(long.get_by_role("link")).to_be_visible()
    assert pieces[-1] > 0
    Video.objects.get(title="second").delete()
    assert _stored() == files["long"].read_bytes()


def test_after_a_reload_the_same_file_goes_on_from_where_it_was(
    open_as: Open, member: Any, files: dict[str, Path]
) -> None:
    page = open_as(member, UPLOAD)
    page.on("dialog", lambda dialog: dialog.accept())  # that leaving stops the upload
    full_speed = _slow_line(page)
    page.get_by_label("Choose videos").set_input_files(files["long"])
    expect(_row(page, "long.mp4")).to_contain_text(re.compile(r"[1-9]\d % sent"))
    page.reload()
    full_speed()
    left = _row(page, "long.mp4")
    expect(left).to_contain_text(
        re.compile(r"[1-9]\d? % sent. Choose the same file again to go on")
    )
    pieces = _pieces(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose the file long.mp4").click()
    chooser.value.set_files(files["long"])
    expect(left.get_by_role("link")).to_be_visible()
    expect(page.locator(".upload-row")).to_have_count(1)
    assert min(pieces) > 0
    assert _stored() == files["long"].read_bytes()
    page.reload()
    expect(page.get_by_label("Choose videos")).to_be_visible()
    expect(page.locator(".upload-row")).to_have_count(0)


def test_what_an_earlier_visit_left_can_be_discarded(
    open_as: Open, member: Any, files: dict[str, Path]
) -> None:
    upload_create(owner=member, length=1000, name="elsewhere.mp4")
    page = open_as(member, UPLOAD)
    row = _row(page, "elsewhere.mp4")
    expect(row).to_contain_text("begun in another browser")
    page.get_by_role("button", name="Discard elsewhere.mp4").click()
    expect(row).to_contain_text("Cancelled")
    expect(row).to_be_focused()
    wait_for(lambda: not Upload.objects.exists())


def test_a_lost_line_is_told_and_the_upload_goes_on_by_itself(
    open_as: Open, live_server: Any, member: Any, files: dict[str, Path]
) -> None:
    with line_to(live_server.url) as line:
        page = open_as(member, UPLOAD)
        page.goto(f"{line.url}{UPLOAD}")  # another port, the same cookies
        full_speed = _slow_line(page)
        pieces = _pieces(page)
        page.get_by_label("Choose videos").set_input_files(files["long"])
        row = _row(page, "long.mp4")
        expect(row).to_contain_text("B/s")
        line.cut()
        expect(row).to_contain_text("Connection lost. It goes on by itself")
        full_speed()
        line.up = True
        expect(row.get_by_role("link")).to_be_visible()
    assert pieces[-1] > 0
    assert _stored() == files["long"].read_bytes()


def test_all_that_arrived_before_the_page_was_left_is_still_looked_at(
    open_as: Open, member: Any, files: dict[str, Path]
) -> None:
    content = files["first"].read_bytes()
    upload = upload_create(owner=member, length=len(content), name="complete.mp4")
    with storage.writing(upload.pk) as received:
        received.write(content)
    page = open_as(member, UPLOAD)
    expect(_row(page, "complete.mp4").get_by_role("link")).to_be_visible(timeout=20_000)


def test_a_file_that_cannot_fit_is_not_even_sent(
    open_as: Open, member: Any, files: dict[str, Path], settings: Any
) -> None:
    settings.SLOMO_MAX_UPLOAD_BYTES = 1 << 20
    page = open_as(member, UPLOAD)
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if r.method == "POST" else None)
    page.get_by_label("Choose videos").set_input_files(files["long"])
    expect(_row(page, "long.mp4")).to_contain_text("larger than 1.0\u00a0MB")
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
