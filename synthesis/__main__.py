"""Make a folder of synthetic walkers: python -m synthesis FOLDER."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from gait.console import say
from gait.errors import DONE
from gait.options import run_script
from gait.video import FrameSize
from synthesis.kinematics import EMOTIONS


@dataclass(frozen=True)
class SynthesisOptions:
    """Render seeded synthetic walkers, with their true joints beside each video."""

    folder: tyro.conf.Positional[Path]
    """Where to: FOLDER/EMOTION/*.mp4 and FOLDER/subjects.csv. Must hold no video yet."""
    subjects: int = 12
    """People."""
    walks: int = 1
    """Walks of each person with each emotion."""
    emotions: tuple[str, ...] = EMOTIONS
    """Any of angry, happy, neutral, sad."""
    views: tuple[str, ...] = ("front", "back", "left", "right", "oblique")
    """Any of front, back, left, right, oblique, any (from all around); dealt out in turn."""
    seconds: float = 3.0
    """Length of a walk."""
    fps: float = 30.0
    """Frames per second."""
    height: int = 480
    """Picture height in pixels."""
    width: int = 640
    """Picture width in pixels."""
    intensity: float = 1.0
    """How strong the emotions show: 0 not at all, 1 as in natural walking, 2 acted."""
    place: str = "varied"
    """varied: corridors, rooms and yards in all colours; hall: light rooms that differ little."""
    covered_face: bool = False
    """Draw a black box over the face, as published gait data have it."""
    seed: int = 0
    """Same seed, same walkers."""
    first_subject: int = 0
    """Number of the first person; collections of one seed with other people share nothing."""
    jobs: int | None = None
    """Worker processes; by default one a core."""


def main(argv: Sequence[str]) -> int:
    """Make the walkers and say what was made."""
    options = tyro.cli(SynthesisOptions, args=list(argv), prog="python -m synthesis")
    from synthesis.dataset import Style, make_dataset

    style = Style(
        emotions=options.emotions,
        views=options.views,
        seconds=options.seconds,
        rate=options.fps,
        size=FrameSize(options.height, options.width),
        intensity=options.intensity,
        place=options.place,
        covered_face=options.covered_face,
    )
    videos = make_dataset(
        options.folder,
        options.subjects,
        walks=options.walks,
        style=style,
        seed=options.seed,
        first_subject=options.first_subject,
        jobs=options.jobs,
    )
    say(f"Made {len(videos)} walks of {options.subjects} people in {options.folder}/")
    for emotion in options.emotions:
        say(f"  {emotion}: {sum(video.parent.name == emotion for video in videos)}")
    say("subjects.csv says who walks; NAME.joints.npz beside NAME.mp4 holds the true joints.")
    return DONE


if __name__ == "__main__":
    run_script(main)
