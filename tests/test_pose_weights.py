"""Finding, fetching and checking the model files: with small stand-ins, also for pip; without a network."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from dataclasses import replace

import pytest

from gait.errors import DONE
from gait.pose import weights
from gait.pose.weights import WeightsError, fetch_weights, load_weights, models_folder

CONTENTS = {"pose_detection.tflite": b"a detector", "pose_landmark_full.tflite": b"a landmark network"}


@pytest.fixture(autouse=True)
def small_models(monkeypatch, tmp_path):
    """Small files take the models' place; the cache is empty, and pip fails unless a test replaces it."""
    files = tuple(
        replace(file, sha256=hashlib.sha256(CONTENTS[file.name]).hexdigest()) for file in weights.FILES
    )
    monkeypatch.setattr(weights, "FILES", files)
    monkeypatch.setenv("GAITMOOD_CACHE", str(tmp_path / "cache"))
    use_pip(monkeypatch, tmp_path, "sys.exit('ERROR: no network here')")


def use_pip(monkeypatch, tmp_path, body):
    """A pip that writes its arguments to ``calls`` and then does ``body``."""
    script = tmp_path / "pip.py"
    log = f"open({str(tmp_path / 'calls')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')"
    script.write_text(f"import shutil, sys\n{log}\nfolder = sys.argv[sys.argv.index('--dest') + 1]\n{body}\n")
    monkeypatch.setattr(weights, "PIP", (sys.executable, str(script)))


def make_wheel(path, contents=CONTENTS):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mediapipe/__init__.py", "raise RuntimeError('never imported')")
        for file in weights.FILES:
            if file.name in contents:
                archive.writestr(file.member, contents[file.name])
    return path


def serve(monkeypatch, tmp_path, contents=CONTENTS):
    wheel = make_wheel(tmp_path / "index" / "mediapipe-0.10.21-cp311-cp311-manylinux.whl", contents)
    use_pip(monkeypatch, tmp_path, f"shutil.copy({str(wheel)!r}, folder)")


def calls(tmp_path):
    path = tmp_path / "calls"
    return path.read_text().splitlines() if path.exists() else []


def files_in(folder):
    return sorted(p.name for p in folder.iterdir())


def test_fetched_once_and_only_two_files_stay(monkeypatch, tmp_path):
    serve(monkeypatch, tmp_path)
    for _ in range(2):
        loaded = load_weights()
        assert (loaded.detector, loaded.landmarks) == tuple(CONTENTS.values())
    (call,) = calls(tmp_path)
    assert call.startswith("download mediapipe==0.10.21 --no-deps --only-binary=:all:")
    assert "--platform manylinux_2_28_x86_64 --python-version 3.11" in call
    assert files_in(models_folder()) == sorted(CONTENTS)
    assert models_folder() == tmp_path / "cache" / "models"


def test_wheel_put_there_by_hand_is_not_downloaded_again(tmp_path):
    make_wheel(models_folder() / "mediapipe-0.10.21-cp311-cp311-any.whl")
    assert load_weights().landmarks == b"a landmark network"
    assert calls(tmp_path) == []


def test_damaged_file_in_the_cache_is_fetched_again(monkeypatch, tmp_path):
    serve(monkeypatch, tmp_path)
    fetch_weights()
    (models_folder() / "pose_detection.tflite").write_bytes(b"a detec")
    assert load_weights().detector == b"a detector"
    assert len(calls(tmp_path)) == 2


def test_without_network_the_message_says_which_files_to_put_where(tmp_path):
    with pytest.raises(WeightsError) as caught:
        load_weights()
    message = str(caught.value)
    assert "no network here" in message
    for file in weights.FILES:
        assert str(models_folder() / file.name) in message
        assert file.sha256 in message
    assert files_in(models_folder()) == []


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (CONTENTS | {"pose_landmark_full.tflite": b"another release"}, "has the SHA-256"),
        ({"pose_detection.tflite": b"a detector"}, "not a usable wheel"),
    ],
)
def test_wheel_with_other_models_is_refused(monkeypatch, tmp_path, contents, reason):
    serve(monkeypatch, tmp_path, contents)
    with pytest.raises(WeightsError, match=reason):
        fetch_weights()
    assert "pose_landmark_full.tflite" not in files_in(models_folder())
    assert not [name for name in files_in(models_folder()) if name.startswith(".part")]


def test_cut_download_is_refused(monkeypatch, tmp_path):
    use_pip(monkeypatch, tmp_path, "open(folder + '/mediapipe-cut.whl', 'wb').write(b'PK')")
    with pytest.raises(WeightsError, match="not a usable wheel"):
        fetch_weights()
    assert files_in(models_folder()) == []


def test_pip_that_hangs_is_given_up(monkeypatch, tmp_path):
    use_pip(monkeypatch, tmp_path, "import time; time.sleep(60)")
    monkeypatch.setattr(weights, "PIP_SECONDS", 0.5)
    with pytest.raises(WeightsError, match="did not answer"):
        fetch_weights()


def test_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match="cannot be written"):
        fetch_weights(tmp_path / "file" / "models")


def test_given_folder_comes_first(tmp_path):
    for name in CONTENTS:
        (tmp_path / name).write_bytes(b"of the user: " + name.encode())
    loaded = load_weights(tmp_path)
    assert loaded.detector == b"of the user: pose_detection.tflite"
    assert calls(tmp_path) == []


def test_given_task_file(tmp_path):
    task = tmp_path / "pose_landmarker_full.task"
    with zipfile.ZipFile(task, "w") as archive:
        archive.writestr("pose_detector.tflite", b"D")
        archive.writestr("pose_landmarks_detector.tflite", b"L")
    loaded = load_weights(task)
    assert (loaded.detector, loaded.landmarks, loaded.source) == (b"D", b"L", str(task))


def test_hash_tells_models_apart(tmp_path):
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    one = load_weights(tmp_path).sha256
    (tmp_path / "pose_detection.tflite").write_bytes(b"another")
    assert load_weights(tmp_path).sha256 != one


@pytest.mark.parametrize("given", ["nothing.task", "empty-folder", "text.task"])
def test_given_path_that_holds_no_models(tmp_path, given):
    (tmp_path / "empty-folder").mkdir()
    (tmp_path / "text.task").write_text("no zip")
    with pytest.raises(WeightsError, match="expected") as caught:
        load_weights(tmp_path / given)
    assert given in str(caught.value)


def test_command_says_what_it_did(monkeypatch, tmp_path, capsys):
    serve(monkeypatch, tmp_path)
    assert weights.main([]) == DONE
    assert "now in" in capsys.readouterr().out
    assert weights.main([]) == DONE
    assert "already in" in capsys.readouterr().out
