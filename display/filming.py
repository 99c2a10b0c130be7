"""From options to an animation: the walk is read, filmed and written."""

from __future__ import annotations

import math
import time
from pathlib import Path

from display.animation import ENDINGS, GIF_RATE, write_animation
from display.skeleton import SkeletonOptions
from display.skeleton_3d import Film, film_frames, steady_rows
from display.walks import read_poses, video_beside
from gait.cache import Cache
from gait.console import counted, progress_bar, say
from gait.errors import GaitmoodError, VideoError
from gait.formats import KeypointOptions
from gait.placing import usual_azimuth
from gait.pose.estimators import PoseSettings
from gait.pose.sequence import PoseSequence
from gait.runs import refuse_filled
from gait.video import FrameSize

_WIDTH = 0.8  # of a picture of the skeleton, in heights
_SAMPLES = 8  # pictures that the colours of a .gif are chosen from


def film_walk(options: SkeletonOptions) -> Path:
    """Read the walk, draw it and write the animation; the path of what was written.

    Raises
    ------
    GaitmoodError
        No walk is named, it or the video beside it cannot be read, or there is something at the output already.
    """
    if options.walk is None:
        raise GaitmoodError("name a walk to show: a video or a keypoint file (see --help).")
    output = _output(options)
    sequence = _read(options)
    video = None if options.alone else options.video or video_beside(options.walk)
    try:
        count, rate = _write(output, _film(options, sequence), video)
    except VideoError as error:
        raise GaitmoodError(f"{video or options.walk}: {error}. Without a video: --alone") from error
    say(f"Written {output}: {count} pictures, {rate:.4g} a second.")
    return output


def _write(output: Path, film: Film, video: Path | None) -> tuple[int, float]:
    """Draw and write; how many pictures, and how many a second."""
    gif = output.suffix.lower() == ".gif"
    rows, rate = steady_rows(film.sequence.time, GIF_RATE if gif else math.inf)
    some = rows[:: math.ceil(len(rows) / _SAMPLES)] if gif else rows[:0]
    samples = list(film_frames(film, some, video)) if gif else []
    with progress_bar("Drawing", len(rows)) as bar:
        return write_animation(output, counted(film_frames(film, rows, video), bar), rate, samples), rate


def _output(options: SkeletonOptions) -> Path:
    """Where to; known to be free before anything slow starts."""
    output = options.output
    if output is None:
        name = options.walk.name.partition("#")[0].rpartition(".")[0] or options.walk.name
        output = Path(f"{name}-skeleton.mp4")
    if not output.suffix:
        refuse_filled(output)
        return output
    if output.suffix.lower() not in ENDINGS:
        raise GaitmoodError(
            f"--output: a name ending in {' or '.join(ENDINGS)} was expected, or one without ending for a folder "
            f"of .png files; found {output}."
        )
    if output.exists() and not options.overwrite:
        raise GaitmoodError(f"{output} is there already; choose another --output, or say --overwrite.")
    if not output.parent.is_dir():
        raise GaitmoodError(f"--output: there is no folder {output.parent}; make it first.")
    return output


def _read(options: SkeletonOptions) -> PoseSequence:
    how = KeypointOptions(rate=options.keypoint_rate, first=options.keypoint_first, labels=False)
    settings = PoseSettings(options.poses, models=options.pose_models)
    cache, started = Cache(options.cache), time.time()
    sequence, remarks = read_poses(options.walk, settings, cache, how)
    cache.prune(started)
    for remark in remarks:
        say(f"  {remark}")
    return sequence


def _film(options: SkeletonOptions, sequence: PoseSequence) -> Film:
    azimuth = usual_azimuth(sequence) if options.azimuth is None else options.azimuth
    size = FrameSize(options.height, round(_WIDTH * options.height))
    return Film(sequence, size, azimuth, options.elevation, options.orbit)
