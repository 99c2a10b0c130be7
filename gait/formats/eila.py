"""The EiLA annotation table: boxes of walking people in videos, and what several annotators saw in them.

Not joints: what comes out are stretches of videos in which boxes follow one person, for a pose estimator to work in or
for frames to be cut out of, and their labels.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gait.errors import LabelError
from gait.label_files import Table, cell_number, cell_text, read_table
from gait.label_names import NameIndex, class_name, listed
from gait.labels import Sample, order_classes, perceived_label
from gait.segments import Segment

COLUMNS = ("video tag", "frame number", "x", "y", "width", "height", "person id", "labels")
NO_ANSWER = "no annotation"
# A pause of this many usual steps ends a walk.
GAP_STEPS = 3.0


@dataclass(frozen=True, eq=False)
class BoxWalk:
    """A person's boxes in consecutive annotated frames of a video, and how the annotators saw that walk.

    Attributes
    ----------
    name : str
        ``VIDEO person P``, with ``, walk K`` where a person has several: unique in the table.
    video, person : str
        As in the table.
    frames : (B,) int array
        Frame numbers, increasing.
    boxes : (B, 4) float array
        Left, top, width, height as shares of the picture's width and height, in [0, 1].
    label : str or None
        The emotion with the largest share; among equals the first in class order. None where nobody answered.
    soft : tuple of float or None
        Shares in the order of the table's classes, summing to 1.
    tie : bool
        Whether the label was one among equals.
    """

    name: str
    video: str
    person: str
    frames: np.ndarray
    boxes: np.ndarray
    label: str | None
    soft: tuple[float, ...] | None
    tie: bool = False

    def pixels(self, height: int, width: int) -> np.ndarray:
        """Boxes (B, 4) in pixels of a picture of that size."""
        return self.boxes * [width, height, width, height]


@dataclass(frozen=True)
class EilaTable:
    """The walks of a table.

    Attributes
    ----------
    classes : tuple of str
        Emotions that occur, in order.
    walks : tuple of BoxWalk
        Sorted by video, person and frame.
    notes : tuple of str
        Doubled boxes, boxes cut at the picture's edge, walks without an answer, ties.
    """

    classes: tuple[str, ...]
    walks: tuple[BoxWalk, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    frame: int
    box: tuple[float, float, float, float]
    shares: dict[str, float]


def is_eila(table: Table) -> bool:
    """Whether the first row names the columns of an EiLA table."""
    return set(COLUMNS) <= {cell_text(cell).lower() for cell in table.rows[0]}


def read_eila(path: Path | str, max_gap: int | None = None) -> EilaTable:
    """Walks of an EiLA annotation table.

    A walk ends where the person is not boxed for more than ``max_gap`` frames. The soft label is the mean of
    the answers: each annotator who answered at a box counts once there, shared equally among the emotions
    named, each box with an answer counts once in the walk; ``No annotation`` is no answer.

    Parameters
    ----------
    path : path or str
        .csv or .xlsx with the columns Video Tag, Frame Number, X, Y, Width, Height (per cent of the picture;
        X and Y taken as the box's upper left corner), Person Id and Labels, a list of each annotator's list
        of emotions.
    max_gap : int, optional
        Largest step of frame numbers inside a walk; three times the video's usual (median) step by default.

    Raises
    ------
    LabelError
        A column is missing, or a row cannot be understood, by its number.
    """
    table = read_table(Path(path))
    if not is_eila(table):
        header = [cell_text(cell) for cell in table.rows[0]]
        missing = [name for name in COLUMNS if name not in [cell.lower() for cell in header]]
        raise LabelError(f"{path} has no column {listed(missing)}; found {listed(header)}")
    notes = list(table.notes)
    people = _read_rows(table, notes)
    steps = _usual_steps(people)
    classes = order_classes(name for rows in people.values() for row in rows for name in row.shares)
    walks = []
    for (video, person), rows in sorted(people.items()):
        gap = max_gap if max_gap is not None else GAP_STEPS * steps[video]
        parts = _split(rows, gap)
        for number, part in enumerate(parts, 1):
            suffix = f", walk {number}" if len(parts) > 1 else ""
            walks.append(_make_walk(f"{video} person {person}{suffix}", video, person, part, classes))
    for what, names in (
        ("walks that nobody annotated", [w.name for w in walks if w.label is None]),
        ("ties, decided by class order", [f"{w.name} ({w.label})" for w in walks if w.tie]),
    ):
        if names:
            notes.append(f"{what} ({len(names)}): {listed(names)}")
    return EilaTable(classes, tuple(walks), tuple(notes))


def cut_by_boxes(
    samples: Sequence[Sample], path: Path | str, extensions: Sequence[str]
) -> tuple[list[Sample], list[str]]:
    """The walks of a table in place of the videos that it names, and what the user should know of it.

    Parameters
    ----------
    samples : sequence of Sample
        Videos, and what else there is: it stays.
    path : path or str
        See :func:`read_eila`.
    extensions : sequence of str
        Endings that a video tag may leave out.

    Returns
    -------
    samples : list of Sample
        Sorted by name: ``VIDEO#person P``, the person of that video its subject, soft labels over the emotions that
        are the label of a walk.
    notes : list of str

    Raises
    ------
    LabelError
        As :func:`read_eila`; or a video tag fits several videos, or several fit one.
    """
    table, file = read_eila(path), Path(path).name
    videos = {sample.name: sample for sample in samples if sample.keypoints is None}
    tags = _find_videos(table, NameIndex(videos, extensions), file)
    walks = [walk for walk in table.walks if walk.video in tags]
    classes = order_classes(walk.label for walk in walks if walk.label)
    cut = [_to_sample(videos[tags[walk.video]], walk, table.classes, classes) for walk in walks]
    notes = [f"{file}: {note}" for note in table.notes]
    for what, names in (
        ("boxes without a video", sorted({walk.video for walk in table.walks} - set(tags))),
        (
            "answers that are no walk's label, no part of soft labels",
            sorted(set(table.classes) - set(classes)),
        ),
    ):
        if names:
            notes.append(f"{file}: {what} ({len(names)}): {listed(names)}")
    rest = [sample for sample in samples if sample.name not in tags.values()]
    return sorted([*rest, *cut], key=lambda sample: sample.name), notes


def _find_videos(table: EilaTable, index: NameIndex, file: str) -> dict[str, str]:
    """Name of the video of each tag that has one."""
    found = {tag: index.find(tag, f"{file}, Video Tag") for tag in sorted({w.video for w in table.walks})}
    tags: dict[str, str] = {}
    for tag, name in found.items():
        if name in tags.values():
            same = listed(other for other in found if found[other] == name)
            raise LabelError(f"{file}: the video tags {same} fit one video, {name}; call it by one name")
        if name is not None:
            tags[tag] = name
    return tags


def _to_sample(video: Sample, walk: BoxWalk, table: tuple[str, ...], classes: tuple[str, ...]) -> Sample:
    soft = None
    if walk.soft is not None:
        shares = dict(zip(table, walk.soft, strict=True))
        total = sum(shares[name] for name in classes)
        soft = tuple(shares[name] / total for name in classes)
    boxes = tuple(tuple(box) for box in walk.boxes.tolist())
    return replace(
        video,
        name=f"{video.name}#{walk.name.removeprefix(walk.video).strip()}",
        label=walk.label,
        soft=soft,
        subject=f"{walk.video} person {walk.person}",
        segment=Segment(video.path, tuple(walk.frames.tolist()), boxes),
    )


def _read_rows(table: Table, notes: list[str]) -> dict[tuple[str, str], list[_Row]]:
    """Rows by video and person, sorted by frame, each frame once."""
    header = [cell_text(cell).lower() for cell in table.rows[0]]
    places = {name: header.index(name) for name in COLUMNS}
    people: dict[tuple[str, str], dict[int, _Row]] = defaultdict(dict)
    counts: Counter[str] = Counter()
    for number, cells in enumerate(table.rows[1:], table.first_row + 1):
        if not any(cell_text(cell) for cell in cells):
            continue
        values = {name: cells[i] if i < len(cells) else None for name, i in places.items()}
        try:
            row = _read_row(values, counts)
        except ValueError as error:
            raise LabelError(f"{table.path}, row {number}: {error}") from error
        key = cell_text(values["video tag"]), cell_text(values["person id"])
        counts["second boxes of a person in a frame, not used"] += row.frame in people[key]
        people[key].setdefault(row.frame, row)
    notes += [f"{what}: {count}" for what, count in counts.items() if count]
    return {key: [rows[frame] for frame in sorted(rows)] for key, rows in people.items()}


def _read_row(values: dict[str, Any], counts: Counter[str]) -> _Row:
    for name in ("video tag", "person id"):
        if not cell_text(values[name]):
            raise ValueError(f"{name} is empty")
    frame = _number(values, "frame number", 0, 1e9)
    if frame % 1:
        raise ValueError(f"frame number is {frame}, expected a whole number")
    x, y = (_number(values, name, -100, 100) for name in ("x", "y"))
    width, height = (_number(values, name, 0, 200) for name in ("width", "height"))
    left, top, right, bottom = np.clip([x, y, x + width, y + height], 0, 100) / 100
    if not (right > left and bottom > top):
        raise ValueError(f"the box ({x:g}, {y:g}, {width:g}, {height:g}) has no area in the picture")
    cut = min(x, y) < -0.01 or max(x + width, y + height) > 100.01
    counts["boxes that reach over the picture's edge, cut there"] += cut
    return _Row(int(frame), (left, top, right - left, bottom - top), _read_answers(values["labels"]))


def _number(values: dict[str, Any], name: str, low: float, high: float) -> float:
    try:
        number = cell_number(values[name], low, high)
    except ValueError:
        number = None
    if number is None:
        unit = " (per cent of the picture)" if name in ("x", "y", "width", "height") else ""
        raise ValueError(f"{name} is {values[name]!r}, expected a number from {low:g} to {high:g}{unit}")
    return number


def _read_answers(cell: Any) -> dict[str, float]:
    """Shares of emotions over the annotators who answered, summing to 1; empty where nobody did."""
    text = cell_text(cell)
    try:
        # Literals only: lists and text, nothing is evaluated.
        answers = ast.literal_eval(text) if text else []
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"labels are {text[:60]!r}, expected [['happy'], ['No annotation'], ...]") from error
    answers = [[answer] if isinstance(answer, str) else answer for answer in _as_list(answers)]
    shares: Counter[str] = Counter()
    for answer in answers:
        names = {class_name(str(name)) for name in _as_list(answer)} - {NO_ANSWER, ""}
        for name in names:
            shares[name] += 1 / len(names)
    return {name: share / shares.total() for name, share in shares.items()}


def _as_list(value: Any) -> list:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"labels hold {value!r}, expected a list of each annotator's list of emotions")
    return list(value)


def _usual_steps(people: dict[tuple[str, str], list[_Row]]) -> dict[str, float]:
    """Median step between a person's frames, by video; 1 where nobody has two."""
    steps: dict[str, list[int]] = defaultdict(list)
    for (video, _), rows in people.items():
        steps[video] += [b.frame - a.frame for a, b in pairwise(rows)]
    return {video: float(np.median(values)) if values else 1.0 for video, values in steps.items()}


def _split(rows: list[_Row], gap: float) -> list[list[_Row]]:
    parts = [[rows[0]]]
    for before, row in pairwise(rows):
        if row.frame - before.frame > gap:
            parts.append([])
        parts[-1].append(row)
    return parts


def _make_walk(name: str, video: str, person: str, rows: list[_Row], classes: tuple[str, ...]) -> BoxWalk:
    frames = np.array([row.frame for row in rows])
    boxes = np.array([row.box for row in rows])
    answered = [row.shares for row in rows if row.shares]
    if not answered:
        return BoxWalk(name, video, person, frames, boxes, None, None)
    means = {c: float(np.mean([shares.get(c, 0.0) for shares in answered])) for c in classes}
    label, tie = perceived_label(means)
    return BoxWalk(name, video, person, frames, boxes, label, tuple(means[c] for c in classes), tie)
