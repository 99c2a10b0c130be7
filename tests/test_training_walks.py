"""What a run trains on: found, checked, split; and what is refused, with the words that help."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from videofiles import map_here, numbered, write_frames

from gait.cache import Cache
from gait.errors import NOTHING_USABLE, GaitmoodError, LabelError, NothingUsableError
from gait.labels import find_samples
from training.options import TrainOptions
from training.walks import gather, preprocessing_for


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    """Prepare walks in this process; test_preprocess does it in others."""
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)


@pytest.fixture
def videos(tmp_path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    return folder


_counter = iter(range(10_000))


def add(videos: Path, *names: str, frames: int = 15) -> None:
    """Walks that all differ."""
    for name in names:
        path = videos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        first = next(_counter)
        shots = [np.roll(numbered((first + i) % 256, 16, 24), first // 256, axis=0) for i in range(frames)]
        shots[0] = shots[0] // 2 + first % 97
        write_frames(path, shots)


def table(videos: Path, text: str, name: str = "labels.csv") -> None:
    lines = [",".join(line.split()) for line in text.strip().splitlines()]
    (videos / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(videos: Path, **options):
    options = {"frames": 5, "rate": 15.0, "frame_size": "16x24", "validation": 0.0, **options}
    return gather(TrainOptions(videos=videos, **options), Cache(videos.parent / "store"))


def names(walks) -> list[str]:
    return [walk.sample.name for walk in walks]


def test_class_folders(videos, capsys):
    add(videos, "sad/a.mp4", "Happy/b.mp4", "happy/c.mp4", "sad/d.mp4")
    walks = run(videos)
    assert walks.classes == ("happy", "sad")
    assert sorted(names(walks.train)) == ["Happy/b.mp4", "happy/c.mp4", "sad/a.mp4", "sad/d.mp4"]
    assert walks.validation == walks.held_out == walks.left_out == ()
    out = capsys.readouterr().out
    assert "Found 4 walks" in out
    assert "Walks per class: happy 2, sad 2" in out
    assert "Split: train on 4 walks" in out


def test_an_empty_folder_says_how_to_fill_it(videos):
    with pytest.raises(NothingUsableError) as caught:
        run(videos)
    message = str(caught.value)
    assert caught.value.exit_code == NOTHING_USABLE == 3
    assert f"no videos in {videos}/" in message
    for word in ("--demo", "labels.csv", ".webm", f"{videos}/happy/"):
        assert word in message


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(LabelError, match="does not exist"):
        run(tmp_path / "nowhere")


def test_no_labels_at_all(videos):
    add(videos, "a.mp4", "b.mp4")
    with pytest.raises(NothingUsableError, match=r"none of the 2 walks .* has a label.*--labels") as caught:
        run(videos)
    assert caught.value.exit_code == 3


def test_one_class_only(videos):
    add(videos, "sad/a.mp4", "sad/b.mp4", "sad/c.mp4")
    with pytest.raises(
        GaitmoodError, match="at least two classes are needed; all 3 walks are 'sad'"
    ) as caught:
        run(videos)
    assert caught.value.exit_code == 2


def test_fewer_walks_than_classes(videos, tmp_path):
    # A survey knows four classes, whatever its videos are called.
    add(videos, "sad/a.mp4", "angry/b.mp4")
    (videos / "happy").mkdir()
    (videos / "happy" / "c.mp4").write_bytes(b"not a video")
    with pytest.raises(GaitmoodError, match="2 usable walks for 3 classes: at least one a class"):
        run(videos)


def test_a_class_whose_walks_cannot_be_read_is_named(videos):
    add(videos, "sad/a.mp4", "sad/b.mp4", "angry/c.mp4", "angry/d.mp4")
    (videos / "happy").mkdir()
    (videos / "happy" / "c.mp4").write_bytes(b"not a video")
    with pytest.raises(GaitmoodError, match="no usable walk is labelled happy"):
        run(videos)


def test_an_unlabelled_walk_is_listed_and_not_used(videos, capsys):
    add(videos, "sad/a.mp4", "happy/b.mp4")
    add(videos, "five seconds.mp4", frames=150)
    walks = run(videos)
    assert sorted(names(walks.train)) == ["happy/b.mp4", "sad/a.mp4"]
    out = capsys.readouterr().out
    assert "without a label (1): five seconds.mp4" in out


def test_unreadable_walks_are_left_out_with_the_reason(videos, capsys):
    add(videos, "sad/a.mp4", "happy/b.mp4")
    (videos / "sad" / "zero.mp4").touch()
    add(videos, "happy/short.mp4", frames=3)
    walks = run(videos)
    assert sorted(names(walks.train)) == ["happy/b.mp4", "sad/a.mp4"]
    assert dict(walks.left_out)["sad/zero.mp4"] == "the file is empty (0 bytes)"
    out = capsys.readouterr().out
    assert "left out: sad/zero.mp4: the file is empty (0 bytes)" in out
    assert "left out: happy/short.mp4: too short: 3 frames decoded" in out


def test_nothing_readable(videos, capsys):
    for name in ("sad/a.mp4", "happy/b.mp4"):
        (videos / name).parent.mkdir()
        (videos / name).write_text("no video")
    with pytest.raises(
        NothingUsableError, match=r"none of the labelled walks .* reasons stand above"
    ) as caught:
        run(videos, frame_size="auto")
    assert caught.value.exit_code == 3
    assert capsys.readouterr().out.count("left out: ") == 2


def copy(videos: Path, source: str, target: str) -> None:
    (videos / target).parent.mkdir(exist_ok=True)
    (videos / target).write_bytes((videos / source).read_bytes())


def test_exact_copies_are_left_out_by_name(videos, capsys):
    add(videos, "sad/a.mp4", "happy/b.mp4")
    copy(videos, "sad/a.mp4", "sad/again.mp4")
    walks = run(videos)
    assert sorted(names(walks.train)) == ["happy/b.mp4", "sad/a.mp4"]
    assert "left out: sad/again.mp4: the same file as sad/a.mp4" in capsys.readouterr().out


def test_one_file_under_two_labels_is_refused(videos):
    add(videos, "sad/a.mp4", "happy/b.mp4")
    copy(videos, "sad/a.mp4", "happy/a.mp4")
    with pytest.raises(GaitmoodError, match=r"sad/a.mp4 \(sad\) is the same file as happy/a.mp4 \(happy\)"):
        run(videos)


PEOPLE = """
    video  label  subject  split
    a1.mp4 sad    anna     {anna}
    a2.mp4 happy  anna     {anna}
    b1.mp4 sad    ben      {ben}
    b2.mp4 happy  ben      {ben}
    c1.mp4 sad    cleo     {cleo}
    c2.mp4 happy  cleo     {cleo}
"""
WALKS = [f"{person}{i}.mp4" for person in "abc" for i in (1, 2)]


def with_splits(videos: Path, **splits: str) -> None:
    add(videos, *WALKS)
    text = PEOPLE.format(**{"anna": "", "ben": "", "cleo": "", **splits}).strip()
    rows = [line.split() + [""] * (4 - len(line.split())) for line in text.splitlines()]
    (videos / "labels.csv").write_text("\n".join(map(",".join, rows)) + "\n")


def test_the_split_column_is_honoured(videos, capsys):
    with_splits(videos, anna="train", ben="validation", cleo="test")
    # What the table says comes before the options.
    walks = run(videos, validation=0.5, hold_out=0.5)
    assert names(walks.train) == ["a1.mp4", "a2.mp4"]
    assert names(walks.validation) == ["b1.mp4", "b2.mp4"]
    assert names(walks.held_out) == ["c1.mp4", "c2.mp4"]
    assert "Split: hold out 2 walks of 1 subjects" in capsys.readouterr().out


def test_validation_comes_from_the_training_side_where_the_table_names_none(videos):
    with_splits(videos, anna="train", ben="train", cleo="test")
    walks = run(videos, validation=0.5)
    assert names(walks.held_out) == ["c1.mp4", "c2.mp4"]
    assert {names(walks.train)[0], names(walks.validation)[0]} == {"a1.mp4", "b1.mp4"}
    assert len(walks.train) == len(walks.validation) == 2


def test_a_walk_without_a_side_follows_its_subject(videos):
    with_splits(videos, anna="train", ben="train", cleo="test")
    text = (videos / "labels.csv").read_text().replace("c2.mp4,happy,cleo,test", "c2.mp4,happy,cleo,")
    (videos / "labels.csv").write_text(text)
    assert names(run(videos).held_out) == ["c1.mp4", "c2.mp4"]


def test_a_subject_on_two_sides_is_refused(videos):
    with_splits(videos, anna="train", ben="train", cleo="test")
    text = (videos / "labels.csv").read_text().replace("c2.mp4,happy,cleo,test", "c2.mp4,happy,cleo,train")
    (videos / "labels.csv").write_text(text)
    with pytest.raises(GaitmoodError, match="subject 'cleo' stands on two sides"):
        run(videos)


def test_a_class_that_only_the_test_side_holds_is_refused(videos):
    add(videos, "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    table(videos, "video label split\na.mp4 sad train\nb.mp4 sad train\nc.mp4 happy test\nd.mp4 sad train")
    with pytest.raises(GaitmoodError, match="no walk labelled happy to train on"):
        run(videos)


def people(videos: Path, count: int) -> None:
    rows = ["video,label,subject"]
    for i in range(count):
        for label in ("angry", "sad"):
            add(videos, f"{label}{i}.mp4")
            rows.append(f"{label}{i}.mp4,{label},person {i}")
    (videos / "labels.csv").write_text("\n".join(rows) + "\n")


def test_hold_out_and_validation_are_whole_subjects(videos, capsys):
    people(videos, 8)
    walks = run(videos, hold_out=0.25, validation=0.2, seed=3)
    sides = [
        {walk.sample.subject for walk in side} for side in (walks.train, walks.validation, walks.held_out)
    ]
    assert [len(side) for side in sides] == [5, 1, 2]
    assert len(set().union(*sides)) == sum(map(len, sides))
    assert Counter(walk.sample.label for walk in walks.train) == {"angry": 5, "sad": 5}
    assert "Split: hold out 4 walks of 2 subjects" in capsys.readouterr().out
    again = run(videos, hold_out=0.25, validation=0.2, seed=3)
    assert [names(s) for s in (walks.train, walks.validation, walks.held_out)] == [
        names(s) for s in (again.train, again.validation, again.held_out)
    ]


def test_without_subjects_walks_are_divided(videos):
    add(videos, *(f"{label}/{i}.mp4" for label in ("angry", "sad") for i in range(4)))
    walks = run(videos, validation=0.25)
    assert Counter(walk.sample.label for walk in walks.validation) == {"angry": 1, "sad": 1}


@pytest.mark.parametrize("option", ["validation", "hold_out"])
def test_one_subject_cannot_be_divided_and_the_option_is_named(videos, option):
    people(videos, 1)
    with pytest.raises(GaitmoodError, match=rf"--{option.replace('_', '-')}.*at least two subjects"):
        run(videos, **{option: 0.25})


def test_the_frame_size_follows_the_videos_or_the_option(videos):
    add(videos, "sad/a.mp4", "happy/b.mp4")  # 16 x 24
    how = run(videos, frame_size="auto").preprocess
    assert (how.height, how.width) == (53, 80)
    how = run(videos, frame_size="20X10").preprocess
    assert (how.height, how.width, how.length, how.rate) == (20, 10, 5, 15.0)


def test_the_spatiotemporal_network_is_shown_small_frames_in_the_demo_alone(videos):
    add(videos, "sad/a.mp4", "happy/b.mp4")  # 16 x 24
    samples = find_samples(videos).samples
    for demo, expected in ((True, (43, 64)), (False, (224, 224))):
        how = preprocessing_for(TrainOptions(videos=videos, model="spatiotemporal", demo=demo), samples)
        assert (how.height, how.width) == expected


@pytest.mark.parametrize("size", ["big", "80", "80x", "80x45x3", "0x45", "-80x45"])
def test_a_frame_size_that_is_none_is_refused(videos, size):
    add(videos, "sad/a.mp4", "happy/b.mp4")
    with pytest.raises(GaitmoodError, match="--frame-size: HEIGHTxWIDTH such as 80x45"):
        run(videos, frame_size=size)
