"""Where what predict.py makes of each source goes, refused before any work is done where it cannot go there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from display.predict_options import PredictOptions
from gait.errors import GaitmoodError
from gait.runs import new_run
from gait.sources import Source

_ENDINGS = {"output": ".mp4", "json": ".json", "csv": ".csv"}


@dataclass(frozen=True)
class Destinations:
    """The files of one source; None for what is not wanted. ``output`` is the annotated video."""

    output: Path | None = None
    json: Path | None = None
    csv: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that are wanted."""
        return tuple(path for field in fields(self) if (path := getattr(self, field.name)) is not None)


def choose_destinations(options: PredictOptions, sources: Sequence[Source]) -> list[Destinations]:
    """The files for each source.

    Named by ``--output``, ``--json`` and ``--csv``; where none of them is given, all three in a new run folder, or
    none for a camera.

    Raises
    ------
    GaitmoodError
        A folder is missing, an ending is wrong, or a file is there already.
    """
    named = {flag: path for flag in _ENDINGS if (path := getattr(options, flag)) is not None}
    several = options.source is not None and Path(options.source).is_dir()
    if not named and options.live:
        return [Destinations() for _ in sources]
    stems = _stems(sources)
    if not named:
        folder = new_run(
            options.runs, f"predict-{stems[0] if len(stems) == 1 else Path(options.source).name}"
        )
        named, several = dict.fromkeys(_ENDINGS, folder), True
    for flag, path in named.items():
        _check_place(flag, path, several)
    chosen = [
        Destinations(**{f: path / (stem + _ENDINGS[f]) if several else path for f, path in named.items()})
        for stem in stems
    ]
    for one, source in zip(chosen, sources, strict=True):
        _check_free(one, source, options.overwrite)
        for path in one.files:
            path.parent.mkdir(exist_ok=True)
    return chosen


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


def _stems(sources: Sequence[Source]) -> list[str]:
    """A file name without ending for each source: its own, with the ending where two would be the same."""
    names = [_name(source, single=len(sources) == 1) for source in sources]
    plain = [_plain(str(Path(name).with_suffix(""))) for name in names]
    counts = Counter(plain)
    return [_plain(name) if counts[stem] > 1 else stem for name, stem in zip(names, plain, strict=True)]


def _name(source: Source, single: bool) -> str:
    if source.kind == "pictures":
        return Path(source.place).absolute().parent.name + ".pictures"
    if source.kind == "file":
        return Path(source.place).name if single else source.name
    return source.name + ".live"


def _plain(name: str) -> str:
    """What every file system takes, in place of anything else."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "video"
