"""The engine on the command line: interpolate, probe, evaluate, train.

Start-up is light: PyTorch is loaded by the commands that need it, not by `probe`, which the site
runs on every upload.
"""

import argparse
import json
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from inference.engine.errors import Cancelled, EngineError, SettingsRefused
from inference.engine.quantities import parse_rate, parse_seconds, parse_slowness
from inference.engine.settings import AUDIO_CHOICES, ConversionSettings
from inference.engine.video.codecs import CODECS
from inference.engine.video.poster import save_poster
from inference.engine.video.probe import probe

REFUSED = 2
"""Exit status when the file, the weights or the settings are refused."""
INTERRUPTED = 130


def main(argv: list[str]) -> int:
    """Run a command; returns its exit status."""
    try:
        if argv[:1] == ["evaluate"]:
            from inference.engine.evaluate import cli as evaluate

            return evaluate.main(argv[1:])
        if argv[:1] == ["train"]:
            from inference.engine.train import cli as train

            return train.main(argv[1:])
        options = _parser().parse_args(argv)
        return int(options.run(options))
    except (KeyboardInterrupt, Cancelled):
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except EngineError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference.engine", description="Slow motion.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("interpolate", help="convert a video file")
    command.set_defaults(run=_interpolate)
    command.add_argument("source", type=Path, metavar="IN")
    command.add_argument("target", type=Path, metavar="OUT", help="its ending names the container")
    command.add_argument(
        "--fps",
        type=_number(parse_rate),
        help="frames per second of the result (default: the source's)",
    )
    command.add_argument(
        "--slow", type=_number(parse_slowness), default=Fraction(1), help="times slower"
    )
    command.add_argument("--from", dest="trim_in", type=_number(parse_seconds), metavar="SECONDS")
    command.add_argument("--to", dest="trim_out", type=_number(parse_seconds), metavar="SECONDS")
    command.add_argument("--audio", choices=AUDIO_CHOICES, default="auto")
    command.add_argument("--codec", choices=sorted(CODECS), default="h264")
    command.add_argument("--container", help="where the ending does not say it")
    command.add_argument("--weights", type=Path, help="a weights file (default: the product's)")
    command.add_argument("--device", default="auto", help="auto, cpu or cuda")
    command.add_argument("--precision", default="auto", help="auto, float32, float16 or bfloat16")
    command.add_argument("--map", type=Path, help="also write the frame map here, as JSON")
    command.add_argument("--json", action="store_true", help="print the report as JSON")

    command = commands.add_parser("probe", help="say what a file is, as JSON")
    command.set_defaults(run=_probe)
    command.add_argument("source", type=Path, metavar="FILE")
    command.add_argument("--poster", type=Path, help="also write its first picture here, as JPEG")

    for name, text in (
        ("evaluate", "score the network on benchmark folders"),
        ("train", "train the network"),
    ):
        commands.add_parser(name, help=f"{text}; see `{name} --help`", add_help=False)
    return parser


def _probe(options: argparse.Namespace) -> int:
    try:
        info = probe(options.source)
        if options.poster:
            save_poster(options.source, info, options.poster)
    except EngineError as error:
        print(json.dumps({"error": {"code": error.code, "message": error.message}}))
        return REFUSED
    print(json.dumps(info.to_dict(), indent=2))
    return 0


def _interpolate(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from inference.engine.convert import Progress, convert
    from inference.engine.interpolator import Interpolator

    info = probe(options.source)
    if options.target.exists() and options.target.samefile(options.source):
        raise SettingsRefused("same_file", "The result would overwrite the source.")
    settings = ConversionSettings(
        rate=options.fps or info.frame_rate,
        slowness=options.slow,
        trim_in=options.trim_in,
        trim_out=options.trim_out,
        audio=options.audio,
        codec=options.codec,
        container=options.container or options.target.suffix.removeprefix(".").lower(),
    )
    settings.check(info)
    interpolator = Interpolator(options.weights, device=options.device, precision=options.precision)
    with tqdm(unit="frame", disable=options.json or None) as bar:

        def show(progress: Progress) -> None:
            bar.total = progress.frames_total
            bar.update(progress.frames_done - bar.n)

        report = convert(
            options.source,
            options.target,
            settings,
            interpolator,
            on_progress=show,
            frame_map=options.map,
        ).to_dict()
    print(json.dumps(report) if options.json else summary(options.target, report))
    return 0


def summary(target: Path, report: dict[str, Any]) -> str:
    """A conversion's report for people."""
    lines = [
        f"{target}: {report['frames']} frames ({report['recorded']} recorded, "
        f"{report['synthesised']} synthesised, {report['held']} held), "
        f"{report['duration']:.2f} s",
        f"{report['seconds']:.1f} s, {report['new_frames_per_second']:.2f} new frames per second",
    ]
    quality = report["quality"]
    if quality["psnr"] is None:
        lines.append(quality["reason"])
    else:
        lines.append(
            f"PSNR {quality['psnr']:.2f} dB, SSIM {quality['ssim']:.4f} on held-out frames "
            f"(plain blending: {quality['blend_psnr']:.2f} dB, {quality['blend_ssim']:.4f})"
        )
    if report["audio"]["reason"]:
        lines.append(report["audio"]["reason"])
    return "\n".join(lines)


def _number(parse: Callable[[str], Fraction]) -> Callable[[str], Fraction]:
    """`parse` as argparse wants it, with its refusal in words."""

    def read(text: str) -> Fraction:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read
