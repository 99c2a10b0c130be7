"""Run folders: everything a training run writes beside its model."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from gait.errors import GaitmoodError
from gait.predictions import write_beside

OPTIONS, WALKS, STATE, RESULT = "options.json", "walks.json", "checkpoint/state.json", "result.json"


def unfinished_run(runs: Path) -> Path:
    """The newest run folder that began to train and holds no result.

    Raises
    ------
    GaitmoodError
        There is none.
    """
    found = [state.parent.parent for state in runs.glob(f"*/{STATE}")]
    found = [folder for folder in found if not (folder / RESULT).exists()]
    if not found:
        raise GaitmoodError(f"--resume: no interrupted run in {runs}/. Start one with: python train.py")
    return max(found, key=lambda folder: ((folder / STATE).stat().st_mtime, folder.name))


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
    for axes, metric in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for name, side in ((metric, "training"), (f"val_{metric}", "validation")):
            if name in history:
                axes.plot(range(1, len(history[name]) + 1), history[name], label=side)
        axes.axvline(best_epoch, color="0.6", linestyle=":", label="chosen epoch")
        axes.set(xlabel="epoch", ylabel=metric)
        axes.legend()
    figure.savefig(path, dpi=120)
