"""The names of files, and how the names in label files find them."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from gait.errors import LabelError


def class_name(text: str) -> str:
    """The one spelling of a class, ``happy`` for `` Happy``: stripped, lower case, composed (NFC)."""
    return unicodedata.normalize("NFC", text.strip().lower())


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: all of them, however many, for nothing is dropped silently."""
    return ", ".join(names)


def fold(text: str) -> str:
    """Text for comparison without regard to case, surrounding spaces and how accents are composed."""
    return unicodedata.normalize("NFD", text.strip().casefold())


def list_files(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Files in a folder and its sub-folders, hidden ones left out, links followed.

    Parameters
    ----------
    folder : Path
        Where to look.

    Returns
    -------
    files : dict of str to Path
        By the name relative to the folder with ``/``, sorted. Bytes of a name that are not UTF-8 are spelled
        out, so that every name can be printed and written.
    notes : list of str
        Sub-folders that cannot be read.

    Raises
    ------
    LabelError
        The folder does not exist, is a file or cannot be read.
    """
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        raise LabelError(f"{folder} {problem}; expected a folder with walking videos")
    notes: list[str] = []
    files = {_shown(path, folder): path for path in _walk(folder, (), notes)}
    return dict(sorted(files.items())), notes


def _walk(folder: Path, parents: tuple[Path, ...], notes: list[str]) -> list[Path]:
    real = folder.resolve()
    if real in parents:  # a link that leads back
        return []
    try:
        children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
        folders = [child for child in children if child.is_dir()]
        # A dead link is kept: reading it will say what is wrong. Pipes and devices are not.
        found = [child for child in children if child.is_file() or not child.exists()]
    except OSError as error:
        if not parents:
            raise LabelError(f"{folder} cannot be read ({error.strerror})") from error
        notes.append(f"folder left out because it cannot be read ({error.strerror}): {folder}")
        return []
    return found + [path for child in folders for path in _walk(child, (*parents, real), notes)]


def _shown(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class NameIndex:
    """Finds the file that a label entry means.

    Case, surrounding spaces, the kind of slash and composed or decomposed accents never matter; the extension
    matters only where it decides between files. An entry with a slash (``sad/a.mp4``, ``./a.mp4``) is a path
    relative to the folder, any other is a bare name that may lie in any folder.

    Parameters
    ----------
    names : iterable of str
        Files relative to the folder, with ``/``.
    extensions : sequence of str
        Endings that an entry may have, with the dot.
    """

    def __init__(self, names: Iterable[str], extensions: Sequence[str]):
        self._extensions = sorted({fold(extension) for extension in extensions}, key=len, reverse=True)
        self._files: dict[tuple[bool, str], list[str]] = defaultdict(list)
        self._stems: dict[tuple[bool, str], list[str]] = defaultdict(list)
        for name in names:
            # No file name on disk holds a slash, but on Linux one may hold a backslash: both count as one.
            folders, stem, extension = self._split(name)
            for is_path, prefix in ((True, folders), (False, "")):
                self._files[is_path, prefix + stem + extension].append(name)
                self._stems[is_path, prefix + stem].append(name)

    def _split(self, name: str) -> tuple[str, str, str]:
        parts = [part for part in map(fold, name.replace("\\", "/").split("/")) if part not in ("", ".")]
        *folders, last = parts or [""]
        extension = next((e for e in self._extensions if last.endswith(e) and last != e), "")
        return "".join(f"{part}/" for part in folders), last[: len(last) - len(extension)].strip(), extension

    def find(self, entry: str, where: str) -> str | None:
        """The one file that ``entry`` means, or None.

        Raises
        ------
        LabelError
            Several files fit; ``where`` (file and row) opens the message.
        """
        is_path = "/" in entry.strip().replace("\\", "/")
        folders, stem, extension = self._split(entry)
        whole = (is_path, folders + stem + extension)
        # An entry "walk.mov" may leave out the extension of the file "walk.mov.mp4".
        fits = (
            self._files.get(whole)
            or self._stems.get(whole)
            or self._stems.get((is_path, folders + stem))
            or []
        )
        if len(fits) > 1:
            raise LabelError(
                f"{where}: {entry!r} fits {len(fits)} videos: {listed(fits)}; write the path relative to the "
                "folder of the videos, with its extension (./a.mp4 for one that lies in no sub-folder), or "
                "rename one"
            )
        return fits[0] if fits else None
