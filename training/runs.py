"""Run folders: everything a training run writes beside its model."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gait.errors import DiskFullError, GaitmoodError, InterruptedRunError, is_disk_full
from gait.predictions import write_beside

PROGRAM = "python train.py"
OPTIONS, WALKS, STATE, RESULT = "options.json", "walks.json", "checkpoint/state.json", "result.json"


def unfinished_run(runs: Path, begun: str = STATE, program: str = PROGRAM, **asked: Any) -> Path:
    """The newest run folder that holds the file ``begun`` and no result; ``program`` makes such runs.

    Parameters
    ----------
    runs : path
    begun, program : str
    **asked
        What options of the run must be, such as ``model="svm"``; None: anything.

    Raises
    ------
    GaitmoodError
        There is none.
    """
    depth = len(Path(begun).parts)
    found = [file.parents[depth - 1] for file in runs.glob(f"*/{begun}")]
    found = [folder for folder in found if not (folder / RESULT).exists()]
    if not found:
        also = " A cross-validation goes on with --cross-validate beside --resume." if begun == STATE else ""
        raise GaitmoodError(f"--resume: no interrupted run in {runs}/. Start one with: {program}.{also}")
    asked = {name: value for name, value in asked.items() if value is not None}
    fitting = [folder for folder in found if asked.items() <= options_of(folder).items()]
    if not fitting:
        wanted, there = (
            ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in of.items())
            for of in (asked, {name: options_of(newest(found, begun)).get(name) for name in asked})
        )
        raise GaitmoodError(
            f"--resume: no interrupted run in {runs}/ has {wanted}; the newest there has {there}. Give those to go on "
            "with it, or leave --resume out to start anew."
        )
    return newest(fitting, begun)


def newest(folders: Sequence[Path], begun: str) -> Path:
    """The run folder whose file ``begun`` is the newest."""
    return max(folders, key=lambda folder: ((folder / begun).stat().st_mtime, folder.name))


def options_of(folder: Path) -> dict[str, Any]:
    """The options that a run was begun with, as JSON values; none where it left none."""
    path = folder / OPTIONS
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_history(folder: Path, history: Mapping[str, Sequence[float]]) -> None:
    """The curves as ``log.csv``, a row an epoch."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *history])
    for epoch, row in enumerate(zip(*history.values(), strict=True), start=1):
        writer.writerow([epoch, *row])
    write_beside(folder / "log.csv", text.getvalue().encode())


def draw_curves(path: Path, history: Mapping[str, Sequence[float]], best_epoch: int) -> None:
    """Loss and accuracy over epochs, training and validation, the chosen epoch marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    accuracy = "accuracy" if "accuracy" in history else "emotion_accuracy"  # of one output, or of several
    for axes, metric in zip(figure.subplots(1, 2), ("loss", accuracy), strict=True):
        for name, side in ((metric, "training"), (f"val_{metric}", "validation")):
            if name in history:
                axes.plot(range(1, len(history[name]) + 1), history[name], label=side)
        axes.axvline(best_epoch, color="0.6", linestyle=":", label="chosen epoch")
        axes.set(xlabel="epoch", ylabel=metric.removeprefix("emotion_"))
        axes.legend()
    figure.savefig(path, dpi=120)


def read_state(folder: Path) -> dict[str, Any]:
    """The newest complete checkpoint of a run's ``checkpoint`` folder."""
    return json.loads((folder / "state.json").read_text(encoding="utf-8"))


@contextlib.contextmanager
def interruptible(folder: Path, program: str = PROGRAM) -> Iterator[None]:
    """Say how to go on when Ctrl-C or a full disk ends training; leave nothing half-written.

    Parameters
    ----------
    folder : path
        The run folder; its ``checkpoint`` folder is what training goes on from.
    program : str
        The command that goes on, with ``--resume``.

    Raises
    ------
    InterruptedRunError, DiskFullError
    """
    begun = folder / "checkpoint" / "state.json"
    again = how_to_resume(folder)
    try:
        yield
    except KeyboardInterrupt:
        if not begun.exists():
            raise
        epoch = read_state(folder / "checkpoint")["epoch"]
        raise InterruptedRunError(
            f"interrupted; epoch {epoch} is kept. Go on with: {program} {again}"
        ) from None
    except (OSError, RuntimeError, DiskFullError) as error:
        if not isinstance(error, DiskFullError) and not is_disk_full(error):
            raise
        how = f"go on with: {program} {again}" if begun.exists() else "run the same command again."
        raise DiskFullError(
            f"the disk is full while writing to {folder}. Free some room and {how}"
        ) from error
    finally:
        remove_leftovers(folder / "checkpoint")


def how_to_resume(folder: Path) -> str:
    """The flags that go on with a run."""
    return "--resume" if folder.parent == Path("runs") else f"--resume --runs {folder.parent}"


def remove_leftovers(folder: Path) -> None:
    """Remove what the state does not name: older checkpoints, and half-written ones."""
    state = read_state(folder) if (folder / "state.json").exists() else {}
    for path in folder.glob("*"):
        if path.name not in ("state.json", state.get("last"), state.get("best")):
            path.unlink()
