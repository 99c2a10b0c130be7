"""Copies of walks are found however they were made, and other walks of the same person in the same place are not."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from keypoint_walks import played_over, walker, work_here, write_npz_walks
from small_walks import in_process
from videofiles import map_here

from benchmarks.copies import COPIES, same_place, write_copy
from evaluation import audit
from gait.errors import DONE, LEFT_OUT, LeakError
from gait.labels import Sample
from gait.leaks import Leak, Traced, find_leaks
from gait.pose.store import save_npz
from gait.skeleton import convert
from gait.video import write_video
from synthesis.render import render
from training.copies import keep_together, say_copies

RATE, SECONDS, PERSON = 30.0, 3.2, 1000
WALKS = ("angry", "sad", "happy")  # emotions of one person's walks in one place and in the same clothes


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> Path:
    """``known/`` with two walks of a person, ``new/`` with a third and with every kind of copy of the first."""
    folder = tmp_path_factory.mktemp("footage")
    for side in ("known", "new"):
        (folder / side).mkdir()
    frames = [
        list(render(same_place(PERSON, emotion, number, SECONDS, "oblique")))
        for number, emotion in enumerate(WALKS)
    ]
    write_video(folder / "known" / "first.mp4", frames[0], RATE, 18)
    write_video(folder / "known" / "second.mp4", frames[1], RATE, 18)
    write_video(folder / "new" / "third.mp4", frames[2], RATE, 18)
    for number, way in enumerate(COPIES):
        write_copy(folder / "new" / f"copy{number}.mp4", frames[0], RATE, way)
    shutil.copy(folder / "known" / "second.mp4", folder / "new" / "renamed.mp4")
    return folder


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    """No worker processes."""
    monkeypatch.setattr("gait.fingerprint.taking.map_items", map_here)


@pytest.fixture(scope="module")
def audited(footage) -> dict:
    """What the command writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gait.fingerprint.taking.map_items", map_here)
        code = audit.main(
            [str(footage / "known"), str(footage / "new"), "--json", str(footage / "found.json")]
        )
    assert code == DONE
    return json.loads((footage / "found.json").read_text(encoding="utf-8"))


def pairs_of(audited: dict, walk: str) -> list[dict]:
    return [pair for pair in audited["pairs"] if pair["walk"] == walk]


@pytest.mark.parametrize(("number", "way"), list(enumerate(COPIES)), ids=list(COPIES))
def test_every_kind_of_copy_is_found_and_its_original_named(audited, number, way):
    (pair,) = pairs_of(audited, f"copy{number}.mp4")
    assert (pair["known"], pair["kind"]) == ("first.mp4", "picture")
    assert pair["score"] > 0.96
    assert ("mirrored" in pair["why"]) == (way in ("mirrored", "all of it"))
    assert ("times faster" in pair["why"]) == (way in ("1.1 times faster", "all of it"))
    assert ("%" in pair["why"]) == ("5 %" in way or way == "all of it")


def test_a_renamed_file_is_the_same_file(audited):
    (pair,) = pairs_of(audited, "renamed.mp4")
    assert pair == {
        "walk": "renamed.mp4",
        "known": "second.mp4",
        "kind": "file",
        "score": 1.0,
        "why": "the same file as second.mp4",
    }


def test_another_walk_of_the_same_person_in_the_same_place_is_no_copy(audited):
    assert pairs_of(audited, "third.mp4") == []
    assert audited["b"]["walks"] == len(COPIES) + 2


def test_strict_leaves_with_1_and_nothing_found_is_said(footage, capsys):
    assert audit.main([str(footage / "known"), str(footage / "new"), "--strict"]) == LEFT_OUT
    assert f"LEAK: {len(COPIES) + 1} of {len(COPIES) + 2} in B not new:" in capsys.readouterr().out
    assert audit.main([str(footage / "known"), "--strict"]) == DONE
    assert "Nothing found: no walk of A is a copy of another one of A." in capsys.readouterr().out


def test_the_audit_knows_people_by_a_label_file_that_lies_elsewhere(footage, tmp_path, capsys):
    rows = ["video,label,subject", "first.mp4,sad,ann", "second.mp4,sad,ben", "third.mp4,sad,ann"]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "new").mkdir()
    shutil.copy(footage / "new" / "third.mp4", tmp_path / "new")
    audit.main([str(footage / "known"), str(tmp_path / "new"), "--labels", str(tmp_path / "labels.csv")])
    out = capsys.readouterr().out
    assert "LEAK: 1 of 1 in B not new:\n  third.mp4: subject ann also walks in first.mp4" in out


# --- Joints ------------------------------------------------------------------------------------------------


def write_mdt(folder: Path, joints: np.ndarray, labels: list[int]) -> None:
    """Walks (N, T, 16, 3) as MDT-GCN's sample has them."""
    folder.mkdir()
    np.save(folder / "sample_joint.npy", joints.transpose(0, 3, 1, 2)[..., None].astype(np.float32))
    with (folder / "sample_label.pkl").open("wb") as file:
        pickle.dump(([f"w{i}" for i in range(len(labels))], labels), file)


def test_copied_rows_in_the_published_samples_format_are_found(tmp_path, monkeypatch, capsys):
    """The sample's test walks are all copies of training walks: a nearest neighbour scores 100 % on them."""
    work_here(monkeypatch, tmp_path)
    walks = [convert(walker(e, p), "gait16") for p in range(8) for e in ("angry", "sad")]
    joints = np.stack([walk.world + walk.root[:, None] for walk in walks])
    labels = [0, 3] * 8
    write_mdt(tmp_path / "videos", joints[:12], labels[:12])
    rows = [3, 0, 12, 13, 8]  # three copies and two walks that are new
    write_mdt(tmp_path / "videosTest", joints[rows], [labels[row] for row in rows])
    options = ("--model", "random_forest", "--jobs", "1", "--emotions", "step")
    done = in_process(capsys, "train", *options)
    assert done.code == 0, done.err
    assert "LEAK: 3 walks in videosTest/ will not be new to the model:" in done.out
    done = in_process(capsys, "test", "--jobs", "1")
    assert done.code == 0, done.err
    top = done.out[done.out.index("LEAK: 3 of these walks") : done.out.index("Predictions (")]
    for copy, original in (("w0", "w3"), ("w1", "w0"), ("w4", "w8")):
        assert f"sample_joint.npy#{copy}: the same file as sample_joint.npy#{original}" in top
    assert "Without them (2 walks): accuracy" in top
    assert "who walks is not known of 5 of 5 walks here, and of 12 of 12 in training" in done.out
    assert in_process(capsys, "test", "--jobs", "1", "--strict").code == 2


def test_a_report_of_folds_names_copies_under_another_persons_name(tmp_path, monkeypatch, capsys):
    """They stand on both sides of a fold, since two people are said to walk in them."""
    work_here(monkeypatch, tmp_path)
    monkeypatch.setattr("training.cross_validation.map_items", map_here)
    write_npz_walks(tmp_path / "videos", people=3)
    save_npz(played_over(walker("sad", 0), 50, 1), tmp_path / "videos" / "sad" / "zoe.npz")
    with (tmp_path / "videos" / "subjects.csv").open("a", encoding="utf-8") as file:
        file.write("sad/zoe.npz,zoe\n")
    options = ("--model", "random_forest", "--jobs", "1", "--cross-validate", "loso")
    done = in_process(capsys, "train", *options)
    assert done.code == 0, done.err
    top = done.out[done.out.index("Cross-validation, leave") : done.out.index("Predictions (")]
    assert "LEAK: 2 of these walks were in training:" in top
    assert "sad/p0.npz: the same motion as sad/zoe.npz" in top
    assert "sad/zoe.npz: the same motion as sad/p0.npz" in top
    assert "Without them (5 walks): accuracy" in top
    assert in_process(capsys, "train", *options, "--strict").code == 2


# --- What follows from copies ------------------------------------------------------------------------------


def copy(walk: str, known: str) -> Leak:
    return Leak(walk, known, "picture", 0.99)


def sample(name: str, subject: str | None = None) -> Sample:
    return Sample(Path(name), name, "sad", subject=subject)


def test_copies_are_kept_together_and_take_over_the_subject():
    samples = keep_together(
        [sample("a"), sample("b"), sample("c", "ann"), sample("d")], [copy("b", "a"), copy("c", "b")]
    )
    assert [(s.source, s.subject) for s in samples] == [("a", "ann"), ("a", "ann"), ("a", "ann"), ("d", None)]


def test_strict_refuses_one_recording_of_two_people():
    samples = [sample("a", "ann"), sample("b", "ben")]
    say_copies([copy("b", "a")], samples, strict=False)
    with pytest.raises(LeakError, match="1 walk said to be of two people"):
        say_copies([copy("b", "a")], samples, strict=True)


def test_the_strongest_sign_of_a_pair_is_named_once():
    known = [Traced("a", "content", "ann"), Traced("b", "other", "ann")]
    leaks = find_leaks(
        [Traced("x", "content", "ann"), Traced("y", "new", "ann"), Traced("z", "newer", "ben")], known
    )
    assert [(leak.walk, leak.kind, leak.known) for leak in leaks] == [
        ("x", "file", "a"),
        ("y", "subject", "a"),
    ]
    assert not leaks[1].is_copy
    assert [leak.why() for leak in leaks] == ["the same file as a", "subject ann also walks in a"]
