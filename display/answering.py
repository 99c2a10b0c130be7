"""A video and a model into all that the web page shows: predict.py's files, two films of the skeleton, a course."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from display.destinations import Destinations
from display.predict_options import PredictOptions
from display.predicting import get_ready, watch_all
from display.skeleton_3d import Film, film_frames, steady_rows
from display.telling import describe
from gait.errors import VideoError
from gait.pose.cleaning import clean
from gait.pose.sequence import PoseSequence
from gait.video import FrameSize, expected_frames, write_video

T = TypeVar("T")

SIZE = FrameSize(480, 384)  # of a film of the skeleton
MOST_PICTURES = 30.0  # a second, of such a film
ORBIT = 30.0  # degrees a second that the camera of the second film goes round
_LOADED, _WATCHED, _FILMED = 0.05, 0.8, 0.9  # shares of the work that are done after each step
_NEWS = 100  # times that progress is told, about

Tell = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Answer:
    """What the page shows.

    Attributes
    ----------
    story : str
        What predict.py prints of it.
    walk : dict
        What the JSON file says of the whole walk, see docs/predict.md.
    classes : tuple of str
        In the model's order.
    course : list of (float, dict or None)
        Seconds and the probabilities by class, where they begin and where they end; None where there are none.
    video, json : Path
        As predict.py writes them.
    skeleton, turning : Path or None
        Films of the skeleton: from where the video's camera stood, and from one that goes round. None where no
        poses were estimated, or nobody was seen.
    """

    story: str
    walk: dict[str, Any]
    classes: tuple[str, ...]
    course: list[tuple[float, dict[str, float] | None]]
    video: Path
    json: Path
    skeleton: Path | None = None
    turning: Path | None = None


def answer(model: Path, video: Path, folder: Path, tell: Tell) -> Answer:
    """Watch a video as predict.py does, and film the skeleton.

    Parameters
    ----------
    model, video : Path
        Files.
    folder : Path
        Where the files go.
    tell : function
        Hears the share of the work that is done, and what comes next; what it raises ends the work.

    Raises
    ------
    VideoError
        The video cannot be watched.
    GaitmoodError
        The model cannot be used, or not for this video.
    """
    tell(0.0, "Loading the model")
    files = {"output": folder / f"{video.stem}-annotated.mp4", "json": folder / f"{video.stem}.json"}
    ready = get_ready(PredictOptions(source=str(video), model=model, **files))
    onlooker = _Onlooker(video, tell)
    # The name that the user knows it by, without the folder where an upload is kept.
    source = replace(ready.sources[0], name=video.name)
    job = replace(ready.job, onlooker=onlooker)
    (predicted,) = watch_all(replace(ready, sources=(source,), job=job))
    if predicted.watched is None:
        raise VideoError(f"{video.name}: {predicted.reason}.")
    said = json.loads(files["json"].read_text(encoding="utf-8", errors="surrogateescape"))
    return Answer(
        describe(source, job, predicted.watched, Destinations()),
        said["walk"],
        tuple(said["model"]["classes"]),
        course_of(said["frames"]),
        files["output"],
        files["json"],
        *_film(onlooker.poses, folder, video.stem, tell),
    )


class _Onlooker:
    """Tells how far a video has been watched, and keeps the poses."""

    def __init__(self, video: Path, tell: Tell):
        self._video, self._tell, self._frames = video, tell, 0
        self.poses: PoseSequence | None = None

    def saw_frame(self, number: int) -> None:
        if not number:  # not before: a video that cannot be opened is refused by whoever watches it
            self._frames = expected_frames(self._video)
        if number % max(self._frames // _NEWS, 1) == 0:
            share = min(number / max(self._frames, 1), 1.0)
            text = f"Watching: frame {number} of {self._frames}"
            self._tell(_LOADED + share * (_WATCHED - _LOADED), text)

    def saw_walk(self, poses: PoseSequence | None) -> None:
        self.poses = poses


def course_of(rows: Sequence[dict[str, Any]]) -> list[tuple[float, dict[str, float] | None]]:
    """The rows of a JSON file at which probabilities begin or end: a line through them shows every step."""
    said = [row["probabilities"] for row in rows]
    kept = [
        i
        for i in range(len(rows))
        if i in (0, len(rows) - 1) or said[i] != said[i - 1] or said[i] != said[i + 1]
    ]
    return [(rows[i]["time"], said[i]) for i in kept]


def _film(poses: PoseSequence | None, folder: Path, stem: str, tell: Tell) -> tuple[Path | None, Path | None]:
    """The skeleton from where the camera stood, and from all around."""
    if poses is None or not poses.observed.any():
        return None, None
    sequence = clean(poses)
    rows, rate = steady_rows(sequence.time, MOST_PICTURES)
    seen, turning = folder / f"{stem}-skeleton.mp4", folder / f"{stem}-skeleton-3d.mp4"
    views = (
        (seen, Film(sequence, SIZE, azimuth=0.0), _WATCHED, _FILMED),
        (turning, Film(sequence, SIZE, orbit=ORBIT), _FILMED, 1.0),
    )
    for path, film, start, end in views:
        write_video(path, _told(film_frames(film, rows), rows, start, end, tell), rate)
    return seen, turning


def _told(items: Iterable[T], rows: np.ndarray, start: float, end: float, tell: Tell) -> Iterator[T]:
    for number, item in enumerate(items):
        if number % max(len(rows) // _NEWS, 1) == 0:
            tell(start + number / len(rows) * (end - start), "Drawing the skeleton")
        yield item
