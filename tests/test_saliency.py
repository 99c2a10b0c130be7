"""Where a network looks in its frames: planted shortcuts light up, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from explained import frame_walk, keras_answer, watches_place
from small_walks import square_frames
from videofiles import map_here

from evaluation import explain as script
from evaluation.saliency import explain_frames, moments_of, patches_of, place_of
from evaluation.saliency_figure import saliency_png
from gait.bundle import Bundle, Record
from gait.errors import GaitmoodError
from gait.model_files import save_keras
from gait.preprocess import ClipPreprocess, LandmarkClipPreprocess
from gait.video import write_video

HOW = ClipPreprocess(length=8, rate=10.0, height=24, width=32, background="keep")
CORNER = (slice(0, 4), slice(0, 4))


def bundle_of(model, how=HOW) -> Bundle:
    return Bundle(Path("planted.h5"), model, Record("", ("neutral", "sad"), how))


def frames_with_corner(bright: int = 255, count: int = 8) -> np.ndarray:
    """A square that moves over grey, and a corner that keeps still."""
    frames = np.stack(list(square_frames(1, seed=3, frames=count)))
    frames[:, CORNER[0], CORNER[1]] = bright
    return frames


def test_a_shortcut_in_one_corner_lights_up_there_and_nowhere_else():
    found = explain_frames(
        bundle_of(watches_place(HOW, *CORNER, scale=4.0)), frame_walk(frames_with_corner())
    )
    assert found.answer == "sad"
    assert found.throughout.shape == (24, 32)
    assert found.throughout[CORNER].min() > 0.05
    assert found.throughout[0, 0] == found.throughout.max() > 0.2
    assert place_of(found.throughout) == "top left"
    assert "Covering the top left of the picture costs most" in found.text()
    far = found.throughout.copy()
    far[:8, :8] = 0  # no patch that reaches the corner reaches farther
    np.testing.assert_allclose(far, 0, atol=1e-6)
    # Covered in one of six moments only, a fall a sixth as large or so, in every moment.
    assert found.moments.shape == (6, 24, 32)
    assert (found.moments[:, 0, 0] > 0.005).all()
    np.testing.assert_allclose(found.moments[:, 10:, 10:], 0, atol=1e-6)


def test_a_network_that_looks_at_the_end_only_lights_up_at_the_end():
    from keras import Input, layers

    inputs = Input(HOW.input_shape)
    weigh = layers.Dense(1, use_bias=False)
    scores = weigh(layers.Flatten()(inputs))
    chosen = np.zeros(HOW.input_shape, np.float32)
    chosen[-1, -4:, -4:] = 1
    weigh.set_weights([4 * chosen.reshape(-1, 1) / chosen.sum()])
    frames = frames_with_corner()
    frames[:, -4:, -4:] = 255
    found = explain_frames(bundle_of(keras_answer(inputs, scores)), frame_walk(frames))
    np.testing.assert_allclose(found.moments[:-1], 0, atol=1e-6)
    assert found.moments[-1, -1, -1] > 0.1
    assert place_of(found.throughout) == "bottom right"


def test_a_network_that_sees_what_moves_has_nothing_in_a_corner_that_keeps_still():
    how = ClipPreprocess(length=8, rate=10.0, height=24, width=32, background="subtract")
    found = explain_frames(bundle_of(watches_place(how, *CORNER), how), frame_walk(frames_with_corner()))
    np.testing.assert_allclose(found.throughout, 0, atol=1e-6)
    assert "No single place matters" in found.text()


def test_the_surest_clip_of_a_long_walk_is_shown():
    frames = frames_with_corner(40, count=24)
    frames[8:16, CORNER[0], CORNER[1]] = 255
    found = explain_frames(bundle_of(watches_place(HOW, *CORNER, scale=2.0)), frame_walk(frames))
    assert (found.clip, found.clips) == (2, 3)
    np.testing.assert_array_equal(found.pictures[0], frames[8])
    assert found.found > found.probabilities["sad"]


def test_landmarks_are_weighed_against_frames():
    from keras import Input, layers

    how = LandmarkClipPreprocess(length=8, rate=10.0, height=24, width=32, background="keep")
    inputs = {name: Input(shape, name=name) for name, shape in how.input_shape.items()}
    weigh = layers.Dense(1, use_bias=False)
    scores = weigh(layers.Flatten()(inputs["landmarks"]))
    weigh.set_weights([np.full((8 * 50 * 3, 1), 2 / (8 * 50 * 3), np.float32)])
    walk = frame_walk(frames_with_corner())
    walk.entry.append("landmarks", np.ones((8, 50, 3), np.float32))
    walk.entry.append("mask", np.full((8, 50), -1, np.int8))
    found = explain_frames(bundle_of(keras_answer(inputs, scores), how), walk)
    assert found.probabilities["sad"] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)
    assert found.without_landmarks == pytest.approx(0.5, abs=1e-4)
    np.testing.assert_allclose(found.throughout, 0, atol=1e-6)
    assert "Without landmarks: 50 %" in found.text()


@pytest.mark.parametrize(("height", "width"), [(80, 45), (24, 32), (7, 5), (224, 224), (1, 1)])
@pytest.mark.parametrize("overlapping", [True, False])
def test_patches_cover_the_whole_picture(height, width, overlapping):
    covered = np.zeros((height, width), int)
    for patch in patches_of(height, width, overlapping):
        assert covered[patch].size > 0
        covered[patch] += 1
    assert covered.min() >= 1
    assert len(patches_of(height, width, overlapping)) <= 15 * 15


def test_moments_are_all_of_a_clip():
    for length in (1, 5, 6, 16, 30):
        spans = moments_of(length)
        assert np.concatenate([np.arange(length)[span] for span in spans]).tolist() == list(range(length))
        assert len(spans) == min(length, 6)


def test_the_picture_is_red_where_the_shortcut_is():
    walk = frame_walk(frames_with_corner(), "odd $name$")
    found = explain_frames(bundle_of(watches_place(HOW, *CORNER, scale=4.0)), walk)
    picture = cv2.imdecode(np.frombuffer(saliency_png(found), np.uint8), cv2.IMREAD_COLOR).astype(int)
    red = (picture[..., 2] - picture[..., 0] > 60) & (picture[..., 2] - picture[..., 1] > 60)
    middle = picture.shape[1] // 2
    assert red[:, :middle].sum() > 50
    blue = (picture[..., 0] - picture[..., 2] > 60)[:, : int(0.8 * picture.shape[1])]  # beside the scales
    assert blue.sum() == 0


def test_the_command_with_a_plain_keras_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    save_keras(watches_place(HOW, *CORNER, scale=4.0), Path("plain.h5"))
    write_video(Path("walk.mp4"), frames_with_corner(), 10.0)
    arguments = ["walk.mp4", "--model", "plain.h5", "--classes", "neutral,sad", "--rate", "10", "--jobs", "1"]
    assert script.main([*arguments, "--output", "out"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Covering the top left of the picture costs most" in out
    assert "the model has learned the room, not the walk" in out
    assert Path("out/saliency-01.png").read_bytes().startswith(b"\x89PNG")
    (walk,) = json.loads(Path("out/explanation.json").read_text())["walks"]
    assert walk["place"] == "top left"
    with pytest.raises(GaitmoodError, match="looks at frames, which have no parts of a body"):
        script.main(["--data", ".", *arguments[1:]])
    Path("joints.npz").write_bytes(b"")
    with pytest.raises(GaitmoodError, match="needs the video"):
        script.main(["joints.npz", *arguments[1:]])
