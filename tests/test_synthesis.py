"""The synthetic walkers' movement: what the joints do is what was asked for, measured from the joints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gait.errors import GaitmoodError
from gait.video import FrameSize
from synthesis.camera import VIEWS, Camera
from synthesis.joints import INDEX, JOINT_NAMES, bend_knee, move_body
from synthesis.kinematics import (
    EMOTIONS,
    PARAMETER_NAMES,
    GaitParameters,
    apply_emotion,
    draw_parameters,
    neutral_parameters,
)
from synthesis.person import draw_person, make_body
from synthesis.walks import make_walk, save_joints

RATE = 100.0
BODY = make_body(1.72)
WALKS = [(emotion, intensity) for emotion in EMOTIONS for intensity in (1.0, 2.0)]


def long_walk(parameters: GaitParameters, seconds: float = 20.0, **options) -> np.ndarray:
    return move_body(BODY, parameters, np.arange(round(seconds * RATE)) / RATE, **options)


def joint(joints: np.ndarray, name: str) -> np.ndarray:
    return joints[:, INDEX[name]]


def inclination(line: np.ndarray) -> np.ndarray:
    """Degrees forward of upright."""
    return np.degrees(np.arctan2(line[:, 2], line[:, 1]))


def flexion(joints: np.ndarray, above: str, middle: str, below: str) -> np.ndarray:
    """Degrees from straight."""
    upper = joint(joints, middle) - joint(joints, above)
    lower = joint(joints, below) - joint(joints, middle)
    cosine = (upper * lower).sum(1) / np.linalg.norm(upper, axis=1) / np.linalg.norm(lower, axis=1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def contacts(joints: np.ndarray, side: str) -> np.ndarray:
    """Frames at which a heel comes to lie: Zeni et al. 2008, where it is farthest before the pelvis."""
    ahead = joint(joints, f"{side}_heel")[:, 2] - joint(joints, "pelvis")[:, 2]
    inner = ahead[1:-1]
    return 1 + np.flatnonzero((inner > ahead[:-2]) & (inner >= ahead[2:]) & (inner > 0))


@pytest.mark.parametrize(("emotion", "intensity"), WALKS)
class TestWhatWasAskedFor:
    @pytest.fixture
    def asked(self, emotion, intensity):
        return apply_emotion(neutral_parameters(), emotion, intensity)

    @pytest.fixture
    def joints(self, asked):
        return long_walk(asked)

    def test_speed(self, asked, joints):
        way = joint(joints, "pelvis")[-1] - joint(joints, "pelvis")[0]
        seconds = (len(joints) - 1) / RATE
        assert way[2] / seconds == pytest.approx(asked.speed, rel=0.01)

    def test_cadence_and_stride_from_the_heels(self, asked, joints):
        left, right = contacts(joints, "left"), contacts(joints, "right")
        seconds = (left[-1] - left[0]) / RATE
        assert 120 * (len(left) - 1) / seconds == pytest.approx(asked.cadence, rel=0.01)
        places = joint(joints, "left_heel")[left, 2]
        assert np.diff(places).mean() == pytest.approx(asked.stride_length, rel=0.02)
        steps = np.sort(np.concatenate([left, right]))
        assert np.diff(steps).std() < 2  # Left and right alternate evenly.

    def test_arms_elbows_trunk_and_head(self, asked, joints):
        for side in ("left", "right"):
            arm = joint(joints, f"{side}_shoulder") - joint(joints, f"{side}_elbow")
            assert np.ptp(inclination(arm)) == pytest.approx(asked.arm_range, abs=2)
            elbow = flexion(joints, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
            assert elbow.mean() == pytest.approx(asked.elbow_flexion, abs=5)
        trunk = joint(joints, "neck") - joint(joints, "pelvis")
        assert inclination(trunk).mean() == pytest.approx(asked.trunk_lean, abs=0.5)
        head = joint(joints, "head_top") - joint(joints, "head")
        assert inclination(head).mean() == pytest.approx(asked.head_inclination, abs=0.5)

    def test_bounce_and_sway_of_the_pelvis(self, asked, joints):
        assert np.ptp(joint(joints, "pelvis")[:, 1]) == pytest.approx(asked.bounce, abs=0.005)
        assert np.ptp(joint(joints, "pelvis")[:, 0]) == pytest.approx(asked.sway, abs=0.005)

    def test_feet_neither_skate_nor_sink(self, joints):
        for side in ("left", "right"):
            for part in ("heel", "ball", "toe"):
                point = joint(joints, f"{side}_{part}")
                assert point[:, 1].min() > -1e-3
            sole = np.stack([joint(joints, f"{side}_{part}") for part in ("heel", "ball")])
            flat = (sole[..., 1] < 1e-3).all(axis=0)
            flat = flat[:-1] & flat[1:]
            assert flat.mean() > 0.2
            assert np.abs(np.diff(sole, axis=1)[:, flat]).max() < 1e-3

    def test_segments_keep_their_length_and_knees_bend_backwards(self, joints):
        for side in ("left", "right"):
            for above, below, length in (("hip", "knee", BODY.thigh), ("knee", "ankle", BODY.shank)):
                gap = joint(joints, f"{side}_{above}") - joint(joints, f"{side}_{below}")
                assert np.allclose(np.linalg.norm(gap, axis=1), length, atol=1e-6)
            hip, knee, ankle = (joint(joints, f"{side}_{part}") for part in ("hip", "knee", "ankle"))
            assert ((knee - (hip + ankle) / 2)[:, 2] > 0).all()
            assert 40 < flexion(joints, f"{side}_hip", f"{side}_knee", f"{side}_ankle").max() < 80

    def test_moves_smoothly(self, asked, joints):
        # Feet reach 3 to 8 g in swing and at contact; a break of the path would be hundreds at this rate.
        jumps = np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1) * RATE**2
        scale = (asked.cadence / 112) ** 2
        assert jumps.max() < 100 * scale


def test_a_neutral_adult_is_the_published_one():
    adult = neutral_parameters()
    assert adult.speed == pytest.approx(1.26)
    assert adult.cadence == pytest.approx(112)
    assert adult.stride_length == pytest.approx(1.34, abs=0.015)
    assert adult.arm_range == pytest.approx(48)
    assert adult.bounce == pytest.approx(0.036)


def test_acted_emotions_have_the_published_magnitudes():
    adult = neutral_parameters()
    happy, angry, sad = (apply_emotion(adult, emotion, 2) for emotion in ("happy", "angry", "sad"))
    assert happy.speed / adult.speed == pytest.approx(1.1)
    assert happy.arm_range / adult.arm_range == pytest.approx(1.7)
    assert happy.bounce / adult.bounce == pytest.approx(3)
    assert angry.speed / adult.speed == pytest.approx(1.5)
    assert angry.cadence / adult.cadence == pytest.approx(1.4)
    assert angry.elbow_flexion - adult.elbow_flexion == pytest.approx(40)
    assert angry.trunk_lean - adult.trunk_lean == pytest.approx(13)
    assert angry.head_inclination - adult.head_inclination == pytest.approx(18)
    assert sad.speed / adult.speed == pytest.approx(0.4)
    assert sad.cadence / adult.cadence == pytest.approx(0.6)
    assert sad.stride_length / adult.stride_length == pytest.approx(0.65, abs=0.03)
    assert sad.arm_range / adult.arm_range == pytest.approx(0.3)
    assert sad.bounce / adult.bounce == pytest.approx(0.4)
    assert sad.head_inclination - adult.head_inclination == pytest.approx(13)


def test_natural_walking_shows_half():
    adult = neutral_parameters()
    angry, sad = apply_emotion(adult, "angry"), apply_emotion(adult, "sad")
    assert angry.trunk_lean - adult.trunk_lean == pytest.approx(6.5)
    assert (sad.speed / adult.speed) ** 2 == pytest.approx(0.4)
    assert apply_emotion(adult, "angry", 0) == adult
    assert apply_emotion(adult, "neutral", 2) == adult


def test_unknown_emotions_and_intensities_are_refused():
    with pytest.raises(GaitmoodError, match=r"angry, happy, neutral, sad.*'bored'"):
        apply_emotion(neutral_parameters(), "bored")
    with pytest.raises(GaitmoodError, match="between 0"):
        apply_emotion(neutral_parameters(), "sad", -1)
    with pytest.raises(GaitmoodError, match="front, back, left, right, oblique"):
        make_walk("sad", "above", seconds=0.2)
    with pytest.raises(GaitmoodError, match="positive"):
        make_walk("sad", seconds=0)
    with pytest.raises(GaitmoodError, match="varied, hall"):
        make_walk("sad", seconds=0.2, place="moon")


def test_a_stride_longer_than_the_legs_is_refused():
    giant = GaitParameters(**{**vars(neutral_parameters()), "speed": 4.0})
    with pytest.raises(GaitmoodError, match="too long"):
        long_walk(giant, seconds=1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), emotion=st.sampled_from(EMOTIONS), intensity=st.floats(0, 3))
def test_every_drawn_walk_can_be_walked(seed, emotion, intensity):
    rng = np.random.default_rng(seed)
    person = draw_person(rng)
    drawn = draw_parameters(person.habits, emotion, intensity, person.body.height, rng)
    joints = move_body(person.body, drawn, np.arange(40) / 20)
    assert np.isfinite(joints).all()
    height = joints[:, INDEX["head_top"], 1].mean()
    assert 0.85 * person.body.height < height < 1.03 * person.body.height
    assert joints[..., 1].min() > -1e-3


def test_draws_do_not_look_at_the_emotion():
    walks = [make_walk(emotion, seed=4, subject=2, number=1, seconds=0.2) for emotion in EMOTIONS]
    assert all(walk.person == walks[0].person for walk in walks)
    # Without an effect the whole walk is the same: not one draw depends on the emotion.
    still = [
        make_walk(emotion, seed=4, subject=2, number=1, seconds=0.2, intensity=0) for emotion in EMOTIONS
    ]
    assert all(
        np.array_equal(walk.joints, still[0].joints) and walk.camera == still[0].camera for walk in still
    )
    others = [
        make_walk("sad", seed=4, subject=3, seconds=0.2),
        make_walk("sad", seed=5, subject=2, seconds=0.2),
    ]
    assert all(other.person != walks[0].person for other in others)


@pytest.mark.parametrize("view", ["front", "left", "oblique"])
def test_camera_and_place_do_not_give_away_the_emotion(view):
    options = {"seed": 4, "subject": 7, "seconds": 2, "rate": 10}
    angry, sad = (make_walk(emotion, view, **options) for emotion in ("angry", "sad"))
    assert angry.parameters.speed > 1.2 * sad.parameters.speed
    assert angry.camera == sad.camera
    assert angry.scene == sad.scene


def test_classes_overlap_at_the_default_intensity():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def collect(people: range) -> tuple[np.ndarray, np.ndarray]:
        rows = []
        for subject in people:
            person = draw_person(np.random.default_rng([0, subject]))
            for number, emotion in enumerate(EMOTIONS):
                rng = np.random.default_rng([0, subject, number])
                rows.append(draw_parameters(person.habits, emotion, 1.0, person.body.height, rng))
        table = np.array([[getattr(row, name) for name in PARAMETER_NAMES] for row in rows])
        return table, np.tile(np.arange(4), len(people))

    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(*collect(range(100)))
    assert 0.60 < classifier.score(*collect(range(500, 700))) < 0.80


def test_on_the_spot_the_body_stays_and_the_feet_slide_back():
    adult = neutral_parameters()
    walking, staying = long_walk(adult, 4), long_walk(adult, 4, on_the_spot=True)
    way = (adult.speed * np.arange(len(walking)) / RATE)[:, None]
    assert np.allclose(walking[..., 2] - staying[..., 2], way)
    assert np.ptp(joint(staying, "pelvis")[:, 2]) < 1e-9


def test_left_is_left():
    joints = long_walk(neutral_parameters(), 1)
    for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "toe"):
        assert (joint(joints, f"left_{part}")[:, 0] > joint(joints, f"right_{part}")[:, 0]).all(), part
    # y up, +z ahead: the left of a walker is +x, and noses point ahead.
    assert (joint(joints, "nose")[:, 2] > joint(joints, "head")[:, 2]).all()


def test_knee_of_a_right_angled_leg():
    # Thigh 3, shank 4, hip to ankle 5: the knee is 12/5 in front of the line, 9/5 down from the hip.
    knee = bend_knee(np.array([[0.0, 5.0, 0.0]]), np.array([[0.0, 0.0, 0.0]]), 3.0, 4.0, side=0)
    assert knee[0] == pytest.approx([0, 5 - 9 / 5, 12 / 5])


def test_projection_of_a_known_point():
    camera = Camera((0.0, 1.0, 5.0), (0.0, 1.0, 0.0), 100.0, FrameSize(60, 80))
    pixels, depth = camera.project(np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 2.0, 0.0]]))
    # Looking along -z, the walker's left (+x) is on the right of the picture; up is a smaller y.
    assert pixels == pytest.approx(np.array([[40, 30], [60, 30], [40, 10]]))
    assert depth == pytest.approx(5)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", [FrameSize(640, 360), FrameSize(360, 640)])
def test_the_walker_is_in_the_picture_all_the_time(view, size):
    for subject, emotion in enumerate(EMOTIONS):
        walk = make_walk(emotion, view, seed=3, subject=subject, seconds=3, rate=10, size=size, intensity=2)
        assert (walk.image > 0).all()
        assert (walk.image < [size.width, size.height]).all()
        tall = np.ptp(walk.image[..., 1], axis=1)
        assert tall.max() > 0.09 * size.height


def test_views_see_what_they_say():
    walks = {view: make_walk("neutral", view, seed=1, subject=5, seconds=1) for view in VIEWS}
    image = {view: walk.image for view, walk in walks.items()}
    across = {view: image[view][-1, 0, 0] - image[view][0, 0, 0] for view in VIEWS}
    tall = {view: np.ptp(image[view][..., 1], axis=1) for view in VIEWS}
    # Seen from its left a walker crosses from right to left, from its right the other way.
    assert across["left"] < -30
    assert across["right"] > 30
    assert tall["front"][-1] > 1.1 * tall["front"][0]
    assert tall["back"][-1] < 0.9 * tall["back"][0]
    assert tall["oblique"][-1] > 1.03 * tall["oblique"][0]
    left_shoulder, right_shoulder = INDEX["left_shoulder"], INDEX["right_shoulder"]
    assert (image["front"][:, left_shoulder, 0] > image["front"][:, right_shoulder, 0]).all()
    assert (image["back"][:, left_shoulder, 0] < image["back"][:, right_shoulder, 0]).all()


def test_the_joints_file_is_plain_and_the_same_bytes_each_time(tmp_path):
    for name in ("a", "b"):
        walk = make_walk("happy", "oblique", seed=9, subject=1, number=2, seconds=0.5)
        save_joints(tmp_path / f"{name}.npz", walk)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as truth:
        assert truth["joint_names"].tolist() == list(JOINT_NAMES)
        assert truth["world"].shape == (15, len(JOINT_NAMES), 3)
        inside = (truth["world"] - truth["camera_position"]) @ truth["camera_rotation"].T
        middle = truth["frame_size"][::-1] / 2
        assert np.allclose(
            inside[..., :2] / inside[..., 2:] * truth["focal"] + middle, truth["image"], atol=0.01
        )
        assert str(truth["emotion"]) == "happy"
        named = dict(zip(truth["parameter_names"].tolist(), truth["parameters"].tolist(), strict=True))
        assert named == {name: getattr(walk.parameters, name) for name in PARAMETER_NAMES}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]
