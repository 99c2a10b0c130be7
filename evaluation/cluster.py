"""Cluster walks by how they move, and compare the clusters with the labels: python -m evaluation.cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gait.console import say
from gait.errors import DONE, GaitmoodError
from gait.options import parse, require_positive, run_script


@dataclass(frozen=True)
class ClusterOptions:
    """Options of a clustering; every one writes them to its folder."""

    videos: Path = Path("videos")
    """Folder with the walks: videos, or keypoint files."""
    labels: Path | None = None
    """Label file: a labels.csv or a rating spreadsheet. By default found by looking into the folder."""
    clusters: str = "3,5,7"
    """Numbers of clusters, separated by commas."""
    output: Path | None = None
    """Folder for the results; by default a new one under runs/."""
    poses: str = "blazepose"
    """Pose estimator for videos."""
    pose_models: Path | None = None
    """Its model files, where they are not the usual ones (see train.py)."""
    jobs: int | None = None
    """Worker processes that read videos; by default one a core."""
    cache: Path | None = None
    """Folder for estimated poses; by default the user's cache folder. Kept below 20 GB."""
    runs: Path = Path("runs")
    """Where run folders go."""

    def __post_init__(self) -> None:
        """Refuse values that no clustering could be made with.

        Raises
        ------
        GaitmoodError
            A number of clusters is no whole number above 1, or jobs is not positive.
        """
        require_positive(self, "jobs")
        if min(self.numbers, default=0) < 2:
            raise GaitmoodError(f"--clusters: numbers above 1 were expected, found '{self.clusters}'.")

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of clusters, each once, ascending."""
        try:
            return tuple(sorted({int(word) for word in self.clusters.split(",")}))
        except ValueError:
            raise GaitmoodError(
                f"--clusters: numbers such as 3,5,7 were expected, found '{self.clusters}'."
            ) from None


def main(argv: Sequence[str]) -> int:
    """Options -> movement vectors -> clusters -> a table in the console, and a run folder."""
    options = parse(ClusterOptions, argv, "python -m evaluation.cluster", __doc__)

    from evaluation.clustering import FILES, run

    text, folder = run(options)
    say(f"\n{text}")
    say(f"Written to {folder}: {', '.join(FILES)}")
    return DONE


if __name__ == "__main__":
    run_script(main)
