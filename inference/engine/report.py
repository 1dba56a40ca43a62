"""What a conversion did: counted run by run, added up, and told."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from statistics import fmean
from typing import Any, Self

from inference.engine.holdout import Quality, Sample, summary
from inference.engine.timeline import Row
from inference.engine.video.audio import AudioOutcome


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion did.

    Attributes:
        frames: output frames, of which `recorded`, `synthesised` and `held`.
        cuts, repeats: scene cuts, and source frames that repeat the one before.
        damaged: packets that could not be decoded.
        duration: seconds of the result.
        seconds: wall time; `model_seconds` of it in the network. Of a conversion made in
            segments the sum over them and the joining, whoever did them and when.
        new_frames_per_second: synthesised frames for each of those seconds.
        confidence: mean over the synthesised frames, 0..1; None without any.
        audio: what became of the sound.
        fidelity: PSNR in dB of recorded frames in the result against the source's; None where
            none of the first frames is a recorded one.
        quality: the hold-out measurement.
    """

    frames: int
    recorded: int
    synthesised: int
    held: int
    cuts: int
    repeats: int
    damaged: int
    duration: float
    seconds: float
    model_seconds: float
    new_frames_per_second: float
    confidence: float | None
    audio: AudioOutcome
    fidelity: float | None = None
    quality: Quality = field(default_factory=Quality)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return asdict(self)


@dataclass
class Tally:
    """What was counted over some of a clip's frames; those of consecutive runs add up.

    Attributes:
        recorded, synthesised, held: output frames.
        sources: recorded frames of the source that lie in the run.
        certainty: sum of the synthesised frames' confidence; exact, so that it does not depend
            on where a clip was cut.
        samples: frames held out, numbered from the run's first recorded frame.
        fidelity: PSNR by slot, see `fidelity`.
        cuts, repeats, damaged, seconds, model_seconds: as in the report.
    """

    recorded: int = 0
    synthesised: int = 0
    held: int = 0
    sources: int = 0
    cuts: int = 0
    repeats: int = 0
    damaged: int = 0
    certainty: Fraction = Fraction(0)
    samples: list[Sample] = field(default_factory=list)
    fidelity: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    model_seconds: float = 0.0

    @property
    def frames(self) -> int:
        """Output frames."""
        return self.recorded + self.synthesised + self.held

    def count(self, row: Row) -> None:
        """Count one output frame."""
        setattr(self, row.kind, getattr(self, row.kind) + 1)
        if row.confidence is not None:
            self.certainty += Fraction(row.confidence)

    @classmethod
    def total(cls, tallies: Iterable["Tally"]) -> Self:
        """The tally of runs that follow each other."""
        total = cls()
        for tally in tallies:
            total.samples += [replace(s, frame=s.frame + total.sources) for s in tally.samples]
            total.fidelity = tally.fidelity | total.fidelity  # the first of a slot counts
            for name in _SUMS:
                setattr(total, name, getattr(total, name) + getattr(tally, name))
        return total

    def report(self, rate: Fraction, audio: AudioOutcome) -> ConversionReport:
        """As it is told, for a result of `rate` frames per second."""
        made = self.synthesised
        return ConversionReport(
            frames=self.frames,
            recorded=self.recorded,
            synthesised=made,
            held=self.held,
            cuts=self.cuts,
            repeats=self.repeats,
            damaged=self.damaged,
            duration=float(self.frames / rate),
            seconds=self.seconds,
            model_seconds=self.model_seconds,
            new_frames_per_second=made / self.seconds,
            confidence=float(self.certainty / made) if made else None,
            audio=audio,
            fidelity=fmean(self.fidelity.values()) if self.fidelity else None,
            quality=summary(self.samples, frames=self.sources),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            **asdict(self),
            "certainty": str(self.certainty),
            "fidelity": {str(slot): psnr for slot, psnr in self.fidelity.items()},
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(
            **{
                **data,
                "certainty": Fraction(data["certainty"]),
                "samples": [Sample(**sample) for sample in data["samples"]],
                "fidelity": {int(slot): psnr for slot, psnr in data["fidelity"].items()},
            }
        )


_SUMS = (
    *("recorded", "synthesised", "held", "sources", "cuts", "repeats", "damaged"),
    *("certainty", "seconds", "model_seconds"),
)
