"""Keypoint files made elsewhere, and our own: one door, :func:`read_keypoints`, chosen by ending and content.

=====================  ==================================  =========================================
Ending                 Format                              What it does not say (KeypointOptions)
=====================  ==================================  =========================================
.npz                   Gaitmood's own                      nothing
.h5, .hdf5             Emotion-Gait, STEP                  rate, emotions, first, unit
.npy                   MDT-GCN                             rate, emotions, first, unit
.bvh                   motion capture                      unit
.json, or a folder     OpenPose (a file a frame), COCO     rate, person
=====================  ==================================  =========================================

A file may hold many walks. The EiLA table holds boxes, not joints: :func:`gait.formats.eila.read_eila`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from gait.errors import GaitmoodError
from gait.formats.bvh import read_bvh
from gait.formats.emotion_gait import is_labels, open_h5, read_emotion_gait
from gait.formats.mdt_gcn import PARTS, read_mdt_gcn
from gait.formats.openpose import FRAME_FILE, read_json
from gait.formats.walks import (
    DEFAULT_RATE,
    EMOTION_MAPS,
    MIN_FRAMES,
    RUN_OPTIONS,
    KeypointError,
    KeypointFile,
    KeypointOptions,
    KeypointWalk,
    check_body,
    check_length,
    check_time,
)
from gait.skeleton import find_layout

__all__ = [
    "DEFAULT_RATE",
    "EMOTION_MAPS",
    "KEYPOINT_EXTENSIONS",
    "MIN_FRAMES",
    "RUN_OPTIONS",
    "KeypointError",
    "KeypointFile",
    "KeypointOptions",
    "KeypointWalk",
    "keypoint_sources",
    "read_keypoints",
]


def _read_npz(path: Path, options: KeypointOptions) -> KeypointFile:
    from gait.pose.store import load_npz

    try:
        sequence = load_npz(path)
        layout = find_layout(sequence.layout)
    except GaitmoodError as error:
        raise KeypointError(str(error).removeprefix(f"{path}: ")) from error  # who reads names the file
    if sequence.world.shape[1] != len(layout):
        raise KeypointError(
            f"{len(layout)} joints expected for {layout.name}, found {sequence.world.shape[1]}"
        )
    check_length(len(sequence))
    check_time(sequence.time)
    check_body(sequence.world, layout.name)
    return KeypointFile((KeypointWalk(path.stem, sequence),))


_READERS: dict[str, Callable[[Path, KeypointOptions], KeypointFile]] = {
    ".npz": _read_npz,
    ".h5": read_emotion_gait,
    ".hdf5": read_emotion_gait,
    ".npy": read_mdt_gcn,
    ".bvh": read_bvh,
    ".json": read_json,
}
KEYPOINT_EXTENSIONS = tuple(_READERS)


def read_keypoints(path: Path | str, options: KeypointOptions | None = None) -> KeypointFile:
    """The walks of a keypoint file.

    Parameters
    ----------
    path : path or str
        A file with one of :data:`KEYPOINT_EXTENSIONS` in any case, or a folder of OpenPose frames. Any one
        frame file of OpenPose stands for the whole series that it belongs to.
    options : KeypointOptions, optional
        What the file does not say itself.

    Returns
    -------
    KeypointFile
        A sequence of :class:`KeypointWalk`, at least one; walks that cannot be used are named in
        ``left_out``.

    Raises
    ------
    KeypointError
        Nothing in the file can be used. The message is the reason, without the file's name.
    """
    path = Path(path)
    if not path.exists():
        raise KeypointError("there is no such file")
    suffix = ".json" if path.is_dir() else path.suffix.lower()
    if suffix not in _READERS:
        hint = "; an EiLA table holds boxes, not joints" if suffix in (".csv", ".xlsx") else ""
        raise KeypointError(
            f"files ending in '{path.suffix}' are no keypoints; expected {', '.join(_READERS)}{hint}"
        )
    if not path.is_dir() and path.stat().st_size == 0:
        raise KeypointError("the file is empty (0 bytes)")
    try:
        return _READERS[suffix](path, options or KeypointOptions())
    except OSError as error:
        raise KeypointError(f"cannot be read ({error.strerror or error})") from error


def keypoint_sources(paths: Iterable[Path | str]) -> list[Path]:
    """Of the files in a folder, those to hand to :func:`read_keypoints`, each walk once.

    Of an OpenPose series the first frame stands for all; the companions of other files (labels of
    Emotion-Gait, movement and affective arrays of MDT-GCN) and files of other kinds are left out.

    Parameters
    ----------
    paths : iterable of path or str

    Returns
    -------
    list of Path
        Sorted.
    """
    sources: list[Path] = []
    series: set[tuple[Path, str]] = set()
    for path in sorted(map(Path, paths)):
        match = FRAME_FILE.match(path.name)
        key = (path.parent, match["series"]) if match else None
        if path.suffix.lower() not in _READERS or key in series or _is_companion(path):
            continue
        if key:
            series.add(key)
        sources.append(path)
    return sources


def _is_companion(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        parts = [part for part in PARTS if path.stem.endswith(part)]
        return any(path.with_name(path.name.replace(part, "joint")).is_file() for part in parts)
    if suffix not in (".h5", ".hdf5"):
        return False
    try:
        with open_h5(path) as file:
            return is_labels(file)
    except GaitmoodError:
        return False  # reading it will say what is wrong
