"""One demonstration: a clip goes up, slow motion comes down, all of it said in the terminal."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from slomo_site.demo.client import Api, Member, Pages, SiteRefused

SLOWNESS = 8
POLL_SECONDS = 0.5
ACTIVE = ("queued", "running", "cancelling")


def show(url: str, clip: Path, *, folder: Path, say: Callable[[str], object]) -> None:
    """Signs in, uploads `clip`, slows it down eight times and downloads the result.

    Args:
        url: of the running site, without a slash at the end.
        folder: keeps the demo's member and the results between runs.

    Raises:
        SiteRefused: the site refused something or the conversion failed.
    """
    member = _member(url, folder / "member.json", say)
    api = Api(url, member.token)
    video = api.upload(clip)
    say(f"Uploaded {clip.name}: {video['width']} × {video['height']}, {video['frames']} frames")
    say(f"Slowing it down {SLOWNESS} times …")
    began = time.monotonic()
    conversion = _follow(api, api.convert(video["id"], mode="slow", factor=SLOWNESS))
    seconds = time.monotonic() - began
    if conversion["state"] != "succeeded":
        raise SiteRefused(conversion["error_message"] or f"It was {conversion['state']}.")
    target = folder / f"{clip.stem}-{SLOWNESS}x.mp4"
    api.download(conversion["id"], target)
    quality = api.quality(conversion["id"])
    for name, value in {
        "Page": conversion["links"]["page"],
        "Sign in": f"{member.email}   password {member.password}",
        "File": str(target),
        "Took": f"{seconds:.1f} s",
        "Speed": f"{quality['report']['new_frames_per_second']:.1f} new frames per second",
        "PSNR": _compared(quality, "psnr", "{:.2f} dB"),
        "SSIM": _compared(quality, "ssim", "{:.4f}"),
    }.items():
        say(f"{name:<9} {value}")


def _member(url: str, kept: Path, say: Callable[[str], object]) -> Member:
    """A member with a working token: the one from last time, else with what is missing made."""
    known = Member.read(kept)
    if known and Api(url, known.token).accepts_token():
        return known
    pages = Pages(url)
    member = pages.join(known)
    say(f"Signed {'in' if member is known else 'up'} as {member.email}")
    member = replace(member, token=pages.token(name=f"make demo {datetime.now():%d %b %H:%M}"))
    member.write(kept)
    return member


def _follow(api: Api, conversion: dict[str, Any]) -> dict[str, Any]:
    """Draws the conversion's progress until it has ended; returns it as it is then."""
    layout = "{desc:<13} {percentage:3.0f}%|{bar:30}| {n_fmt}/{total_fmt} frames{postfix}"
    with tqdm(desc="Waiting", bar_format=layout, disable=None) as bar:  # only on a terminal
        while conversion["state"] in ACTIVE:
            time.sleep(POLL_SECONDS)
            conversion = api.conversion(conversion["id"])
            bar.total = conversion["frames_total"] or None
            bar.n = conversion["frames_done"]
            bar.desc = _doing(conversion)
            bar.set_postfix_str(_pace(conversion))
    return conversion


def _doing(conversion: dict[str, Any]) -> str:
    if conversion["state"] == "succeeded":
        return "Done"
    return str(conversion["stage"] or conversion["state"]).capitalize()


def _pace(conversion: dict[str, Any]) -> str:
    speed, left = conversion["frames_per_second"], conversion["seconds_left"]
    parts = [f"{speed:.1f} new frames/s"] if speed else []
    return ", ".join([*parts, f"{left:.0f} s left"] if left else parts)


def _compared(quality: dict[str, Any], measure: str, layout: str) -> str:
    if quality[measure] is None:
        return "not measured, the clip is too short or does not move"
    blend = layout.format(quality[f"blend_{measure}"])
    return f"{layout.format(quality[measure])}   (plain blending {blend})"
