"""What moved a model's answer: python -m evaluation.explain WALK..., or --data FOLDER for a set of walks.

For each walk: features, or parts of the body, against the neutral walks of training; for a model that looks at frames
a picture of where it looked. With --data: how much each part of the body is needed (permutation importance).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from gait.console import say
from gait.errors import DONE, GaitmoodError
from gait.options import parse, require_positive, run_script


@dataclass(frozen=True)
class ExplainOptions:
    """Options of an explanation; every one writes them to its folder."""

    walks: tyro.conf.Positional[tuple[str, ...]] = ()
    """Walks to explain: videos, keypoint files (FILE#WALK for one of many), or folders of them."""
    model: Path | None = None
    """Model file; by default the newest in saved_models/."""
    data: Path | None = None
    """Folder with walks over which to measure what each part of the body is needed for."""
    labels: Path | None = None
    """Label file of --data: a labels.csv or a rating spreadsheet. By default found by looking into the folder."""
    pose_models: Path | None = None
    """Model files of the pose estimator, where those of the training lie somewhere else now (see train.py)."""
    emotions: Literal["step", "proxemo"] | None = None
    """Keypoint files: the emotions that integer labels mean; by default as in training (see train.py)."""
    keypoint_rate: float | None = None
    """Keypoint files that do not say: frames per second; by default as in training."""
    keypoint_first: Literal["left", "right"] | None = None
    """Keypoint files of Emotion-Gait and MDT-GCN: the side of the first arm and leg; by default as in training."""
    classes: str | None = None
    """For a plain Keras file: its classes in the order of its outputs, separated by commas."""
    rate: float = 15.0
    """For a plain Keras file: frames per second of its clips."""
    background: Literal["subtract", "keep"] = "keep"
    """For a plain Keras file: whether it saw what moves, or the frames as they are (see train.py)."""
    output: Path | None = None
    """Folder for the results; by default a new one under runs/."""
    jobs: int | None = None
    """Worker processes that read videos; by default one a core."""
    cache: Path | None = None
    """Folder for extracted frames and poses; by default the user's cache folder. Kept below 20 GB."""
    runs: Path = Path("runs")
    """Where run folders go."""
    saved_models: Path = Path("saved_models")
    """Where model files are looked for."""

    def __post_init__(self) -> None:
        """Refuse values that nothing could be explained with.

        Raises
        ------
        GaitmoodError
            A number is not positive.
        """
        require_positive(self, "rate", "keypoint_rate", "jobs")


def main(argv: Sequence[str]) -> int:
    """Options -> what moved the answers, in the console and in a run folder."""
    options = parse(ExplainOptions, argv, "python -m evaluation.explain", __doc__)
    if not options.walks and options.data is None:
        raise GaitmoodError(
            "a walk to explain was expected, such as: python -m evaluation.explain videosTest/sad/anna.mp4, "
            "or a set of walks: --data videosTest"
        )

    from evaluation.explaining import run

    text, folder, files = run(options)
    say(f"\n{text}")
    say(f"Written to {folder}: {', '.join(files)}")
    return DONE


if __name__ == "__main__":
    run_script(main)
