"""The file of a trained pose network: Keras's own ``.h5`` layout, with what it needs to know as attributes.

It lies beside the models of emotions, by default as ``saved_models/posenet.h5``; an attribute tells them apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import h5py

from gait.backend import start_keras
from gait.cache import content_hash
from gait.errors import GaitmoodError
from gait.model_files import POSE_NETWORK, save_keras, written_whole
from gait.skeleton import find_layout

FORMAT = 1
LAYOUT = "gait16"
SIDE = 128  # pixels of the picture that the network sees
DEFAULT_FILE = Path("saved_models/posenet.h5")
MAKE_WALKERS = (
    "python -m synthesis {folder} --subjects 600 --views any --seconds 1 --fps 4 --height 480 --width 480"
)
_HOW = f"Train one on synthetic walkers: {MAKE_WALKERS.format(folder='walkers')}, then python -m training.posenet"


class PoseNetError(GaitmoodError):
    """The file of a pose network is missing or cannot be used; the message says what to do."""


@dataclass(frozen=True)
class PoseNetRecord:
    """All that the file knows beside the weights.

    Attributes
    ----------
    layout : str
        Joint layout of the outputs, see :data:`gait.skeleton.LAYOUTS`.
    side : int
        Height and width in pixels of the picture.
    options, seed, versions, history, validation
        How it was trained, on what, and how well it did on people it was not trained on.
    """

    layout: str
    side: int
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)


def save(path: Path, model: Any, record: PoseNetRecord) -> None:
    """Write the file; it appears whole or not at all.

    Raises
    ------
    DiskFullError
        There is no room left; a file that was there before is as it was.
    """
    with written_whole(path, 4 * model.count_params()) as part:
        save_keras(model, part)
        with h5py.File(part, "r+") as file:
            file.attrs[POSE_NETWORK] = FORMAT
            for name, value in asdict(record).items():
                # Variable length: attributes of fixed length may not exceed 64 kB.
                file.attrs.create(f"gaitmood_{name}", json.dumps(value), dtype=h5py.string_dtype())


def read_record(path: Path) -> PoseNetRecord:
    """What a file knows, without loading its weights.

    Raises
    ------
    PoseNetError
        It is missing, holds no pose network, is damaged, or was written by a newer version.
    """
    if not path.is_file():
        raise PoseNetError(_missing(path))
    try:
        with h5py.File(path) as file:
            return _read_record(path, file)
    except OSError as error:
        raise PoseNetError(
            f"{path}: not a pose network, or only a part of one: an HDF5 file (.h5) that python -m training.posenet "
            f"wrote was expected ({error})."
        ) from error
    except (KeyError, ValueError, TypeError) as error:
        raise PoseNetError(
            f"{path}: damaged: what Gaitmood wrote beside the weights cannot be read ({error!r}). "
            "Take a copy of the file that is whole, or train again."
        ) from error


def _missing(path: Path) -> str:
    return (
        f"the pose estimator 'posenet' needs a pose network that you have trained, and {path} is not there. "
        f"{_HOW}. --pose-models PATH names another."
    )


def _read_record(path: Path, file: h5py.File) -> PoseNetRecord:
    if POSE_NETWORK not in file.attrs:
        raise PoseNetError(f"{path}: holds no pose network. {_HOW}")
    if (found := int(file.attrs[POSE_NETWORK])) > FORMAT:
        raise PoseNetError(
            f"{path}: written by a newer Gaitmood (format {found}; this version reads up to {FORMAT}). Update Gaitmood."
        )
    names = [one.name for one in fields(PoseNetRecord)]
    return PoseNetRecord(**{name: json.loads(file.attrs[f"gaitmood_{name}"]) for name in names})


def content_of(path: Path | None) -> str:
    """Content hash of a file, by default the default one: joints of other weights are other joints.

    Raises
    ------
    PoseNetError
        It is missing.
    """
    path = path or DEFAULT_FILE
    if not path.is_file():
        raise PoseNetError(_missing(path))
    return content_hash(path)


def load(path: Path) -> tuple[Any, PoseNetRecord]:
    """The Keras model in a file, and its record.

    Raises
    ------
    PoseNetError
        See :func:`read_record`; or Keras cannot load it; or its input or outputs are not what the record says.
    """
    record = read_record(path)
    start_keras()
    import keras

    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever a broken or foreign file makes Keras stumble over
        raise PoseNetError(f"{path}: Keras cannot load it: {error}") from error
    joints = len(find_layout(record.layout))
    expected, found = (record.side, record.side, 3), tuple(model.input_shape[1:])
    if found != expected:
        raise PoseNetError(
            f"{path}: a network for pictures of {expected} was expected, found one for {found}."
        )
    shapes = {name: output.shape[-1] for name, output in model.output.items()}
    if shapes != dict.fromkeys(("heat_maps", "depth", "presence"), joints):
        raise PoseNetError(
            f"{path}: heat maps, depth and presence of {joints} joints were expected, found {shapes}."
        )
    return model, record
