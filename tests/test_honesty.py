"""The two runs that an honest evaluation must see through: labels without sense, and files that hold the answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from keypoint_walks import walker, work_here
from small_walks import in_process
from videofiles import map_here

from gait.pose.store import save_npz
from gait.skeleton import find_layout

PEOPLE, EMOTIONS = 10, ("angry", "sad")
ARM = ("elbow", "wrist", "pinky", "thumb")
RUN = ("--model", "random_forest", "--jobs", "1", "--cross-validate", "5")


def labelled(seed: int) -> dict[tuple[str, int], str]:
    """Labels for the walks (emotion, person), as many of each, that have nothing to do with how they walk."""
    walks = [(emotion, person) for person in range(PEOPLE) for emotion in EMOTIONS]
    drawn = np.random.default_rng(seed).permutation(EMOTIONS * PEOPLE)
    return dict(zip(walks, map(str, drawn), strict=True))


def report_of(folder: Path, capsys) -> dict:
    done = in_process(capsys, "train", *RUN)
    assert done.code == 0, done.err
    (path,) = folder.glob("runs/*/report.json")
    return json.loads(path.read_text(encoding="utf-8"))


def write(folder: Path, labels: dict[tuple[str, int], str], change=lambda sequence, label: sequence) -> None:
    rows = ["video,label,subject"]
    (folder / "videos").mkdir()
    for (emotion, person), label in labels.items():
        name = f"{person}-{emotion[0]}.npz"
        save_npz(change(walker(emotion, person), label), folder / "videos" / name)
        rows.append(f"{name},{label},p{person}")
    (folder / "videos" / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_shuffled_labels_score_at_chance_within_the_interval(tmp_path, monkeypatch, capsys):
    work_here(monkeypatch, tmp_path)
    monkeypatch.setattr("training.cross_validation.map_items", map_here)
    write(tmp_path, labelled(seed=0))
    report = report_of(tmp_path, capsys)
    low, high = report["scores"]["interval"]
    assert low <= 0.5 <= high < 1
    assert report["scores"]["verdict"] != "better"
    assert report["too_good"] is None
    assert report["leaks"] == []


def test_files_that_hold_the_answer_score_100_and_are_flagged(tmp_path, monkeypatch, capsys):
    """The same labels without sense, but whoever wrote the files lifted the arms where they say sad."""

    def tell(sequence, label):
        names = find_layout(sequence.layout).joints
        arms = [any(part in name for part in ARM) for name in names]
        world = sequence.world.copy()
        world[:, arms, 1] += 1.0 * (label == "sad")
        return replace(sequence, world=world)

    work_here(monkeypatch, tmp_path)
    monkeypatch.setattr("training.cross_validation.map_items", map_here)
    write(tmp_path, labelled(seed=0), tell)
    report = report_of(tmp_path, capsys)
    assert report["scores"]["accuracy"] == 1
    assert report["too_good"].startswith("TOO GOOD TO BE TRUE: all 20 answers are right")
