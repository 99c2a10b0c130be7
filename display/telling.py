"""What became of a source: as the facts of a JSON file, and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from display.destinations import Destinations
from display.frame_log import SCHEMA, named
from display.watching import Job, Watched
from gait.affect import NAMES as AFFECT
from gait.preprocess.windows import sees_frames
from gait.sources import Source
from gait.streaming.abstaining import Threshold
from gait.streaming.moments import WholeWalk
from gait.streaming.stream import StreamSettings

_NOT_KEPT = "watched as it came, with nothing kept: there is no whole walk"
_ASPECT = 1.5  # ratio of shapes from which on a frame model sees walkers much smaller than in training
_SLOW = 0.6  # of the model's rate


def facts_of(source: Source, job: Job, watched: Watched, threshold: Threshold) -> dict[str, Any]:
    """What stands before the frames in a JSON file, see docs/predict.md."""
    record = job.bundle.record
    height, width = watched.size
    walks = [_walk(walk) for walk in watched.walks]
    return {
        "schema": SCHEMA,
        "video": {
            "name": source.name,
            "kind": source.kind,
            "frames": watched.frames,
            "seconds": round(watched.seconds, 6),
            "frames_per_second": None if math.isnan(watched.video_rate) else round(watched.video_rate, 3),
            "height": height,
            "width": width,
            "damaged": watched.damaged,
            "dropped": watched.dropped,
        },
        "model": {
            "file": str(job.bundle.path),
            "architecture": record.architecture or None,
            "classes": list(record.classes),
            "preprocess": record.preprocess.settings(),
        },
        "settings": _settings(job, threshold),
        "speed": {"frames_per_second": round(watched.rate, 1), "milliseconds_95": watched.latency},
        "walk": walks[0] if walks else {**_walk(WholeWalk(None, reason=_NOT_KEPT))},
        "people": walks,
    }


def _settings(job: Job, threshold: Threshold) -> dict[str, Any]:
    settings = job.settings
    return {
        "window_seconds": job.bundle.record.preprocess.window_seconds,
        "stride_seconds": settings.stride,
        "lag_seconds": None if settings.live else settings.lag,
        "smoothing": settings.smoothing,
        "smoothing_delay_seconds": settings.delay,
        "unsure_below": threshold.value,
        "unsure_below_source": threshold.source,
        "people": settings.people,
    }


def _walk(walk: WholeWalk) -> dict[str, Any]:
    said = walk.predictions
    affect = None if said is None else said.affect
    values = (
        dict.fromkeys(AFFECT)
        if affect is None
        else dict(zip(AFFECT, affect.predicted[0].tolist(), strict=True))
    )
    return {
        "person": walk.number,
        "label": None if said is None else said.predicted[0],
        "confidence": None if said is None else float(said.probabilities[0].max()),
        "probabilities": None if said is None else named(said.classes, said.probabilities[0]),
        **values,
        "views": None if said is None or said.views is None else said.views.said_of(0, said.classes),
        "clips": None if said is None else said.clips[0],
        "reason": walk.reason,
        "doubt": walk.doubt,
    }


def describe(source: Source, job: Job, watched: Watched, to: Destinations) -> str:
    """A few lines for the console."""
    height, width = watched.size
    lines = [
        f"{source.name}: {watched.frames} frames of {width}x{height} in {watched.seconds:.1f} s of video"
    ]
    for walk in watched.walks:
        lines.append("  " + _walk_line(walk, several=len(watched.walks) > 1))
        lines += [f"    {line}" for line in _view_lines(walk)]
        if walk.doubt is not None:
            lines.append(f"    not to be relied on: {walk.doubt}")
    total = max(sum(watched.said.values()), 1)
    shares = [f"{word} {count / total:.0%}" for word, count in watched.said.most_common()]
    lines.append("  frames: " + ", ".join(shares))
    lines += [f"  note: {remark}" for remark in remarks_on(job, watched)]
    lines.append(f"  {watched.rate:.0f} frames/s, 95 % of them done within {watched.latency:.0f} ms")
    if watched.dropped:
        share = watched.dropped / (watched.dropped + watched.frames)
        lines.append(
            f"  {watched.dropped} frames dropped ({share:.0%}): they came faster than they could be worked on"
        )
    if to.files:
        lines.append("  written: " + ", ".join(str(path) for path in to.files))
    return "\n".join(lines)


def _walk_line(walk: WholeWalk, several: bool) -> str:
    who = f"person {walk.number}" if several else "walk"
    if walk.predictions is None:
        return f"{who}: no answer: {walk.reason}"
    said = walk.predictions
    shares = "  ".join(f"{c} {p:.2f}" for c, p in zip(said.classes, said.probabilities[0], strict=True))
    text = f"{who}: {said.predicted[0]}   ({shares})"
    if said.affect is not None:
        text += "".join(
            f"  {name} {v:+.2f}" for name, v in zip(AFFECT, said.affect.predicted[0], strict=True)
        )
    return text


def _view_lines(walk: WholeWalk) -> list[str]:
    """The answer from each view, where the model tells views apart; the walk's own is all of them together."""
    if walk.predictions is None or walk.predictions.views is None:
        return []
    said = walk.predictions.views.said_of(0, walk.predictions.classes)
    return [
        f"seen from {view} ({answer['share']:.0%} likely): {answer['predicted']}   ("
        + "  ".join(f"{c} {p:.2f}" for c, p in answer["probabilities"].items())
        + ")"
        for view, answer in said.items()
    ]


def describe_settings(how: Any, settings: StreamSettings, threshold: Threshold) -> str:
    """How answers come about, in words."""
    shown = "when it is ready" if settings.live else f"{settings.lag:g} s after its window's end"
    text = (
        f"Answers look back on {how.window_seconds:.1f} s and come every {settings.stride:g} s, each {shown}"
    )
    if settings.smoothing > 1:
        text += f"; averaging {settings.smoothing} puts them off by {settings.delay:g} s"
    return f"{text}.\nUnsure below {threshold.value:.2f}: {threshold.source}."


def remarks_on(job: Job, watched: Watched) -> Sequence[str]:
    """Where model and video do not fit well together, and what was lost."""
    record, remarks = job.bundle.record, []
    how = record.preprocess
    if record.flat and record.flat == len(record.training_labels):
        remarks.append(
            "the model was trained on joints in the picture only (OpenPose, COCO), here they have depth: its answers "
            "are not to be relied on"
        )
    if watched.damaged:
        remarks.append(f"{watched.damaged} damaged packets or pictures were left out")
    if how.window_seconds > watched.seconds:
        remarks.append(
            f"shorter than the window of {how.window_seconds:.1f} s: no frame has an answer of its own"
        )
    rate = getattr(how, "rate", None)
    if rate is not None and watched.video_rate < _SLOW * rate:
        remarks.append(
            f"{watched.video_rate:.1f} frames per second came in, the model was trained at {rate:g}: what happens "
            "between them is missing"
        )
    if sees_frames(how) and min(watched.size) > 0:
        shapes = (watched.size[0] / watched.size[1]) / (how.height / how.width)
        if max(shapes, 1 / shapes) > _ASPECT:
            remarks.append(
                f"the model was trained on pictures of {how.height} x {how.width}; in a video of another shape it sees "
                "the walker smaller, with black around"
            )
    return remarks
