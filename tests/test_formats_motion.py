"""BVH, OpenPose, COCO and the EiLA table: small files made by hand, and faults put into them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gait.errors import LabelError
from gait.formats import KeypointError, KeypointOptions, read_keypoints
from gait.formats.bvh import joint_positions, match_joints, parse_bvh
from gait.formats.eila import read_eila
from gait.formats.people import link_people
from gait.skeleton import LAYOUTS, heading_angle

FILES = Path(__file__).parent / "files"
TURNED = FILES / "turned.bvh"
JOINTS = LAYOUTS["gait16"].joints

# BVH


def joints_of(frame: int, options: KeypointOptions | None = None) -> dict[str, np.ndarray]:
    sequence = read_keypoints(TURNED, options)[0].sequence
    return dict(zip(JOINTS, sequence.world[frame] + sequence.root[frame], strict=True))


def at(place: tuple[float, float, float]) -> object:
    return pytest.approx(place, abs=1e-6)


def test_bvh_at_rest_by_hand():
    """Offsets added up, in metres, hips at 0.9 m; the root is the hips' middle, 5 cm lower."""
    found = joints_of(0)
    expected = {
        "root": (0, 0.85, 0), "neck": (0, 1.45, 0), "head": (0, 1.60, 0.05), "left_shoulder": (0.18, 1.42, 0),
        "left_elbow": (0.18, 1.14, 0), "left_hand": (0.18, 0.90, 0), "right_hand": (-0.18, 0.90, 0),
        "left_hip": (0.10, 0.85, 0), "left_knee": (0.10, 0.43, 0), "right_foot": (-0.10, 0.03, 0),
    }  # fmt: skip
    for joint, place in expected.items():
        assert found[joint] == at(place), joint
    assert found["spine"] == at((0, 1.10, 0))  # Spine, 5 cm from halfway; Spine1 is 15 cm from it


def test_bvh_turns_a_limb_about_its_own_joint():
    """The left arm turned by -90 degrees about x at the shoulder: from hanging to pointing to +z."""
    found = joints_of(1)
    assert found["left_shoulder"] == at((0.18, 1.42, 0.10))
    assert found["left_elbow"] == at((0.18, 1.42, 0.38))
    assert found["left_hand"] == at((0.18, 1.42, 0.62))
    assert found["right_hand"] == at((-0.18, 0.90, 0.10))


def test_bvh_turns_add_up_along_a_chain():
    """Turned 90 degrees about y (z towards x), the left thigh raised level, the shank hanging from it."""
    found = joints_of(2)
    assert found["left_hip"] == at((0, 0.85, 0.20 - 0.10))
    assert found["left_knee"] == at((0.42, 0.85, 0.10))
    assert found["left_foot"] == at((0.42, 0.45, 0.10))
    assert found["head"] == at((0.05, 1.60, 0.20))
    sequence = read_keypoints(TURNED)[0].sequence
    assert heading_angle(sequence.world[2:3], "gait16") == pytest.approx(np.pi / 2)


def test_bvh_rate_path_unit_and_notes():
    file = read_keypoints(TURNED)
    sequence = file[0].sequence
    assert (file[0].name, sequence.layout, sequence.root_source, sequence.root_unit) == (
        "turned",
        "gait16",
        "true",
        "m",
    )
    assert sequence.rate == pytest.approx(40)
    assert sequence.root[3] == at((0.05, 0.86, 0.30))
    assert "lengths read as centimetres" in file.notes
    assert joints_of(3, KeypointOptions(unit=1.0))["right_foot"] == at((-5, 4, 30))


def chain(order: str) -> str:
    turns = " ".join(f"{axis}rotation" for axis in order)
    return f"""HIERARCHY
        ROOT Hips {{
            OFFSET 0 0 0
            CHANNELS 6 Xposition Yposition Zposition {turns}
            JOINT Arm {{
                OFFSET 1 2 3
                CHANNELS 3 {turns}
                End Site {{ OFFSET 4 5 6 }}
            }}
        }}
        MOTION
        Frames: 1
        Frame Time: 0.01
        """


@settings(max_examples=40, deadline=None)
@given(st.permutations("XYZ"), st.lists(st.floats(-360, 360), min_size=9, max_size=9))
def test_bvh_rotations_in_any_channel_order_are_those_of_scipy(order, values):
    order = "".join(order)
    motion = parse_bvh(chain(order) + " ".join(map(repr, values)))
    turn = Rotation.from_euler(order, values[3:6], degrees=True)  # capitals: intrinsic, the first leftmost
    expected = np.array(values[:3]) + turn.apply([1, 2, 3])
    np.testing.assert_allclose(joint_positions(motion)[0, 1], expected, atol=1e-9)


def test_bvh_position_channels_of_a_joint_stand_for_its_offset():
    text = (
        chain("ZXY").replace("CHANNELS 3 Zrotation", "CHANNELS 4 Yposition Zrotation") + "0 0 0 0 0 0 7 0 0 0"
    )
    np.testing.assert_allclose(joint_positions(parse_bvh(text))[0, 1], [1, 7, 3])


SIDES = "{Side}Shoulder {Side}Arm {Side}ForeArm {Side}Hand {Side}UpLeg {Side}Leg {Side}Foot"
SCHEMES = {
    "mixamo": " ".join("mixamorig:" + name for name in f"Hips Neck Head {SIDES}".split()),
    "cmu": f"Hips LowerBack Neck Neck1 Head {{S}}HipJoint {SIDES}",
    "biovision": """Hips Chest Neck Head {Side}Collar {Side}Shoulder {Side}Elbow {Side}Wrist {Side}Hip
        {Side}Knee {Side}Ankle""",
    "asf": "root neck head {s}clavicle {s}humerus {s}radius {s}hand {s}femur {s}tibia {s}foot",
    "blender": "hips neck head shoulder.{S} upper_arm.{S} forearm.{S} hand.{S} thigh.{S} shin.{S} foot.{S}",
    "xsens": """Pelvis Neck Head {Side}Collar {Side}UpperArm {Side}LowerArm {Side}Hand {Side}UpperLeg
        {Side}LowerLeg {Side}Foot""",
}
UPPER_ARM = {
    "mixamo": "mixamorig:{Side}Arm",
    "cmu": "{Side}Arm",
    "biovision": "{Side}Shoulder",
    "asf": "{s}humerus",
    "blender": "upper_arm.{S}",
    "xsens": "{Side}UpperArm",
}


def spelled(template: str, side: str) -> str:
    return template.format(Side=side.capitalize(), S=side[0].upper(), s=side[0])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_bvh_joint_names_of_common_schemes(scheme):
    names = [name for part in SCHEMES[scheme].split() for name in dict.fromkeys(
        spelled(part, side) for side in ("left", "right"))]  # fmt: skip
    found = match_joints(names)
    assert set(found) == set(JOINTS) - {"root", "spine"}
    assert len(set(found.values())) == len(found)
    for side in ("left", "right"):
        assert names[found[f"{side}_shoulder"]] == spelled(UPPER_ARM[scheme], side)


def test_bvh_with_names_not_understood_lists_them(tmp_path):
    path = tmp_path / "odd.bvh"
    path.write_text(TURNED.read_text().replace("LeftHand", "Flipper"))
    with pytest.raises(KeypointError, match=r"no left_hand \(left_hand goes by lefthand.*Flipper"):
        read_keypoints(path)


def test_bvh_cut_off_in_its_last_frame_keeps_the_others(tmp_path):
    path = tmp_path / "cut.bvh"
    text = TURNED.read_text().rstrip("\n").splitlines()
    path.write_text("\n".join([*text, text[-1], text[-2][:40]]))
    file = read_keypoints(path)
    assert len(file[0].sequence) == 5
    assert "5 frames read, 4 claimed by the file" in file.notes


@pytest.mark.parametrize(("old", "new", "message"), [
    ("HIERARCHY", "HIERACHY", "not a BVH file"), ("MOTION", "", "not a BVH file"),
    ("Frames: 4", "Frames: four", "'Frames: N'"), ("Frame Time: 0.025", "Frame Time: 0", "frame time of 0 s"),
    ("OFFSET 0.0 20.0 0.0", "OFFSET 0.0 x 0.0", "not understood near"),
    ("CHANNELS 3 Yrotation", "CHANNELS 3 Wrotation", "not understood near"),
    ("}\nMOTION", "\nMOTION", "braces"), ("}\nMOTION", "}\n}\nMOTION", "not understood near"),
    ("0 90 10 0", "0 90 10", "frame 2: 60 values expected, found 59"),
    ("5 91 30", "5 ninety 30", "numbers expected"),
    ("0 90 10 0", "nan nan nan 0", None),
])  # fmt: skip
def test_bvh_faults_are_named(tmp_path, old, new, message):
    path = tmp_path / "bad.bvh"
    text = TURNED.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    if message is None:
        assert read_keypoints(path)[0].sequence.observed.tolist() == [True, False, True, True]
        return
    with pytest.raises(KeypointError, match=message):
        read_keypoints(path)


def test_bvh_with_z_up_is_refused(tmp_path):
    path = tmp_path / "lying.bvh"
    path.write_text(TURNED.read_text().replace("0 90 0 0 0 0 ", "0 0 90 0 -180 0 ").replace(
        "0 90 10 0 0 0", "0 0 90 0 180 0").replace("0 90 20 0 0 90", "0 0 90 0 180 0"))  # fmt: skip
    with pytest.raises(KeypointError, match="y up"):
        read_keypoints(path)


# OpenPose


def person(V: int, x: float, missing: int | None = None, confidence: float = 0.8) -> list[float]:
    """An upright body of V joints 200 pixels high at x."""
    points = np.stack(
        [x + 10 * np.cos(np.arange(V)), 100 + 200 * np.arange(V) / V, np.full(V, confidence)], axis=1
    )
    if missing is not None:
        points[missing] = 0
    return points.ravel().tolist()


def write_frames(folder: Path, frames: dict[int, list[list[float]]], series: str = "walk") -> Path:
    folder.mkdir(exist_ok=True)
    for number, people in frames.items():
        content = {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": p} for p in people]}
        (folder / f"{series}_{number:012d}_keypoints.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(("V", "layout"), [(25, "openpose25"), (18, "openpose18")])
def test_openpose_frames_become_a_walk_in_the_picture(tmp_path, V, layout):
    frames = {t: [person(V, 50 + 3 * t, missing=t % 7)] for t in (4, 5, 6, 8, 9)}
    folder = write_frames(tmp_path / "clip", {**frames, 10: []})
    file = read_keypoints(folder, KeypointOptions(rate=20))
    sequence = file[0].sequence
    assert (file[0].name, sequence.layout, len(sequence), sequence.rate) == (
        "walk",
        layout,
        7,
        pytest.approx(20),
    )
    assert sequence.observed.tolist() == [True, True, True, False, True, True, False]
    assert np.isnan(sequence.world).all()
    expected = np.array(frames[8][0]).reshape(V, 3)
    np.testing.assert_allclose(sequence.image[4, 2:], expected[2:, :2], rtol=1e-6)
    assert np.isnan(sequence.image[4, 1]).all()
    assert sequence.visibility[4, 1] == 0
    assert sequence.visibility[4, 2] == np.float32(0.8)
    assert file.notes == ()


def test_one_openpose_frame_stands_for_its_series(tmp_path):
    folder = write_frames(tmp_path / "clips", {t: [person(25, 60)] for t in range(5)}, "a")
    write_frames(folder, {t: [person(25, 90)] for t in range(6)}, "b")
    whole = read_keypoints(folder)
    assert [(walk.name, len(walk.sequence)) for walk in whole] == [("a", 5), ("b", 6)]
    alone = read_keypoints(folder / "b_000000000003_keypoints.json")
    assert [(walk.name, len(walk.sequence)) for walk in alone] == [("b", 6)]
    assert any("30 frames per second assumed" in note for note in alone.notes)


def test_of_several_people_the_one_seen_longest_is_followed(tmp_path):
    frames = {}
    for t in range(12):
        walker, other, passer = person(25, 40 + 5 * t), person(25, 400 - 5 * t), person(25, 900)
        people = [walker, other] if t % 2 else [other, walker]  # OpenPose's lists have no order
        frames[t] = [p for p in people if p is walker or t > 2] + ([passer] if t in (5, 6) else [])
    folder = write_frames(tmp_path / "clip", frames)
    file = read_keypoints(folder)
    np.testing.assert_allclose(file[0].sequence.image[:, 0, 0], 50 + 5 * np.arange(12), rtol=1e-6)
    assert file.notes[-1] == "walk: 3 people, number 0 followed"
    other = read_keypoints(folder, KeypointOptions(person=1))[0].sequence
    assert other.observed.tolist() == [False] * 3 + [True] * 9
    np.testing.assert_allclose(other.image[3:, 0, 0], 410 - 5 * np.arange(3, 12), rtol=1e-6)
    with pytest.raises(KeypointError, match="too short: 2 frames"):
        read_keypoints(folder, KeypointOptions(person=2))
    with pytest.raises(KeypointError, match=r"person 3 asked for, found 3 people \(0 to 2\)"):
        read_keypoints(folder, KeypointOptions(person=3))


def test_a_person_is_the_same_after_a_short_gap_and_another_after_a_long_one():
    body = np.array(person(25, 50)).reshape(-1, 3)
    assert [len(track) for track in link_people([[body], *[[]] * 10, [body]])] == [2]
    assert [len(track) for track in link_people([[body], *[[]] * 20, [body]])] == [1, 1]
    assert [len(track) for track in link_people([[body], [body + np.array([500, 0, 0])]])] == [1, 1]


@pytest.mark.parametrize(("frames", "message"), [
    ({t: [] for t in range(5)}, "nobody in view"),
    ({t: [person(25, 50)] for t in range(3)}, "too short: 3 frames"),
    ({t: [person(21, 50)] for t in range(5)}, r"\(openpose25\) or 18 joints.*found 63 values = 21 joints"),
    ({t: [person(25, 50)[:-1]] for t in range(5)}, "found 74 values"),
    ({t: [person(25 if t else 18, 50)] for t in range(5)}, "18 and 25 joints in one walk"),
    ({t: [["a"] * 75] for t in range(5)}, "not a list of numbers"),
    ({t: [[0.0] * 75] for t in range(5)}, "nobody in view"),
    ({t: [(np.array(person(25, 50)) * np.tile([1e-3, 1e-3, 1], 25)).tolist()] for t in range(5)}, "pixels"),
    ({t: [person(25, 50)] for t in (0, 1, 2, 10**9)}, "are not the numbers of 4 frames"),
])  # fmt: skip
def test_openpose_faults_are_named(tmp_path, frames, message):
    with pytest.raises(KeypointError, match=message):
        read_keypoints(write_frames(tmp_path / "clip", frames))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"people": 3}', '{"people": [1]}', '{"version": 1.3}', "[" * 99999]
)
def test_a_broken_openpose_frame_is_named(tmp_path, content):
    folder = write_frames(tmp_path / "clip", {t: [person(25, 50)] for t in range(5)})
    (folder / "walk_000000000002_keypoints.json").write_text(content)
    with pytest.raises(KeypointError, match=r"walk_000000000002_keypoints\.json"):
        read_keypoints(folder)


# COCO


def test_coco_annotations_by_hand():
    file = read_keypoints(FILES / "coco.json", KeypointOptions(rate=10))
    sequence = file[0].sequence
    assert (file[0].name, sequence.layout) == ("coco", "coco17")
    assert (sequence.frame_size, len(sequence)) == ((480, 640), 5)
    assert sequence.observed.tolist() == [True, True, False, True, True]
    assert sequence.image[:, 0, 0].tolist() == [100, 101, pytest.approx(np.nan, nan_ok=True), 103, 104]
    assert np.isnan(sequence.image[:, 4]).all()
    assert sequence.visibility[0, :5].tolist() == [1, 1, 0.5, 1, 0]


def results(ids: list, V: int = 17, **extra) -> list[dict]:
    bodies = [person(V, 50 + 3 * t, confidence=0.6) for t in range(len(ids))]
    return [
        {"image_id": name, "category_id": 1, "keypoints": b, "score": 1, **extra}
        for name, b in zip(ids, bodies, strict=True)
    ]


@pytest.mark.parametrize("form", ["{}", "{}.jpg", "video2/v2_{:05d}.png"])
def test_coco_results_are_ordered_by_the_numbers_of_their_images(tmp_path, form):
    ids = [form.format(n) if form != "{}" else n for n in (7, 8, 10, 11)]
    path = tmp_path / "out.json"
    path.write_text(json.dumps(results(ids)[::-1]))
    sequence = read_keypoints(path)[0].sequence
    assert sequence.observed.tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(sequence.image[[0, 1, 3, 4], 0, 0], [60, 63, 66, 69], rtol=1e-6)
    assert sequence.visibility[0, 0] == np.float32(0.6)


def test_coco_tracks_are_kept_where_they_are_given(tmp_path):
    path = tmp_path / "out.json"
    near = results(list(range(6)), track_id="a") + results(list(range(4)), track_id="b")
    near[-1]["keypoints"] = person(17, 500)
    path.write_text(json.dumps(near))
    assert read_keypoints(path)[0].sequence.observed.sum() == 6
    assert read_keypoints(path, KeypointOptions(person=1))[0].sequence.image[3, 0, 0] == 510


@pytest.mark.parametrize(("content", "message"), [
    (results(list(range(5)), V=18), r"17 joints x \(x, y, confidence\) \(coco17\) expected, found 54 values"),
    ({"annotations": []}, "nobody in view"), ([], "nobody in view"), ({"a": 1}, "neither an OpenPose frame"),
    ([{"keypoints": [1]}], "neither"), (results(["a", "b", "c", "d"]), "no frame number"),
    ({"images": [{"id": 1}], "annotations": results([1, 2, 3, 4])}, "not listed, such as 2"),
])  # fmt: skip
def test_coco_faults_are_named(tmp_path, content, message):
    path = tmp_path / "out.json"
    path.write_text(json.dumps(content))
    with pytest.raises(KeypointError, match=message):
        read_keypoints(path)


# EiLA


def test_eila_boxes_walks_and_soft_labels_by_hand():
    """Person 1 of street: frames 10 to 20, step 5, then a pause of 40, more than three steps."""
    table = read_eila(FILES / "eila.csv")
    assert table.classes == ("angry", "happy", "neutral", "sad")
    walks = {walk.name: walk for walk in table.walks}
    assert list(walks) == [
        "park person 1",
        "street person 1, walk 1",
        "street person 1, walk 2",
        "street person 2",
    ]
    first = walks["street person 1, walk 1"]
    assert first.frames.tolist() == [10, 15, 20]
    np.testing.assert_allclose(first.boxes[1], [0.12, 0.20, 0.30, 0.40])
    np.testing.assert_allclose(first.pixels(200, 1000)[1], [120, 40, 300, 80])
    # Frame 10: happy 1 + 1/2, neutral 1/2 of two answers; frame 15: happy, sad; frame 20: none.
    assert first.soft == pytest.approx((0, (0.75 + 0.5) / 2, 0.25 / 2, 0.5 / 2))
    assert (first.label, first.tie) == ("happy", False)
    second = walks["street person 1, walk 2"]
    assert second.frames.tolist() == [60, 65]
    assert second.soft == pytest.approx((0, 0, 2 / 3, 1 / 3))
    np.testing.assert_allclose(second.boxes[0], [0.90, 0.20, 0.10, 0.40])  # cut at the edge
    assert (walks["street person 2"].label, walks["street person 2"].tie) == ("angry", True)
    assert (walks["park person 1"].label, walks["park person 1"].soft) == (None, None)
    for words in (
        "second boxes of a person in a frame, not used: 1",
        "picture's edge, cut there: 1",
        "nobody annotated (1): park person 1",
        "ties, decided by class order (1): street person 2 (angry)",
    ):
        assert any(words in note for note in table.notes), words


@pytest.mark.parametrize(("max_gap", "walks"), [(4, 5), (5, 2), (40, 1)])
def test_eila_gap_rule_can_be_set(max_gap, walks):
    table = read_eila(FILES / "eila.csv", max_gap)
    assert sum(walk.video == "street" and walk.person == "1" for walk in table.walks) == walks


def test_eila_spreadsheets_read_as_their_csv(tmp_path):
    import csv

    from openpyxl import Workbook

    book = Workbook()
    with (FILES / "eila.csv").open() as file:
        for row in csv.reader(file):
            book.active.append([float(c) if c.replace(".", "").isdigit() else c for c in row])
    book.save(tmp_path / "eila.xlsx")
    for a, b in zip(
        read_eila(tmp_path / "eila.xlsx").walks, read_eila(FILES / "eila.csv").walks, strict=True
    ):
        assert (a.name, a.label, a.soft, a.frames.tolist()) == (b.name, b.label, b.soft, b.frames.tolist())
        np.testing.assert_array_equal(a.boxes, b.boxes)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("Person Id", "Person", "no column person id; found Video Tag"),
    ("street,15,12", "street,1.5,12", "row 3: frame number is 1.5"),
    ("street,15,12", "street,15,wide", "row 3: x is 'wide', expected a number .*per cent"),
    ("street,15,12", "street,15,500", "row 3: x is '500'"),
    ("street,15,12", ",15,12", "row 3: video tag is empty"),
    ("12,20,30,40", "12,20,0,40", "row 3: the box .* has no area"),
    ("['Happy'], ['sad'], ['No annotation']]", "['Happy'], ['sad'", "row 3: labels are"),
    ("[['Happy'], ['sad'], ['No annotation']]", "__import__('os').getcwd()", "row 3: labels are"),
    ("[['Happy'], ['sad'], ['No annotation']]", "[3, 4]", "row 3: labels hold 3"),
])  # fmt: skip
def test_eila_faults_are_named_by_row(tmp_path, old, new, message):
    text = (FILES / "eila.csv").read_text()
    assert old in text
    path = tmp_path / "eila.csv"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(LabelError, match=message):
        read_eila(path)
