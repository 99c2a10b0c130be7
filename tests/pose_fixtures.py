"""The BlazePose model files for the tests that run them: the user's, or fetched once in a session; and a stand-in for
MediaPipe, which is not installed."""

from __future__ import annotations

import os
import shutil
import sys
import types
import zipfile
from pathlib import Path

import platformdirs
import pytest

from gait.pose.weights import FILES, WeightsError, fetch_weights, models_folder


@pytest.fixture(scope="session")
def pose_models(_own_cache, tmp_path_factory) -> Path:
    """Folder with the model files, which is also where the tests' own cache has them."""
    folder = models_folder()
    users = Path(platformdirs.user_cache_dir("gaitmood", appauthor=False)) / "models"
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "pose-models"
    folder.mkdir(parents=True, exist_ok=True)
    for source in (users, shared):
        if all((source / file.name).is_file() for file in FILES):
            for file in FILES:
                shutil.copyfile(source / file.name, folder / file.name)
            break
    try:
        fetch_weights(folder)
        if not all((shared / file.name).is_file() for file in FILES):
            shutil.copytree(folder, shared, dirs_exist_ok=True)
    except WeightsError as error:
        pytest.skip(f"the BlazePose model files are not here and cannot be fetched ({error})")
    return folder


@pytest.fixture
def fake_mediapipe(monkeypatch, tmp_path):
    """A package with MediaPipe's interface that sees somebody in bright frames."""
    stamps = []

    class Landmarker:
        def __init__(self, options):
            self.options = options

        @classmethod
        def create_from_options(cls, options):
            if not zipfile.is_zipfile(options["base_options"]["model_asset_path"]):
                raise RuntimeError("Unable to open zip archive.")
            return cls(options)

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *_: None  # noqa: E731

        def detect(self, picture):
            seen = picture.data.mean() > 100
            points = [types.SimpleNamespace(x=k / 20, y=0.5, z=k / 50, visibility=0.75) for k in range(33)]
            pose = [points] if seen else []
            return types.SimpleNamespace(pose_landmarks=pose, pose_world_landmarks=pose)

        def detect_for_video(self, picture, stamp):
            stamps.append(stamp)
            return self.detect(picture)

    package = types.ModuleType("mediapipe")
    package.Image = lambda image_format, data: types.SimpleNamespace(data=data)
    package.ImageFormat = types.SimpleNamespace(SRGB=1)
    python = types.ModuleType("mediapipe.tasks.python")
    python.BaseOptions = lambda **kw: kw
    python.vision = types.SimpleNamespace(
        PoseLandmarker=Landmarker,
        PoseLandmarkerOptions=lambda **kw: kw,
        RunningMode=types.SimpleNamespace(IMAGE="image", VIDEO="video"),
    )
    modules = {
        "mediapipe": package,
        "mediapipe.tasks": types.ModuleType("tasks"),
        "mediapipe.tasks.python": python,
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    task = tmp_path / "pose_landmarker_full.task"
    with zipfile.ZipFile(task, "w") as archive:
        for file in FILES:
            archive.writestr(file.task_member, file.name)
    return task, stamps
