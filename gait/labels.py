"""Which walks there are and what is known of them: from class folders, a labels.csv or a rating spreadsheet.

The only place that orders classes.
"""

from __future__ import annotations

import math
import mimetypes
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gait.errors import LabelError
from gait.formats import KEYPOINT_EXTENSIONS, KeypointOptions
from gait.formats.listing import WalkInFile, keypoint_files, list_walks
from gait.label_files import (
    EXPECTED,
    Entries,
    Entry,
    Table,
    read_label_entries,
    read_subject_entries,
    read_table,
)
from gait.label_names import NameIndex, class_name, list_files, listed
from gait.ratings import Ratings, Survey, is_survey, read_survey
from gait.segments import Segment
from gait.video import EXTENSIONS

__all__ = ["Collection", "Ratings", "Sample", "find_samples", "order_classes", "perceived_label"]


@dataclass(frozen=True)
class Sample:
    """A walk with what is known of it.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        The file relative to its collection's folder, with ``/``: what the user sees. A walk of a keypoint
        file that may hold many is ``FILE#WALK``.
    label : str or None
        Perceived emotion, lower case; None when unlabelled.
    soft : tuple of float or None
        Mean ratings in class order, normalised to sum 1.
    subject : str or None
        Who walks.
    split : str or None
        ``train``, ``validation`` or ``test`` as the label file says.
    valence, arousal : float or None
        In [-1, 1] and [0, 1].
    keypoints : WalkInFile or None
        Which walk of a keypoint file it is; None for a video.
    recording : str or None
        Name of the walk that it is a copy of, or is copied by, where copies were found.
    segment : Segment or None
        The stretch of a video and the boxes of the person in it; None for a whole video.
    """

    path: Path
    name: str
    label: str | None = None
    soft: tuple[float, ...] | None = None
    subject: str | None = None
    split: str | None = None
    valence: float | None = None
    arousal: float | None = None
    keypoints: WalkInFile | None = None
    recording: str | None = None
    segment: Segment | None = None

    @property
    def footage(self) -> Path | Segment:
        """What :func:`gait.video.open_video` takes of a video."""
        return self.segment or self.path

    @property
    def source(self) -> str:
        """The recording, by the name of a walk: copies have the same."""
        return self.recording or self.name


@dataclass(frozen=True)
class Collection:
    """The walks of one folder, labelled and unlabelled, sorted by name.

    Attributes
    ----------
    folder : Path
        Where they lie.
    samples : tuple of Sample
        All of them.
    classes : tuple of str
        In order; empty when nothing is labelled.
    source : str
        Where the labels came from, in words.
    notes : tuple of str
        Lines for the user: what does not fit together, by name.
    ratings : Ratings or None
        Raw answers, where labels came from a rating spreadsheet.
    left_out : tuple of (str, str)
        Name and reason of keypoint files, and of walks in them, that cannot be used.
    """

    folder: Path
    samples: tuple[Sample, ...]
    classes: tuple[str, ...]
    source: str
    notes: tuple[str, ...]
    ratings: Ratings | None = None
    left_out: tuple[tuple[str, str], ...] = ()

    def ratings_of(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The raw answers, (R, K) a walk, of those of these walks that were rated."""
        rated = {} if self.ratings is None else self.ratings.values
        return {name: rated[name] for name in names if name in rated}


def order_classes(names: Iterable[str]) -> tuple[str, ...]:
    """The classes in their one order, alphabetical, each once, stripped and in lower case."""
    return tuple(sorted({class_name(name) for name in names}))


def perceived_label(means: Mapping[str, float]) -> tuple[str, bool]:
    """The class with the highest mean rating.

    Parameters
    ----------
    means : mapping of str to float
        Class -> mean rating over raters.

    Returns
    -------
    label : str
        Among equals, the first in :func:`order_classes`.
    tie : bool
        Whether there were equals.

    Raises
    ------
    ValueError
        ``means`` is empty or holds NaN.
    """
    if not means or any(math.isnan(mean) for mean in means.values()):
        raise ValueError(f"expected a mean rating for each of one or more classes, found {dict(means)}")
    highest = max(means.values())
    best = [name for name, mean in means.items() if math.isclose(mean, highest, rel_tol=1e-9)]
    return order_classes(best)[0], len(best) > 1


def find_samples(
    videos: Path | str,
    labels: Path | str | None = None,
    extensions: Sequence[str] = EXTENSIONS,
    keypoints: KeypointOptions | None = None,
) -> Collection:
    """Find the walks in a folder and its sub-folders, and their labels and subjects.

    Labels come from ``labels`` where given, else from a labels.csv in the folder, else from the one rating
    spreadsheet or EiLA table in it, else from class folders (``happy/a.mp4``). A label that a keypoint file itself
    gives stands where no table says another, before the folder's name. Subjects come from the label file, then from
    a subjects.csv beside it or in the folder.

    Parameters
    ----------
    videos : path or str
        The folder. Hidden files and folders are left alone, links are followed.
    labels : path or str, optional
        A table with the columns video and label, a rating spreadsheet, or an EiLA table of people in boxes, who
        then stand in place of the videos that it names (.csv or .xlsx), told apart by content.
    extensions : sequence of str
        Endings of the files to find, with the dot, in any case.
    keypoints : KeypointOptions, optional
        Find keypoint files, too, and read them so; without, they are named as not usable.

    Returns
    -------
    Collection
        Without samples where the folder holds no such file.

    Raises
    ------
    LabelError
        The folder or the label file is missing or cannot be understood; label sources compete; an entry fits
        several videos; entries for one video contradict each other.
    """
    folder = Path(videos)
    samples, notes, left_out = _list_walks(folder, extensions, keypoints)
    table = _find_label_table(folder, notes) if labels is None else _read_label_table(Path(labels))
    # Label files name videos even where the files looked for are something else made of them.
    endings = (*extensions, *EXTENSIONS, *(KEYPOINT_EXTENSIONS if keypoints else ()))
    index = NameIndex((sample.name for sample in samples), endings)
    ratings = None
    inside = any(sample.label for sample in samples)
    if table is None:
        by_folder = any(sample.label is None and _folder_label(sample) for sample in samples)
        samples = _label_by_folder(samples)
        sources = ["class folders"] if by_folder else []
    elif _is_boxes(table):
        samples, inside = [replace(sample, label=None) for sample in samples], False
        samples, index, sources = _cut_by_boxes(samples, table, endings, notes)
    elif is_survey(table):
        # The survey's classes are those of its ratings: other labels would not fit among them.
        samples, inside = [replace(sample, label=None) for sample in samples], False
        samples, source, ratings = _label_by_survey(samples, table, index, notes)
        sources = [source]
    else:
        entries = read_label_entries(table)
        matched = _match(entries, index, "labels", notes)
        samples, sources = _apply(samples, matched, entries.file), [table.path.name]
    source = " and ".join([*sources, *(["the keypoint files"] if inside else [])]) or "none"
    samples = _add_subjects(samples, _find_subjects(folder, table, notes), index, notes)
    _note_missing(samples, table, notes)
    classes = order_classes(s.label for s in samples if s.label)
    if ratings is not None:
        classes = ratings.classes
    return Collection(folder, tuple(samples), classes, source, tuple(notes), ratings, tuple(left_out))


def _is_boxes(table: Table) -> bool:
    from gait.formats.eila import is_eila  # which takes the order of classes from here

    return is_eila(table)


def _cut_by_boxes(
    samples: list[Sample], table: Table, endings: Sequence[str], notes: list[str]
) -> tuple[list[Sample], NameIndex, list[str]]:
    """The people in boxes in place of the videos they are in, their names, and the source of their labels."""
    from gait.formats.eila import cut_by_boxes

    samples, said = cut_by_boxes(samples, table.path, endings)
    notes.extend(said)
    people = sum(sample.segment is not None for sample in samples)
    source = f"{table.path.name} ({people} walks of people in boxes)"
    return samples, NameIndex((sample.name for sample in samples), endings), [source]


def _list_walks(
    folder: Path, extensions: Sequence[str], keypoints: KeypointOptions | None
) -> tuple[list[Sample], list[str], list[tuple[str, str]]]:
    """Unlabelled samples, notes, and what is left out with the reason."""
    files, notes = list_files(folder)
    endings = tuple(extension.lower() for extension in extensions)
    samples = [Sample(path, name) for name, path in files.items() if path.name.lower().endswith(endings)]
    foreign = [name for name in files if _is_foreign_video(name, endings)]
    rest = {name: path for name, path in files.items() if not path.name.lower().endswith(endings)}
    sources, beside = keypoint_files(rest, [sample.path for sample in samples])
    listing = list_walks(sources if keypoints else {}, keypoints or KeypointOptions())
    for what, names in (
        ("videos of a kind that is not read", foreign),
        (
            "keypoint files, which this model does not read: choose a keypoint model",
            [] if keypoints else sources,
        ),
        (
            "keypoint files beside a video of the same name, which is read instead",
            beside if keypoints else [],
        ),
    ):
        if names:
            notes.append(f"{what} ({len(names)}): {listed(names)}")
    samples += [Sample(path, name, label, keypoints=place) for name, path, place, label in listing.walks]
    return sorted(samples, key=lambda sample: sample.name), notes + listing.notes, listing.left_out


def _is_foreign_video(name: str, endings: tuple[str, ...]) -> bool:
    kind = mimetypes.guess_type(name)[0] or ""
    return kind.startswith("video/") and not name.lower().endswith((*endings, *EXTENSIONS))


def _find_label_table(folder: Path, notes: list[str]) -> Table | None:
    """The one label file that lies in the folder, or None."""
    sources = []
    for path in sorted(folder.iterdir()):
        name = path.name.lower()
        if name.startswith((".", "~$")) or not name.endswith((".csv", ".xlsx")) or name == "subjects.csv":
            continue
        if name == "labels.csv":
            sources.append(_read_label_table(path))
        elif (table := _read_survey_table(path, notes)) is not None:
            sources.append(table)
    if len(sources) > 1:
        names = listed(table.path.name for table in sources)
        raise LabelError(f"{folder} holds several label files: {names}; choose one with --labels FILE")
    return sources[0] if sources else None


def _read_survey_table(path: Path, notes: list[str]) -> Table | None:
    try:
        table = read_table(path)
    except LabelError as error:
        notes.append(f"not used as labels: {error}")
        return None
    if is_survey(table) or _is_boxes(table):
        return table
    notes.append(
        f"{path.name} is neither labels.csv nor a rating spreadsheet nor an EiLA table and is not used; "
        "--labels FILE would"
    )
    return None


def _read_label_table(path: Path) -> Table:
    if not path.exists():
        raise LabelError(f"there is no label file {path}; {EXPECTED}")
    return read_table(path)


def _label_by_folder(samples: list[Sample]) -> list[Sample]:
    """The first folder below the collection's own is the class, unless the file itself names one."""
    return [sample if sample.label else replace(sample, label=_folder_label(sample)) for sample in samples]


def _folder_label(sample: Sample) -> str | None:
    place = sample.keypoints
    # The name of a walk inside a file may hold a slash, too.
    file = sample.name.removesuffix(f"#{place.name}") if place and place.name else sample.name
    first, slash, _ = file.partition("/")
    return class_name(first) or None if slash else None


def _label_by_survey(
    samples: list[Sample], table: Table, index: NameIndex, notes: list[str]
) -> tuple[list[Sample], str, Ratings | None]:
    survey = read_survey(table)
    classes = order_classes(name for by_class in survey.answers.values() for name in by_class)
    entries, answers = _survey_entries(table, survey, classes)
    matched = _match(entries, index, "labels", notes)
    values = {}
    for name, group in matched.items():
        rated = [answers[entry.video] for entry in group if entry.values["label"] is not None]
        if rated:
            values[name] = rated[0]
    raters = [int(np.isfinite(rows[:, 0]).sum()) for rows in values.values()]
    source = table.path.name
    if raters:
        source += f" ({len(raters)} videos, {np.median(raters):g} raters each at the median)"
    return _apply(samples, matched, entries.file), source, Ratings(classes, values) if values else None


def _survey_entries(
    table: Table, survey: Survey, classes: tuple[str, ...]
) -> tuple[Entries, dict[str, np.ndarray]]:
    """Perceived and soft labels of a survey's videos, and the answers as (participants, K) arrays."""
    entries = Entries(table.path.name, notes=list(survey.notes))
    answers, ties, unrated = {}, [], []
    for video, by_class in survey.answers.items():
        rows = answers[video] = np.stack([by_class[name] for name in classes], axis=1)
        rated = rows[np.isfinite(rows[:, 0])]
        values: dict[str, Any] = {"label": None, "soft": None}
        if len(rated):
            means = rated.mean(axis=0)
            label, tie = perceived_label(dict(zip(classes, means.tolist(), strict=True)))
            values = {"label": label, "soft": tuple((means / means.sum()).tolist())}
            if tie:
                ties.append(f"{video} ({label})")
        else:
            unrated.append(video)
        entries.items.append(Entry(video, survey.columns[video], values))
    for what, names in (("ties, decided by class order", ties), ("videos that nobody rated", unrated)):
        if names:
            entries.notes.append(f"{table.path.name}: {what} ({len(names)}): {listed(names)}")
    return entries, answers


def _match(entries: Entries, index: NameIndex, what: str, notes: list[str]) -> dict[str, list[Entry]]:
    """The entries that mean each sample, by its name; notes what has no video and what stands there twice."""
    matched: dict[str, list[Entry]] = defaultdict(list)
    lost = []
    for entry in entries.items:
        name = index.find(entry.video, f"{entries.file}, {entry.where}")
        if name is None:
            lost.append(entry.video)
        else:
            matched[name].append(entry)
    double = [f"{name} ({' and '.join(e.where for e in g)})" for name, g in matched.items() if len(g) > 1]
    notes.extend(entries.notes)
    for text, names in ((f"{what} without a video", lost), ("duplicate entries that agree", double)):
        if names:
            notes.append(f"{entries.file}: {text} ({len(names)}): {listed(names)}")
    return matched


def _apply(samples: list[Sample], matched: Mapping[str, list[Entry]], file: str) -> list[Sample]:
    """Samples with the values of the entries that mean them."""
    values = {name: _merge(name, group, file) for name, group in matched.items()}
    known = {name: {f: v for f, v in of.items() if v is not None} for name, of in values.items()}
    return [replace(sample, **known.get(sample.name, {})) for sample in samples]


def _merge(name: str, entries: list[Entry], file: str) -> dict[str, Any]:
    """What several entries say of one video together; an empty cell contradicts nothing."""
    merged: dict[str, Any] = {}
    for field in entries[0].values:
        known = [(entry.where, entry.values[field]) for entry in entries if entry.values[field] is not None]
        if any(value != known[0][1] for _, value in known):
            said = listed(f"{value} ({where})" for where, value in known)
            raise LabelError(f"{file}: entries for {name} contradict each other in {field}: {said}; keep one")
        merged[field] = known[0][1] if known else None
    return merged


def _find_subjects(folder: Path, table: Table | None, notes: list[str]) -> Entries | None:
    """The subjects.csv beside the label file, else the one in the folder of the videos."""
    places = [folder] if table is None else [table.path.parent, folder]
    files = [p for place in places for p in sorted(place.iterdir()) if p.name.lower() == "subjects.csv"]
    if not files:
        return None
    others = [str(path) for path in files[1:] if not path.samefile(files[0])]
    if others:
        notes.append(f"subjects come from {files[0]}, not from {listed(others)}")
    return read_subject_entries(read_table(files[0]))


def _add_subjects(
    samples: list[Sample], entries: Entries | None, index: NameIndex, notes: list[str]
) -> list[Sample]:
    """Subjects of subjects.csv for the samples whose label file names none."""
    if entries is None:
        return samples
    given = _apply(samples, _match(entries, index, "subjects", notes), entries.file)
    pairs = list(zip(samples, given, strict=True))
    differ = [a.name for a, b in pairs if a.subject and b.subject and a.subject != b.subject]
    if differ:
        notes.append(
            f"subjects differ in {entries.file}, the label file wins ({len(differ)}): {listed(differ)}"
        )
    return [replace(sample, subject=sample.subject or other.subject) for sample, other in pairs]


def _note_missing(samples: list[Sample], table: Table | None, notes: list[str]) -> None:
    unlabelled = [sample.name for sample in samples if sample.label is None]
    nobody = [sample.name for sample in samples if sample.subject is None]
    if unlabelled:
        # Without a label file the user has not said how to label: a word on how.
        how = "" if table else " (use folders named after classes, a labels.csv or a rating spreadsheet)"
        notes.append(f"videos without a label ({len(unlabelled)}): {listed(unlabelled)}{how}")
    if nobody and len(nobody) < len(samples):
        notes.append(f"videos without a subject ({len(nobody)}): {listed(nobody)}")
