"""One walk that the user names, as joints: a video through the pose estimator, or a walk of a keypoint file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gait.cache import Cache, content_hash
from gait.console import counted, progress_bar
from gait.errors import GaitmoodError, NothingUsableError, VideoError
from gait.formats import KEYPOINT_EXTENSIONS, KeypointError, KeypointOptions
from gait.formats.listing import list_walks, read_walk
from gait.placing import is_flat
from gait.pose.estimators import PoseSettings, check_ready, estimate_people
from gait.pose.sequence import PoseSequence
from gait.preprocess.poses import clean_file, poses_of, remarks_on
from gait.video import EXTENSIONS, expected_frames, open_video

_THREADS = 2  # of the pose networks, for one video


def read_poses(
    path: Path, settings: PoseSettings, cache: Cache, options: KeypointOptions
) -> tuple[PoseSequence, list[str]]:
    """A walk's joints as models see them, and what its user should know of how they came about.

    Parameters
    ----------
    path : Path
        A video; a keypoint file or a folder of OpenPose frames; or ``FILE#WALK`` for a file of many walks.
    settings : PoseSettings
        For a video.
    cache : Cache
        Where a video's poses are kept.
    options : KeypointOptions
        What a keypoint file does not say itself.

    Raises
    ------
    GaitmoodError
        There is no such file, or it is none of these; it holds several walks and none was named.
    NothingUsableError
        It cannot be read, or nobody is in view.
    """
    file, walk = _split(path)
    try:
        if file.suffix.lower() in EXTENSIONS:
            sequence = _of_video(file, settings, cache)
            return sequence, remarks_on(sequence)
        if file.suffix.lower() in KEYPOINT_EXTENSIONS or file.is_dir():
            return _of_file(file, walk, options)
    except (VideoError, KeypointError) as error:
        raise NothingUsableError(f"{path}: {error}.") from error
    raise GaitmoodError(
        f"{path}: expected a video ({', '.join(EXTENSIONS)}) or a keypoint file "
        f"({', '.join(KEYPOINT_EXTENSIONS)}, or a folder of OpenPose's)."
    )


def video_beside(path: Path) -> Path | None:
    """The video of a walk: the file itself, or the one of the same name beside a keypoint file."""
    file, walk = _split(path)
    if file.suffix.lower() in EXTENSIONS:
        return file
    beside = [file.with_suffix(ending) for ending in EXTENSIONS]
    return next((video for video in beside if video.is_file()), None) if walk is None else None


def _split(path: Path) -> tuple[Path, str | None]:
    """File and walk of ``FILE#WALK``; a file that has ``#`` in its name is itself."""
    if path.exists():
        return path, None
    name, mark, walk = str(path).rpartition("#")
    if mark and Path(name).is_file():
        return Path(name), walk
    raise GaitmoodError(f"{path}: there is no such file.")


def _of_video(path: Path, settings: PoseSettings, cache: Cache) -> PoseSequence:
    try:
        content = content_hash(path)
    except OSError as error:
        raise VideoError(f"cannot be read ({error.strerror})") from error
    sequence = poses_of(path, content, settings, cache, _estimate_with_bar)
    if not sequence.observed.any():
        raise VideoError("nobody was found in view")
    return sequence


def _estimate_with_bar(path: Path, settings: PoseSettings) -> PoseSequence:
    check_ready(settings)
    settings = replace(settings, threads=_THREADS)
    with open_video(path) as video, progress_bar("Estimating poses", expected_frames(path)) as bar:
        sequence = estimate_people(counted(video, bar), settings)[0]
        return replace(sequence, notes=sequence.notes | {"damaged": video.errors})


def _of_file(path: Path, walk: str | None, options: KeypointOptions) -> tuple[PoseSequence, list[str]]:
    listing = list_walks({path.name: path}, options)
    if not listing.walks:
        raise KeypointError(listing.left_out[0][1])
    names = [name for name, *_ in listing.walks]
    wanted = path.name if walk is None else f"{path.name}#{walk}"
    if len(names) == 1 and walk is None:
        wanted = names[0]
    if wanted not in names:
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise GaitmoodError(f"{path}: holds {len(names)} walks; name one of them: {shown}.")
    _, file, place, _ = listing.walks[names.index(wanted)]
    measured, remarks = read_walk(file, place)
    if is_flat(measured):
        return measured, [*remarks, "joints in the picture only: a flat figure, its depth is not known"]
    sequence = clean_file(measured)
    return sequence, [*remarks, *listing.notes, *remarks_on(sequence)]
