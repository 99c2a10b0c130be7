"""MDT-GCN and the graph layers: against the published pass, and block by block against NumPy from the formulas."""

import keras
import numpy as np
import pytest
from keypoint_walks import walker

from gait import features
from gait.errors import GaitmoodError
from gait.models import mdt_gcn
from gait.models.attention import AxisGate, BodyParts, bi_focus, part_shares
from gait.models.graph import AdaptiveGraphConvolution, GraphConvolution, temporal_convolution
from gait.models.published import load_published, published_model
from gait.preprocess import JointPreprocess
from gait.preprocess.windows import MemoryEntry, make_walk
from gait.skeleton import adjacency, find_layout

V = 16


@pytest.fixture(scope="module")
def recorded(reference):
    """Recorded weights, inputs and outputs."""
    folder = reference / "mdt_gcn"
    return dict(np.load(folder / "weights.npz")), dict(np.load(folder / "io.npz"))


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def randomised(layer, x):
    """The layer's output with weights that are drawn, the weights by the ends of their names."""
    layer(x)
    layer.set_weights([drawn(*w.shape, seed=i) * 0.5 for i, w in enumerate(layer.weights)])
    return np.array(layer(x)), {w.path.partition("/")[2]: np.array(w) for w in layer.weights}


def relative_error(found, wanted):
    return np.abs(found - wanted).max() / np.abs(wanted).max()


# --- The published pass ------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_is_the_published_function(recorded):
    weights, io = recorded
    streams = [keras.Input((48, V, channels)) for channels in (3, 8)]
    model = keras.Model(streams, mdt_gcn.network(*streams, classes=4, published=True))
    load_published(model, mdt_gcn, weights)
    # (N, C, T, V, 1) as PyTorch has it.
    inputs = [io[name][..., 0].transpose(0, 2, 3, 1) for name in ("joint", "movement")]
    outputs = model.predict_on_batch(inputs)
    for ours, theirs in (
        ("posture", "logits_posture"),
        ("movement", "logits_movement"),
        ("affective", "affective"),
    ):
        assert outputs[ours].shape == io[theirs].shape
        assert relative_error(outputs[ours], io[theirs]) < 1e-4
    mean = (io["logits_posture"] + io["logits_movement"]) / 2
    np.testing.assert_allclose(outputs["emotion"], softmax(mean, 1), atol=1e-5)


@pytest.mark.realdata
def test_the_skeleton_is_the_published_one(recorded):
    np.testing.assert_allclose(adjacency("gait16"), recorded[1]["adjacency"], atol=1e-7)


@pytest.mark.realdata
def test_published_weights_are_taken_whole_or_not_at_all(recorded):
    weights, _ = recorded
    model = published_model("mdt_gcn", (48, V, 9), 4, weights)
    # Theirs and ours but for attention, whose result they drop, and three biases a block that we add up.
    theirs = sum(w.size for name, w in weights.items() if not name.startswith("bga."))
    assert model.count_params() == theirs - 2 * 2 * sum(channels for channels, _ in mdt_gcn.BLOCKS)
    without = {name: w for name, w in weights.items() if name != "l5_m.tcn1.conv.weight"}
    with pytest.raises(GaitmoodError, match=r"lack l5_m\.tcn1\.conv\.weight"):
        published_model("mdt_gcn", (48, V, 9), 4, without)
    with pytest.raises(GaitmoodError, match=r"hold what this network has not: extra\."):
        published_model("mdt_gcn", (48, V, 9), 4, {**weights, "extra": np.zeros(2)})
    with pytest.raises(GaitmoodError, match=r"shapes.*number of classes and of frames \(--frames\)"):
        published_model("mdt_gcn", (48, V, 9), 3, weights)


@pytest.mark.realdata
def test_the_published_form_makes_the_published_channels_of_positions(recorded):
    """Whatever the preprocessing's velocity; theirs of the last frame looks behind the clip."""
    joint, movement = (recorded[1][name][..., 0].transpose(0, 2, 3, 1) for name in ("joint", "movement"))
    clip = np.concatenate([joint, 24 * movement[..., :3], drawn(*joint.shape)], axis=-1)
    posture, ours = mdt_gcn.PostureAndMovement(published=True)(clip)
    np.testing.assert_array_equal(np.array(posture), joint)
    np.testing.assert_allclose(np.array(ours)[:, :-1], movement[:, :-1], atol=1e-5)


# --- Blocks against the formulas ---------------------------------------------------------------------------


def test_channels_by_hand():
    joints = drawn(2, 4, V, 9)
    posture, movement = (np.array(x) for x in mdt_gcn.PostureAndMovement()(joints))
    v = joints[..., 3:6]
    np.testing.assert_array_equal(posture, joints[..., :3])
    np.testing.assert_array_equal(movement[..., :3], v)
    np.testing.assert_allclose(movement[:, 2, 5, 3:6], v[:, 2, 5] - v[:, 1, 5], rtol=1e-6)
    direction = np.arctan2(v[..., 1], v[..., 0])
    np.testing.assert_allclose(movement[..., 6], direction, rtol=1e-5)
    np.testing.assert_allclose(movement[:, 3, 7, 7], direction[:, 3, 7] - direction[:, 2, 7], atol=1e-6)
    assert not movement[:, 0, :, [3, 4, 5, 7]].any()


def test_the_published_form_takes_steps_where_ours_takes_velocities(built):
    """Of a walk through the preprocessing: torso lengths a frame, to the next; ours a second, about each frame."""
    how, entry = JointPreprocess(length=8, rate=24.0), MemoryEntry()
    how.store(walker(), entry)
    inputs = how.to_input(how.read(make_walk("walk", entry), 5)[None])
    ours, theirs = (
        np.array(keras.Model(model.input, model.get_layer("channels").output)(inputs)[1]) for model in built
    )
    steps = np.diff(entry.read("joints")[5:13], axis=0)
    np.testing.assert_allclose(theirs[0, :7, :, :3], steps, atol=1e-6)
    np.testing.assert_allclose(theirs[0, 7, :, :3], steps[6], atol=1e-6)
    np.testing.assert_allclose(theirs[0, 1:7, :, 3:6], np.diff(steps, axis=0), atol=1e-6)
    np.testing.assert_allclose(ours[0, 1:7, :, :3], 24 * (steps[1:] + steps[:-1]) / 2, atol=1e-4)


def test_a_model_file_from_before_keeps_the_velocities_it_learned():
    config = mdt_gcn.PostureAndMovement(published=True).get_config()
    assert mdt_gcn.PostureAndMovement.from_config(config).published
    del config["published"]
    assert not mdt_gcn.PostureAndMovement.from_config(config).published


def test_graph_convolution():
    x = drawn(2, 5, V, 4)
    y, w = randomised(GraphConvolution(6, "gait16"), x)
    A, M = adjacency("gait16"), w["importance"]
    kernel, bias = w["dense/kernel"].reshape(4, 3, 6), w["dense/bias"].reshape(3, 6)
    wanted = sum(np.einsum("ntvc,vw->ntwc", x @ kernel[:, k] + bias[k], A[k] * M[k]) for k in range(3))
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-4)


def test_adaptive_graph_convolution():
    N, T, C, inner, filters = 2, 5, 4, 3, 6
    x = drawn(N, T, V, C)
    y, w = randomised(AdaptiveGraphConvolution(filters, inner, "gait16"), x)
    compared = (x @ w["compare/kernel"] + w["compare/bias"]).reshape(N, T, V, 2, 3, inner)
    kernel = w["dense/kernel"].reshape(3, C, filters)
    wanted = w["dense/bias"].copy() * np.ones((N, T, V, filters))
    for n in range(N):
        for k in range(3):
            theta, phi = (compared[n, :, :, i, k].transpose(1, 0, 2).reshape(V, -1) for i in (0, 1))
            edges = softmax(theta @ phi.T / (inner * T), 0) + adjacency("gait16")[k] + w["learned"][k]
            wanted[n] += np.einsum("tvc,vw->twc", x[n], edges) @ kernel[k]
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("stride", "T"), [(1, 6), (2, 6), (2, 7)])
def test_temporal_convolution_is_centred_on_the_first_frame_whatever_the_stride(stride, T):
    inputs = keras.Input((T, 3, 2))
    model = keras.Model(inputs, temporal_convolution(inputs, 4, 9, stride, "t"))
    kernel, bias = drawn(9, 1, 2, 4), drawn(4, seed=1)
    model.get_layer("t_convolution").set_weights([kernel, bias])
    gamma, beta, mean, var = drawn(4, seed=2), drawn(4, seed=3), drawn(4, seed=4), np.abs(drawn(4, seed=5))
    model.get_layer("t_normalise").set_weights([gamma, beta, mean, var])
    x = drawn(2, T, 3, 2, seed=6)
    padded = np.pad(x, ((0, 0), (4, 4), (0, 0), (0, 0)))
    frames = [
        np.einsum("nkvc,kcf->nvf", padded[:, t : t + 9], kernel[:, 0]) + bias for t in range(0, T, stride)
    ]
    wanted = (np.stack(frames, 1) - mean) / np.sqrt(var + 1e-5) * gamma + beta
    np.testing.assert_allclose(model.predict_on_batch(x), wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "C", "stride", "way"),
    [("posture1", 6, 1, "none"), ("posture4", 6, 1, "same"), ("posture5", 4, 2, "through")],
)
def test_a_block_goes_over_joints_and_over_frames_with_ways_around(name, C, stride, way):
    """ReLU of the graph convolution and a way around it, then over frames, and a way around both but in block 1."""
    T, filters = 7, 6
    inputs = keras.Input((T, V, C))
    model = keras.Model(inputs, mdt_gcn._block(inputs, filters, stride, name, around_both=way != "none"))
    for i, layer in enumerate(model.layers):
        layer.set_weights([np.abs(drawn(*w.shape, seed=10 * i + j)) for j, w in enumerate(layer.weights)])
    weights = {layer.name: [np.array(w) for w in layer.weights] for layer in model.layers if layer.weights}
    x = drawn(2, T, V, C, seed=3)

    def over_frames(y, part, kernel, step):
        (w, bias), (gamma, beta, mean, var) = (
            weights[f"{name}_{part}_{end}"] for end in ("convolution", "normalise")
        )
        assert w.shape[:2] == (kernel, 1)
        padded = np.pad(y, ((0, 0), (kernel // 2, kernel // 2), (0, 0), (0, 0)))
        frames = [np.einsum("nkvc,kcf->nvf", padded[:, t : t + kernel], w[:, 0]) for t in range(0, T, step)]
        return (np.stack(frames, 1) + bias - mean) / np.sqrt(var + 1e-5) * gamma + beta

    graph = np.array(model.get_layer(f"{name}_graph")(x))
    gamma, beta, mean, var = weights[f"{name}_graph_normalise"]
    y = (graph - mean) / np.sqrt(var + 1e-5) * gamma + beta
    y = np.maximum(y + (x if filters == C else over_frames(x, "graph_around", 1, 1)), 0)
    y = over_frames(y, "temporal", 9, stride)
    around = {"none": lambda: 0, "same": lambda: x, "through": lambda: over_frames(x, "around", 1, stride)}[
        way
    ]()
    np.testing.assert_allclose(model.predict_on_batch(x), np.maximum(y + around, 0), rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def built():
    """The network with its attention and without, for clips of 8 frames."""
    return [mdt_gcn.build((8, V, 9), 3, published=p) for p in (False, True)]


def test_ten_blocks_a_stream_cross_after_the_fourth_seventh_and_tenth(built):
    model = built[1]
    for stream in ("posture", "movement"):
        shapes = [model.get_layer(f"{stream}{n}_relu").output.shape for n in range(1, 11)]
        assert [s[-1] for s in shapes] == [64] * 4 + [128] * 3 + [256] * 3
        assert [s[1] for s in shapes] == [8] * 4 + [4] * 3 + [2] * 3
        for block in (4, 7):  # what goes on is what the crossing gave
            (given,) = {
                n.operation.name
                for n in model.get_layer(f"{stream}{block + 1}_graph")._inbound_nodes[0].parent_nodes
            }
            assert given == f"crossing{block}_{stream}_add"
    assert sorted(layer.name for layer in model.layers if layer.name.endswith("posture_add")) == [
        "crossing10_posture_add",
        "crossing4_posture_add",
        "crossing7_posture_add",
    ]


@pytest.mark.parametrize("soft", [False, True])
def test_the_loss_is_either_heads_cross_entropy_and_the_mean_square_of_what_is_known(soft):
    losses = mdt_gcn.losses(soft)
    assert set(losses) == {"posture", "movement", "affective"}
    logits, wanted = drawn(3, 4), softmax(drawn(3, 4, seed=1), 1) if soft else np.array([2, 0, 3])
    shares = wanted if soft else np.eye(4)[wanted]
    by_hand = -(shares * np.log(softmax(logits, 1))).sum(axis=1).mean()
    assert float(losses["posture"](wanted, logits)) == pytest.approx(by_hand, rel=1e-5)
    told, said = drawn(2, 5, seed=2), drawn(2, 5, seed=3)
    told[0, 1:3], told[1] = np.nan, np.nan
    by_hand = ((told - said)[0, [0, 3, 4]] ** 2).mean() / 2  # the second tells nothing
    assert float(losses["affective"](told, said)) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(("axis", "hidden"), [(1, 2), (2, 1)])
def test_gates(axis, hidden):
    x = drawn(2, 33, V, 3)
    g, w = randomised(AxisGate(axis), x)
    assert w["narrow/kernel"].shape == (x.shape[axis], hidden)
    others = tuple({1, 2, 3} - {axis})
    mlp = [
        np.maximum(pooled @ w["narrow/kernel"], 0) @ w["wide/kernel"]
        for pooled in (x.mean(axis=others), x.max(axis=others))
    ]
    wanted = np.expand_dims(sigmoid(mlp[0] + mlp[1]), others)
    np.testing.assert_allclose(g, wanted, rtol=1e-4, atol=1e-6)


def test_a_gate_starts_alive():
    """A single hidden unit that answers nothing to what a ReLU gives would never learn."""
    for seed in range(20):
        keras.utils.set_random_seed(seed)
        gate = AxisGate(2)
        gate(np.abs(drawn(1, 3, V, 2)))
        assert gate.narrow.kernel.shape == (V, 1)
        assert np.array(gate.narrow.kernel).min() >= 0


def test_streams_cross_posture_first():
    """Each gate looks at its own stream as it came in; movement adds the posture that has movement in it."""
    p, m = np.abs(drawn(2, 4, V, 3)), np.abs(drawn(2, 4, V, 3, seed=1))
    inputs = [keras.Input(x.shape[1:]) for x in (p, m)]
    model = keras.Model(inputs, list(mdt_gcn._crossed(*inputs, "c")))
    for i, layer in enumerate(model.layers):
        layer.set_weights([drawn(*w.shape, seed=10 * i + j) for j, w in enumerate(layer.weights)])

    def gate(x, stream):
        joints = np.array(model.get_layer(f"c_{stream}_joint_gate")(x))
        return np.array(model.get_layer(f"c_{stream}_frame_gate")(joints * x))

    posture = p + gate(m, "movement") * m
    movement = m + gate(p, "posture") * posture
    found = model.predict_on_batch([p, m])
    np.testing.assert_allclose(found[0], posture, rtol=1e-4)
    np.testing.assert_allclose(found[1], movement, rtol=1e-4)


def test_multi_anchor_fusion():
    x = drawn(1, 20, V, 3)
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, mdt_gcn._anchored(inputs, "s"))
    for i, layer in enumerate(model.layers):
        layer.set_weights([np.abs(drawn(*w.shape, seed=10 * i + j)) for j, w in enumerate(layer.weights)])

    def weights(name):
        return [np.array(w) for w in model.get_layer(name).weights]

    def normalised(y, name):
        gamma, beta, mean, var = weights(name)
        return (y - mean) / np.sqrt(var + 1e-5) * gamma + beta

    z = normalised(x.reshape(1, 20, -1), "s_normalise").reshape(x.shape)  # V outside, C inside
    views = []
    for k in (3, 5, 15):
        kernel, bias = weights(f"s_anchor{k}")
        padded = np.pad(z, ((0, 0), (k // 2, k // 2), (0, 0), (0, 0)))
        views.append(
            np.stack([np.einsum("nkvc,kcf->nvf", padded[:, t : t + k], kernel[:, 0]) for t in range(20)], 1)
            + bias
        )
    wanted = np.maximum(normalised(sum(views) / 3, "s_anchors_normalise"), 0)
    np.testing.assert_allclose(model.predict_on_batch(x), wanted, rtol=1e-3, atol=1e-3)


def test_parts_of_the_body():
    shares, joints = part_shares("gait16"), find_layout("gait16").joints
    members = [{joints[v] for v in np.flatnonzero(column)} for column in shares.T]
    assert members == [
        {"root", "spine", "neck", "head"},
        {"left_shoulder", "left_elbow", "left_hand"},
        {"right_shoulder", "right_elbow", "right_hand"},
        {"left_hip", "left_knee", "left_foot"},
        {"right_hip", "right_knee", "right_foot"},
    ]
    x = drawn(1, 2, V, 3)
    np.testing.assert_allclose(
        np.array(BodyParts("gait16")(x))[0, 1, 4], x[0, 1, 13:16].mean(axis=0), rtol=1e-5
    )


@pytest.fixture(scope="module")
def attention():
    """Bi-focus attention of 6 frames and 8 channels in two heads, its weights drawn."""
    inputs = keras.Input((6, V, 8))
    model = keras.Model(inputs, bi_focus(inputs, 2, "gait16", "a"))
    for i, layer in enumerate(model.layers):
        layer.set_weights([drawn(*w.shape, seed=10 * i + j) * 0.5 for j, w in enumerate(layer.weights)])
    return model


def attend(model, name, y):
    """Multi-head attention over the last but one axis of (..., S, C), a dense layer, and around both."""
    w = {x.path.partition("/")[2]: np.array(x) for x in model.get_layer(f"a_{name}").weights}
    gamma, beta = (np.array(x) for x in model.get_layer(f"a_{name}_normalise").weights)
    z = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-3) * gamma + beta
    q, k, v = (
        np.einsum("...sc,chd->...hsd", z, w[f"{part}/kernel"]) + w[f"{part}/bias"][:, None]
        for part in ("query", "key", "value")
    )
    shares = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]), -1)
    seen = (
        np.einsum("...hsd,hdc->...sc", shares @ v, w["attention_output/kernel"]) + w["attention_output/bias"]
    )
    kernel, bias = (np.array(x) for x in model.get_layer(f"a_{name}_dense").weights)
    return y + seen @ kernel + bias


def test_bi_focus_attention(attention):
    x = drawn(2, 6, V, 8)
    y = np.einsum("ntvc,vp->ntpc", x, part_shares("gait16"))
    y = attend(attention, "local", y.swapaxes(1, 2)).swapaxes(1, 2)  # over frames, part by part
    y = attend(attention, "global", y)  # over parts, frame by frame
    np.testing.assert_allclose(attention.predict_on_batch(x), y.mean(axis=(1, 2)), rtol=1e-3, atol=1e-3)


def test_attention_stays_within_a_walk(attention):
    x, other = drawn(3, 6, V, 8), drawn(3, 6, V, 8, seed=9)
    mixed = np.concatenate([x[:1], other[1:]])
    first, second = (np.array(attention(batch)) for batch in (x, mixed))
    np.testing.assert_allclose(first[0], second[0], atol=1e-6)
    assert np.abs(first[1] - second[1]).max() > 0.01


def test_ours_attends_and_the_published_pass_does_not(built):
    ours, published = built
    assert [
        bool([layer for layer in m.layers if layer.name.startswith("attention")]) for m in (ours, published)
    ] == [
        True,
        False,
    ]
    attended = ours.get_layer("attention_global")
    before = ours.predict_on_batch(drawn(2, 8, V, 9))
    attended.set_weights([w * 3 for w in attended.get_weights()])
    after = ours.predict_on_batch(drawn(2, 8, V, 9))
    assert all(np.abs(before[head] - after[head]).max() > 1e-4 for head in ("posture", "movement"))
    np.testing.assert_array_equal(before["affective"], after["affective"])
    mean = (after["posture"] + after["movement"]) / 2
    np.testing.assert_allclose(after["emotion"], softmax(mean, 1), atol=1e-6)


# --- Targets -----------------------------------------------------------------------------------------------


def test_affective_targets_are_the_features_of_the_joints_that_are_shown():
    from keypoint_walks import walker

    from gait.skeleton import convert, normalise

    sequence = convert(walker(), "gait16")
    joints = normalise(sequence.world, "gait16", sequence.root)[:12]
    inputs = np.zeros((1, 12, V, 9), np.float32)
    inputs[0, ..., :3] = joints
    made = mdt_gcn.targets(inputs, {"emotion": np.array([2])})
    assert (made["posture"].tolist(), made["movement"].tolist()) == ([2], [2])
    table = made["affective"].reshape(31, 12)
    wanted = features.frame_features(sequence, features.MDT_GCN_31)[:12].T
    angle = [features.FRAME_FEATURES[name].unit == "degrees" for name in features.MDT_GCN_31]
    np.testing.assert_allclose(table[angle], np.radians(wanted[angle]), atol=1e-3)
    # Heights are measured over these twelve frames, not the whole walk.
    np.testing.assert_allclose(table[~np.array(angle)], wanted[~np.array(angle)], rtol=0.03, atol=1e-3)


def test_a_frame_that_does_not_tell_is_not_learned():
    inputs = drawn(1, 5, V, 9)
    inputs[0, 3] = 0  # all joints in one place
    table = mdt_gcn.targets(inputs, {"emotion": np.eye(2)[:1]})["affective"].reshape(31, 5)
    angles = [
        i for i, name in enumerate(features.MDT_GCN_31) if features.FRAME_FEATURES[name].unit == "degrees"
    ]
    assert np.isnan(table[angles, 3]).all()
    assert np.isfinite(np.delete(table, 3, axis=1)).all()
