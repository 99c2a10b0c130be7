"""The gait networks from walks to a report: st_gcn always, the two published ones where there is time."""

import csv

import keras
import numpy as np
import pytest
from keypoint_walks import hide, walker, write_npz_walks
from small_walks import in_process, ran
from videofiles import map_here

from gait import bundle as bundles
from gait.embedding import VIEWS
from gait.models import build_model, st_gcn
from gait.pose.store import save_npz

SMALL = ("--jobs", "1", "--frames", "16", "--epochs", "2", "--hold-out", "0.25", "--no-augment")


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path):
    """In an empty folder, without worker processes."""
    monkeypatch.chdir(tmp_path)
    for module in ("gait.preprocess.walks", "evaluation.testing"):
        monkeypatch.setattr(f"{module}.map_items", map_here)


def rows_of(folder):
    (path,) = folder.glob("*test-*/predictions.csv")
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_broken(folder):
    """Walks without any joint, without a knee, and too short for a walk."""
    folder.mkdir(parents=True, exist_ok=True)
    save_npz(hide(walker(), slice(None)), folder / "nan.npz")
    save_npz(hide(walker(), slice(None), slice(25, 26)), folder / "knee.npz")
    save_npz(walker(seconds=0.3), folder / "short.npz")


REASONS = (
    "left out: sad/nan.npz: no joint is known in any frame (all are NaN)",
    "left out: sad/knee.npz: shoulders, hips and knees are known together in 0%",
    "left out: sad/short.npz: 0.2",
    "a walk needs at least 0.5 s",
)


@pytest.mark.parametrize("name", ["st_gcn", "mdt_gcn", "vs_gcnn"])
def test_walks_that_none_of_them_can_use_are_named(tmp_path, capsys, name):
    write_broken(tmp_path / "videos" / "sad")
    (tmp_path / "videos" / "happy").mkdir()
    save_npz(walker(seconds=0.2), tmp_path / "videos" / "happy" / "shorter.npz")
    done = in_process(capsys, "train", "--model", name, "--jobs", "1")
    assert done.code == 3, done.out + done.err
    assert all(reason in done.out for reason in (*REASONS, "left out: happy/shorter.npz: 0.1"))
    assert "none of the labelled walks in videos/ can be used; the reasons stand above" in done.err


def test_st_gcn_from_walks_to_a_report_and_what_it_cannot_use(tmp_path, capsys):
    write_npz_walks(tmp_path / "videos", people=4)
    write_broken(tmp_path / "videos" / "sad")
    out = ran(capsys, "train", "--model", "st_gcn", *SMALL)
    assert all(reason in out for reason in REASONS)
    out = ran(capsys, "test", "--held-out")
    assert "Scores on 2 labelled walks" in out
    assert "By view" not in out
    assert "view_front" not in rows_of(tmp_path / "runs")[0]
    write_broken(tmp_path / "videosTest" / "sad")
    done = in_process(capsys, "test", "--jobs", "1")
    assert done.code == 3, done.out + done.err
    assert all(reason.removeprefix("left out: ") in done.out + done.err for reason in REASONS)


@pytest.mark.slow
def test_mdt_gcn_from_walks_to_a_report_and_goes_on_where_it_stopped(tmp_path, capsys, monkeypatch):
    from training import fitting
    from training.callbacks import Keeper

    write_npz_walks(tmp_path / "videos", people=4)
    out = ran(capsys, "train", "--model", "mdt_gcn", *SMALL)
    record = bundles.read_record(tmp_path / "saved_models" / "mdt_gcn.h5")
    assert {"posture_loss", "movement_loss", "affective_loss", "emotion_accuracy"} <= set(record.history)
    assert np.isfinite(record.history["loss"]).all()
    assert "Best epoch" in out
    assert "Scores on 2 labelled walks" in ran(capsys, "test", "--held-out")

    class Stopping(Keeper):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "Keeper", Stopping)
        done = in_process(capsys, "train", "--model", "mdt_gcn", *SMALL, "--name", "again")
        assert "--resume" in done.err
    ran(capsys, "train", "--resume")
    again = bundles.read_record(tmp_path / "saved_models" / "again.h5")
    np.testing.assert_allclose(again.history["loss"], record.history["loss"], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--affect",)], ids=["emotion", "affect"])
def test_vs_gcnn_from_walks_to_a_report_of_every_view(tmp_path, capsys, more):
    write_npz_walks(tmp_path / "videos", people=4)
    ran(capsys, "train", "--model", "vs_gcnn", *SMALL[:4], "--epochs", "1", *SMALL[6:], *more)
    out = ran(capsys, "test", "--held-out")
    assert "By view (in %)" in out
    for row in rows_of(tmp_path / "runs"):
        combined = sum(float(row[f"view_{view}"]) * float(row[f"{view}:sad"]) for view in VIEWS)
        assert float(row["p_sad"]) == pytest.approx(combined, abs=1e-6)
        assert ("valence" in row) == bool(more)


@pytest.mark.parametrize("name", ["st_gcn", "mdt_gcn", "vs_gcnn"])
def test_any_of_them_may_learn_valence_and_arousal(name):
    model = build_model(name, (7, 16, 9), 3, True)
    assert model.output["valence"].shape == model.output["arousal"].shape == (None, 1)


def test_a_block_of_st_gcn_is_its_layers_in_order():
    """Over joints, over frames, around both: with weights at which every layer tells."""
    inputs = keras.Input((6, 16, 4))
    model = keras.Model(inputs, st_gcn._block(inputs, 5, 2, 2))
    draw = np.random.default_rng(0).normal
    for layer in model.layers:
        layer.set_weights([np.abs(draw(size=w.shape)).astype(np.float32) for w in layer.weights])
    x = draw(size=(2, 6, 16, 4)).astype(np.float32)
    weights = {
        layer.name.removeprefix("block2_"): [np.array(w) for w in layer.weights] for layer in model.layers
    }

    def normalised(y, name):
        gamma, beta, mean, var = weights[name]
        return (y - mean) / np.sqrt(var + 1e-5) * gamma + beta

    graph = np.array(model.get_layer("block2_graph")(x))
    y = np.maximum(normalised(graph, "graph_normalise"), 0)
    kernel, bias = weights["temporal_convolution"]
    padded = np.pad(y, ((0, 0), (4, 4), (0, 0), (0, 0)))
    y = (
        np.stack([np.einsum("nkvc,kcf->nvf", padded[:, t : t + 9], kernel[:, 0]) for t in (0, 2, 4)], 1)
        + bias
    )
    kernel, bias = weights["around_convolution"]
    around = normalised(x[:, ::2] @ kernel[0, 0] + bias, "around_normalise")
    wanted = np.maximum(normalised(y, "temporal_normalise") + around, 0)
    np.testing.assert_allclose(model.predict_on_batch(x), wanted, rtol=1e-3, atol=1e-3)
