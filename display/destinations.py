"""Where what predict.py makes of each source goes, refused before any work is done where it cannot go there."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from display.predict_options import PredictOptions
from gait.errors import GaitmoodError
from gait.runs import new_run
from gait.sources import Source

_ENDINGS = {"output": ".mp4", "json": ".json", "csv": ".csv"}
_LONGEST = 100  # bytes of a name: file systems take 255, with what is written before and after it


@dataclass(frozen=True)
class Destinations:
    """The files of one source; None for what is not wanted.

    Attributes
    ----------
    output : Path or None
        The annotated video.
    json, csv : Path or None
        What is said of it.
    made : tuple of Path
        Folders that were made for them.
    """

    output: Path | None = None
    json: Path | None = None
    csv: Path | None = None
    made: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that are wanted."""
        return tuple(path for flag in _ENDINGS if (path := getattr(self, flag)) is not None)

    def make_folders(self) -> None:
        """Make the folders again that :meth:`remove_empty_folders` took away."""
        for folder in self.made:
            folder.mkdir(exist_ok=True)

    def remove_empty_folders(self) -> None:
        """Leave no folder behind that was made and that nothing has come into."""
        for folder in self.made:
            with suppress(OSError):  # it holds something
                folder.rmdir()


def choose_destinations(options: PredictOptions, sources: Sequence[Source]) -> list[Destinations]:
    """The files for each source.

    Named by ``--output``, ``--json`` and ``--csv``; where none of them is given, all three in a new run folder, or
    none for a camera.

    Raises
    ------
    GaitmoodError
        A folder is missing, an ending is wrong, a file is there already, or none can be written there.
    """
    named = {flag: path for flag in _ENDINGS if (path := getattr(options, flag)) is not None}
    several = options.source is not None and Path(options.source).is_dir()
    if not named and options.live:
        return [Destinations() for _ in sources]
    stems = _stems(sources)
    made = set()
    if not named:
        made = {_new_run(options, stems)}
        named, several = dict.fromkeys(_ENDINGS, *made), True
    for flag, path in named.items():
        _check_place(flag, path, several)
    chosen = [
        Destinations(**{f: path / (stem + _ENDINGS[f]) if several else path for f, path in named.items()})
        for stem in stems
    ]
    for one, source in zip(chosen, sources, strict=True):
        _check_free(one, source, options.overwrite)
    files = [path for one in chosen for path in one.files]
    made |= {path.parent for path in files if not path.parent.exists()}
    for path in files:
        _try(path)
    return [replace(one, made=tuple(sorted(made & {path.parent for path in one.files}))) for one in chosen]


def _new_run(options: PredictOptions, stems: Sequence[str]) -> Path:
    what = stems[0] if len(stems) == 1 else _plain(Path(options.source).absolute().name)
    try:
        return new_run(options.runs, f"predict-{what}")
    except OSError as error:
        raise GaitmoodError(
            f"--runs {options.runs}: no folder can be made there ({error.strerror}). Choose another place."
        ) from error


def _check_place(flag: str, path: Path, several: bool) -> None:
    if not path.parent.is_dir():
        raise GaitmoodError(
            f"--{flag}: the folder {path.parent}/ does not exist. Make it first, or choose another."
        )
    if several and path.exists() and not path.is_dir():
        raise GaitmoodError(f"--{flag}: a folder was expected for the videos of a folder; {path} is a file.")
    if not several and path.is_dir():
        raise GaitmoodError(
            f"--{flag}: {path} is a folder; a file was expected, such as {path / ('walk' + _ENDINGS[flag])}"
        )
    if not several and path.suffix.lower() != _ENDINGS[flag]:
        raise GaitmoodError(
            f"--{flag}: a name that ends in {_ENDINGS[flag]} was expected, found {path.name}."
        )


def _check_free(chosen: Destinations, source: Source, overwrite: bool) -> None:
    for path in chosen.files:
        if source.kind == "file" and path.exists() and path.samefile(source.place):
            raise GaitmoodError(f"{path} is the video itself; choose another name for what is made of it.")
        if path.exists() and not overwrite:
            raise GaitmoodError(
                f"{path} is there already. Choose another name, or replace it with --overwrite."
            )


def _try(path: Path) -> None:
    """Refuse what cannot be written there, before any work is done: begin a file as it will be begun."""
    part = path.with_name(f".{path.name}.test.part")  # the longest name that is used beside it
    try:
        path.parent.mkdir(exist_ok=True)
        part.touch()
        part.unlink()
    except OSError as error:
        raise GaitmoodError(
            f"{path}: nothing can be written there ({error.strerror}). Choose another place, or a shorter name."
        ) from error


def _stems(sources: Sequence[Source]) -> list[str]:
    """A file name without ending for each source: its own, with the ending where two would be the same."""
    names = [_name(source, single=len(sources) == 1) for source in sources]
    plain = [_plain(str(Path(name).with_suffix(""))) for name in names]
    counts = Counter(map(_key, plain))
    return _told_apart(
        [_plain(name) if counts[_key(stem)] > 1 else stem for name, stem in zip(names, plain, strict=True)]
    )


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names of which no two are the same: one that came before gets the next number that nobody's name has."""
    wanted, given, result = set(map(_key, names)), set(), []
    for name in names:
        one, number = name, 1
        while _key(one) in (given if number == 1 else given | wanted):
            number += 1
            one = f"{name}-{number}"
        given.add(_key(one))
        result.append(one)
    return result


def _key(name: str) -> str:
    """What is the same in two names that some file systems take for one."""
    return name.casefold()


def _name(source: Source, single: bool) -> str:
    if source.kind == "pictures":
        return Path(source.place).absolute().parent.name + ".pictures"
    if source.kind == "file":
        return Path(source.place).name if single else source.name
    return source.name + ".live"


def _plain(name: str) -> str:
    """What every file system takes, in place of anything else."""
    whole = unicodedata.normalize("NFC", name)  # an accent by itself would be taken for no letter
    short = re.sub(r"[^\w.-]+", "-", whole).strip("-.").encode()[:_LONGEST].decode(errors="ignore")
    return short.rstrip("-.") or "video"
