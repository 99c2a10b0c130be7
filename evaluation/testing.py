"""A test from options to a report: a saved model against a folder of walks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.auditing import known_walks, trace_walks
from evaluation.card import FILE as CARD
from evaluation.card import model_card
from evaluation.options import TestOptions
from evaluation.report import Report, make_report
from evaluation.report_files import write_report
from evaluation.strips import mistake_strips, poses_used
from gait import bundle as bundles
from gait import floors
from gait.agreement import HumanAgreement, human_agreement
from gait.cache import Cache
from gait.console import say
from gait.errors import BundleError, GaitmoodError, LeakError, NothingUsableError
from gait.formats import KEYPOINT_EXTENSIONS, RUN_OPTIONS, KeypointOptions
from gait.labels import Collection, Sample, find_samples
from gait.leaks import Leak, Traced, find_leaks, limits, reasons
from gait.model_files import newest
from gait.options import write_options
from gait.predict import predict_walks
from gait.predictions import write_beside
from gait.preprocess import Walk
from gait.preprocess.pose_facts import lines_on_poses, write_poses_table
from gait.preprocess.poses import with_pose_models
from gait.preprocess.walks import walk_content
from gait.runs import new_run, refuse_filled
from gait.video import EXTENSIONS
from gait.workers import map_items

_REPEATED_LISTED = 10


@dataclass(frozen=True)
class Tested:
    """A finished test: its report and the folder it was written to."""

    report: Report
    folder: Path


def test(options: TestOptions) -> Tested:
    """Run: load the model, find and prepare the walks, predict, report.

    Raises
    ------
    BundleError
        The model file cannot be used.
    NothingUsableError
        There is no walk to test on.
    GaitmoodError
        None of the labels is a class of the model.
    """
    if options.output is not None:
        refuse_filled(options.output)
    path = options.model or newest(options.saved_models)
    record = bundles.known_or_assumed(path, options.classes, options.rate, options.background)
    record = replace(record, preprocess=with_pose_models(record.preprocess, options.pose_models))
    collection = _find(options, record)
    samples, left_out = _with_known_labels(collection, record)
    left_out += collection.left_out
    cache, started = Cache(options.cache), time.time()
    prepared = record.preprocess.prepare(samples, cache, options.jobs)
    cache.prune(started)
    left_out += list(prepared.left_out)
    if not prepared.walks:
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in left_out)
        raise NothingUsableError(f"none of the walks in {collection.folder}/ can be used:{reasons}")
    _say_flat(prepared.walks, record)
    traced = trace_walks(record, prepared.walks, cache, options.jobs)
    leaks = _leaks(traced, record, options)
    _say_repeated(find_leaks(traced, traced))
    bundle = bundles.load(path, assumed=record)
    predictions = predict_walks(bundle, prepared.walks)
    report = make_report(
        predictions,
        title=f"Test on {collection.folder}{' (walks held out by training)' if options.held_out else ''}",
        model=_in_a_line(bundle),
        training_majority=record.training_majority,
        human=_human(collection, prepared.walks),
        left_out=left_out,
        leaks=leaks,
        floors=_floors(record, prepared.walks),
        remarks=[
            *limits(traced, known_walks(record)),
            *prepared.notes,
            *lines_on_poses(record.preprocess, prepared.walks),
        ],
    )
    folder = options.output or new_run(options.runs, f"test-{path.stem}")
    poses = poses_used(record.preprocess)
    write_report(report, folder, mistake_strips(predictions, samples, cache, poses, report.leaked))
    if options.card:
        write_beside(folder / CARD, model_card(report, bundle).encode())
    write_options(options, folder / "options.json")
    write_poses_table(folder, prepared.walks)
    return Tested(report, folder)


def _find(options: TestOptions, record: bundles.Record) -> Collection:
    videos, labels = options.videos or Path("videosTest"), options.labels
    if options.held_out:
        videos = options.videos or Path(record.options.get("videos", "videos"))
        trained_with = record.options.get("labels")
        labels = options.labels or (Path(trained_with) if trained_with and not options.videos else None)
    keypoints = _keypoint_options(options, record) if record.preprocess.keypoints else None
    collection = find_samples(videos, labels, keypoints=keypoints)
    if not collection.samples:
        _refuse_empty(collection, (*EXTENSIONS, *(KEYPOINT_EXTENSIONS if keypoints else ())))
    say(f"Found {len(collection.samples)} walks in {videos}/; labels from {collection.source}.")
    for note in collection.notes:
        say(f"  {note}")
    return _only_held_out(collection, record, options.jobs) if options.held_out else collection


def _keypoint_options(options: TestOptions, record: bundles.Record) -> KeypointOptions:
    """How keypoint files are read: as in training, but for what the user says now."""
    now = {name: getattr(options, name) for name in RUN_OPTIONS if getattr(options, name) is not None}
    return KeypointOptions.of_run({**record.options, **now})


def _refuse_empty(collection: Collection, endings: Sequence[str]) -> None:
    folder = collection.folder
    if collection.left_out:
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in collection.left_out)
        raise NothingUsableError(f"none of the walks in {folder}/ can be used:{reasons}")
    found = "".join(f"\n  {note}" for note in collection.notes)
    raise NothingUsableError(
        f"no videos in {folder}/ (looked for {', '.join(endings)}). Put walks there that were not "
        f"trained on, in a folder for each emotion ({folder}/happy/anna.mp4) or with a labels.csv "
        f"(columns video,label,subject).{found}"
    )


def _only_held_out(collection: Collection, record: bundles.Record, jobs: int | None) -> Collection:
    """The walks that training kept aside, with the labels that training knew them by."""
    wanted = {walk.content: walk for walk in record.walks if walk.split == "held-out"}
    if not wanted:
        raise BundleError(
            "this model's training kept no walks aside. Train it with: python train.py --hold-out 0.25"
        )
    found: dict[str, Sample] = {}
    for outcome in map_items(walk_content, collection.samples, title="Looking for held-out walks", jobs=jobs):
        if outcome.value in wanted:
            found.setdefault(outcome.value, outcome.item)
    if missing := [walk.name for content, walk in wanted.items() if content not in found]:
        say(f"  held-out walks that are no longer in {collection.folder}/: {', '.join(sorted(missing))}")
    samples = [
        replace(sample, label=wanted[content].label, subject=wanted[content].subject)
        for content, sample in found.items()
    ]
    if not samples:
        raise NothingUsableError(f"none of the {len(wanted)} held-out walks is in {collection.folder}/.")
    return replace(collection, samples=tuple(sorted(samples, key=lambda sample: sample.name)), left_out=())


def _with_known_labels(
    collection: Collection, record: bundles.Record
) -> tuple[list[Sample], list[tuple[str, str]]]:
    known, samples = ", ".join(record.classes), collection.samples
    if collection.classes != record.classes:  # soft labels are over the collection's own
        samples = [replace(sample, soft=None) for sample in samples]
    strangers = [s for s in samples if s.label is not None and s.label not in record.classes]
    usable = [s for s in samples if s.label is None or s.label in record.classes]
    if strangers and not any(s.label for s in usable):
        found = ", ".join(sorted({s.label for s in strangers}))
        raise GaitmoodError(
            f"the model knows the classes {known}; the walks are labelled {found}. "
            "Test it on walks with its own classes, or train a model on these."
        )
    return usable, [(s.name, f"labelled '{s.label}'; the model knows {known}") for s in strangers]


def _human(collection: Collection, walks: Sequence[Walk]) -> HumanAgreement | None:
    values = collection.ratings_of(walk.sample.name for walk in walks)
    return human_agreement(values) if values else None


def _floors(record: bundles.Record, walks: Sequence[Walk]) -> dict[str, tuple[str, ...]]:
    """Answers that need no model; none where the bundle knows nothing of its training walks."""
    if record.gists is None:
        return {}
    return dict(floors.answers(record.gists, record.training_labels, floors.gists(record.preprocess, walks)))


def _leaks(walks: Sequence[Traced], record: bundles.Record, options: TestOptions) -> list[Leak]:
    """What the walks share with those that training has seen, for training or for validation.

    Raises
    ------
    LeakError
        With ``--strict``, where they share something.
    """
    leaks = find_leaks(walks, known_walks(record))
    if leaks and options.strict:
        why = "".join(f"\n  {name}: {reason}" for name, reason in reasons(leaks).items())
        raise LeakError(f"--strict refuses to test on what the model knows:{why}\nTake them out of the test.")
    return leaks


def _say_repeated(copies: Sequence[Leak]) -> None:
    """Name walks of the test that are copies of others in it."""
    for name, why in list(reasons(copies).items())[:_REPEATED_LISTED]:
        say(f"  counted again: {name}: {why}")
    if (more := len(reasons(copies)) - _REPEATED_LISTED) > 0:
        say(f"  and {more} more copies within the test; python -m evaluation.audit FOLDER lists them all")


def _say_flat(walks: Sequence[Walk], record: bundles.Record) -> None:
    """Joints with depth tested on a model that never saw depth, and the other way round."""
    trained, flat = len(record.training_labels), sum(walk.flat for walk in walks)
    kinds = "joints in the picture only", "joints with depth"
    if flat and not record.flat:
        count, (tested, known) = flat, kinds
    elif trained and record.flat == trained and flat < len(walks):
        count, (known, tested) = len(walks) - flat, kinds
    else:
        return
    say(
        f"  {count} of {len(walks)} walks have {tested}, the model was trained on {known}: its answers are no test."
    )


def _in_a_line(bundle: bundles.Bundle) -> str:
    record = bundle.record
    trained = [walk for walk in record.walks if walk.split == "train"]
    subjects = {walk.subject for walk in trained} - {None}
    history = f", trained on {len(trained)} walks" + (f" of {len(subjects)} subjects" if subjects else "")
    kind = record.architecture or "plain Keras file"
    return f"{bundle.path} ({kind}, {bundle.model.count_params():,} parameters{history if trained else ''})"
