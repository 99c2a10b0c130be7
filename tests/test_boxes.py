"""People in boxes: a stretch of a video cut out by them, read from an EiLA table, trained on and tested."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from keypoint_walks import walker, work_here
from small_walks import RATE, SMALL, ran
from test_video import TURNS, picture, with_matrix
from videofiles import map_here, write_frames

from gait import bundle as bundles
from gait.cache import Cache
from gait.errors import LabelError, VideoError
from gait.formats import KeypointOptions
from gait.labels import Sample, find_samples
from gait.pose.estimators import PoseSettings, estimate_video
from gait.preprocess import LandmarkClipPreprocess
from gait.preprocess.walks import walk_content
from gait.segments import Cropper, Segment
from gait.video import FrameSize, expected_frames, open_video, write_video
from synthesis.render import render
from synthesis.walks import make_walk

HEIGHT, WIDTH, SIDE = 48, 96, 16


def crowd(frames: int = 20) -> list[np.ndarray]:
    """A square of 16 pixels goes right in the upper half, another left in the lower half, 4 pixels a frame."""
    shots = []
    for t in range(frames):
        shot = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        shot[4 : 4 + SIDE, 4 * t : 4 * t + SIDE] = (230, 40, 40)
        shot[28 : 28 + SIDE, 80 - 4 * t : 80 - 4 * t + SIDE] = (40, 40, 230)
        shots.append(shot)
    return shots


def upper(first: int = 4, last: int = 14) -> tuple[tuple[int, ...], tuple[tuple[float, ...], ...]]:
    """Boxes of the upper square, in every other frame."""
    frames = tuple(range(first, last + 1, 2))
    return frames, tuple((4 * t / WIDTH, 4 / HEIGHT, SIDE / WIDTH, SIDE / HEIGHT) for t in frames)


@pytest.fixture
def video(tmp_path) -> Path:
    return write_frames(tmp_path / "crowd.mp4", crowd(), rate=10)


def read(segment: Segment, fit: FrameSize | None = None):
    with open_video(segment, fit) as reader:
        shots = list(reader)
        return np.array([seconds for seconds, _ in shots]), np.stack([frame for _, frame in shots]), reader


def test_a_segment_is_cut_to_its_person_and_its_time_begins_with_it(video):
    time, frames, reader = read(Segment(video, *upper()))
    np.testing.assert_allclose(time, np.arange(11) / 10, atol=1e-6)
    margin = 2  # a tenth of 16, rounded
    assert frames.shape == (11, SIDE + 2 * margin, SIDE + 2 * margin, 3)
    inner = frames[:, margin + 3 : -margin - 3, margin + 3 : -margin - 3].astype(int)
    assert np.abs(inner - (230, 40, 40)).max() < 40  # in the frames between the boxes, too
    assert np.abs(frames[:, 0, 0].astype(int) - 60).max() < 25
    corners = Cropper(Segment(video, *upper()), HEIGHT, WIDTH).corners
    assert corners.tolist() == [[4 * t - margin, 4 - margin] for t in range(4, 15)]
    assert (reader.picture, reader.frames) == (FrameSize(HEIGHT, WIDTH), 11)
    assert expected_frames(Segment(video, *upper())) == 11


def test_what_lies_outside_the_box_is_black_and_the_window_keeps_its_size(video):
    """A box that grows from 16 to 32 pixels about the same middle."""
    boxes = ((32 / WIDTH, 8 / HEIGHT, 16 / WIDTH, 16 / HEIGHT), (24 / WIDTH, 0.0, 32 / WIDTH, 32 / HEIGHT))
    _, frames, _ = read(Segment(video, (2, 6), boxes))
    assert frames.shape[1:3] == (38, 38)  # a margin of 3 on either side
    lit = (frames.max(axis=3) > 10).sum(axis=(1, 2))
    assert lit[0] == 20 * 20
    assert (np.diff(lit) > 0).all()
    assert lit[-1] == 35 * 38  # above the picture there is nothing to see


def test_a_segment_is_fitted_like_any_video_and_looked_at_like_any(video):
    with open_video(Segment(video, *upper()), FrameSize(10, 40)) as reader:
        _, frame = next(iter(reader))
        assert frame.shape == (10, 10, 3)
        assert reader.fitted(FrameSize(5, 5)).shape == (5, 5, 3)
        assert reader.grey_square(8).shape == (8, 8)


@pytest.mark.parametrize("turn", ["quarter clockwise", "left to right"])
def test_boxes_are_those_of_the_upright_picture(tmp_path, turn):
    matrix, shown = TURNS[turn]
    path = with_matrix(write_frames(tmp_path / "phone.mp4", [picture()] * 3), matrix)
    expected = shown(picture()).astype(int)
    height, width = expected.shape[:2]
    box = (0.0, 0.0, 0.5, 0.5)
    segment = Segment(path, (0, 2), (box, box))
    _, frames, reader = read(segment)
    assert reader.picture == FrameSize(height, width)
    left, top = Cropper(segment, height, width).corners[0]
    inner = frames[0][4 - top : 20 - top, 4 - left : 20 - left]
    assert np.abs(inner - expected[4:20, 4:20]).max() < 25


def test_boxes_after_the_end_are_named_and_a_stretch_may_end_early(video):
    frames, boxes = upper()
    late = tuple(t + 50 for t in frames)
    with pytest.raises(VideoError, match="the boxes begin at frame 54, the video has 20 frames"):
        read(Segment(video, late, boxes))
    assert len(read(Segment(video, (16, 30), boxes[:2]))[0]) == 4


def test_stretches_of_one_video_are_walks_of_their_own(video):
    whole = Sample(video, "a")
    parts = [replace(whole, segment=Segment(video, *upper(*ends))) for ends in ((4, 14), (4, 12), (6, 14))]
    assert len({walk_content(sample) for sample in (whole, *parts)}) == 4
    assert walk_content(parts[0]) == walk_content(replace(whole, segment=Segment(video, *upper())))


# --- The table --------------------------------------------------------------------------------------------------


def rows_of(
    tag: str, person: str, answers: str, lower: bool = False, first: int = 0, last: int = 19
) -> list[str]:
    """Rows of a square of :func:`crowd`, in every other frame."""
    rows = []
    for t in range(first, last + 1, 2):
        left, top = (80 - 4 * t, 28) if lower else (4 * t, 4)
        box = [100 * left / WIDTH, 100 * top / HEIGHT, 100 * SIDE / WIDTH, 100 * SIDE / HEIGHT]
        cells = ",".join(f"{value:.6g}" for value in box)
        rows.append(f'{tag},{t},{cells},{person},"{answers}"')
    return rows


def write_table(path: Path, rows: list[str]) -> Path:
    header = "Video Tag,Frame Number,X,Y,Width,Height,Person Id,Labels"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


HAPPY, SAD = "[['Happy'], ['happy', 'neutral']]", "[['sad'], ['No annotation']]"


def make_crowds(folder: Path, videos: int, first: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    rows = []
    for number in range(first, first + videos):
        shots = [np.clip(shot.astype(int) + number, 0, 255).astype(np.uint8) for shot in crowd()]
        write_video(folder / f"c{number}.mp4", shots, RATE)
        rows += rows_of(f"c{number}", "1", HAPPY) + rows_of(f"c{number}", "2", SAD, lower=True)
    return write_table(folder / "eila.csv", rows)


def test_a_table_beside_its_videos_makes_a_walk_of_each_person(tmp_path):
    make_crowds(tmp_path, 2)
    write_frames(tmp_path / "other.mp4", crowd()[:5])
    rows = (tmp_path / "eila.csv").read_text().splitlines()[1:] + rows_of("gone", "1", SAD)
    rows += rows_of("c1.mp4".removesuffix(".mp4"), "7", "[['No annotation']]", last=8)
    write_table(tmp_path / "eila.csv", rows)
    found = find_samples(tmp_path)
    assert found.source == "eila.csv (5 walks of people in boxes)"
    assert found.classes == ("happy", "sad")
    named = {sample.name: sample for sample in found.samples}
    assert list(named) == [
        "c0.mp4#person 1", "c0.mp4#person 2", "c1.mp4#person 1", "c1.mp4#person 2", "c1.mp4#person 7", "other.mp4",
    ]  # fmt: skip
    first = named["c0.mp4#person 1"]
    assert (first.label, first.soft, first.subject) == ("happy", (1.0, 0.0), "c0 person 1")
    assert first.segment.frames == tuple(range(0, 20, 2))
    assert first.segment.boxes[3] == pytest.approx(
        (24 / WIDTH, 4 / HEIGHT, SIDE / WIDTH, SIDE / HEIGHT), abs=1e-5
    )
    assert named["c1.mp4#person 7"].label is None
    assert named["other.mp4"].segment is None
    assert "eila.csv: boxes without a video (1): gone" in found.notes
    assert "eila.csv: answers that are no walk's label, no part of soft labels (1): neutral" in found.notes
    assert "videos without a label (2): c1.mp4#person 7, other.mp4" in found.notes


def test_two_tags_for_one_video_and_a_second_label_file_are_refused(tmp_path):
    table = make_crowds(tmp_path, 1)
    rows = table.read_text().splitlines()[1:]
    write_table(table, rows + rows_of("c0.mp4", "1", SAD))
    with pytest.raises(LabelError, match=r"video tags c0, c0.mp4 fit one video, c0.mp4; call it by one name"):
        find_samples(tmp_path)
    write_table(table, rows)
    (tmp_path / "labels.csv").write_text("video,label\nc0,angry\n")
    with pytest.raises(LabelError, match=r"several label files: eila.csv, labels.csv"):
        find_samples(tmp_path)
    assert len(find_samples(tmp_path, tmp_path / "eila.csv").samples) == 2


def test_keypoint_files_beside_stay_without_a_label(tmp_path):
    make_crowds(tmp_path, 1)
    (tmp_path / "a.npz").touch()
    found = find_samples(tmp_path, keypoints=KeypointOptions())
    assert [sample.name for sample in found.samples] == ["a.npz", "c0.mp4#person 1", "c0.mp4#person 2"]


# --- train.py and test.py ---------------------------------------------------------------------------------------


@pytest.fixture
def here(monkeypatch, tmp_path):
    return work_here(monkeypatch, tmp_path)


def test_a_model_of_frames_sees_the_crops(here, capsys):
    make_crowds(here / "videos", 3)
    table = make_crowds(here / "videosTest", 1, first=5)
    elsewhere = table.rename(here / "table.csv")
    out = ran(capsys, "train", *SMALL, "--frame-size", "16x16", "--validation", "0.34", "--soft-labels")
    assert "Found 6 walks in videos/ (6 subjects); labels from eila.csv (6 walks of people in boxes)." in out
    assert "Walks per class: happy 3, sad 3" in out
    record = bundles.read_record(here / "saved_models" / "cnn_lstm.h5")
    assert len({walk.content for walk in record.walks}) == 6
    assert {walk.subject for walk in record.walks} == {f"c{n} person {p}" for n in range(3) for p in (1, 2)}
    out = ran(capsys, "test", "--labels", str(elsewhere), "--jobs", "1")
    assert "c5.mp4#person 1" in out
    assert "Scores on 2 labelled walks" in out


def test_a_model_of_joints_has_poses_estimated_within(here, capsys, monkeypatch):
    """An estimator that sees a happy walker in the upper boxes and a sad one in the lower ones."""
    asked = []

    def see(footage, settings):
        assert isinstance(footage, Segment)
        asked.append(footage)
        person = int(footage.path.stem[1:])
        return replace(
            walker("happy" if footage.boxes[0][1] < 0.5 else "sad", person), root_source="estimated"
        )

    monkeypatch.setattr("gait.preprocess.poses.estimate_video", see)
    monkeypatch.setattr("gait.preprocess.poses.check_ready", lambda settings: None)
    make_crowds(here / "videos", 3)
    make_crowds(here / "videosTest", 2, first=5)
    forest = ("--model", "random_forest", "--jobs", "1")
    out = ran(capsys, "train", *forest)
    assert "Split: train on 6 walks of 6 subjects" in out
    assert len(asked) == 6
    out = ran(capsys, "test", "--jobs", "1")
    assert "tested: 4 walks" in out
    assert len(asked) == 10


@pytest.mark.usefixtures("pose_models")
def test_poses_of_the_one_in_the_box_lie_where_they_do_in_the_whole_picture(tmp_path):
    """Two walkers side by side in one video; each box finds its own."""
    walks = [
        make_walk(emotion, "front", subject=n, seconds=0.7, size=FrameSize(480, 270))
        for n, emotion in enumerate(("happy", "sad"))
    ]
    shots = [np.concatenate(both, axis=1) for both in zip(*map(render, walks), strict=True)]
    height, width = shots[0].shape[:2]
    write_video(tmp_path / "two.mp4", shots, 30.0)
    for number, walk in enumerate(walks):
        image = walk.image + np.array([number * width / 2, 0])
        boxes = []
        for t in (0, len(shots) - 1):
            (left, top), (right, bottom) = image[t].min(axis=0) - 10, image[t].max(axis=0) + 10
            boxes.append((left / width, top / height, (right - left) / width, (bottom - top) / height))
        segment = Segment(tmp_path / "two.mp4", (0, len(shots) - 1), tuple(boxes))
        found = estimate_video(segment, PoseSettings(threads=2))
        assert found.frame_size == (height, width)
        assert found.coverage > 0.9
        hips = [found.image[found.observed][:, joint] for joint in (23, 24)]
        true = [image[found.observed][:, joint] for joint in (23, 24)]
        error = np.linalg.norm(np.mean(hips, axis=0) - np.mean(true, axis=0), axis=1)
        assert np.median(error) < 0.03 * height
        # Where the walker is in the room is that of the whole picture: beside its middle.
        assert np.sign(np.nanmedian(found.root[:, 0])) == (1 if number else -1)


def test_a_face_is_looked_for_where_it_lies_in_the_crop(video, tmp_path, monkeypatch):
    """Poses are those of the whole picture, the pictures those of the window."""
    looked = []

    class Mesh:
        def __init__(self, models):
            pass

        def locate(self, picture, joints):
            looked.append((picture.shape, joints))

    segment = Segment(video, *upper())
    whole = walker("happy", 0)
    rows = {name: getattr(whole, name)[:11] for name in ("world", "visibility", "time")}
    image = np.full((11, 33, 2), 50, np.float32)
    seen = replace(
        whole,
        **rows,
        image=image,
        root=None,
        frame_size=(HEIGHT, WIDTH),
        observed=None,
        mended=None,
        unique=None,
    )
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    for place, stand_in in (
        ("FaceMesh", Mesh),
        ("load_face_mesh", lambda: None),
        ("poses_of", lambda *_: seen),
    ):
        monkeypatch.setattr(f"gait.preprocess.landmark_clips.{place}", stand_in)
    monkeypatch.setattr("gait.preprocess.poses.check_ready", lambda settings: None)
    how = LandmarkClipPreprocess(length=4, rate=10.0, height=16, width=16, landmarks="face")
    prepared = how.prepare([Sample(video, "a", "happy", segment=segment)], Cache(tmp_path / "store"))
    assert not prepared.left_out
    cropper = Cropper(segment, HEIGHT, WIDTH)
    assert [shape for shape, _ in looked] == [(cropper.height, cropper.width, 3)] * 11
    found = np.stack([joints[0] for _, joints in looked])
    np.testing.assert_allclose(found, 50 - cropper.corners)
