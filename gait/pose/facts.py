"""What became of a walk's joints on the way from an estimator, or a file, to a model: in a table and in a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from gait.pose.cleaning import sides_in_doubt
from gait.pose.sequence import PoseSequence
from gait.predictions import write_beside

NOT_KNOWN = "not known"


@dataclass(frozen=True)
class PoseFacts:
    """Facts of one walk.

    Attributes
    ----------
    frames : int
        Of the walk.
    coverage : float
        Share of them in which the person was seen.
    mean_visibility : float or None
        Over joints and the frames in which the person was seen; None where that is none.
    gaps_filled, gaps_left_open : int or None
        Stretches in which nobody was seen, see :func:`gait.pose.gaps.fill_gaps`; None where they were not looked for.
    people : int
        In view at some time, of whom the one who is seen longest is followed.
    frames_mended : int
        In which left and right were put right.
    direction : str or None
        The way the walker faces, see :meth:`gait.pose.facing.Facing.describe`; ``not known``: left and right may be
        exchanged in the whole walk; None where it was not looked for, as in measured joints.
    loop_period : int or None
        Frames of a lap; None for a walk that is not played over and over.
    laps : int
        Times that the walk is played, the last one perhaps not to its end.
    unique_frames : int
        Of the first lap, which is what models see.
    """

    frames: int
    coverage: float
    mean_visibility: float | None
    gaps_filled: int | None
    gaps_left_open: int | None
    people: int
    frames_mended: int
    direction: str | None
    loop_period: int | None
    laps: int
    unique_frames: int


def facts_of(sequence: PoseSequence) -> PoseFacts:
    """The facts of a clean walk."""
    notes, first = sequence.notes, sequence.unique
    gaps, loop = notes.get("gaps", {}), notes.get("loop")
    seen = sequence.visibility[sequence.observed]
    return PoseFacts(
        frames=len(sequence),
        coverage=round(sequence.coverage, 4),
        mean_visibility=round(float(seen.mean()), 4) if seen.size else None,
        gaps_filled=gaps.get("filled"),
        gaps_left_open=gaps.get("left_open"),
        people=notes.get("people", 1),
        frames_mended=int(sequence.mended.sum()),
        direction=NOT_KNOWN if sides_in_doubt(sequence) else notes.get("direction", {}).get("facing"),
        loop_period=loop["period"] if loop else None,
        laps=len(loop["seams"]) + 1 if loop else 1,
        unique_frames=int(first[1] - first[0]),
    )


def write_facts(path: Path, facts: Sequence[tuple[str, PoseFacts]]) -> None:
    """Write a table with a row a walk, ``video`` being its name; what is not known is empty."""
    text = io.StringIO()
    table = csv.DictWriter(text, ["video", *(one.name for one in fields(PoseFacts))], lineterminator="\n")
    table.writeheader()
    table.writerows({"video": name, **asdict(one)} for name, one in facts)
    write_beside(path, text.getvalue().encode())


def in_a_line(facts: Sequence[PoseFacts]) -> str:
    """The facts of several walks together, such as *61 of 61 walks are loops of 27 to 47 frames; ...*."""
    periods = [one.loop_period for one in facts if one.loop_period is not None]
    loops = f"none of the {len(facts)} walks is a loop"
    if periods:
        loops = f"{len(periods)} of {len(facts)} walks are loops of {_span(periods)} frames, the first lap is used"
    coverage = _span([one.coverage for one in facts], "{:.0%}")
    visibility = _span([one.mean_visibility or 0 for one in facts], "{:.2f}")
    filled, left_open = (
        sum(getattr(one, name) or 0 for one in facts) for name in ("gaps_filled", "gaps_left_open")
    )
    mended = sum(one.frames_mended > 0 for one in facts)
    return (
        f"Poses: {loops}; a person in view in {coverage} of the frames, mean visibility {visibility}; gaps filled "
        f"{filled}, left open {left_open}; left and right put right in {mended} walks"
    )


def _span(values: Sequence[float], form: str = "{}") -> str:
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} to {high}"
