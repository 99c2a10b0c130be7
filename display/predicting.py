"""A prediction from options to files: the model, the sources, and each of them watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

# Before PyAV, which some of the modules below import: both bring libraries of the window system, and OpenCV's windows
# hang with those of PyAV.
import cv2  # noqa: F401

from display.destinations import Destinations, choose_destinations
from display.objects import SOURCE, ObjectFinder
from display.predict_options import PredictOptions
from display.telling import describe, describe_settings, facts_of
from display.watching import Job, Watched, watch
from gait import bundle as bundles
from gait.console import say, warn
from gait.errors import GaitmoodError, InterruptedRunError, NothingUsableError, VideoError
from gait.model_files import newest
from gait.pose.estimators import PoseSettings, check_ready
from gait.pose.weights import WeightsError
from gait.preprocess.poses import pose_settings_of
from gait.preprocess.windows import needs_poses, sees_frames
from gait.sources import Source, find_sources
from gait.streaming.abstaining import Threshold, find_threshold
from gait.streaming.stream import StreamSettings


@dataclass(frozen=True)
class Predicted:
    """A source and what became of it: ``watched``, or the reason why nothing."""

    source: Source
    to: Destinations
    watched: Watched | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Ready:
    """A model and sources that fit together, and all else that watching them takes."""

    sources: tuple[Source, ...]
    chosen: list[Destinations]
    job: Job
    threshold: Threshold


def predict(options: PredictOptions) -> list[Predicted]:
    """Run: find the sources, load the model, watch each source, write and say what was seen.

    Raises
    ------
    BundleError
        The model file cannot be used.
    NothingUsableError
        None of the sources can be watched.
    GaitmoodError
        There is no such source, a file cannot go where it should, or model and options do not fit together.
    """
    ready, predicted = get_ready(options), []
    for one in watch_all(ready):
        watched = one.watched
        say(
            f"left out: {one.source.name}: {one.reason}"
            if watched is None
            else describe(one.source, ready.job, watched, one.to)
        )
        predicted.append(one)
    _refuse_none(predicted)
    return predicted


def get_ready(options: PredictOptions) -> Ready:
    """Find the sources and load the model. Errors as of :func:`predict`, as far as no source is opened yet."""
    sources = _sources(options)
    path = options.model or newest(options.saved_models)
    record = bundles.known_or_assumed(path, options.classes, options.rate, options.background)
    _check_people(record, options)
    poses = _poses(record, options)
    objects = _objects(options)
    chosen = choose_destinations(options, sources)
    threshold = find_threshold(record, options.unsure_below)
    settings = StreamSettings(
        threshold.value, options.people, options.stride, options.smoothing, options.live
    )
    bundle = bundles.load(path, assumed=record)
    job = Job(
        bundle, settings, poses, objects, options.live and options.window, options.json_format == "list"
    )
    say(f"Model {path}: {record.architecture or 'plain Keras file'}, {', '.join(record.classes)}")
    say(describe_settings(record.preprocess, settings, threshold))
    return Ready(sources, chosen, job, threshold)


def _sources(options: PredictOptions) -> tuple[Source, ...]:
    text = options.camera if options.camera is not None else options.source
    if text is None:
        raise GaitmoodError(
            "what to look at was expected: python predict.py walk.mp4, or --camera 0. --help lists more."
        )
    sources = find_sources(text, options.picture_rate)
    if options.camera is not None and len(sources) > 1:
        raise GaitmoodError(
            f"--camera {text}: one source was expected, found a folder of {len(sources)} videos."
        )
    return sources


def _check_people(record: bundles.Record, options: PredictOptions) -> None:
    if options.people > 1 and sees_frames(record.preprocess):
        raise GaitmoodError(
            f"--people {options.people}: this model ({record.architecture or 'plain Keras file'}) looks at the whole "
            "picture and cannot tell people apart. Choose a keypoint model, or --people 1."
        )


def _poses(record: bundles.Record, options: PredictOptions) -> PoseSettings | None:
    """The estimator; a frame model can do without, and then has no skeleton and never abstains for its sake."""
    # One stream has all cores: two threads halve the time that a frame waits for its poses.
    settings = replace(pose_settings_of(record.preprocess) or PoseSettings(), threads=2)
    if options.pose_models is not None:
        settings = replace(settings, models=options.pose_models)
    try:
        check_ready(settings)
    except WeightsError as error:
        if needs_poses(record.preprocess):
            raise
        warn(f"no skeleton is drawn, and whether anybody walks is not looked at: {error}")
        return None
    return settings


def _objects(options: PredictOptions) -> ObjectFinder | None:
    if options.objects == "":
        warn(
            f"--objects: no model file is named, so nothing is looked for in the scene. One to use: {SOURCE}"
        )
    return ObjectFinder(options.objects) if options.objects else None


def watch_all(ready: Ready) -> Iterator[Predicted]:
    """Watch the sources one by one; those that cannot be watched come with the reason."""
    job = ready.job
    for source, to in zip(ready.sources, ready.chosen, strict=True):
        tell = partial(facts_of, source, job, threshold=ready.threshold)
        try:
            watched = watch(source, job, to, lambda seen, tell=tell: tell(watched=seen))
        except VideoError as error:
            yield Predicted(source, to, reason=str(error))
            continue
        except KeyboardInterrupt as stop:
            raise InterruptedRunError(
                f"{source.name}: interrupted, and nothing of it was written. What was written of videos before it is "
                "kept; the same command with --overwrite begins anew."
            ) from stop
        finally:
            to.remove_empty_folders()
        yield Predicted(source, to, watched)


def _refuse_none(predicted: list[Predicted]) -> None:
    if not any(one.watched for one in predicted):
        raise NothingUsableError("nothing could be watched; the reasons stand above.")
