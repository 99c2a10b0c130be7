"""The walks that lie in keypoint files, one by one: found in a folder, and read again where they are needed.

A file that may hold many walks (.h5, .hdf5, .npy) is opened while listing, and its walks are called
``FILE#WALK``. Any other holds one walk, goes by its own name, and is not read before that walk is worked on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from gait.formats import KeypointError, KeypointFile, KeypointOptions, keypoint_sources, read_keypoints
from gait.pose.sequence import PoseSequence

MANY = (".h5", ".hdf5", ".npy")
# What is true of a synthetic walker, beside its video. Training on it would be training on the answer.
_TRUTH = ".joints.npz"


@dataclass(frozen=True)
class WalkInFile:
    """Which walk of a keypoint file, and what the file does not say itself.

    Attributes
    ----------
    name : str or None
        The walk's name in a file of many; None in a file of one.
    options : KeypointOptions
    """

    name: str | None = None
    options: KeypointOptions = field(default_factory=KeypointOptions)


@dataclass
class Listing:
    """What a folder's keypoint files hold.

    Attributes
    ----------
    walks : list of (str, Path, WalkInFile, str or None)
        Shown name, file, place in it, and the emotion that the file itself names.
    left_out : list of (str, str)
        Shown name and reason.
    notes : list of str
        What was assumed.
    """

    walks: list[tuple[str, Path, WalkInFile, str | None]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def keypoint_files(files: Mapping[str, Path], videos: Iterable[Path]) -> tuple[dict[str, Path], list[str]]:
    """Of a folder's files those to read as keypoints, by shown name.

    Parameters
    ----------
    files : mapping of str to Path
        All files by shown name.
    videos : iterable of Path
        Videos among them. The video is the walk where a keypoint file of the same name lies beside it; the
        true joints of synthetic walkers are never read.

    Returns
    -------
    files : dict of str to Path
    beside : list of str
        Names of those that lie beside their video.
    """
    shown = {path: name for name, path in files.items() if not name.lower().endswith(_TRUTH)}
    stems = {path.with_suffix("") for path in videos}
    sources = {shown[path]: path for path in keypoint_sources(shown)}
    beside = [name for name, path in sources.items() if path.with_suffix("") in stems]
    return {name: path for name, path in sources.items() if name not in beside}, beside


def list_walks(files: Mapping[str, Path], options: KeypointOptions) -> Listing:
    """The walks of keypoint files; files that cannot be read are named with the reason."""
    listing = Listing()
    for name, path in files.items():
        if path.suffix.lower() not in MANY:
            listing.walks.append((name, path, WalkInFile(None, options), None))
            continue
        try:
            file = _read(path, options, _state(path))
        except (KeypointError, OSError) as error:
            listing.left_out.append((name, str(error)))
            continue
        listing.walks += [
            (f"{name}#{walk.name}", path, WalkInFile(walk.name, options), walk.label) for walk in file
        ]
        listing.left_out += [(f"{name}#{walk}", reason) for walk, reason in file.left_out]
        listing.notes += [f"{name}: {note}" for note in file.notes]
    return listing


def read_walk(path: Path, place: WalkInFile) -> tuple[PoseSequence, tuple[str, ...]]:
    """One walk of a keypoint file, and what reading the file assumed where it holds no other.

    The last file read is kept, so that walking through its walks reads it once.

    Raises
    ------
    KeypointError
        The file cannot be read, or does not hold the walk.
    """
    try:
        file = _read(path, place.options, _state(path))
    except OSError as error:
        raise KeypointError(f"cannot be read ({error.strerror or error})") from error
    if place.name is None:
        if len(file) != 1:
            names = ", ".join(walk.name for walk in file)
            raise KeypointError(f"one walk was expected in the file, found {len(file)}: {names}")
        return file[0].sequence, file.notes
    for walk in file:
        if walk.name == place.name:
            return walk.sequence, ()
    raise KeypointError("the walk is no longer in the file, or cannot be used any more")


def _state(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_size


@lru_cache(maxsize=1)
def _read(path: Path, options: KeypointOptions, state: tuple[int, int]) -> KeypointFile:
    """A file as it is; ``state`` makes a changed one another."""
    return read_keypoints(path, options)
