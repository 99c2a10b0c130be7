"""Show a walk as a moving skeleton in three dimensions: python -m display.skeleton walk.mp4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from gait.errors import DONE, GaitmoodError
from gait.options import parse, run_script


@dataclass(frozen=True)
class SkeletonOptions:
    """What is shown, from where, and where it is written."""

    walk: tyro.conf.Positional[Path | None] = None
    """A video; a keypoint file (.npz, .h5, .npy, .bvh, .json, or a folder of OpenPose's); or FILE#WALK."""
    output: Path | None = None
    """A .mp4 or .gif file, or a folder for numbered .png files; by default NAME-skeleton.mp4."""
    video: Path | None = None
    """Video to show beside a keypoint file's skeleton; by default the one of the same name next to the file."""
    alone: bool = False
    """Show the skeleton without the video."""
    azimuth: float | None = None
    """Where the camera stands, in degrees: 0 as that of the video, 90 from the right of it. By default 35."""
    elevation: float = 12.0
    """How high it stands, in degrees above the horizontal."""
    orbit: float = 0.0
    """Degrees that it goes round the walker in a second."""
    height: int = 480
    """Height of the picture in pixels."""
    poses: str = "blazepose"
    """Pose estimator for a video."""
    pose_models: Path | None = None
    """Its model files, where they are not the usual ones (see train.py)."""
    keypoint_rate: float | None = None
    """Keypoint files that do not say: frames per second; by default 30."""
    keypoint_first: Literal["left", "right"] = "left"
    """Keypoint files of Emotion-Gait and MDT-GCN: the side of the first arm and leg."""
    overwrite: bool = False
    """Replace a file that is there already."""
    cache: Path | None = None
    """Folder for estimated poses; by default the user's cache folder. Kept below 20 GB."""

    def __post_init__(self) -> None:
        """Refuse values that nothing could be shown with.

        Raises
        ------
        GaitmoodError
            A number is out of its range.
        """
        if not 64 <= self.height <= 2160:
            raise GaitmoodError(f"--height: 64 to 2160 pixels were expected, found {self.height}.")
        if not -89 <= self.elevation <= 89:
            raise GaitmoodError(f"--elevation: -89 to 89 degrees were expected, found {self.elevation:g}.")
        if self.azimuth is not None and not -360 <= self.azimuth <= 360:
            raise GaitmoodError(f"--azimuth: -360 to 360 degrees were expected, found {self.azimuth:g}.")
        if not -3600 <= self.orbit <= 3600:
            raise GaitmoodError(f"--orbit: -3600 to 3600 degrees were expected, found {self.orbit:g}.")


def main(argv: Sequence[str]) -> int:
    """Options -> joints -> pictures -> a file."""
    options = parse(SkeletonOptions, argv, "python -m display.skeleton", __doc__)

    from display.filming import film_walk

    film_walk(options)
    return DONE


if __name__ == "__main__":
    run_script(main)
