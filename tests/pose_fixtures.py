"""The BlazePose model files for the tests that run them: the user's, or fetched once in a session."""

from __future__ import annotations

import os
import shutil
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
