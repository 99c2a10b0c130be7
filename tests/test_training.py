"""Training: repeatable, resumable, balanced on one side only, and the best epoch is what is kept."""

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from small_walks import make_walks

from gait import bundle as bundles
from gait.cache import Cache, Entry
from gait.errors import GaitmoodError, InterruptedRunError
from gait.labels import Sample, find_samples
from gait.options import read_options, write_options
from gait.preprocess import ClipPreprocess, Walk
from training import callbacks, fitting, runs
from training.balance import class_weights
from training.dataset import ClipDataset
from training.options import TrainOptions
from training.session import train

CLASSES = {"happy": 1, "neutral": 0, "sad": -1}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Four people, three classes; the first person's walks are twice as long."""
    folder = tmp_path_factory.mktemp("walks") / "videos"
    make_walks(folder, CLASSES, people=4, first_frames=20)
    return folder


@pytest.fixture(scope="module")
def small(videos):
    """Options of a run of seconds."""
    return TrainOptions(
        videos=videos,
        frames=6,
        rate=10.0,
        frame_size="12x16",
        epochs=3,
        batch_size=4,
        validation=0.25,
        learning_rate=0.003,
        jobs=1,
        seed=5,
    )


@pytest.fixture
def options(small, tmp_path, monkeypatch):
    """The same, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return small


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory):
    """A run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    return train(replace(small, runs=folder / "runs", saved_models=folder))


def assert_equal_models(first, second):
    a, b = (bundles.load(path).model.get_weights() for path in (first, second))
    assert len(a) > 8
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def best_epoch(result):
    return json.loads((result.folder / "result.json").read_text())["best_epoch"]


# --- Same seed, same result --------------------------------------------------------------------------------


def test_same_options_same_result_to_the_last_digit(whole, options):
    repeated = read_options(TrainOptions, whole.folder / "options.json")
    assert repeated == replace(options, runs=whole.folder.parent, saved_models=whole.model.parent)
    again = train(options)
    assert_equal_models(again.model, whole.model)
    assert again.record.history == whole.record.history
    assert len(again.record.history["loss"]) == 3
    np.testing.assert_array_equal(again.validation.probabilities, whole.validation.probabilities)


@pytest.mark.slow
def test_another_seed_gives_another_result(whole, options):
    other = train(replace(options, epochs=1, seed=6))
    assert other.record.history["loss"][0] != whole.record.history["loss"][0]


def test_the_bundle_knows_how_it_was_made(options):
    result = train(replace(options, hold_out=0.25, name="mine", epochs=2))
    assert result.model == Path("saved_models/mine.h5")
    record = bundles.read_record(result.model)
    assert record == result.record
    assert record.classes == tuple(sorted(CLASSES))
    assert Counter(walk.split for walk in record.walks) == {"train": 6, "validation": 3, "held-out": 3}
    sides = {walk.subject: walk.split for walk in record.walks}
    assert all(sides[walk.subject] == walk.split for walk in record.walks)
    assert (record.seed, record.options["learning_rate"]) == (5, 0.003)
    assert record.versions["keras"] == keras.__version__
    assert record.validation["walks"] == 3
    names = {path.name for path in result.folder.iterdir()}
    assert names >= {"options.json", "walks.json", "log.csv", "curves.png", "result.json"}
    header, *rows = (result.folder / "log.csv").read_text().splitlines()
    assert header.split(",")[0] == "epoch"
    assert [float(row.split(",")[header.split(",").index("loss")]) for row in rows] == record.history["loss"]


# --- Interruption ------------------------------------------------------------------------------------------


class StopAt(keras.callbacks.Callback):
    """Ctrl-C in a batch of an epoch, both counted from 0."""

    def __init__(self, epoch, batch):
        super().__init__()
        self._at, self._epoch = (epoch, batch), -1

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self._epoch, batch) == self._at:
            raise KeyboardInterrupt


def interrupt(monkeypatch, options, epoch, batch=1):
    """Start a run and stop it in the middle of an epoch."""
    with monkeypatch.context() as patch:
        bar = fitting.Bar
        patch.setattr(
            fitting, "Bar", lambda *a: keras.callbacks.CallbackList([bar(*a), StopAt(epoch, batch)])
        )
        with pytest.raises((InterruptedRunError, KeyboardInterrupt)) as caught:
            train(options)
    return caught.value


@pytest.fixture(scope="module")
def long(small, tmp_path_factory):
    """An uninterrupted run in which the learning rate falls and training stops early, as it must.

    The validation walks are labelled wrongly, so that what is learned makes their loss grow.
    """
    folder = tmp_path_factory.mktemp("long")
    wrong = dict(zip(CLASSES, [*list(CLASSES)[1:], *CLASSES], strict=False))
    rows = [
        f"{c}/p{p}.mp4,{c if p else wrong[c]},{'train' if p else 'validation'}"
        for c in CLASSES
        for p in range(4)
    ]
    (folder / "labels.csv").write_text("\n".join(["video,label,split", *rows]), encoding="utf-8")
    how = {"epochs": 30, "patience": 3, "learning_rate": 0.02, "labels": folder / "labels.csv"}
    return train(replace(small, runs=folder / "runs", saved_models=folder, **how))


@pytest.mark.parametrize("after", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_an_interrupted_run_goes_on_to_the_same_result(long, options, monkeypatch, after):
    """With learning-rate reduction and early stopping in mid-course, and another process's chance."""
    assert len(long.record.history["loss"]) > after
    options = replace(
        read_options(TrainOptions, long.folder / "options.json"),
        runs=options.runs,
        saved_models=options.saved_models,
    )
    error = interrupt(monkeypatch, options, after)
    assert f"epoch {after} is kept" in str(error)
    assert "--resume" in str(error)
    (unfinished,) = [f for f in Path("runs").iterdir() if not (f / "result.json").exists()]
    kept = {path.name for path in (unfinished / "checkpoint").iterdir()}
    assert kept >= {"state.json", f"last-{after}.keras"}
    assert len(kept) == 3
    keras.utils.set_random_seed(99)
    resumed = train(TrainOptions(resume=True))
    assert resumed.folder == unfinished
    assert resumed.record.history == long.record.history
    assert best_epoch(resumed) == best_epoch(long)
    assert_equal_models(resumed.model, long.model)
    assert resumed.record.walks == long.record.walks


def test_an_interruption_after_the_last_epoch_only_saves(whole, options, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(bundles, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(InterruptedRunError, match="--resume"):
            train(options)
    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("nothing is left to fit"))
        resumed = train(TrainOptions(resume=True))
    assert_equal_models(resumed.model, whole.model)
    assert resumed.record.history == whole.record.history
    assert resumed.record.validation == whole.record.validation


@pytest.mark.slow
def test_a_run_that_had_stopped_early_does_not_train_on_when_resumed(options, monkeypatch):
    options = replace(options, epochs=30, patience=1, learning_rate=1.0)
    with monkeypatch.context() as patch:
        patch.setattr(bundles, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(InterruptedRunError, match="--resume"):
            train(options)
    (folder,) = Path("runs").iterdir()
    done = runs.read_state(folder / "checkpoint")["epoch"]
    assert done < 30
    assert len(train(TrainOptions(resume=True)).record.history["loss"]) == done


def test_an_interruption_in_the_first_epoch_leaves_nothing_to_resume(options, monkeypatch):
    assert isinstance(interrupt(monkeypatch, options, epoch=0), KeyboardInterrupt)
    with pytest.raises(GaitmoodError, match="no interrupted run"):
        train(TrainOptions(resume=True))
    assert not Path("saved_models").exists()


def test_resume_without_a_run_says_so(options):
    with pytest.raises(GaitmoodError, match=r"no interrupted run in runs/.*train\.py"):
        train(replace(options, resume=True))


def test_resume_refuses_walks_that_have_changed(options, monkeypatch, tmp_path):
    folder = tmp_path / "own"
    paths = make_walks(folder, CLASSES, people=4)
    interrupt(monkeypatch, replace(options, videos=folder), epoch=1)
    moved = tmp_path / paths[0].name
    paths[0].rename(moved)
    with pytest.raises(GaitmoodError, match="walks or their labels have changed"):
        train(TrainOptions(resume=True))


def test_a_full_disk_while_a_checkpoint_is_written_can_be_resumed(whole, options, monkeypatch):
    real = callbacks.write_json

    def full(path, value):
        if value.get("epoch") == 2:
            raise OSError(28, os.strerror(28))
        real(path, value)

    with monkeypatch.context() as patch:
        patch.setattr(callbacks, "write_json", full)
        with pytest.raises(GaitmoodError, match=r"disk is full.*--resume"):
            train(options)
    (folder,) = [f for f in Path("runs").iterdir() if not (f / "result.json").exists()]
    state = runs.read_state(folder / "checkpoint")
    assert {p.name for p in (folder / "checkpoint").iterdir()} == {"state.json", state["last"], state["best"]}
    assert_equal_models(train(TrainOptions(resume=True)).model, whole.model)


# --- The best epoch ----------------------------------------------------------------------------------------


def test_training_stops_when_validation_no_longer_improves_and_keeps_the_best_epoch(long):
    losses = long.record.history["val_loss"]
    best = int(np.argmin(losses)) + 1
    assert len(losses) == best + 3 < 30
    assert best_epoch(long) == best
    assert long.record.validation["best_epoch"] == best


def test_the_saved_weights_are_those_of_the_best_epoch(long, videos):
    """Their validation loss, computed anew from the file, is the lowest of the curve."""
    bundle = bundles.load(long.model)
    names = [walk.name for walk in bundle.record.walks if walk.split == "validation"]
    found = find_samples(videos, long.record.options["labels"]).samples
    samples = [sample for sample in found if sample.name in names]
    walks = bundle.record.preprocess.prepare(samples, Cache(), 1).walks
    labels = [bundle.record.classes.index(walk.sample.label) for walk in walks]
    bundle.model.compile(loss={"emotion": "sparse_categorical_crossentropy"})
    loss = bundle.model.evaluate(ClipDataset(bundle.record.preprocess, walks, labels), verbose=0)
    losses = long.record.history["val_loss"]
    assert loss == pytest.approx(min(losses), rel=1e-5)
    assert loss < losses[-1]


def test_the_learning_rate_is_halved_on_a_plateau(long):
    rates = long.record.history["learning_rate"]
    np.testing.assert_allclose(sorted(set(rates), reverse=True), [0.02, 0.01], rtol=1e-6)


def test_without_validation_all_epochs_run_and_the_last_is_kept(options):
    result = train(replace(options, validation=0.0))
    assert result.validation is None
    assert "val_loss" not in result.record.history
    assert (best_epoch(result), len(result.record.history["loss"])) == (3, 3)
    assert {walk.split for walk in result.record.walks} == {"train"}


def test_a_tiny_network_learns_what_can_be_learned(options):
    result = train(replace(options, epochs=20, patience=20, learning_rate=0.02, augment=False))
    assert result.record.history["accuracy"][-1] == 1.0
    assert result.record.validation["accuracy"] >= 2 / 3


def test_a_loss_that_was_never_a_number_is_replaced_by_one_that_is(tmp_path):
    keeper = callbacks.Keeper(tmp_path / "checkpoint", [])
    inputs = keras.Input((2,))
    keeper.set_model(keras.Model(inputs, keras.layers.Dense(1)(inputs)))
    keeper.on_train_begin()
    for epoch, loss in enumerate((float("nan"), 2.0, float("nan"), 3.0)):
        keeper.on_epoch_end(epoch, {"loss": loss, "val_loss": loss})
    assert keeper.best_epoch == 2


# --- Options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [pytest.param({"xla": True}, marks=pytest.mark.slow), {"tensorboard": True}])
def test_options_of_the_machine_work(options, how):
    result = train(replace(options, epochs=1, **how))
    assert np.isfinite(result.record.history["loss"]).all()
    assert bundles.load(result.model).record == result.record
    p = result.validation.probabilities
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert list(result.folder.rglob("events.out.tfevents*")) or "tensorboard" not in how


@pytest.mark.slow
def test_mixed_precision_trains_and_resumes_to_the_same_result(options, monkeypatch):
    options = replace(options, mixed_precision=True, epochs=2)
    whole = train(options)
    assert keras.mixed_precision.global_policy().name == "float32"
    assert np.isfinite(whole.record.history["loss"]).all()
    half = fitting.half_precision().removeprefix("mixed_")
    assert {layer.compute_dtype for layer in bundles.load(whole.model).model.layers} == {half, "float32"}
    np.testing.assert_allclose(whole.validation.probabilities.sum(axis=1), 1, atol=1e-6)
    interrupt(monkeypatch, options, epoch=1)
    assert_equal_models(train(TrainOptions(resume=True)).model, whole.model)


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        ({"epochs": 0}, "--epochs"),
        ({"batch_size": -1}, "--batch-size"),
        ({"rate": float("nan")}, "--rate"),
        ({"learning_rate": 0.0}, "--learning-rate"),
        ({"seed": -1}, "--seed"),
        ({"jobs": 0}, "--jobs"),
        ({"name": "a/b"}, "--name"),
    ],
)
def test_values_that_make_no_run_are_refused(values, flag):
    with pytest.raises(GaitmoodError, match=flag):
        TrainOptions(**values)


def test_options_come_back_from_their_file(tmp_path):
    options = TrainOptions(labels=Path("ä.csv"), learning_rate=1e-4, balance="none", augment=False, jobs=3)
    write_options(options, tmp_path / "o.json")
    assert read_options(TrainOptions, tmp_path / "o.json") == options


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "an options.json was expected"),
        ("[1]", "no options at all"),
        ('{"epoch": 3}', "holds epoch; known options are .*epochs"),
        ('{"epochs": "3"}', 'epochs: int or null was expected, found "3"'),
        ('{"epochs": 2.5}', "epochs: int or null was expected"),
        ('{"epochs": true}', "epochs: int or null was expected"),
        ('{"augment": 1}', "augment: bool was expected"),
        ('{"videos": null}', "videos: Path was expected"),
        ('{"balance": "weight"}', "balance: weights or .* or none was expected"),
    ],
)
def test_an_options_file_that_makes_no_sense_is_refused(tmp_path, text, match):
    (tmp_path / "o.json").write_text(text)
    with pytest.raises(GaitmoodError, match=match):
        read_options(TrainOptions, tmp_path / "o.json")


def test_a_whole_number_may_stand_for_a_real_one(tmp_path):
    (tmp_path / "o.json").write_text('{"rate": 10, "learning_rate": null}')
    assert read_options(TrainOptions, tmp_path / "o.json") == TrainOptions(rate=10.0)


def test_soft_labels_need_ratings(options):
    with pytest.raises(GaitmoodError, match=r"--soft-labels needs ratings; 12 walks have none"):
        train(replace(options, soft_labels=True))


def test_soft_labels_of_a_rating_spreadsheet_are_learned(options, tmp_path, monkeypatch):
    """One rater gives 4 to the folder's class and 1 to the others: a distribution of 4/6, 1/6, 1/6."""
    columns = [(f"{name}/p{p}", c) for name in CLASSES for p in range(4) for c in CLASSES]
    rows = [
        [video for video, _ in columns],
        [f"The person appears ... - {c.title()}" for _, c in columns],
        [4 if video.startswith(c) else 1 for video, c in columns],
    ]
    table = "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "ratings.csv").write_text(table, encoding="utf-8")
    taught = []
    real = ClipDataset.__getitem__

    def spy(self, index):
        batch = real(self, index)
        taught.extend(batch[1]["emotion"])
        return batch

    monkeypatch.setattr(ClipDataset, "__getitem__", spy)
    result = train(replace(options, labels=tmp_path / "ratings.csv", soft_labels=True, epochs=1))
    assert {tuple(np.round(np.sort(row), 6)) for row in taught} == {(0.166667, 0.166667, 0.666667)}
    assert {int(np.argmax(row)) for row in taught} == {0, 1, 2}
    assert 0 < result.record.history["loss"][0] < 10


# --- The dataset -------------------------------------------------------------------------------------------


class FakeEntry(Entry):
    """Frames whose value is the walk's number, held in memory."""

    def __init__(self, number, frames):
        super().__init__(None, {})
        self._frames = np.full((frames, 3, 2, 3), number, np.uint8)

    def length(self, name):
        return len(self._frames)

    def read(self, name, rows=slice(None)):
        return self._frames[rows]


HOW = ClipPreprocess(length=4, rate=10.0, height=3, width=2, background="keep")


def dataset(labels, lengths=None, **how):
    lengths = lengths or [4] * len(labels)
    walks = [
        Walk(Sample(Path(f"{i}.mp4"), f"{i}.mp4"), f"{i}", FakeEntry(i, n)) for i, n in enumerate(lengths)
    ]
    return ClipDataset(HOW, walks, np.array(labels), **how)


def epoch_of(data):
    """(walk, weight) of every clip of an epoch, and its targets."""
    owners, weights, targets = [], [], []
    for i in range(len(data)):
        x, y, w = data[i]
        assert x.shape[1:] == (4, 3, 2, 3)
        owners += (x[:, 0, 0, 0, 0] * 255).round().astype(int).tolist()
        weights += w.tolist()
        targets += y["emotion"].tolist()
    return owners, np.array(weights), targets


def test_class_weights_by_hand():
    # 6 walks, 3 classes that occur: 6 / (3 * count).
    np.testing.assert_allclose(class_weights([0, 0, 0, 1, 1, 2], 3), [2 / 3, 1, 2])


def test_class_weights_where_a_class_is_missing_in_the_middle():
    # 4 walks, 2 classes that occur, the class between them weighs nothing.
    np.testing.assert_allclose(class_weights([0, 2, 2, 2], 4), [2, 0, 2 / 3, 0])


def test_balance_by_weights_gives_every_class_and_every_walk_its_share():
    labels = [0, 2, 2, 2]
    # Clips: 1, 1, 2, 1; the weights are those above, divided by clips, and scaled to 1 a clip on average.
    owners, weights, targets = epoch_of(dataset(labels, [4, 4, 8, 4], balance="weights"))
    assert owners == [0, 1, 2, 2, 3]
    assert targets == [0, 2, 2, 2, 2]
    np.testing.assert_allclose(weights, np.array([2, 2 / 3, 1 / 3, 1 / 3, 2 / 3]) * 5 / 4)


def test_without_balance_long_walks_count_once():
    _, weights, _ = epoch_of(dataset([0, 1], [12, 4]))
    np.testing.assert_allclose(weights, np.array([1 / 3, 1 / 3, 1 / 3, 1]) * 2)


def test_oversampling_shows_every_class_as_often_and_every_walk_at_least_once():
    labels = [0, 0, 0, 0, 0, 2, 2, 3]
    data = dataset(labels, balance="oversample", batch_size=3)
    owners, weights, _ = epoch_of(data)
    assert Counter(labels[walk] for walk in owners) == {0: 5, 2: 5, 3: 5}
    shown = Counter(owners)
    assert all(shown[walk] == 1 for walk in range(5))
    assert sorted((shown[5], shown[6])) == [2, 3]
    np.testing.assert_allclose(weights, 1)


def test_oversampling_long_and_short_walks_keeps_the_number_of_batches():
    """Keras counts batches once; an epoch that were shorter would end training."""
    data = dataset([0, 0, 0, 1, 1], [4, 4, 4, 4, 40], balance="oversample", batch_size=2, shuffle=True)
    epochs = []
    for epoch in range(6):
        data.set_epoch(epoch)
        epochs.append(sorted(epoch_of(data)[0]))
    assert all(epoch == epochs[0] for epoch in epochs)


def test_an_epoch_shows_every_clip_once_in_an_order_fixed_by_seed_and_epoch():
    orders = {}
    for seed, epoch in ((1, 0), (1, 1), (2, 0)):
        data = dataset(range(20), shuffle=True, seed=seed)
        data.set_epoch(epoch)
        orders[seed, epoch] = epoch_of(data)[0]
        assert sorted(orders[seed, epoch]) == list(range(20))
    assert len({tuple(order) for order in orders.values()}) == 3
    again = dataset(range(20), shuffle=True, seed=1)
    again.set_epoch(1)
    again.set_epoch(0)
    assert epoch_of(again)[0] == orders[1, 0]


def test_soft_targets_are_handed_out_and_the_labels_balance():
    soft = np.array([[0.6, 0.4], [0.1, 0.9], [0.2, 0.8]])
    _, weights, targets = epoch_of(dataset([0, 1, 1], soft=soft, balance="weights"))
    np.testing.assert_array_equal(targets, soft)
    np.testing.assert_allclose(weights, [1.5, 0.75, 0.75])


def test_only_the_training_side_is_balanced_varied_and_shuffled(options, monkeypatch):
    made = []
    real = ClipDataset.__init__

    def spy(self, how, walks, labels, **given):
        made.append((len(walks), given))
        real(self, how, walks, labels, **given)

    monkeypatch.setattr(ClipDataset, "__init__", spy)
    train(replace(options, epochs=1, balance="oversample"))
    (walks, training), (others, validation) = made
    assert (walks, others) == (9, 3)
    assert (training["balance"], training["augment"], training["shuffle"]) == ("oversample", True, True)
    assert not {"balance", "augment", "shuffle"} & set(validation)
