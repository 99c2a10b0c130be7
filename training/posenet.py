"""Train the pose network on synthetic walkers with known joints: python -m training.posenet.

Make the walkers first: python -m synthesis walkers --subjects 600 --views any --seconds 1 --fps 4 --height 480
--width 480. The network is then a pose estimator: python train.py --model keypoint_lstm --poses posenet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gait.console import say
from gait.errors import DONE, GaitmoodError
from gait.options import parse, require_positive, run_script

COMMAND = "python -m training.posenet"


@dataclass(frozen=True)
class PoseNetOptions:
    """Options of a training run; every run writes them to its folder."""

    walkers: Path = Path("walkers")
    """Folder with synthetic walkers, the true joints beside each video."""
    name: str = "posenet"
    """Name of the model file; --poses posenet uses saved_models/posenet.h5."""
    validation: float = 0.1
    """Share of the walks to validate on: whole people. They choose the epoch."""
    epochs: int = 8
    """Passes over the training pictures."""
    batch_size: int = 8
    """Pictures of a training step."""
    learning_rate: float = 0.002
    """Largest step size of Adam; it falls to nothing along half a cosine."""
    seed: int = 0
    """Same seed, same result."""
    resume: bool = False
    """Go on with the newest interrupted run, with that run's options."""
    overwrite: bool = False
    """Replace a model file of the same name instead of giving the new one a number. Models of emotions that were
    trained on its joints then see those of the new one."""
    jobs: int | None = None
    """Worker processes that read videos; by default one a core."""
    cache: Path | None = None
    """Folder for the pictures; by default the user's cache folder. Kept below 20 GB."""
    runs: Path = Path("runs/posenet")
    """Where run folders go."""
    saved_models: Path = Path("saved_models")
    """Where model files go."""

    def __post_init__(self) -> None:
        """Refuse values that no run could be made with.

        Raises
        ------
        GaitmoodError
            A number is not positive, or the name is no plain file name.
        """
        require_positive(self, "validation", "epochs", "batch_size", "learning_rate", "jobs")
        if self.seed < 0:
            raise GaitmoodError(f"--seed: a number that is not negative was expected, found {self.seed}.")
        if self.name != Path(self.name).name or self.name.startswith("."):
            raise GaitmoodError(
                f"--name: a plain name was expected, found '{self.name}'. --saved-models chooses the folder."
            )


def main(argv: Sequence[str]) -> int:
    """Options -> pictures of walkers -> a trained network and how well it does -> where it is."""
    options = parse(PoseNetOptions, argv, COMMAND, __doc__)

    from training.pose_training import train

    result = train(options)
    say(f"\nModel: {result.model}\nRun:   {result.folder}")
    say("Score it on other walkers with: python -m benchmarks.posenet")
    say("Use it with: python train.py --model keypoint_lstm --poses posenet")
    return DONE


if __name__ == "__main__":
    run_script(main)
