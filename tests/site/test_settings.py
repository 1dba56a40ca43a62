"""Settings under other environments, each in a process of its own."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from slomo_site import datadir

CHECKOUT = Path(__file__).parents[2]


def manage(
    *arguments: str, data_dir: Path, **environment: str
) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env={**kept, "SLOMO_DATA_DIR": str(data_dir), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_production_settings_pass_djangos_deployment_check(tmp_path: Path) -> None:
    done = manage(
        "check",
        "--deploy",
        "--fail-level",
        "INFO",
        data_dir=tmp_path / "data",
        SLOMO_HTTPS="1",
        ALLOWED_HOSTS="slomo.example",
        CSRF_TRUSTED_ORIGINS="https://slomo.example",
        SLOMO_TRUSTED_PROXIES="1",
        REDIS_URL="redis://localhost:6379/0",
        DATABASE_URL="postgres://slomo:secret@localhost/slomo",
        EMAIL_URL="smtp+tls://user:secret@mail.example:587",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


def test_migrations_are_complete(tmp_path: Path) -> None:
    done = manage("makemigrations", "--check", "--dry-run", data_dir=tmp_path / "data")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "deep" / "data"
    done = manage("check", data_dir=data_dir)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "secret_key").stat().st_mode) == 0o600


def test_the_secret_key_is_made_once(tmp_path: Path) -> None:
    key = datadir.secret_key(tmp_path)
    assert len(key) >= 50
    assert datadir.secret_key(tmp_path) == key
    assert datadir.secret_key(tmp_path.parent) != key
    assert not list(tmp_path.glob(".secret_key-*"))


def test_the_queue_socket_lies_in_the_data_folder(tmp_path: Path) -> None:
    assert datadir.queue_socket(Path("/srv/slomo")) == Path("/srv/slomo/valkey/valkey.sock")


def test_the_queue_socket_of_a_deep_data_folder_gets_a_short_path_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    one, other = (datadir.queue_socket(tmp_path / ("d" * 100) / name) for name in ("a", "b"))
    assert one.parent == other.parent == tmp_path / "slomo"
    assert one != other
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    longest = datadir.queue_socket(Path("/") / ("d" * 200))
    assert len(os.fsencode(longest)) <= datadir.LONGEST_SOCKET_PATH


def test_behind_https_plain_http_is_sent_on_and_cookies_are_secure(tmp_path: Path) -> None:
    visit = """
from django.test import Client
client = Client(headers={"host": "slomo.example"})
print(client.get("/account/login/")["Location"])
page = client.get("/account/login/", headers={"x-forwarded-proto": "https"})
print(page["Strict-Transport-Security"])
print(page.cookies["__Host-csrftoken"]["secure"])
print(client.get("/healthz").status_code)
"""
    done = manage(
        "shell",
        "--no-imports",
        "-c",
        visit,
        data_dir=tmp_path / "data",
        SLOMO_HTTPS="1",
        SLOMO_TRUSTED_PROXIES="1",
        ALLOWED_HOSTS="slomo.example",
    )
    assert done.stdout.splitlines() == [
        "https://slomo.example/account/login/",
        "max-age=31536000; includeSubDomains; preload",
        "True",
        "200",
    ], done.stderr


def test_addresses_must_be_confirmed_once_mail_goes_out(tmp_path: Path) -> None:
    say = "from django.conf import settings; print(settings.ACCOUNT_EMAIL_VERIFICATION)"
    for environment, expected in (
        ({}, "optional"),
        ({"EMAIL_URL": "smtp+tls://user:secret@mail.example:587"}, "mandatory"),
        ({"EMAIL_URL": "smtp://mail.example", "ACCOUNT_EMAIL_VERIFICATION": "none"}, "none"),
    ):
        shell = ("shell", "--no-imports", "-c", say)
        done = manage(*shell, data_dir=tmp_path / "data", **environment)
        assert done.stdout.split() == [expected], done.stderr


def test_logs_can_be_json_with_the_jobs_id_in_a_field(tmp_path: Path) -> None:
    say = "import logging; logging.getLogger('x').warning('Lost %d', 2, extra={'job': 'abc'})"
    done = manage("shell", "-c", say, data_dir=tmp_path / "data", SLOMO_LOG_FORMAT="json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stderr.splitlines()[-1])
    assert record["job"] == "abc"
    assert record["message"] == "Lost 2"
    assert record["level"] == "WARNING"
    assert record["logger"] == "x"
