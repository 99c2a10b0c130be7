"""The parameter table of a model, without training it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gait.backend import start_keras
from gait.errors import GaitmoodError
from gait.inputs import describe
from gait.labels import Sample, find_samples
from gait.models import architecture, build_model, find_entry
from training.options import TrainOptions
from training.walks import preprocessing_for

# Where there are no labelled walks yet: angry, happy, neutral and sad.
USUAL_CLASSES = 4


def summary_lines(options: TrainOptions) -> list[str]:
    """A row for each part of the model, where its file names them, else for each layer.

    It is built for the walks in the options' folder, or, where none is labelled, for four classes.

    Raises
    ------
    GaitmoodError
        A classical model was named: it has no size before it is trained.
    """
    if find_entry(options.model).kind == "features":
        raise GaitmoodError(
            f"--summary is for networks; how large {options.model} becomes depends on the walks that it is trained on."
        )
    start_keras()
    samples, classes = _labelled(options)
    shape = preprocessing_for(options, samples).input_shape
    model = build_model(options.model, shape, classes, options.affect or None)
    said = "in the walks found" if samples else "assumed: no labelled walks found"
    return [
        f"{options.model}: {model.count_params():,} parameters",
        f"input: {describe(shape)}; {classes} classes ({said})",
        "",
        *_table(options.model, model),
    ]


def _labelled(options: TrainOptions) -> tuple[list[Sample], int]:
    if not options.videos.is_dir():
        return [], USUAL_CLASSES
    collection = find_samples(options.videos, options.labels)
    samples = [sample for sample in collection.samples if sample.label is not None]
    return samples, len(collection.classes) if samples else USUAL_CLASSES


def _table(name: str, model: Any) -> list[str]:
    sizes = [(layer.name, layer.count_params()) for layer in model.layers if layer.weights]
    total = model.count_params()
    parts = getattr(architecture(name), "COMPONENTS", None)
    if parts is None:
        return _laid_out([("layer", "parameters"), *((n, f"{size:,}") for n, size in sizes), _total(total)])
    rows = [("part", "parameters", "published")]
    for part, beginning, published in parts:
        size = sum(size for name, size in sizes if name.startswith(beginning))
        rows.append((part, f"{size:,}", _about(published)))
    known = [published for *_, published in parts if published]
    return _laid_out([*rows, (*_total(total), _about(sum(known)))])


def _total(parameters: int) -> tuple[str, str]:
    return "total", f"{parameters:,}"


def _about(parameters: float | None) -> str:
    return f"about {parameters / 1e6:.1f} million" if parameters else ""


def _laid_out(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(rest, widths[1:], strict=True))])
        for first, *rest in rows
    ]
