"""Folders of rendered walks: a collection on request, and the demo's training and test walkers."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

from gait.errors import GaitmoodError
from gait.video import EXTENSIONS, FrameSize, write_video
from gait.workers import map_items
from synthesis.kinematics import EMOTIONS
from synthesis.render import render
from synthesis.walks import PORTRAIT, joints_path, make_walk, save_joints

DEMO_SUBJECTS, DEMO_TEST_SUBJECTS = 56, 20
_FIRST_TEST_SUBJECT = 1000
_STAGING = ".synthetic-walks-part"


@dataclass(frozen=True)
class Style:
    """What all walks of a collection share.

    Attributes
    ----------
    emotions, views : tuple of str
        See :func:`synthesis.walks.make_walk`. Views are dealt out in turn, so that over the people every
        emotion is seen equally often from each.
    seconds, rate : float
        Length, and frames per second.
    size : FrameSize
        Of the picture.
    intensity : float
        0 none, 1 natural, 2 acted.
    place : str
        "varied" or "hall".
    covered_face : bool
        Draw a black box over the face.
    """

    emotions: tuple[str, ...] = EMOTIONS
    views: tuple[str, ...] = ("front",)
    seconds: float = 3.0
    rate: float = 30.0
    size: FrameSize = PORTRAIT
    intensity: float = 1.0
    place: str = "varied"
    covered_face: bool = False


DEMO_STYLE = Style(views=("left", "right"), size=FrameSize(360, 640), place="hall", seconds=2.5)


@dataclass(frozen=True)
class _Plan:
    """One walk to make and where its video goes."""

    video: Path
    emotion: str
    view: str
    subject: int
    number: int
    seed: int
    style: Style


def make_dataset(
    folder: Path,
    subjects: int,
    *,
    walks: int = 1,
    style: Style | None = None,
    seed: int = 0,
    first_subject: int = 0,
    jobs: int | None = None,
) -> list[Path]:
    """Fill a folder with ``EMOTION/*.mp4``, the true joints beside each video, and ``subjects.csv``.

    Everything is made in a hidden folder inside and moved into place at the end: an interrupted run leaves no
    half-filled collection.

    Parameters
    ----------
    folder : Path
        Made if needed; must hold no video and no subjects.csv.
    subjects : int
        People; each walks ``walks`` times with each emotion.
    style : Style, optional
        Emotions, views, length, size and so on.
    first_subject : int
        Number of the first person. Collections of one seed with other numbers share neither bodies, clothes,
        places nor cameras.
    jobs : int, optional
        Worker processes; by default one a core.

    Returns
    -------
    list of Path
        The videos, sorted.

    Raises
    ------
    GaitmoodError
        The folder holds a video or a subjects.csv, an argument is out of range, or a walk cannot be made.
    """
    people = range(first_subject, first_subject + subjects)
    return _make({folder: people}, walks, style or Style(), seed, jobs)


def make_demo(videos: Path, videos_test: Path, seed: int = 0, jobs: int | None = None) -> bool:
    """Fill both folders with the demo's walkers, unless both hold videos already.

    56 people walk once with each emotion for training, 20 others for testing; no body, no clothes, no place
    and no camera is in both.

    Returns
    -------
    bool
        False where both held videos, and nothing was done.

    Raises
    ------
    GaitmoodError
        Only one of the folders holds videos; or one holds a subjects.csv but no video, or a walk could not be made.
    """
    filled = [folder for folder in (videos, videos_test) if holds_video(folder)]
    if len(filled) == 1:
        empty = videos_test if filled == [videos] else videos
        raise GaitmoodError(
            f"{filled[0]}/ holds videos and {empty}/ holds none: the demo would test a model on walks of another kind "
            "than it was trained on. For your own videos: python train.py --hold-out 0.25, then python test.py "
            f"--held-out. For the demo: move the videos out of {filled[0]}/."
        )
    if filled:
        return False
    test_people = range(_FIRST_TEST_SUBJECT, _FIRST_TEST_SUBJECT + DEMO_TEST_SUBJECTS)
    _make({videos: range(DEMO_SUBJECTS), videos_test: test_people}, 1, DEMO_STYLE, seed, jobs)
    return True


def holds_video(folder: Path) -> bool:
    """Whether a folder holds a video at any depth; what lies in hidden folders does not count."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS)
    return any(not any(part.startswith(".") for part in path.parts) for path in found)


def _make(people: dict[Path, range], walks: int, style: Style, seed: int, jobs: int | None) -> list[Path]:
    """Make the walks of all folders, and only then move them into place."""
    for folder in people:
        _refuse_filled(folder)
    if walks < 1 or not all(people.values()) or not style.emotions or not style.views:
        raise GaitmoodError("at least one subject, one walk, one emotion and one view are needed")
    try:
        plans = [plan for folder, who in people.items() for plan in _plan(folder, who, walks, style, seed)]
        _render_all(plans, jobs)
        return sorted(path for folder in people for path in _move_in(folder))
    finally:
        for folder in people:
            shutil.rmtree(folder / _STAGING, ignore_errors=True)


def _refuse_filled(folder: Path) -> None:
    if holds_video(folder):
        raise GaitmoodError(
            f"{folder} holds videos already; give a folder without any, nothing is overwritten"
        )
    if (folder / "subjects.csv").exists():
        raise GaitmoodError(f"{folder} holds a subjects.csv already; move it away, nothing is overwritten")


def _plan(folder: Path, people: range, walks: int, style: Style, seed: int) -> list[_Plan]:
    """The walks of a folder; makes its hidden folder and subjects.csv."""
    staging = folder / _STAGING
    shutil.rmtree(staging, ignore_errors=True)  # Left by a run that was killed.
    plans = []
    for subject in people:
        for number, emotion in enumerate(emotion for emotion in style.emotions for _ in range(walks)):
            video = staging / emotion / f"s{subject:04}-w{number:02}.mp4"
            view = style.views[(subject + number) % len(style.views)]
            plans.append(_Plan(video, emotion, view, subject, number, seed, style))
    for emotion in style.emotions:
        (staging / emotion).mkdir(parents=True, exist_ok=True)
    with (staging / "subjects.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("video", "subject"))
        rows.writerows((plan.video.relative_to(staging).as_posix(), f"s{plan.subject:04}") for plan in plans)
    return plans


def _render_all(plans: list[_Plan], jobs: int | None) -> None:
    failed = [
        f"{outcome.item.video.name}: {outcome.error}"
        for outcome in map_items(_render_one, plans, title="Synthetic walkers", jobs=jobs, timeout=300)
        if outcome.error
    ]
    if failed:
        raise GaitmoodError(
            f"{len(failed)} of {len(plans)} synthetic walks could not be made, first {failed[0]}"
        )


def _render_one(plan: _Plan) -> None:
    style = plan.style
    walk = make_walk(
        plan.emotion,
        plan.view,
        seed=plan.seed,
        subject=plan.subject,
        number=plan.number,
        intensity=style.intensity,
        seconds=style.seconds,
        rate=style.rate,
        size=style.size,
        place=style.place,
    )
    save_joints(joints_path(plan.video), walk)
    write_video(plan.video, render(walk, style.covered_face), style.rate)


def _move_in(folder: Path) -> list[Path]:
    """Move finished files from the hidden folder to their places; hand out the videos."""
    staging, videos = folder / _STAGING, []
    for path in sorted(path for path in staging.rglob("*") if path.is_file()):
        target = folder / path.relative_to(staging)
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
        if target.suffix == ".mp4":
            videos.append(target)
    return videos
