"""An explanation from options to a run folder."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation import explanation, saliency
from evaluation.attribution import explain_walk
from evaluation.importance import part_importance
from evaluation.saliency_figure import saliency_png
from gait import bundle as bundles
from gait.cache import Cache
from gait.console import counted, progress_bar, say
from gait.errors import GaitmoodError, NothingUsableError
from gait.formats import KEYPOINT_EXTENSIONS, KeypointOptions
from gait.formats.listing import list_walks
from gait.labels import Sample, find_samples
from gait.model_files import newest
from gait.options import write_options
from gait.predictions import write_beside
from gait.preprocess import Walk
from gait.preprocess.poses import with_pose_models
from gait.runs import new_run, refuse_filled, write_json

if TYPE_CHECKING:
    from evaluation.explain import ExplainOptions

TEXT, VALUES = "explanation.txt", "explanation.json"
_RULE = "-" * explanation.WIDTH

# Samples, and (name, reason) of what is left out.
Found = tuple[list[Sample], list[tuple[str, str]]]


def run(options: ExplainOptions) -> tuple[str, Path, list[str]]:
    """Find and prepare the walks, explain each, write a run folder; the text, the folder, and the files in it.

    Raises
    ------
    BundleError
        The model file cannot be used.
    GaitmoodError
        A walk is not there, or of a kind that the model does not look at; or --data with a model of frames.
    NothingUsableError
        There is no walk that can be used.
    """
    if options.output is not None:
        refuse_filled(options.output)
    path = options.model or newest(options.saved_models)
    record = bundles.known_or_assumed(path, options.classes, options.rate, options.background)
    record = replace(record, preprocess=with_pose_models(record.preprocess, options.pose_models))
    if options.data is not None and not _of_poses(record):
        raise GaitmoodError(
            f"--data: {path} looks at frames, which have no parts of a body to exchange. Explain walks one by one, or "
            "see what hiding half of the picture does: python -m evaluation.compare"
        )
    walks, set_of_walks, left_out = _gather(options, record)
    bundle = bundles.load(path, assumed=record)
    found = _explain(bundle, walks)
    importance = part_importance(bundle, set_of_walks) if options.data is not None else None
    folder = options.output or new_run(options.runs, f"explain-{path.stem}")
    folder.mkdir(parents=True, exist_ok=True)
    text = _text(path, found, importance, options, left_out)
    write_beside(folder / TEXT, f"{text}\n".encode("utf-8", "backslashreplace"))
    values = {"model": str(path), "walks": [one.to_json() for one in found]}
    values["importance"] = importance and {"data": str(options.data), **importance.to_json()}
    values["left_out"] = [{"name": name, "reason": reason} for name, reason in left_out]
    write_json(folder / VALUES, values)
    write_options(options, folder / "options.json")
    return text, folder, [TEXT, VALUES, *_write_pictures(found, folder)]


def _of_poses(record: bundles.Record) -> bool:
    return record.preprocess.kind in ("features", "joints")


def _explain(bundle: bundles.Bundle, walks: Sequence[Walk]) -> list[Any]:
    if not _of_poses(bundle.record):
        return [saliency.explain_frames(bundle, walk) for walk in walks]
    if not walks:
        return []
    with progress_bar("Explaining walks", len(walks)) as bar:
        return [explain_walk(bundle, walk, bundle.record.seed or 0) for walk in counted(walks, bar)]


def _write_pictures(found: Sequence[Any], folder: Path) -> list[str]:
    names = []
    for number, one in enumerate(found, start=1):
        if isinstance(one, saliency.Saliency):
            names.append(_picture(number))
            write_beside(folder / names[-1], saliency_png(one))
    return names


def _picture(number: int) -> str:
    return f"saliency-{number:02d}.png"


# --- Finding walks -------------------------------------------------------------------------------------------


def _gather(
    options: ExplainOptions, record: bundles.Record
) -> tuple[tuple[Walk, ...], tuple[Walk, ...], list[tuple[str, str]]]:
    """Prepared walks: those to explain, and those of the data set; and what is left out."""
    samples, left_out = [], []
    keypoints = _keypoint_options(options, record) if record.preprocess.keypoints else None
    for text in options.walks:
        more, out = _samples_of(text, keypoints)
        samples += more
        left_out += out
    samples = list({sample.name: sample for sample in samples}.values())
    others, out = (
        _in_folder(options.data, keypoints, options.labels) if options.data is not None else ([], [])
    )
    left_out += out
    cache, started = Cache(options.cache), time.time()
    explained, measured = (
        _prepare(part, record, cache, options.jobs, left_out) for part in (samples, others)
    )
    cache.prune(started)
    reasons = "".join(f"\n  {name}: {reason}" for name, reason in left_out)
    if options.walks and not explained:
        raise NothingUsableError(f"none of the walks to explain can be used:{reasons}")
    if options.data is not None and not measured:
        raise NothingUsableError(f"no walks in {options.data}/ can be used:{reasons}")
    return explained, measured, left_out


def _prepare(
    samples: list[Sample],
    record: bundles.Record,
    cache: Cache,
    jobs: int | None,
    left_out: list[tuple[str, str]],
) -> tuple[Walk, ...]:
    if not samples:
        return ()
    prepared = record.preprocess.prepare(samples, cache, jobs)
    for line in prepared.notes:
        say(f"  {line}")
    left_out += prepared.left_out
    return prepared.walks


def _keypoint_options(options: ExplainOptions, record: bundles.Record) -> KeypointOptions:
    """How keypoint files are read: as in training, but for what the user says now."""
    names = ("emotions", "keypoint_rate", "keypoint_first")
    now = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return KeypointOptions.of_run({**record.options, **now})


def _samples_of(text: str, keypoints: KeypointOptions | None) -> Found:
    """The walks that a user's word stands for: a file, FILE#WALK, or all of a folder."""
    path, name = Path(text), ""
    if path.is_dir():
        return _in_folder(path, keypoints)
    if not path.exists() and "#" in text:
        file, _, name = text.rpartition("#")
        path = Path(file)
    if not path.exists():
        raise GaitmoodError(
            f"{text}: no such file. A video, a keypoint file or a folder of them was expected."
        )
    if not path.name.lower().endswith(KEYPOINT_EXTENSIONS):
        return [Sample(path, text)], []
    if keypoints is None:
        raise GaitmoodError(f"{text}: holds keypoints; this model looks at frames, and needs the video.")
    listing = list_walks({str(path): path}, keypoints)
    walks = [Sample(p, shown, label, keypoints=place) for shown, p, place, label in listing.walks]
    if name:
        walks = [sample for sample in walks if sample.keypoints.name == name]
        if not walks and not listing.left_out:
            raise GaitmoodError(f"{text}: {path} holds no walk of that name.")
    return walks, listing.left_out


def _in_folder(folder: Path, keypoints: KeypointOptions | None, labels: Path | None = None) -> Found:
    collection = find_samples(folder, labels, keypoints=keypoints)
    for note in collection.notes:
        say(f"  {note}")
    if not collection.samples and not collection.left_out:
        raise NothingUsableError(
            f"no walks in {folder}/: put videos, or keypoint files for a keypoint model, there."
        )
    samples = [
        replace(sample, name=(folder / sample.name).as_posix(), soft=None) for sample in collection.samples
    ]
    return samples, list(collection.left_out)


# --- Text ----------------------------------------------------------------------------------------------------


def _text(
    path: Path,
    found: Sequence[Any],
    importance: Any,
    options: ExplainOptions,
    left_out: Sequence[tuple[str, str]],
) -> str:
    sections = [f"Model: {path}"]
    for number, one in enumerate(found, start=1):
        shown = isinstance(one, saliency.Saliency)
        sections.append(one.text() + (f"\nSee {_picture(number)}." if shown else ""))
    if found:
        honest = saliency.HONEST if isinstance(found[0], saliency.Saliency) else explanation.HONEST
        sections.append(textwrap.fill(honest, explanation.WIDTH))
    if importance is not None:
        sections.append(importance.text(f"{options.data}/"))
    if left_out:
        lines = [f"  {name}: {reason}" for name, reason in left_out]
        sections.append("\n".join([f"Left out: {len(lines)}", *lines]))
    return f"\n{_RULE}\n".join(sections)
