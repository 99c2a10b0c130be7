"""The two BlazePose model files: found, fetched, checked.

In this order: a path given by the user; the models folder in the user's cache; the wheel of MediaPipe 0.10.21
on the package index, which holds both. MediaPipe itself is not installed: the wheel is a zip file of which
two members are kept. ``python -m gait.pose.weights`` does this once, at set-up.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gait.cache import default_folder
from gait.console import say
from gait.errors import DONE, GaitmoodError

WHEEL = "mediapipe==0.10.21"
# A fixed platform: the models inside are the same for all, and this one exists whatever machine asks for it.
PLATFORM = ("manylinux_2_28_x86_64", "3.11", "cp", "cp311")
PIP = (sys.executable, "-m", "pip")
PIP_SECONDS = 600


class WeightsError(GaitmoodError):
    """The model files are missing or are not what they should be; the message says what to do."""


@dataclass(frozen=True)
class ModelFile:
    """One of the model files: its name, where it lies in the wheel and in a ``.task`` file, its SHA-256."""

    name: str
    member: str
    task_member: str
    sha256: str


DETECTOR = ModelFile(
    "pose_detection.tflite",
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    "pose_detector.tflite",
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
)
LANDMARK_MODEL = ModelFile(
    "pose_landmark_full.tflite",
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    "pose_landmarks_detector.tflite",
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
)
FILES = (DETECTOR, LANDMARK_MODEL)
# Only where a face is looked for.
FACE_MESH = ModelFile(
    "face_landmark.tflite",
    "mediapipe/modules/face_landmark/face_landmark.tflite",
    "",
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)


@dataclass(frozen=True)
class Weights:
    """Contents of the two model files, and where they came from."""

    detector: bytes
    landmarks: bytes
    source: str

    @property
    def sha256(self) -> str:
        """One hash for both: poses of other models are other poses."""
        return hashlib.sha256(self.detector + self.landmarks).hexdigest()


def models_folder() -> Path:
    """Where fetched model files are kept."""
    return default_folder() / "models"


def load_weights(path: Path | str | None = None) -> Weights:
    """The model files, fetched once if need be.

    Parameters
    ----------
    path : path or str, optional
        A folder that holds both files, or MediaPipe's ``pose_landmarker_*.task``. These may be of another
        release: their shapes are checked when they are run, not their hashes.

    Raises
    ------
    WeightsError
        They are not there and cannot be fetched, or are damaged.
    """
    if path is not None:
        return _read_given(Path(path))
    folder = fetch_weights()
    return Weights(*((folder / file.name).read_bytes() for file in FILES), source=str(folder))


def load_face_mesh() -> bytes:
    """The face mesh network's file, fetched once if need be; raises WeightsError as :func:`load_weights` does."""
    return (fetch_weights(files=(FACE_MESH,)) / FACE_MESH.name).read_bytes()


def fetch_weights(folder: Path | None = None, files: Sequence[ModelFile] | None = None) -> Path:
    """Make sure that files, by default BlazePose's, lie in a folder, by default the cache's, and return it.

    A wheel of MediaPipe that already lies there is used before one is downloaded.

    Raises
    ------
    WeightsError
        They are not there and cannot be fetched; the message says which files to put where.
    """
    folder, files = folder or models_folder(), files or FILES
    if all(_is_sound(folder / file.name, file) for file in files):
        return folder
    wheels = sorted(folder.glob("mediapipe-*.whl"))
    if wheels:
        unpack_wheel(wheels[-1], folder, files)
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-wheel-", dir=folder) as part:
            unpack_wheel(_download_wheel(Path(part), files), folder, files)
    except OSError as error:
        raise WeightsError(
            _advice(folder, f"{folder} cannot be written ({error.strerror})", files)
        ) from error
    return folder


def unpack_wheel(wheel: Path, folder: Path, files: Sequence[ModelFile] | None = None) -> None:
    """Copy models, by default BlazePose's two, out of a wheel of MediaPipe, check them, and put them into place.

    Raises
    ------
    WeightsError
        The wheel is damaged, or holds other models than those expected.
    """
    files = files or FILES
    for file in files:
        try:
            with zipfile.ZipFile(wheel) as archive:
                content = archive.read(file.member)
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            reason = f"{wheel.name} is not a usable wheel ({error})"
            raise WeightsError(_advice(folder, reason, files)) from error
        found = hashlib.sha256(content).hexdigest()
        if found != file.sha256:
            raise WeightsError(_advice(folder, f"{file.name} in {wheel.name} has the SHA-256 {found}", files))
        part = folder / f".part-{os.getpid()}-{file.name}"
        try:
            part.write_bytes(content)
            part.replace(folder / file.name)
        finally:
            part.unlink(missing_ok=True)


def _is_sound(path: Path, file: ModelFile) -> bool:
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def _download_wheel(folder: Path, files: Sequence[ModelFile]) -> Path:
    platform, python, implementation, abi = PLATFORM
    command = [*PIP, "download", WHEEL, "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    command += ["--platform", platform, "--python-version", python, "--implementation", implementation]
    command += ["--abi", abi, "--disable-pip-version-check", "--quiet", "--retries", "2", "--timeout", "20"]
    target = folder.parent
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        reason = f"pip did not answer within {PIP_SECONDS} s"
        raise WeightsError(_advice(target, reason, files)) from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise WeightsError(_advice(target, f"pip could not download {WHEEL}: {reason}", files))
    return wheels[0]


def _advice(folder: Path, reason: str, files: Sequence[ModelFile]) -> str:
    listed = "".join(f"\n  {folder / file.name}\n    SHA-256 {file.sha256}" for file in files)
    if FACE_MESH in files:
        return (
            f"the face mesh's model file is missing: {reason}. It is fetched from the package index when it is first "
            f"needed. Without a network, put it there by hand:{listed}\nIt lies in the wheel {WHEEL} (a zip file) "
            "under mediapipe/modules/; the wheel itself may be put there instead. Or do without: --landmarks body"
        )
    return (
        f"the BlazePose model files are missing: {reason}. With a network, run `python -m gait.pose.weights` "
        f"again. Without one, put these two files there by hand:{listed}\nBoth lie in the wheel {WHEEL} (a "
        "zip file) under mediapipe/modules/; the wheel itself may be put there instead."
    )


def _read_given(path: Path) -> Weights:
    if path.is_dir():
        missing = [file.name for file in FILES if not (path / file.name).is_file()]
        if missing:
            raise WeightsError(
                f"{path}: {' and '.join(missing)} expected in this folder, but not found. "
                "--pose-models PATH names another place."
            )
        return Weights(*((path / file.name).read_bytes() for file in FILES), source=str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            return Weights(*(archive.read(file.task_member) for file in FILES), source=str(path))
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        names = " and ".join(file.name for file in FILES)
        raise WeightsError(
            f"{path}: a folder with {names}, or a pose_landmarker_*.task file, was expected ({error}). "
            "--pose-models PATH names another place."
        ) from error


def main(arguments: Sequence[str] = ()) -> int:
    """Fetch the model files and say what was done; called at set-up."""
    parser = argparse.ArgumentParser(prog="python -m gait.pose.weights", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=models_folder(), help="default: %(default)s")
    folder = parser.parse_args(arguments).folder
    had = all(_is_sound(folder / file.name, file) for file in FILES)
    if not had and not list(folder.glob("mediapipe-*.whl")):
        say(f"Fetching the BlazePose models from the package index ({WHEEL}, 36 MB) ...")
    fetch_weights(folder)
    say(f"BlazePose models: {'already' if had else 'now'} in {folder}, hashes as expected.")
    return DONE


if __name__ == "__main__":
    from gait.options import run_script

    run_script(main)
