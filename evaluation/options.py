"""The flags of test.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gait.options import require_positive


@dataclass(frozen=True)
class TestOptions:
    """Options of a test; every test writes them to its folder."""

    __test__ = False  # not a test case, whatever pytest thinks of its name

    model: Path | None = None
    """Model file; by default the newest in saved_models/."""
    videos: Path | None = None
    """Folder with the walks to test on; by default videosTest/, with --held-out the training's folder."""
    labels: Path | None = None
    """Label file: a labels.csv, a rating spreadsheet or an EiLA table of boxes. By default found by looking into the
    folder."""
    held_out: bool = False
    """Score exactly the walks that training kept aside (train.py --hold-out), found by their content."""
    output: Path | None = None
    """Folder for the report; by default a new one under runs/."""
    card: bool = False
    """Also write MODEL_CARD.md: data, people, protocol, numbers, limits, intended and forbidden use."""
    pose_models: Path | None = None
    """Model files of the pose estimator, where those of the training lie somewhere else now (see train.py)."""
    emotions: Literal["step", "proxemo"] | None = None
    """Keypoint files: the emotions that integer labels mean; by default as in training (see train.py)."""
    keypoint_rate: float | None = None
    """Keypoint files that do not say: frames per second; by default as in training."""
    keypoint_first: Literal["left", "right"] | None = None
    """Keypoint files of Emotion-Gait and MDT-GCN: the side of the first arm and leg; by default as in training."""
    keypoint_labels: str | None = None
    """Keypoint files of Emotion-Gait and MDT-GCN: name of the file beside them that holds their labels; by default as
    in training."""
    keypoint_unit: float | None = None
    """Keypoint files: metres in one unit of theirs; by default as in training."""
    keypoint_person: int | None = None
    """OpenPose and COCO files with several people: 0 is the one seen in most frames; by default as in training."""
    classes: str | None = None
    """For a plain Keras file: its classes in the order of its outputs, separated by commas."""
    rate: float = 15.0
    """For a plain Keras file: frames per second of its clips."""
    background: Literal["subtract", "keep"] = "keep"
    """For a plain Keras file: whether it saw what moves, or the frames as they are (see train.py)."""
    strict: bool = False
    """Refuse walks that the model knows, and people; leave with exit code 1 when files had to be left out."""
    jobs: int | None = None
    """Worker processes that read videos; by default one a core."""
    cache: Path | None = None
    """Folder for extracted frames; by default the user's cache folder. Kept below 20 GB."""
    runs: Path = Path("runs")
    """Where run folders go."""
    saved_models: Path = Path("saved_models")
    """Where model files are looked for."""

    def __post_init__(self) -> None:
        """Refuse values that no test could be made with.

        Raises
        ------
        GaitmoodError
            A number is not positive.
        """
        require_positive(self, "rate", "keypoint_rate", "keypoint_unit", "jobs")
