"""Which walks a run trains on: found, checked, prepared, split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gait.bundle import SPLITS
from gait.cache import Cache
from gait.console import say
from gait.errors import GaitmoodError, NothingUsableError
from gait.formats import KEYPOINT_EXTENSIONS, KeypointOptions
from gait.labels import Collection, Sample, find_samples
from gait.models import find_entry
from gait.options import plain
from gait.preprocess import KINDS, Walk, choose_frame_size
from gait.preprocess.pose_facts import lines_on_poses
from gait.splits import groups_of, hold_out
from gait.video import EXTENSIONS, FrameSize
from training.copies import Traces, check_sides, check_test_folder, say_copies, together, trace
from training.options import TrainOptions

VALIDATION = 0.2

DEMO_SIDE = 64  # pixels, the longer side of the frames that the spatiotemporal network is shown in the demo


@dataclass(frozen=True)
class TrainingWalks:
    """The walks of a run by what they are used for, the classes, and what prepared them.

    ``prints`` are packed fingerprints by content hash, for the bundle; ``ratings`` what raters said of the walks to
    validate on.
    """

    train: tuple[Walk, ...]
    validation: tuple[Walk, ...]
    held_out: tuple[Walk, ...]
    classes: tuple[str, ...]
    preprocess: Any
    left_out: tuple[tuple[str, str], ...]
    prints: Mapping[str, bytes] = field(default_factory=dict)
    ratings: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class GatheredWalks:
    """The walks that a folder has, prepared and not yet divided; ``collection`` is all that was found, ``remarks``
    what a reader of a report should know of how they were read."""

    walks: tuple[Walk, ...]
    collection: Collection
    preprocess: Any
    left_out: tuple[tuple[str, str], ...]
    traces: Traces
    remarks: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """In order."""
        return self.collection.classes


def gather(options: TrainOptions, cache: Cache) -> TrainingWalks:
    """Find, check, prepare and split the walks, and say what was found; see :func:`gather_walks`."""
    found = gather_walks(options, cache)
    check_test_folder(found.walks, found.traces, found.preprocess, options, cache)
    train, validation, held_out = parts = split(found.walks, options)
    check_sides(parts, found.traces.copies, options.strict)
    ratings = found.collection.ratings_of(walk.sample.name for walk in validation)
    how, prints = found.preprocess, found.traces.prints
    return TrainingWalks(train, validation, held_out, found.classes, how, found.left_out, prints, ratings)


def gather_walks(options: TrainOptions, cache: Cache) -> GatheredWalks:
    """Find, check and prepare the walks, and say what was found.

    Raises
    ------
    NothingUsableError
        The folder holds no walk, or none of them is labelled or readable.
    GaitmoodError
        There are fewer than two classes, or fewer walks than classes.
    """
    collection = _find(options)
    labelled = [sample for sample in collection.samples if sample.label is not None]
    _check_classes(labelled, collection, options)
    how = preprocessing_for(options, labelled)
    prepared = how.prepare(labelled, cache, options.jobs)
    walks, copies = _without_copies(prepared.walks)
    left_out = (*collection.left_out, *prepared.left_out)
    for line in (*prepared.notes, *(f"left out: {n}: {reason}" for n, reason in left_out), *copies):
        say(f"  {line}")
    _check_enough([walk.sample for walk in walks], collection.classes, options.videos)
    on_poses = lines_on_poses(how, walks)
    for line in on_poses:
        say(line)
    _say_flat(walks)
    traces = trace(how, walks, cache, options.jobs)
    say_copies(traces.copies, collection.samples, options.strict)
    kept, collection = together(walks, collection, traces.copies)
    return GatheredWalks(kept, collection, how, left_out, traces, (*prepared.notes, *on_poses))


def _find(options: TrainOptions) -> Collection:
    reads_keypoints = KINDS[find_entry(options.model).kind].keypoints
    keypoints = KeypointOptions.of_run(plain(options)) if reads_keypoints else None
    collection = find_samples(options.videos, options.labels, keypoints=keypoints)
    if not collection.samples:
        _refuse_empty(collection, reads_keypoints)
    _say_found(collection, options.videos)
    return collection


def _refuse_empty(collection: Collection, reads_keypoints: bool) -> None:
    if collection.left_out:
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in collection.left_out)
        raise NothingUsableError(f"none of the walks in {collection.folder}/ can be used:{reasons}")
    found = "".join(f"\n  {note}" for note in collection.notes)
    endings = (*EXTENSIONS, *KEYPOINT_EXTENSIONS) if reads_keypoints else EXTENSIONS
    folder = collection.folder
    raise NothingUsableError(
        f"no videos in {folder}/ (looked for {', '.join(endings)}). Put walking videos there, in a "
        f"folder for each emotion ({folder}/happy/anna.mp4, {folder}/sad/ben.mp4, ...) or with a "
        "labels.csv (columns video,label and, better, subject) beside them; or pass --demo to try it "
        f"with synthetic walkers.{found}"
    )


def preprocessing_for(options: TrainOptions, samples: Sequence[Sample]) -> Any:
    """The preprocessing that the options ask for, of the kind that the model eats."""
    kind = find_entry(options.model).kind
    sampling = {"length": options.frames, "rate": options.rate}
    given = {name: value for name, value in sampling.items() if value is not None}
    if kind in ("clips", "landmark clips"):
        given |= _clip_settings(options, samples)
    if kind == "clips":
        return KINDS[kind](**given)
    poses = {"poses": options.poses, "pose_models": options.pose_models and str(options.pose_models)}
    if kind == "landmark clips":
        return KINDS[kind](**given, **poses, landmarks=options.landmarks)
    if kind == "features":
        return KINDS[kind](**poses)
    return KINDS[kind](**given, **poses)


def _clip_settings(options: TrainOptions, samples: Sequence[Sample]) -> dict[str, Any]:
    if options.frame_size != "auto":
        size = _frame_size(options.frame_size)
    elif find_entry(options.model).kind == "clips":
        size = choose_frame_size([sample.footage for sample in samples])
    elif options.demo:  # done in minutes, without an accelerator
        size = choose_frame_size([sample.footage for sample in samples], long_side=DEMO_SIDE)
    else:  # the size that the network was described for
        return {"background": options.background}
    return {"height": size.height, "width": size.width, "background": options.background}


def _frame_size(text: str) -> FrameSize:
    try:
        height, width = map(int, text.lower().split("x"))
        if min(height, width) < 1:
            raise ValueError
    except ValueError:
        raise GaitmoodError(
            f"--frame-size: HEIGHTxWIDTH such as 80x45, or auto, was expected; found '{text}'."
        ) from None
    return FrameSize(height, width)


def _say_found(collection: Collection, folder: Path) -> None:
    subjects = {sample.subject for sample in collection.samples} - {None}
    who = f"{len(subjects)} subjects" if subjects else "subjects unknown"
    say(f"Found {len(collection.samples)} walks in {folder}/ ({who}); labels from {collection.source}.")
    for note in collection.notes:
        say(f"  {note}")
    counts = Counter(sample.label for sample in collection.samples if sample.label is not None)
    say("Walks per class: " + (", ".join(f"{c} {counts[c]}" for c in collection.classes) or "none labelled"))
    if subjects:
        walks = Counter(sample.subject for sample in collection.samples if sample.subject is not None)
        say(f"Walks per subject: {min(walks.values())} to {max(walks.values())}")


def _say_flat(walks: Sequence[Walk]) -> None:
    if 0 < (flat := sum(walk.flat for walk in walks)) < len(walks):
        say(
            f"  {flat} of {len(walks)} walks have joints in the picture only, the others have depth, too: a model can "
            "tell them apart by that, whatever the emotion. Better train on one kind."
        )


def _check_classes(labelled: Sequence[Sample], collection: Collection, options: TrainOptions) -> None:
    if not labelled:
        raise NothingUsableError(
            f"none of the {len(collection.samples)} walks in {options.videos}/ has a label. Put them in a "
            "folder for each emotion, or beside a labels.csv (columns video,label), or name a label file "
            "with --labels."
        )
    _check_enough(labelled, collection.classes, options.videos)


def _check_enough(samples: Sequence[Sample], classes: Sequence[str], folder: Path) -> None:
    present = {sample.label for sample in samples}
    if not samples:
        raise NothingUsableError(
            f"none of the labelled walks in {folder}/ can be used; the reasons stand above."
        )
    if len(classes) < 2:
        raise GaitmoodError(f"at least two classes are needed; all {len(samples)} walks are '{classes[0]}'.")
    if len(samples) < len(classes):
        raise GaitmoodError(
            f"{len(samples)} usable walks for {len(classes)} classes: at least one a class is needed."
        )
    if missing := [c for c in classes if c not in present]:
        raise GaitmoodError(
            f"no usable walk is labelled {', '.join(missing)}: at least one a class is needed."
        )


def _without_copies(walks: Sequence[Walk]) -> tuple[list[Walk], list[str]]:
    """Files with the same bytes are one walk: the first is kept, the others are named."""
    first: dict[str, Walk] = {}
    kept, notes = [], []
    for walk in walks:
        original = first.setdefault(walk.content, walk)
        if original is walk:
            kept.append(walk)
            continue
        if original.sample.label != walk.sample.label:
            raise GaitmoodError(
                f"{walk.sample.name} ({walk.sample.label}) is the same file as {original.sample.name} "
                f"({original.sample.label}) under another label. Remove one of them."
            )
        notes.append(f"left out: {walk.sample.name}: the same file as {original.sample.name}")
    return kept, notes


def split(walks: Sequence[Walk], options: TrainOptions) -> tuple[tuple[Walk, ...], ...]:
    """Training, validation and held-out walks: as the label file's split column says, else whole subjects.

    A walk that the column leaves open goes where its subject's other walks are. Where the column names no
    walk for validation, some of those to train on are taken for it.

    Raises
    ------
    GaitmoodError
        A subject stands on two sides, or filling a side would leave nothing of a class to train on.
    """
    side = _given_sides(walks)
    if not (side == "held-out").any() and options.hold_out:
        side[_aside(walks, side == "", options.hold_out, options.seed, "--hold-out")] = "held-out"
    share = _validation_share(options)
    if not (side == "validation").any() and share:
        free = (side == "") | (side == "train")
        side[_aside(walks, free, share, options.seed + 1, "--validation")] = "validation"
    side[side == ""] = "train"
    parts = tuple(tuple(walk for walk, s in zip(walks, side, strict=True) if s == name) for name in SPLITS)
    _refuse_shared_subjects(parts)
    _refuse_untrained_classes(walks, parts[0])
    for name, part in zip(("train on", "validate on", "hold out"), parts, strict=True):
        if part:
            subjects = {walk.sample.subject for walk in part} - {None}
            say(f"Split: {name} {len(part)} walks" + (f" of {len(subjects)} subjects" if subjects else ""))
    return parts


def _validation_share(options: TrainOptions) -> float:
    if options.validation is not None:
        return options.validation
    return 0.0 if find_entry(options.model).kind == "features" else VALIDATION


def _given_sides(walks: Sequence[Walk]) -> np.ndarray:
    """Each walk's side by the label file, (N,) str; "" where it says nothing of its subject either."""
    names = {"test": "held-out", None: ""}
    given = [names.get(walk.sample.split, walk.sample.split) for walk in walks]
    of_subject = {walk.sample.subject: s for walk, s in zip(walks, given, strict=True) if s}
    of_subject.pop(None, None)
    sides = [s or of_subject.get(walk.sample.subject, "") for walk, s in zip(walks, given, strict=True)]
    return np.array(sides, dtype=object)


def _aside(walks: Sequence[Walk], free: np.ndarray, fraction: float, seed: int, option: str) -> np.ndarray:
    indices = np.flatnonzero(free)
    samples = [walks[i].sample for i in indices]
    groups = groups_of([s.subject for s in samples], [s.source for s in samples])
    try:
        return indices[hold_out([s.label for s in samples], groups, fraction, seed)]
    except GaitmoodError as error:
        raise GaitmoodError(f"{option} {fraction:g}: {error} Or do without: {option} 0") from None


def _refuse_untrained_classes(walks: Sequence[Walk], train: Sequence[Walk]) -> None:
    if missing := sorted({w.sample.label for w in walks} - {w.sample.label for w in train}):
        raise GaitmoodError(
            f"the split that the label file gives leaves no walk labelled {', '.join(missing)} to train on. "
            "Move one of them to the training side."
        )


def _refuse_shared_subjects(parts: Sequence[Sequence[Walk]]) -> None:
    seen: dict[str, int] = {}
    for number, part in enumerate(parts):
        for walk in part:
            subject = walk.sample.subject
            if subject is not None and seen.setdefault(subject, number) != number:
                raise GaitmoodError(
                    f"subject '{subject}' stands on two sides of the split that the label file gives: a "
                    "model would be judged on a person it was trained on. Give each subject one side."
                )
