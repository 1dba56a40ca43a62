"""Converts a file as a worker's child would, at low cost, in a process that may die over it."""

import itertools
import multiprocessing
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path

from inference.processes import die_with_parent, kill_group

CONVERTED = "converted"
DIED = "child_died"
HUNG = "hang"
UNNAMED = "unnamed"
FRAMES = 6
"""Recorded frames to convert; DECODED are decoded."""
DECODED = 120


@dataclass
class Converter:
    """A child that takes file after file; the next one gets a new child where one died.

    Attributes:
        deadline: seconds for one file.
        peak: most memory any child has had resident, in bytes, where the system says.
    """

    deadline: float = 120.0
    peak: int = 0
    _process: multiprocessing.process.BaseProcess | None = None
    _connection: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        return self._process and self._process.pid

    def outcome(self, path: Path) -> str:
        """`converted`, the code it was refused with, `child_died` or `hang`; an error that
        nobody named is `unnamed: …`."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        assert self._connection is not None
        try:
            self._connection.send(path)
            if not self._connection.poll(self.deadline):
                self.close()
                return HUNG
            outcome, peak = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(5)
            died = f"{DIED}: {self._process.exitcode}"
            self.close()
            return died
        self.peak = max(self.peak, peak)
        return str(outcome)

    def close(self) -> None:
        """End the child."""
        if self._process is not None and self._process.pid is not None:
            kill_group(self._process.pid)
            self._process.join()
            self._process = None


def _serve(connection: Connection) -> None:
    import os
    import resource

    os.setpgrp()
    die_with_parent()
    while True:
        path = connection.recv()
        outcome = _convert(path)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        connection.send((outcome, peak))


def _convert(path: Path) -> str:
    from inference.engine.convert import convert
    from inference.engine.errors import EngineError
    from inference.engine.settings import ConversionSettings
    from inference.engine.video.decode import decode, working_format
    from inference.engine.video.probe import probe
    from tests.engine.test_convert import Blend

    try:
        with tempfile.TemporaryDirectory() as folder:
            info = probe(path)
            # As the site does by default: a rate the codec takes, and the sound slowed down too.
            rate = min(max(info.frame_rate, Fraction(1)), Fraction(240)).limit_denominator(1001)
            part = FRAMES / info.frame_rate
            settings = ConversionSettings(rate, Fraction(2), trim_out=min(part, info.duration))
            convert(path, Path(folder) / "out.mp4", settings, Blend())
            decoder = decode(path, info, pixel_format=working_format(info, "h264").pixel_format)
            for _ in itertools.islice(decoder, DECODED):
                pass
            decoder.close()
    except EngineError as error:
        return error.code if error.message.endswith(".") else f"{UNNAMED}: {error!r}"
    except Exception as error:
        return f"{UNNAMED}: {error!r}"
    return CONVERTED
