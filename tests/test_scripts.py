"""The scripts end to end, on small synthetic walks: what they print, what they write and how they leave."""

import csv
import errno
import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from small_walks import SMALL, command, in_process, in_subprocess, make_walks, square_frames

from gait.errors import WRONG_USE
from gait.options import run_script
from gait.predictions import Predictions
from gait.video import write_video

CLASSES = {"happy": 1, "neutral": 0, "sad": -1}
SMALL_TEST = ("--jobs", "1")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder as a user has it: trained once, and a test folder with all that one may hold."""
    folder = tmp_path_factory.mktemp("world")
    make_walks(folder / "videos", CLASSES, people=6)
    (folder / "videos" / "happy" / "broken.mp4").write_text("not a video")
    tests = folder / "videosTest"
    make_walks(tests, CLASSES, people=2, first=50)
    write_video(tests / "who knows Å 歩.mp4", square_frames(1, 999), 10.0)
    shutil.copy(folder / "videos" / "sad" / "p0.mp4", tests / "sad" / "renamed.mp4")
    (tests / "happy" / "zero.mp4").touch()
    trained = in_subprocess(folder, command("train", *SMALL, "--hold-out", "0.25", "--validation", "0.25"))
    return folder, trained


@pytest.fixture(scope="module")
def tested(world):
    """The same folder after ``test.py``."""
    folder, trained = world
    assert trained.code == 0, trained.err
    return folder, in_subprocess(folder, command("test", *SMALL_TEST))


@pytest.fixture
def at(world, monkeypatch):
    """The trained folder, as the current one."""
    folder, _ = world
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """An empty folder, as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def the_run(folder, what):
    (found,) = (run for run in (folder / "runs").iterdir() if run.name.split("-", 2)[2] == what)
    return found


# --- The main job ------------------------------------------------------------------------------------------


def test_training_tells_its_story(world):
    folder, trained = world
    assert trained.code == 0
    for part in (
        "Found 19 walks in videos/ (6 subjects); labels from class folders.",
        "left out: happy/broken.mp4: not a readable video",
        "Split: train on",
        "Split: hold out",
        "Model cnn_lstm: 19,811 parameters, input 6 x 12 x 16 x 3",
        "Validation walks (they chose the epoch",
        "Model: saved_models/cnn_lstm.h5",
        "python test.py --model saved_models/cnn_lstm.h5 --held-out",
    ):
        assert part in trained.out, part
    run = the_run(folder, "cnn_lstm")
    names = {path.name for path in run.iterdir()}
    assert names >= {"options.json", "log.csv", "curves.png", "walks.json", "result.json", "validation"}
    assert json.loads((run / "options.json").read_text())["hold_out"] == 0.25
    assert (folder / "saved_models" / "cnn_lstm.h5").stat().st_size > 50_000
    page = (run / "validation" / "report.html").read_text(encoding="utf-8")
    assert "<h2>Training</h2>" in page  # the curves


def test_what_scripts_print_off_a_terminal_is_plain_text(world, tested):
    for ran in (world[1], tested[1]):
        for text in (ran.out, ran.err):
            assert text
            assert all(c == "\n" or c.isprintable() for c in text), repr(text)
            assert "Traceback" not in text
        assert "oneDNN" not in ran.err
        assert "TF_" not in ran.err


def test_testing_reports_what_was_left_out(tested):
    folder, ran = tested
    assert ran.code == 0
    assert "zero.mp4" in ran.out
    assert "the file is empty" in ran.out
    assert f"Written to {the_run(folder, 'test-cnn_lstm').relative_to(folder)}" in ran.out


def test_a_walk_of_the_training_is_named_at_the_top(tested):
    _, ran = tested
    top = ran.out[: ran.out.index("Predictions (")]
    assert "leak" in top.lower()
    assert "sad/renamed.mp4" in top
    assert "sad/p50.mp4" not in top


def test_strict_refuses_to_test_on_what_the_model_knows(at, tmp_path, capsys):
    ran = in_process(capsys, "test", "--strict", "--output", tmp_path / "a", *SMALL_TEST)
    assert ran.code == 2
    assert "sad/renamed.mp4: the same file as sad/p0.mp4" in ran.err
    assert not (tmp_path / "a").exists()
    known = shutil.move(at / "videosTest" / "sad" / "renamed.mp4", tmp_path / "renamed.mp4")
    ran = in_process(capsys, "test", "--strict", "--output", tmp_path / "b", *SMALL_TEST)
    shutil.move(known, at / "videosTest" / "sad" / "renamed.mp4")
    assert ran.code == 1  # a file was left out
    assert "LEAK" not in ran.out


def test_an_unlabelled_walk_is_predicted_and_not_scored(tested):
    folder, ran = tested
    (line,) = [line for line in ran.out.splitlines() if line.startswith("who knows")]
    assert not line.endswith(("right", "wrong"))
    assert "Scores on 6 labelled walks" in ran.out  # without the leak
    report = json.loads((the_run(folder, "test-cnn_lstm") / "report.json").read_text())
    (walk,) = [w for w in report["walks"] if w["video"].startswith("who knows")]
    assert walk["true"] is None
    assert walk["predicted"] in CLASSES


def test_files_and_console_agree(tested):
    folder, ran = tested
    run = the_run(folder, "test-cnn_lstm")
    report = json.loads((run / "report.json").read_text())
    table = Predictions.load_csv(run / "predictions.csv")
    assert table.classes == tuple(report["classes"]) == tuple(sorted(CLASSES))
    assert table.names == tuple(walk["video"] for walk in report["walks"])
    assert table.predicted == tuple(walk["predicted"] for walk in report["walks"])
    said = zip(table.names, table.labels, table.predicted, strict=True)
    right = {name: label == answer for name, label, answer in said if label is not None}
    assert report["scores"]["accuracy"] == pytest.approx(sum(right.values()) / len(right))
    assert f"With them it would be {100 * report['scores']['accuracy']:.1f} %" in ran.out
    right.pop("sad/renamed.mp4")  # what is told is without the leak
    assert f"\naccuracy: {100 * sum(right.values()) / len(right):.1f} %" in ran.out
    assert report["leaks"] == ["sad/renamed.mp4"]
    assert [entry["video"] for entry in report["left_out"]] == ["happy/zero.mp4"]
    assert (run / "report.txt").read_text(encoding="utf-8") in ran.out
    assert (run / "confusion.png").read_bytes().startswith(b"\x89PNG")
    page = (run / "report.html").read_text(encoding="utf-8")
    wrong = len(right) - sum(right.values())
    assert page.count('src="data:image/jpeg') == min(wrong, 6)
    assert page.count('src="data:image/png') == 1  # how sure, and how right
    with (run / "predictions.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 9


def test_held_out_scores_exactly_the_walks_kept_aside_whatever_they_are_called(at, tmp_path, capsys):
    known = json.loads((the_run(at, "cnn_lstm") / "walks.json").read_text())
    kept = Counter(label for _, label, side in known if side == "held-out")
    first = in_process(capsys, "test", "--held-out", "--output", tmp_path / "a", *SMALL_TEST)
    (tmp_path / "other" / "x").mkdir(parents=True)
    for i, path in enumerate(sorted((at / "videos").glob("*/p*.mp4"), reverse=True)):
        shutil.copy(path, tmp_path / "other" / "x" / f"{i}.mp4")
    moved = ("--videos", tmp_path / "other", "--output", tmp_path / "b")
    second = in_process(capsys, "test", "--held-out", *moved, *SMALL_TEST)
    assert (first.code, second.code) == (0, 0)
    a, b = (Predictions.load_csv(tmp_path / name / "predictions.csv") for name in "ab")
    assert Counter(a.labels) == Counter(b.labels) == kept
    assert sorted(a.probabilities.ravel()) == sorted(b.probabilities.ravel())
    assert "leak" not in (first.out + second.out).lower()


def test_a_config_file_repeats_a_test_and_flags_go_before_it(at, tmp_path, capsys):
    first = in_process(capsys, "test", "--output", tmp_path / "a", *SMALL_TEST)
    config = tmp_path / "a" / "options.json"
    again = in_process(capsys, "test", "--config", config, "--output", tmp_path / "b")
    assert (first.code, again.code) == (0, 0)
    a, b = ((tmp_path / name / "predictions.csv").read_bytes() for name in "ab")
    assert a == b


def test_a_plain_keras_file_works_with_its_options(at, tmp_path, capsys):
    import keras

    inputs = keras.Input((5, 12, 16, 3))
    x = keras.layers.Dense(2, activation="softmax", name="answer")(keras.layers.Flatten()(inputs))
    keras.Model(inputs, x).save(tmp_path / "theirs.h5")
    model = ("--model", tmp_path / "theirs.h5", *SMALL_TEST)
    ran = in_process(capsys, "test", *model)
    assert ran.code == 2
    assert "--classes" in ran.err
    assert "--rate" in ran.err
    ran = in_process(
        capsys, "test", *model, "--classes", "Sad, happy", "--rate", "10", "--output", tmp_path / "o"
    )
    assert ran.code == 0
    assert Predictions.load_csv(tmp_path / "o" / "predictions.csv").classes == ("sad", "happy")
    assert "labelled 'neutral'; the model knows sad, happy" in ran.out
    ran = in_process(capsys, "test", *model, "--classes", "a,b,c")
    assert ran.code == 2
    assert "3 classes" in ran.err


# --- Wrong use ---------------------------------------------------------------------------------------------


def test_an_empty_videos_folder_says_how_to_fill_it(empty, capsys):
    (empty / "videos").mkdir()
    ran = in_process(capsys, "train")
    assert ran.code == 3
    assert "no videos in videos/" in ran.err
    assert "videos/happy/" in ran.err
    assert "--demo" in ran.err
    assert not list(empty.glob("runs/*"))


def test_a_missing_videos_folder_is_named(empty, capsys):
    ran = in_process(capsys, "train", "--videos", "walks of mine")
    assert ran.code == 2
    assert "walks of mine" in ran.err


def test_videos_without_labels_say_how_to_label_them(empty, capsys):
    (empty / "videos").mkdir()
    write_video(empty / "videos" / "a.mp4", square_frames(1, 1), 10.0)
    ran = in_process(capsys, "train", "--jobs", "1")
    assert ran.code == 3
    assert "labels.csv" in ran.err


def test_only_unreadable_videos_leave_nothing_usable(empty, capsys):
    for name in CLASSES:
        (empty / "videos" / name).mkdir(parents=True)
        (empty / "videos" / name / "a.mp4").touch()
    ran = in_process(capsys, "train", "--jobs", "1", "--frame-size", "12x16")
    assert ran.code == 3
    assert ran.out.count("left out:") == 3


def test_one_class_only_is_refused(empty, capsys):
    make_walks(empty / "videos", {"happy": 1}, people=2)
    ran = in_process(capsys, "train", *SMALL)
    assert ran.code == 2
    assert "at least two classes" in ran.err


def test_testing_without_a_model_says_how_to_make_one(empty, capsys):
    ran = in_process(capsys, "test")
    assert ran.code == 2
    assert "no model in saved_models/" in ran.err
    assert "python train.py" in ran.err


def test_an_empty_test_folder_says_how_to_fill_it(at, tmp_path, capsys):
    ran = in_process(capsys, "test", "--videos", tmp_path)
    assert ran.code == 3
    assert f"no videos in {tmp_path}/" in ran.err


def test_an_unknown_model_name_is_refused_with_the_known_ones(empty, capsys):
    ran = in_process(capsys, "train", "--model", "cnn_lstn")
    assert ran.code == 2
    assert "unknown model 'cnn_lstn'" in ran.err
    assert "cnn_lstm" in ran.err


def test_other_classes_than_the_model_knows_are_refused_before_anything_is_read(at, tmp_path, capsys):
    make_walks(tmp_path / "w", {"bored": 1, "proud": 0}, people=1)
    ran = in_process(capsys, "test", "--videos", tmp_path / "w")
    assert ran.code == 2
    assert "happy, neutral, sad" in ran.err
    assert "bored, proud" in ran.err
    assert "Reading videos" not in ran.err


@pytest.mark.parametrize(
    ("text", "part"),
    [(None, "No such file"), ("{", "options.json was expected"), ('{"epoch": 1}', "known options are")],
)
def test_a_bad_config_is_refused(empty, capsys, text, part):
    if text is not None:
        (empty / "o.json").write_text(text)
    ran = in_process(capsys, "train", "--config", "o.json")
    assert ran.code == 2
    assert "o.json" in ran.err
    assert part in ran.err


def test_config_without_a_file_is_refused(empty, capsys):
    ran = in_process(capsys, "train", "--config")
    assert ran.code == 2
    assert "--config needs" in ran.err


@pytest.mark.parametrize("flags", [["--epochs", "0"], ["--epochs", "many"], ["--epoch", "3"]])
def test_flags_that_make_no_run_are_refused(empty, capsys, flags):
    ran = in_process(capsys, "train", *flags)
    assert ran.code == 2
    assert "epoch" in ran.err
    assert "Traceback" not in ran.err


def test_a_filled_output_folder_is_refused_before_anything_is_predicted(at, tmp_path, capsys):
    (tmp_path / "options.json").write_text("mine")
    ran = in_process(capsys, "test", "--output", tmp_path)
    assert ran.code == 2
    assert f"{tmp_path} is there and is not empty" in ran.err
    assert "Predicting" not in ran.err
    assert (tmp_path / "options.json").read_text() == "mine"


def test_a_name_that_is_taken_gets_a_number_and_held_out_needs_walks_kept_aside(empty, capsys):
    make_walks(empty / "videos", {"happy": 1, "sad": -1}, people=1)
    (empty / "saved_models").mkdir()
    (empty / "saved_models" / "m.h5").write_text("mine")
    ran = in_process(capsys, "train", *SMALL, "--validation", "0", "--epochs", "1", "--name", "m")
    assert ran.code == 0
    assert "Model: saved_models/m-2.h5" in ran.out
    assert (empty / "saved_models" / "m.h5").read_text() == "mine"
    assert {p.name for p in Path("saved_models").iterdir()} == {"m.h5", "m-2.h5"}
    ran = in_process(capsys, "test", "--held-out", "--model", "saved_models/m-2.h5")
    assert ran.code == 2
    assert "--hold-out 0.25" in ran.err


# --- Ctrl-C ------------------------------------------------------------------------------------------------


def interrupt_when(folder, arguments, ready):
    """Start a script, send it Ctrl-C as soon as ``ready()`` is true; its exit code and what it printed."""
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "GAITMOOD_CACHE": str(folder / "cache")},
    )
    try:
        deadline = time.monotonic() + 120
        while not ready() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, out, err


def test_ctrl_c_while_extracting_keeps_what_is_done_and_the_next_run_goes_on(tmp_path):
    make_walks(tmp_path / "videos", CLASSES, people=8, frames=150)

    def entries():
        return list((tmp_path / "cache").glob("frames-*"))

    how = (*SMALL, "--epochs", "1", "--validation", "0", "--rate", "10", "--frame-size", "120x160")
    code, out, err = interrupt_when(tmp_path, command("train", *how), entries)
    assert code == 130, err
    assert "Interrupted" in out
    assert "Traceback" not in err
    done = {path.name: (path / "meta.json").stat().st_ino for path in entries()}
    assert 0 < len(done) < 24
    assert not list((tmp_path / "cache").glob(".part-*"))
    again = in_subprocess(tmp_path, command("train", *how), GAITMOOD_CACHE=str(tmp_path / "cache"))
    assert again.code == 0, again.err
    after = {path.name: (path / "meta.json").stat().st_ino for path in entries()}
    assert len(after) == 24
    assert done.items() <= after.items()  # the same files, not made again


def test_ctrl_c_while_training_is_resumed(tmp_path):
    make_walks(tmp_path / "videos", CLASSES, people=4)
    how = (*SMALL, "--epochs", "12", "--patience", "12")
    state = tmp_path / "runs"
    code, _, err = interrupt_when(
        tmp_path, command("train", *how), lambda: list(state.glob("*/checkpoint/state.json"))
    )
    assert code == 130, err
    assert "python train.py --resume" in err
    assert "Traceback" not in err
    (run,) = state.iterdir()
    reached = json.loads((run / "checkpoint" / "state.json").read_text())["epoch"]
    assert 0 < reached < 12
    environment = {"GAITMOOD_CACHE": str(tmp_path / "cache")}
    resumed = in_subprocess(tmp_path, command("train", "--resume"), **environment)
    assert resumed.code == 0, resumed.err
    assert f"Going on after epoch {reached}." in resumed.out
    assert (run / "result.json").exists()
    assert len((run / "log.csv").read_text().splitlines()) == 13


# --- Synthetic walkers -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_synthetic_walkers_go_through_both_scripts(tmp_path):
    from gait.video import FrameSize
    from synthesis.dataset import Style, make_dataset

    style = Style(seconds=2.0, size=FrameSize(160, 90))
    make_dataset(tmp_path / "videos", 4, style=style, jobs=2)
    make_dataset(tmp_path / "videosTest", 2, style=style, first_subject=100, jobs=2)
    trained = in_subprocess(tmp_path, command("train", "--epochs", "1", "--frames", "10"))
    assert trained.code == 0, trained.err
    assert "Walks per class: angry 4, happy 4, neutral 4, sad 4" in trained.out
    ran = in_subprocess(tmp_path, command("test"))
    assert ran.code == 0, ran.err
    assert "Scores on 8 labelled walks" in ran.out
    assert "leak" not in ran.out.lower()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENAMETOOLONG, "Choose a shorter name."),
        (errno.EACCES, "choose another place"),
        (errno.ENOSPC, "The disk is full"),
        (errno.EBADF, None),  # a mistake of ours: its traceback is of use
    ],
)
def test_an_error_of_the_system_comes_with_what_to_do(number, words, capsys):
    def fail(_):
        raise OSError(number, os.strerror(number), "a place")

    with pytest.raises(SystemExit if words else OSError) as left:
        run_script(fail)
    if words:
        assert left.value.code == WRONG_USE
        assert words in capsys.readouterr().err
