"""The bundle: a saved model that knows its labels, its preprocessing and its history.

A Keras model in Keras's own ``.h5`` layout, which plain ``keras.models.load_model`` opens, with what else
must be known as HDF5 attributes (JSON) and, for lists that grow with the data, as datasets in the group
``gaitmood``. The only bridge from training to everything after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gait import preprocess as preprocessing
from gait.backend import start_keras
from gait.errors import BundleError
from gait.label_names import class_name
from gait.model_files import POSE_NETWORK, save_keras, written_whole

FORMAT = 1
GROUP = "gaitmood"
CLASSICAL = "scikit-learn"
SPLITS = ("train", "validation", "held-out")


@dataclass(frozen=True)
class KnownWalk:
    """A walk that took part in training, on whichever side.

    Attributes
    ----------
    name, content : str
        As the user saw it, and the content hash of its file.
    subject : str or None
        Who walks.
    label : str
        Its class.
    split : {"train", "validation", "held-out"}
        What it was used for.
    """

    name: str
    content: str
    subject: str | None
    label: str
    split: str


@dataclass(frozen=True)
class Record:
    """All that a bundle knows beside its weights.

    ``gists`` are those of the walks trained on, see :mod:`gait.floors`; ``measured`` the values of each walk feature
    over these walks, where poses are known; ``prints`` the packed fingerprints of ``walks``, see
    :mod:`gait.fingerprint`, or none in a file from before there were any; ``flat`` how many of those trained on have
    joints in the picture only.
    """

    architecture: str
    classes: tuple[str, ...]
    preprocess: Any
    walks: tuple[KnownWalk, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    flat: int = 0
    gists: np.ndarray | None = field(default=None, compare=False)
    measured: Mapping[str, np.ndarray] | None = field(default=None, compare=False)
    prints: tuple[bytes, ...] = field(default=(), compare=False)

    @property
    def training_labels(self) -> list[str]:
        """Classes of the walks that were trained on, in the order of ``gists``."""
        return [walk.label for walk in self.walks if walk.split == "train"]

    @property
    def training_majority(self) -> str | None:
        """The most frequent class of the training side; the first in class order when several are."""
        labels = self.training_labels
        return max(self.classes, key=labels.count) if labels else None


@dataclass(frozen=True)
class Bundle:
    """A loaded model file."""

    path: Path
    model: Any
    record: Record


def library_versions() -> dict[str, str]:
    """Versions of what decides a result."""
    from importlib.metadata import version

    return {name: version(name) for name in ("tensorflow", "keras", "numpy", "scikit-learn", "av")}


def save(path: Path, model: Any, record: Record) -> None:
    """Write a bundle; the file appears whole or not at all.

    Raises
    ------
    DiskFullError
        There is no room left; a file that was there before is as it was.
    """
    with written_whole(path, 4 * model.count_params() + sum(map(len, record.prints))) as part:
        _save_model(model, part, record)
        with h5py.File(part, "r+") as file:
            _write_record(file, record)


def _save_model(model: Any, path: Path, record: Record) -> None:
    """Write the model alone: Keras's own layout, or skops bytes in a dataset."""
    if record.preprocess.kind == "features":
        from gait.models.classical import dump

        with h5py.File(path, "w") as file:
            file.create_group(GROUP).create_dataset(CLASSICAL, data=np.frombuffer(dump(model), np.uint8))
    else:
        from gait.models.folding import unfold

        save_keras(unfold(model), path)


def _write_record(file: h5py.File, record: Record) -> None:
    file.attrs["gaitmood_format"] = FORMAT
    values = {
        "architecture": record.architecture,
        "classes": list(record.classes),
        "preprocess": record.preprocess.settings(),
        "options": dict(record.options),
        "seed": record.seed,
        "temperature": record.temperature,
        "flat": record.flat,
        "versions": dict(record.versions),
        "history": {name: list(map(float, curve)) for name, curve in record.history.items()},
        "validation": dict(record.validation),
    }
    for name, value in values.items():
        # Variable length: attributes of fixed length may not exceed 64 kB.
        file.attrs.create(f"gaitmood_{name}", json.dumps(value), dtype=h5py.string_dtype())
    group = file.require_group(GROUP)
    if record.gists is not None:
        group.create_dataset("gists", data=record.gists, compression="gzip")
    if record.measured is not None:
        values = np.stack(list(record.measured.values()), axis=1)
        measured = group.create_dataset("measured", data=values, compression="gzip")
        measured.attrs.create("names", json.dumps(list(record.measured)), dtype=h5py.string_dtype())
    if record.prints:
        prints = group.create_dataset("fingerprints", len(record.prints), h5py.vlen_dtype(np.uint8))
        for row, packed in enumerate(record.prints):
            prints[row] = np.frombuffer(packed, np.uint8)
    table = group.create_group("walks")
    for column in fields(KnownWalk):
        cells = [getattr(walk, column.name) or "" for walk in record.walks]
        table.create_dataset(column.name, data=np.array(cells, dtype=object), dtype=h5py.string_dtype())


def read_record(path: Path | str) -> Record | None:
    """What a bundle knows, without loading its weights; None for a plain Keras file.

    Raises
    ------
    BundleError
        The file is missing, is no HDF5 file, holds no model, is damaged, or was written by a newer version.
    """
    path = Path(path)
    if not path.exists():
        raise BundleError(f"{path}: no such model file. Train one with: python train.py")
    try:
        with h5py.File(path) as file:
            return _read_record(path, file)
    except OSError as error:
        raise BundleError(
            f"{path}: not a model file, or only a part of one: an HDF5 file (.h5) that train.py wrote was "
            f"expected ({error})."
        ) from error
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise BundleError(
            f"{path}: damaged: what Gaitmood wrote beside the weights cannot be read ({error!r}). "
            "Take a copy of the file that is whole, or train again."
        ) from error


def _read_record(path: Path, file: h5py.File) -> Record | None:
    if POSE_NETWORK in file.attrs:
        raise BundleError(
            f"{path}: a pose network, which finds joints; a model of emotions was expected. Train one on its joints: "
            "python train.py --model keypoint_lstm --poses posenet"
        )
    if "gaitmood_format" not in file.attrs:
        if "model_config" not in file.attrs:
            raise BundleError(f"{path}: an HDF5 file, but not a model: it holds no Keras model_config.")
        return None
    if (found := int(file.attrs["gaitmood_format"])) > FORMAT:
        raise BundleError(
            f"{path}: written by a newer Gaitmood (format {found}; this version reads up to {FORMAT}). "
            "Update Gaitmood."
        )
    value = {n.removeprefix("gaitmood_"): json.loads(v) for n, v in file.attrs.items() if _is_json(n)}
    columns = [file[f"{GROUP}/walks/{column.name}"].asstr()[:] for column in fields(KnownWalk)]
    walks = (KnownWalk(n, c, s or None, label, split) for n, c, s, label, split in zip(*columns, strict=True))
    value.update(
        gists=file[f"{GROUP}/gists"][:] if "gists" in file[GROUP] else None,
        measured=_read_measured(file[f"{GROUP}/measured"]) if "measured" in file[GROUP] else None,
        prints=tuple(row.tobytes() for row in file[GROUP].get("fingerprints", ())),
        classes=tuple(value["classes"]),
        preprocess=preprocessing.restore(value["preprocess"]),
        walks=tuple(walks),
    )
    return Record(**value)


def _read_measured(table: h5py.Dataset) -> dict[str, np.ndarray]:
    return dict(zip(json.loads(table.attrs["names"]), table[:].T, strict=True))


def _is_json(attribute: str) -> bool:
    return attribute.startswith("gaitmood_") and attribute != "gaitmood_format"


def load(path: Path | str, assumed: Record | None = None) -> Bundle:
    """Load a model file.

    Parameters
    ----------
    path : path or str
        A bundle, or a plain Keras ``.h5`` file.
    assumed : Record, optional
        What the user says of a plain Keras file.

    Raises
    ------
    BundleError
        See :func:`read_record`; or a plain Keras file of which nothing is assumed; or Keras cannot load it;
        or its input or output is not what the record says.
    """
    path = Path(path)
    record = read_record(path) or assumed
    if record is None:
        raise BundleError(
            f"{path}: a Keras model without Gaitmood's attributes: its classes and preprocessing are unknown."
            " Say them: --classes angry,happy,neutral,sad (in the order of its outputs), --rate 15 "
            "(frames per second of its clips), and --background subtract if it saw only what moves."
        )
    if record.preprocess.kind == "features":
        return Bundle(path, _load_classical(path, record), record)
    model = _load_keras(path, record.architecture)
    _check_fit(path, model, record)
    return Bundle(path, model, record)


def _load_classical(path: Path, record: Record) -> Any:
    from gait.models.classical import restore

    try:
        with h5py.File(path) as file:
            model = restore(file[f"{GROUP}/{CLASSICAL}"][:].tobytes())
        answer = model.predict_on_batch(np.zeros((1, *record.preprocess.input_shape), np.float32))
    except Exception as error:  # whatever a broken or foreign file makes the reader stumble over
        raise BundleError(f"{path}: its classical model cannot be loaded: {error}") from error
    if (outputs := answer["emotion"].shape[1]) != len(record.classes):
        raise BundleError(f"{path}: {len(record.classes)} classes, but its model has {outputs} outputs.")
    return model


def _load_keras(path: Path, name: str) -> Any:
    start_keras()
    import keras

    from gait.models import MODELS, architecture
    from gait.models.folding import fold

    if name in MODELS:
        architecture(name)  # registers its own layers, where it has any
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever a broken or foreign file makes Keras stumble over
        raise BundleError(f"{path}: Keras cannot load it: {error}") from error
    if isinstance(model, keras.Sequential):  # which has no named outputs
        model = keras.Model(model.inputs, model.outputs)
    return fold(model)


def _check_fit(path: Path, model: Any, record: Record) -> None:
    """Refuse a model whose input or output is not what its record says."""
    wanted, inputs = record.preprocess.input_shape, model.input
    if isinstance(inputs, dict):
        found = {name: tuple(one.shape[1:]) for name, one in inputs.items()}
    else:
        found = tuple(model.input_shape[1:])
    if found != wanted:
        raise BundleError(f"{path}: its preprocessing makes inputs of {wanted}, its model takes {found}.")
    if (outputs := emotion_of(model.output).shape[-1]) != len(record.classes):
        raise BundleError(
            f"{path}: {len(record.classes)} classes ({', '.join(record.classes)}), but its model has "
            f"{outputs} outputs."
        )


def emotion_of(outputs: Any) -> Any:
    """The emotion among a model's outputs; plain Keras files have a single one, of any name.

    Raises
    ------
    BundleError
        There are several, and none is called ``emotion``.
    """
    if isinstance(outputs, dict) and "emotion" in outputs:
        return outputs["emotion"]
    several = list(outputs.values()) if isinstance(outputs, dict) else outputs
    if not isinstance(several, (list, tuple)):
        return several
    if len(several) != 1:
        raise BundleError(
            f"a model with one output, or one called 'emotion', was expected; found {len(several)}."
        )
    return several[0]


def known_or_assumed(path: Path, classes: str | None, rate: float, background: str) -> Record:
    """What a model file knows, or for a plain Keras file what the user says of it.

    Parameters
    ----------
    classes : str or None
        In the order of the outputs, separated by commas.
    rate, background
        See :func:`plain_record`.

    Raises
    ------
    BundleError
        See :func:`read_record` and :func:`plain_record`; or it is a plain Keras file and nothing is said of it.
    """
    record = read_record(path)
    if record is not None:
        return record
    if classes is None:
        return load(path).record  # raises, and says which options to give
    return plain_record(path, [class_name(name) for name in classes.split(",")], rate, background)


def plain_record(path: Path, classes: Sequence[str], rate: float, background: str = "keep") -> Record:
    """What to assume of a plain Keras file: what the user says, and the shape its input asks for.

    Raises
    ------
    BundleError
        Its input is not (N, T, H, W, 3), or its output does not have one probability a class.
    """
    if len(set(classes)) != len(classes) or not all(classes):
        raise BundleError(f"--classes: different names were expected, found {', '.join(map(repr, classes))}.")
    model = _load_keras(path, "")
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 5 or shape[-1] != 3 or None in shape[1:]:
        raise BundleError(
            f"{path}: clips (N, T, H, W, 3) of fixed size were expected as its input, found {shape}."
        )
    record = Record("", tuple(classes), preprocessing.ClipPreprocess(shape[1], rate, *shape[2:4], background))
    _check_fit(path, model, record)
    return record
