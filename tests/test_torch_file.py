"""Weight files that PyTorch wrote, read without it: both formats, and pickles that want more than to be read."""

import contextlib
import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from unittest import mock

import numpy as np
import pytest
from small_walks import ran

from gait import bundle as bundles
from gait.errors import GaitmoodError
from gait.formats.torch_file import read_weights

KINDS = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "int64": "LongStorage",
    "float16": "HalfStorage",
}
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


class Tensor:
    """A tensor as a pickle of PyTorch describes it: a view of a storage."""

    def __init__(self, storage, offset, shape, strides):
        self.storage, self.view = storage, (offset, shape, strides)

    @classmethod
    def of(cls, array):
        strides = tuple(step // array.itemsize for step in array.strides)
        return cls(Storage(array), 0, array.shape, strides)


class Storage:
    def __init__(self, array):
        self.numbers = np.ascontiguousarray(array).ravel()


class Loss:
    """Stands for ``torch.nn.modules.loss.CrossEntropyLoss``, which ProxEmo's checkpoint holds."""

    def __init__(self):
        self.reduction = "mean"
        self._buffers = OrderedDict()


@contextlib.contextmanager
def modules_of_torch():
    """Modules of PyTorch's names, so that pickles come out as PyTorch writes them; gone again for whoever reads."""
    modules = {
        name: types.ModuleType(name) for name in ("torch", "torch._utils", "torch.nn", "torch.nn.loss")
    }
    for kind in KINDS.values():
        setattr(modules["torch"], kind, type(kind, (), {"__module__": "torch"}))

    def rebuild(*_):
        raise AssertionError("nothing of PyTorch is called")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    rebuild.__name__ = "_rebuild_tensor_v2"
    modules["torch._utils"]._rebuild_tensor_v2 = rebuild
    loss = type(
        "CrossEntropyLoss", (Loss,), {"__module__": "torch.nn.loss", "__qualname__": "CrossEntropyLoss"}
    )
    modules["torch.nn.loss"].CrossEntropyLoss = loss
    with mock.patch.dict(sys.modules, modules):
        yield types.SimpleNamespace(root=modules["torch"], rebuild=rebuild, loss=loss)


def pickler(torch, file, storages, legacy):
    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if not isinstance(value, Storage):
                return None
            key = str(next((k for k, s in storages.items() if s is value), len(storages)))
            storages[key] = value
            kind = getattr(torch.root, KINDS[str(value.numbers.dtype)])
            pid = ("storage", kind, key, "cuda:0", len(value.numbers))
            return (*pid, None) if legacy else pid

        def reducer_override(self, value):
            if isinstance(value, Tensor):
                return torch.rebuild, (value.storage, *value.view, False, OrderedDict())
            return NotImplemented

    return Pickler(file, protocol=2)


def write_archive(torch, path, contents, name="archive"):
    storages, pickled = {}, io.BytesIO()
    pickler(torch, pickled, storages, legacy=False).dump(contents)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/data.pkl", pickled.getvalue())
        archive.writestr(f"{name}/version", "3\n")
        for key, storage in storages.items():
            archive.writestr(f"{name}/data/{key}", storage.numbers.tobytes())


def write_stream(torch, path, contents):
    storages = {}
    with path.open("wb") as file:
        for value in (MAGIC, VERSION, {"little_endian": True, "protocol_version": VERSION, "type_sizes": {}}):
            pickle.dump(value, file, protocol=2)
        pickler(torch, file, storages, legacy=True).dump(contents)
        pickle.dump(sorted(storages), file, protocol=2)
        for key in sorted(storages):
            numbers = storages[key].numbers
            file.write(struct.pack("<q", len(numbers)) + numbers.tobytes())


@pytest.fixture(params=[write_archive, write_stream], ids=["archive", "stream"])
def write(request):
    """Write what a function makes of PyTorch's modules, or what is given, in one of the two formats."""

    def write(path, contents):
        with modules_of_torch() as torch:
            request.param(torch, path, contents(torch) if callable(contents) else contents)

    return write


def arrays():
    rng = np.random.default_rng(2)
    return {
        "a.weight": rng.normal(size=(2, 3, 1, 4)).astype(np.float32),
        "a.bias": rng.normal(size=5),
        "a.half": rng.normal(size=3).astype(np.float16),
        "scalar": np.array(2.5, np.float32),
    }


def state_of(tensors):
    """As a module of PyTorch gives it: an ordered dictionary with versions of its layers as an attribute."""
    state = OrderedDict(tensors)
    state._metadata = OrderedDict({"": {"version": 1}, "a": {"version": 2}})
    return state


def test_a_checkpoint_of_a_training_script(write, tmp_path):
    """As ProxEmo's: the state among other things, one of them an object of a class of PyTorch's."""
    state = state_of((f"module.{name}", Tensor.of(array)) for name, array in arrays().items())
    state["module.bn.num_batches_tracked"] = Tensor.of(np.array(7, np.int64))
    optimizer = {
        "state": {0: {"exp_avg": Tensor.of(np.ones(3, np.float32))}},
        "param_groups": [{"lr": 0.009}],
    }
    contents = {"epoch": 134, "model_state_dict": state, "optimizer_state_dict": optimizer}
    write(tmp_path / "model.pth.tar", lambda torch: {**contents, "loss": torch.loss()})
    found = read_weights(tmp_path / "model.pth.tar")
    assert list(found) == list(arrays())
    for name, array in arrays().items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_the_bare_state_of_a_module(write, tmp_path):
    write(tmp_path / "m.pth", state_of((name, Tensor.of(array)) for name, array in arrays().items()))
    found = read_weights(tmp_path / "m.pth")
    assert list(found) == list(arrays())
    for name, array in arrays().items():
        np.testing.assert_array_equal(found[name], array)


def test_views_of_one_storage(write, tmp_path):
    """A transposed tensor, and two that share their numbers."""
    table = np.arange(12, dtype=np.float32)
    storage = Storage(table)
    contents = {
        "turned": Tensor(storage, 0, (4, 3), (1, 4)),
        "part": Tensor(storage, 5, (2,), (1,)),
    }
    write(tmp_path / "m.pth", contents)
    found = read_weights(tmp_path / "m.pth")
    np.testing.assert_array_equal(found["turned"], table.reshape(3, 4).T)
    np.testing.assert_array_equal(found["part"], [5, 6])


def test_npz(tmp_path):
    np.savez(tmp_path / "w.npz", **arrays())
    found = read_weights(tmp_path / "w.npz")
    assert {name: array.tolist() for name, array in found.items()} == {
        n: a.tolist() for n, a in arrays().items()
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_npz_files_are_named_whatever_is_hit(tmp_path, save):
    """Sizes, flags, compressed data, headers of arrays: nothing but an answer or a named error."""
    save(tmp_path / "w.npz", **{n: np.tile(a, 50) for n, a in arrays().items()})
    data, rng, refused = (tmp_path / "w.npz").read_bytes(), np.random.default_rng(0), 0
    for _ in range(300):
        broken = bytearray(data)
        broken[rng.integers(len(data))] = rng.integers(256)
        (tmp_path / "b.npz").write_bytes(broken)
        try:
            read_weights(tmp_path / "b.npz")
        except GaitmoodError as error:
            refused += "b.npz: not a readable weight file" in str(error)
    assert refused > 150


def test_text_among_the_arrays_is_named(tmp_path):
    np.savez(tmp_path / "w.npz", w=np.ones(2), names=np.array(["a"]))
    with pytest.raises(GaitmoodError, match="plain numbers were expected, found something else in names"):
        read_weights(tmp_path / "w.npz")


class Evil:
    """Runs code in whoever unpickles it."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return open, (str(self._path), "w")


class Worse(Evil):
    """Asks for an object of a class and alters it, with a key that is an object too."""

    def __reduce__(self):
        import os

        return os.system, (f"touch {self._path}",), {"state": 1}, iter([1, 2]), iter([("k", 3)])


@pytest.mark.parametrize("kind", [Evil, Worse])
def test_nothing_of_a_pickle_is_run(write, tmp_path, kind):
    contents = {"model_state_dict": {"w": Tensor.of(np.ones(2, np.float32))}, "loss": kind(tmp_path / "ran")}
    write(tmp_path / "m.pth", contents)
    assert read_weights(tmp_path / "m.pth")["w"].tolist() == [1, 1]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "view", [(0, (9,), (1,)), (7, (2,), (1,)), (0, (2,), (8,)), (-1, (2,), (1,)), (0, (2,), (-1,))]
)
def test_tensors_that_reach_beyond_their_numbers_are_refused(write, tmp_path, view):
    write(tmp_path / "m.pth", {"w": Tensor(Storage(np.ones(8, np.float32)), *view)})
    with pytest.raises(GaitmoodError, match=r"m\.pth: not a readable weight file \(a tensor"):
        read_weights(tmp_path / "m.pth")


def test_a_tensor_of_a_billion_numbers_that_are_one_is_refused(write, tmp_path):
    write(tmp_path / "m.pth", {"w": Tensor(Storage(np.ones(1, np.float32)), 0, (10**5, 10**5), (0, 0))})
    with pytest.raises(GaitmoodError, match=r"not described by plain numbers"):
        read_weights(tmp_path / "m.pth")


def test_files_that_are_cut_off_or_something_else(write, tmp_path):
    whole, part = tmp_path / "m.pth", tmp_path / "part.pth"
    write(whole, {"w": Tensor.of(np.ones(100, np.float32))})
    data = whole.read_bytes()
    for end in (0, 1, len(data) // 2, len(data) - 30):
        part.write_bytes(data[:end])
        with pytest.raises(GaitmoodError, match=r"part\.pth: not a readable weight file"):
            read_weights(part)
    part.write_bytes(pickle.dumps({"w": 1}))
    with pytest.raises(GaitmoodError, match=r"neither a zip archive nor an older PyTorch checkpoint"):
        read_weights(part)
    with pytest.raises(GaitmoodError, match=r"none\.npz: no such weight file"):
        read_weights(tmp_path / "none.npz")
    other = tmp_path / "w.h5"
    other.touch()
    with pytest.raises(GaitmoodError, match=r"w\.h5: a weight file \(\.npz, \.pth"):
        read_weights(other)
    write(whole, {"epoch": 3})
    with pytest.raises(GaitmoodError, match=r"holds no weights"):
        read_weights(whole)


def test_a_pickled_array_is_not_unpickled_from_npz(tmp_path):
    np.savez(tmp_path / "w.npz", w=np.array([Evil(tmp_path / "ran")], dtype=object))
    with pytest.raises(GaitmoodError, match="not a readable weight file"):
        read_weights(tmp_path / "w.npz")
    assert not (tmp_path / "ran").exists()


# --- train.py --weights ------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(capsys, *arguments, code=0):
    return ran(capsys, "train", *arguments, code=code)


@pytest.fixture(scope="module")
def checkpoint(reference):
    weights = np.load(reference / "vs_gcnn" / "weights.npz")
    return state_of((name, Tensor.of(a)) for name, a in weights.items())


@pytest.mark.realdata
def test_a_checkpoint_becomes_a_model_that_keeps_its_class_order(write, checkpoint, here, capsys):
    write(here / "proxemo.pth.tar", {"model_state_dict": checkpoint})
    out = trained(capsys, "--model", "vs_gcnn", "--weights", "proxemo.pth.tar", "--epochs", "0")
    assert "classes angry, happy, sad, neutral" in out
    bundle = bundles.load(here / "saved_models" / "vs_gcnn.h5")
    assert bundle.record.classes == ("angry", "happy", "sad", "neutral")
    kernel = bundle.model.get_layer("stage3_convolution2").get_weights()[0]
    theirs = checkpoint["final_layers.VSGCNN_stage_3_conv_2.weight"].storage.numbers
    np.testing.assert_array_equal(kernel.transpose(3, 2, 0, 1).ravel(), theirs)


@pytest.mark.realdata
def test_walks_are_learned_in_the_published_order(reference, here, capsys):
    """Named before any walk is prepared where their classes are others."""
    from keypoint_walks import write_npz_walks

    weights = reference / "vs_gcnn" / "weights.npz"
    write_npz_walks(here / "videos", people=2)
    error = trained(capsys, "--model", "vs_gcnn", "--weights", weights, "--validation", "0.5", code=2)
    assert "they tell angry, happy, sad, neutral apart; the walks are labelled angry, sad" in error


def test_soft_labels_follow_the_published_order():
    from pathlib import Path

    from gait.labels import Sample
    from gait.preprocess import Walk
    from training.options import TrainOptions
    from training.published import in_published_order
    from training.walks import TrainingWalks

    sample = Sample(Path("a.mp4"), "a.mp4", label="sad", soft=(0.1, 0.2, 0.3, 0.4))
    walks = TrainingWalks((Walk(sample, "x", None),), (), (), ("angry", "happy", "neutral", "sad"), None, ())
    found = in_published_order(TrainOptions(model="vs_gcnn"), walks)
    assert found.classes == ("angry", "happy", "sad", "neutral")
    assert found.train[0].sample.soft == (0.1, 0.2, 0.4, 0.3)
    assert in_published_order(TrainOptions(model="mdt_gcn"), walks) is walks


def test_weights_that_are_of_no_use_are_refused_before_anything_is_done(here, capsys):
    np.savez(here / "w.npz", w=np.zeros(2))
    weights = ("--weights", "w.npz")
    assert "no published weights of st_gcn are known" in trained(
        capsys, "--model", "st_gcn", *weights, code=2
    )
    assert "no published weights of svm are known" in trained(capsys, "--model", "svm", *weights, code=2)
    error = trained(capsys, "--model", "mdt_gcn", *weights, "--epochs", "0", code=2)
    assert "which emotions the published outputs of mdt_gcn stand for is not known" in error
    assert "none.npz: no such weight file" in trained(
        capsys, "--model", "vs_gcnn", "--weights", "none.npz", code=2
    )
    assert "lack conv_stage_1" in trained(capsys, "--model", "vs_gcnn", *weights, "--epochs", "0", code=2)
    assert not (here / "saved_models").exists()
    assert "--epochs: a number above 0 was expected" in trained(capsys, "--epochs", "0", code=2)
    error = trained(capsys, "--model", "vs_gcnn", *weights, "--epochs", "0", "--cross-validate", "5", code=2)
    assert "--epochs 0 trains nothing to cross-validate" in error
