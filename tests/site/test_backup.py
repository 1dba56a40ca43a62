"""A library is backed up while it is used, lost, and restored; what cannot be is said in words."""

import fcntl
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from redis import Redis

from accounts.models import ApiToken, User
from accounts.services import token_create
from inference import queue
from inference.attempts import Attempt
from inference.models import Conversion
from inference.reconciler import reconcile
from inference.services import conversion_cancel
from inference.states import State
from slomo_site import backup
from tests.conftest import CHECKOUT, PASSWORD
from tests.engine import clips
from tests.inference.conftest import add_video, slow_motion, state_of
from tests.inference.results import failed, finished
from tests.parallel import at_once
from videos.models import Tag, Upload, Video
from videos.services import video_create, video_delete, video_update

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def video(member: User, tmp_path: Path) -> Video:
    return add_video(member, clips.moving(tmp_path / "clip.mp4"))


def lose_everything(media: Path) -> None:
    call_command("flush", interactive=False, verbosity=0)
    shutil.rmtree(media)
    media.mkdir()


def signed_in() -> Client:
    """The member, by password: sessions are not part of a backup."""
    client = Client()
    answer = client.post("/account/login/", {"login": "member@example.com", "password": PASSWORD})
    assert answer.status_code == 302
    return client


def seen(video: Video, conversion: Conversion, token: str) -> Iterator[tuple[str, bytes]]:
    """Every page and file of the library, and what the API says, as the member gets them."""
    for address in ("/api/v1/videos/", "/api/v1/conversions/"):
        yield address, Client().get(address, headers={"Authorization": f"Bearer {token}"}).content
    client = signed_in()
    page, made = f"/videos/{video.pk}/", f"/conversions/{conversion.pk}/"
    pages = ["/videos/", "/videos/?tag=goal", page, made, "/account/tokens/"]
    files = [f"{page}file", f"{page}poster"]
    files += [f"{made}{kind}" for kind in ("file", "map.json", "map.vtt", "comparison", "preview")]
    for address in pages + files:
        answer = client.get(address)
        assert answer.status_code == 200, address
        body = b"".join(answer) if answer.streaming else answer.content
        yield (
            address,
            re.sub(rb'name="csrfmiddlewaretoken" value="\w+"|csrfToken": "\w+"', b"", body),
        )


def test_what_was_lost_comes_back_to_the_last_byte(
    member: User,
    staff: User,
    media: Path,
    tmp_path: Path,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Else the page tells another time of the token's last use, should this take a minute.
    monkeypatch.setattr("accounts.services.LAST_USED_STEP", timedelta(days=1))
    clip = clips.moving(tmp_path / "clip.mp4", frames=15)
    upload = SimpleUploadedFile("clip.mp4", clip.read_bytes(), "video/mp4")
    video = video_create(owner=member, upload=upload)
    video_update(video=video, title="Türe öffnen 🎬", tags=["goal", "größe"])
    conversion = finished(
        video, tmp_path, review="flagged", reviewed_by=staff, reviewed_at=timezone.now()
    )
    failed(video)
    _, token = token_create(user=member, name="CI", scope=ApiToken.Scope.READ, lifetime=None)
    before = dict(seen(video, conversion, token))
    call_command("backup", str(target))
    lose_everything(media)
    assert not User.objects.exists()

    call_command("restore", str(target))
    assert dict(seen(video, conversion, token)) == before
    conversion.refresh_from_db()
    assert conversion.reviewed_by == staff
    # The next row of every table can be made: its counter goes on from what was restored.
    Tag.objects.create(owner=member, name="new")


def test_conversions_on_their_way_wait_again(
    video: Video, valkey: "Redis", media: Path, target: Path
) -> None:
    waiting, running, stopping = (slow_motion(video) for _ in range(3))
    for conversion in (running, stopping):
        assert Attempt.claim(conversion.pk)
    conversion_cancel(conversion=stopping)
    Upload.objects.create(owner=video.owner, name="half.mp4", length=10, expires_at=timezone.now())
    backup.back_up(target)
    lose_everything(media)
    valkey.flushall()

    backup.restore(target)
    states = [state_of(conversion) for conversion in (waiting, running, stopping)]
    assert states == [State.QUEUED, State.QUEUED, State.CANCELLED]
    running.refresh_from_db()
    assert running.losses == 0
    assert not Upload.objects.exists()
    Conversion.objects.update(created_at=timezone.now() - timezone.timedelta(minutes=1))
    reconcile()
    assert set(queue.get_queue().get_job_ids()) == {str(waiting.pk), str(running.pk)}


def test_any_machine_can_check_a_backup(video: Video, target: Path) -> None:
    if not shutil.which("sha256sum"):
        pytest.skip("no sha256sum on this machine")
    backup.back_up(target)
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(check, cwd=target, check=True)
    listed = {line.split("  ")[1] for line in (target / "SHA256SUMS").read_text().splitlines()}
    found = {str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()}
    assert found - listed == {"SHA256SUMS", ".lock"}


def test_a_backup_is_for_its_owner_alone(video: Video, target: Path) -> None:
    target.mkdir(mode=0o755)
    backup.back_up(target)
    assert stat.S_IMODE((target / "media").stat().st_mode) == 0o700
    (rows,) = target.glob("rows-*")
    assert stat.S_IMODE(rows.stat().st_mode) == 0o600


def test_the_rows_are_of_one_moment_and_nobody_waits_for_it(member: User) -> None:
    def write_meanwhile() -> int:
        return User.objects.filter(pk=member.pk).update(name="New")

    with backup._moment():
        assert User.objects.get().name == ""
        assert at_once(write_meanwhile) == [1]
        assert User.objects.get().name == ""
    assert User.objects.get().name == "New"


def test_a_video_that_is_deleted_during_the_backup_is_in_it_whole_or_not_at_all(
    member: User,
    video: Video,
    media: Path,
    tmp_path: Path,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = add_video(member, clips.moving(tmp_path / "clip.mp4"))
    copy_out = backup._copy_out

    def copy_and_lose(name: str, path: Path) -> Any:
        if Video.objects.filter(pk=video.pk).exists():
            video_delete(video=video)
        return copy_out(name, path)

    monkeypatch.setattr(backup, "_copy_out", copy_and_lose)
    assert backup.back_up(target).missing == []
    assert not list((target / "media").rglob(f"*{video.pk}*"))
    lose_everything(media)
    backup.restore(target)
    assert Video.objects.get() == kept
    assert default_storage.exists(kept.file.name)


def test_the_next_backup_copies_what_is_new_and_drops_what_is_gone(
    member: User, video: Video, tmp_path: Path, target: Path
) -> None:
    first = backup.back_up(target)
    assert first.bytes == video.size
    old = list(target.glob("*.json*"))
    assert backup.back_up(target).bytes == 0
    new = add_video(member, clips.moving(tmp_path / "clip.mp4", frames=8))
    video_delete(video=video)
    again = backup.back_up(target)
    assert (again.files, again.bytes) == (1, new.size)
    assert [p.name for p in (target / "media" / "videos").iterdir()] == [str(new.pk)]
    assert len(list(target.glob("*.json*"))) == 2
    assert not any(path.exists() for path in old)


def test_an_interrupted_backup_leaves_the_earlier_one_whole(
    member: User,
    video: Video,
    media: Path,
    tmp_path: Path,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backup.back_up(target)
    add_video(member, clips.moving(tmp_path / "clip.mp4"))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(backup, "_copy_out", full)
        with pytest.raises(CommandError, match=r"not finished.*No space left"):
            call_command("backup", str(target))
    lose_everything(media)
    assert backup.restore(target).missing == []
    assert Video.objects.get() == video


def test_an_interrupted_first_backup_is_begun_again(
    video: Video, media: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backup, "_copy_out", interrupt)
        with pytest.raises(KeyboardInterrupt):
            backup.back_up(target)
    with pytest.raises(CommandError, match="damaged or gone"):
        call_command("restore", str(target))
    assert backup.back_up(target).files == 1
    lose_everything(media)
    assert backup.restore(target).missing == []


def test_two_backups_into_one_folder_take_turns(
    video: Video, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_out = backup._copy_out

    def copy_twice(name: str, path: Path) -> Any:
        with pytest.raises(CommandError, match=r"Another backup.*under way"):
            call_command("backup", str(target))
        return copy_out(name, path)

    monkeypatch.setattr(backup, "_copy_out", copy_twice)
    assert backup.back_up(target).files == 1


def test_files_that_were_lost_before_are_named_at_both_ends(
    video: Video, media: Path, target: Path
) -> None:
    (media / video.file.name).unlink()
    with pytest.raises(CommandError, match=video.file.name):
        call_command("backup", str(target))
    lose_everything(media)
    with pytest.raises(CommandError, match=video.file.name):
        call_command("restore", str(target))
    assert Video.objects.get() == video


def test_a_damaged_backup_is_restored_only_on_request(
    video: Video, media: Path, target: Path
) -> None:
    backup.back_up(target)
    lose_everything(media)
    copy = target / "media" / video.file.name
    copy.write_bytes(copy.read_bytes()[:-1] + b"\0")
    with pytest.raises(CommandError, match=rf"damaged.*{video.file.name}.*--despite-damage"):
        call_command("restore", str(target))
    assert not User.objects.exists()
    assert not list(media.rglob("*.*"))
    with pytest.raises(CommandError, match=video.file.name):
        call_command("restore", str(target), "--despite-damage")
    assert Video.objects.get() == video


def test_without_its_rows_there_is_no_restoring(video: Video, media: Path, target: Path) -> None:
    backup.back_up(target)
    lose_everything(media)
    with next(target.glob("rows-*")).open("a") as rows:
        rows.write("\n")
    with pytest.raises(CommandError, match=r"rows.*damaged.*earlier backup"):
        call_command("restore", str(target), "--despite-damage")


def test_a_restore_that_fails_leaves_nothing_behind(
    video: Video, media: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.back_up(target)
    lose_everything(media)

    def fail() -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(backup, "_wait_again", fail)
        with pytest.raises(RuntimeError):
            backup.restore(target)
    assert not User.objects.exists()
    assert [path for path in media.rglob("*") if path.is_file()] == []
    assert backup.restore(target).missing == []


def test_what_is_there_is_never_overwritten(video: Video, media: Path, target: Path) -> None:
    backup.back_up(target)
    with pytest.raises(CommandError, match=r"members in this database.*empty"):
        call_command("restore", str(target))
    lose_everything(media)
    default_storage.save("videos/x/source.mp4", ContentFile(b"mine"))
    with pytest.raises(CommandError, match=r"files in the media folder.*videos/x/source\.mp4"):
        call_command("restore", str(target))
    assert not User.objects.exists()


def test_a_running_site_is_not_restored_into(settings: Any, video: Video, target: Path) -> None:
    backup.back_up(target)
    with (settings.SLOMO_DATA_DIR / "supervisor.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match=r"running.*Stop it first"):
            call_command("restore", str(target))


def test_a_backup_of_another_release_is_refused(
    video: Video, media: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.back_up(target)
    lose_everything(media)
    ours = backup._migrations()
    monkeypatch.setattr(backup, "_migrations", lambda: ours[:-1])
    with pytest.raises(CommandError, match=f"another release.*has {ours[-1]}"):
        call_command("restore", str(target))
    monkeypatch.setattr(backup, "_migrations", lambda: [*ours, "videos.9999_future"])
    with pytest.raises(CommandError, match=r"another release.*lacks videos\.9999_future"):
        call_command("restore", str(target))


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(CommandError, match="neither empty nor a backup"):
        call_command("backup", str(tmp_path / "photos"))
    with pytest.raises(CommandError, match="is no backup"):
        call_command("restore", str(tmp_path / "photos"))
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_a_laptop_s_backup_moves_to_postgresql(tmp_path: Path, target: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL (make test-postgres)")
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    environment |= {"SLOMO_DATA_DIR": str(tmp_path / "laptop")}
    make = "from accounts.models import User; User.objects.create_user('me@x.de', name='Zoë')"
    for command in (["migrate"], ["shell", "-c", make], ["backup", str(target)]):
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=CHECKOUT,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    backup.restore(target)
    assert User.objects.get().name == "Zoë"
