"""What keypoint files do not say, said to train.py and test.py, and remembered by the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from keypoint_walks import in_picture, walker, work_here, write_bvh, write_coco, write_gaits
from small_walks import ran

from gait import bundle as bundles
from gait.formats import read_keypoints
from gait.formats.listing import WalkInFile
from gait.formats.walks import KeypointOptions
from gait.labels import Sample
from gait.preprocess.walks import walk_content

FOREST = ("--model", "random_forest", "--jobs", "1")
INCH = 0.0254


@pytest.fixture
def here(monkeypatch, tmp_path):
    return work_here(monkeypatch, tmp_path)


def record(folder) -> bundles.Record:
    return bundles.read_record(folder / "saved_models" / "random_forest.h5")


def test_labels_under_another_name_lie_beside_the_joints_of_training_and_test(here, capsys):
    write_gaits(here / "videos", {"a1": 0, "s1": 3, "a2": 0, "s2": 3, "a3": 0, "s3": 3})
    write_gaits(here / "videosTest", {"x": 0, "y": 3}, first=40)
    for folder in ("videos", "videosTest"):
        (here / folder / "labels.h5").rename(here / folder / "answers.h5")
    assert "none of the 6 walks in videos/ has a label" in ran(capsys, "train", *FOREST, code=3)
    named = ("--keypoint-labels", "answers.h5", "--emotions", "step")
    out = ran(capsys, "train", *FOREST, *named)
    assert "features.h5: answers.h5: integers read as the map step" in out
    assert "Walks per class: angry 3, sad 3" in out
    assert "Scores on 2 labelled walks" in ran(capsys, "test")
    out = ran(capsys, "test", "--keypoint-labels", "nothing.h5", code=3)
    assert "features.h5: labels nothing.h5: not a readable HDF5 file" in out
    error = ran(capsys, "train", *FOREST, "--keypoint-labels", str(here / "answers.h5"), code=2)
    assert "--keypoint-labels: the name of a file beside the joints was expected" in error


def test_motion_capture_in_inches(here, capsys):
    places = {}
    for emotion in ("angry", "sad"):
        for person in range(3):
            path = write_bvh(here / "videos" / emotion / f"p{person}.bvh", walker(emotion, person), INCH)
            places[f"{emotion}/{path.name}"] = path
    ran(capsys, "train", *FOREST, "--keypoint-unit", str(INCH))
    options = KeypointOptions(unit=INCH)
    walk = read_keypoints(places["sad/p0.bvh"], options)[0].sequence
    np.testing.assert_allclose(walk.root, walker("sad", 0).root, atol=1e-4)  # metres again
    wanted = {
        name: walk_content(Sample(path, name, keypoints=WalkInFile(None, options)))
        for name, path in places.items()
    }
    assert {walk.name: walk.content for walk in record(here).walks} == wanted
    # The model knows the unit: to test.py they are the same joints.
    assert "sad/p0.bvh: the same file" in ran(capsys, "test", "--videos", "videos")
    assert "the same file" not in ran(capsys, "test", "--videos", "videos", "--keypoint-unit", "0.01")
    error = ran(capsys, "test", "--keypoint-unit", "0", code=2)
    assert "--keypoint-unit: a number above 0 was expected, found 0" in error


def test_the_other_person_in_a_file(here, capsys):
    for emotion in ("angry", "sad"):
        for person in range(3):
            first, other = (in_picture(walker(emotion, 10 * n + person, "left")) for n in range(2))
            image = other.image[:40] + np.float32([0, 2000])  # elsewhere in the picture, and for less long
            beside = replace(
                other, image=image, world=other.world[:40], visibility=other.visibility[:40],
                time=other.time[:40], observed=None, mended=None, unique=None,
            )  # fmt: skip
            write_coco(here / "videos" / emotion / f"p{person}.json", first, [beside])
    out = ran(capsys, "train", *FOREST)
    assert "2 people, number 0 followed" in out
    first = {walk.content for walk in record(here).walks}
    out = ran(capsys, "train", *FOREST, "--keypoint-person", "1", "--overwrite")
    assert "2 people, number 1 followed" in out
    assert not first & {walk.content for walk in record(here).walks}
    assert "2 people, number 1 followed" in ran(capsys, "test", "--videos", "videos")
    out = ran(capsys, "test", "--videos", "videos", "--keypoint-person", "0")
    assert "2 people, number 0 followed" in out
    # The same joints in files of one person: what is said of the other files is not said of these.
    for emotion in ("angry", "sad"):
        (here / "alone" / emotion).mkdir(parents=True)
        write_coco(here / "alone" / emotion / "p.json", in_picture(walker(emotion, 0, "left")), [])
    assert "followed" not in ran(capsys, "test", "--videos", "alone", "--keypoint-person", "0")
    out = ran(capsys, "test", "--videos", "videos", "--keypoint-person", "2", code=3)
    assert "person 2 asked for, found 2 people (0 to 1)" in out
    assert "person is -1; expected 0" in ran(capsys, "train", *FOREST, "--keypoint-person", "-1", code=2)
