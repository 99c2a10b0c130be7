"""The flags of predict.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from gait.errors import GaitmoodError
from gait.options import require_positive

MOST_PEOPLE = 4  # as many as poses are followed of, see gait.pose.tracking
# Of detectors as people have them: an .onnx file is wanted, and any other is refused as a detector, not as a video.
_DETECTORS = (".onnx", ".pt", ".pth", ".torchscript", ".engine", ".tflite", ".weights", ".mlmodel", ".pb")


@dataclass(frozen=True)
class PredictOptions:
    """What to look at, and what to make of it."""

    source: Annotated[str | None, tyro.conf.Positional] = None
    """A video, a folder of videos, numbered pictures (shots/%04d.png or shots/*.png), a camera's number or a
    stream's address."""
    camera: str | None = None
    """Watch live, in a window: a camera's number (0), a stream's address, or a video file that plays at its own
    rate in place of a camera. What comes faster than it can be worked on is dropped and counted."""
    model: Path | None = None
    """Model file; by default the newest in saved_models/."""
    pose_models: Path | None = None
    """Model files of the pose estimator, where those of the training lie somewhere else now (see train.py)."""
    output: Path | None = None
    """Annotated video (.mp4). For a folder of videos: a folder, and so for --json and --csv."""
    json: Path | None = None
    """What is said of the walk and of every frame, see docs/predict.md."""
    csv: Path | None = None
    """The same as a row a frame."""
    json_format: Literal["object", "list"] = "object"
    """list: the frames alone."""
    smoothing: int = 3
    """How many answers in a row are averaged; 1: none. Each puts the answer off by half a stride."""
    stride: float = 0.5
    """Seconds from one answer to the next."""
    people: int = 1
    """Walkers who are followed and labelled at a time."""
    unsure_below: float | None = None
    """Confidence below which no emotion is named; by default chosen at the end of the model's training. 0: never."""
    window: bool = True
    """Show a camera's picture in a window; q quits."""
    objects: str | None = None
    """Draw what a detector finds in the scene: an .onnx file of the YOLO family. Without a file it says where to get
    one; --no-objects, the default, draws none."""
    picture_rate: float = 30.0
    """Pictures a second of numbered pictures."""
    classes: str | None = None
    """For a plain Keras file: its classes in the order of its outputs, separated by commas."""
    rate: float = 15.0
    """For a plain Keras file: frames per second of its clips."""
    background: Literal["subtract", "keep"] = "keep"
    """For a plain Keras file: whether it saw what moves, or the frames as they are (see train.py)."""
    overwrite: bool = False
    """Replace files that are there already."""
    strict: bool = False
    """Leave with exit code 1 when videos of a folder had to be left out."""
    runs: Path = Path("runs")
    """Where results go when no file is named for them."""
    saved_models: Path = Path("saved_models")
    """Where model files are looked for."""

    def __post_init__(self) -> None:
        """Refuse values that nothing could be done with.

        Raises
        ------
        GaitmoodError
            A number is out of its range, or there is no source, or there are two.
        """
        require_positive(self, "smoothing", "stride", "picture_rate", "rate")
        if not 1 <= self.people <= MOST_PEOPLE:
            raise GaitmoodError(f"--people: 1 to {MOST_PEOPLE} was expected, found {self.people}.")
        if self.unsure_below is not None and not 0 <= self.unsure_below <= 1:
            raise GaitmoodError(f"--unsure-below: 0 to 1 was expected, found {self.unsure_below}.")
        if self.source is not None and self.camera is not None:
            raise GaitmoodError(
                f"{self.source} and --camera {self.camera}: one source at a time was expected."
            )

    @property
    def live(self) -> bool:
        """Whether a camera is watched, or what stands in for one."""
        return self.camera is not None or (self.source or "").isdigit()


def spelt_out(argv: Sequence[str]) -> list[str]:
    """The command line with ``--objects`` given a value: it may stand alone, and ``--no-objects`` may stand for it."""
    words: list[str] = []
    for i, word in enumerate(argv):
        words.append(word)
        following = argv[i + 1] if i + 1 < len(argv) else "--"
        if word == "--no-objects":
            words.pop()
        elif word == "--objects" and not following.lower().endswith(_DETECTORS):
            words.append("")
    return words
