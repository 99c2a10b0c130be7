"""MDT-GCN: posture and movement as two streams of adaptive graph convolutions that gate each other.

Multi-anchor adaptive fusion and bi-focus attention for enhanced gait-based emotion recognition, Sci Rep 2025,
doi:10.1038/s41598-025-97922-3. Written from the paper's formulas and from vectors recorded of the published pass; its
code has no licence, and none of it is here. In the published pass the result of bi-focus attention is dropped, and the
attention looks across the walks of a batch; ours looks within one walk, and both class heads see its result.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from gait.features import FRAME_FEATURES, MDT_GCN_31
from gait.features.motion import Motion, body_height
from gait.models.attention import AxisGate, bi_focus
from gait.models.graph import (
    AdaptiveGraphConvolution,
    normalised,
    normalised_channels,
    temporal_convolution,
)
from gait.models.losses import KnownMeanSquaredError, cross_entropy
from gait.models.published import TorchArrays

LEARNING_RATE = 1e-3
LAYOUT = "gait16"
ANCHORS = (3, 5, 15)
FIRST = 64
# Channels and temporal stride of each block.
BLOCKS = (*[(64, 1)] * 4, (128, 2), *[(128, 1)] * 2, (256, 2), *[(256, 1)] * 2)
CROSSINGS = (4, 7, 10)
KERNEL = 9
HEADS = 8


def build(shape: tuple[int, ...], classes: int, published: bool = False) -> keras.Model:
    """Build the network.

    Parameters
    ----------
    shape : (T, V, C)
        Frames, joints, channels of a clip, see :class:`gait.preprocess.joints.JointPreprocess`.
    classes : int
        Number of emotions.
    published : bool
        Compute what the published code does: velocities of its kind, no bi-focus attention.

    Returns
    -------
    keras.Model
        Input (N, T, V, C); outputs ``emotion`` (N, classes); ``posture`` and ``movement`` (N, classes), the logits of
        either stream; ``affective`` (N, 31 T), the features :data:`gait.features.MDT_GCN_31`, each over its frames.
    """
    joints = keras.Input(shape, name="joints")
    # In float32 at any precision: differences of near numbers.
    posture, movement = PostureAndMovement(published, dtype="float32", name="channels")(joints)
    return keras.Model(joints, network(posture, movement, classes, published), name="mdt_gcn")


def network(posture: Any, movement: Any, classes: int, published: bool = False) -> dict[str, Any]:
    """Posture (N, T, V, 3) and movement (N, T, V, 8) to the outputs of :func:`build`, by name."""
    T = posture.shape[1]
    p, m = (_anchored(x, name) for x, name in ((posture, "posture"), (movement, "movement")))
    for number, (filters, stride) in enumerate(BLOCKS, start=1):
        p, m = (
            _block(x, filters, stride, f"{s}{number}", around_both=number > 1)
            for x, s in ((p, "posture"), (m, "movement"))
        )
        if number in CROSSINGS:
            p, m = _crossed(p, m, f"crossing{number}")
    pooled = [
        layers.GlobalAveragePooling2D(name=f"{s}_pool")(x) for x, s in ((p, "posture"), (m, "movement"))
    ]
    affective = layers.Dense(len(MDT_GCN_31) * T, dtype="float32", name="affective")(pooled[0])
    if not published:
        both = layers.Add(name="streams")([p, m])
        attended = bi_focus(both, HEADS, LAYOUT, "attention")
        pooled = [
            layers.Add(name=f"{s}_attended")([x, attended])
            for x, s in zip(pooled, ("posture", "movement"), strict=True)
        ]
    logits = [
        layers.Dense(classes, dtype="float32", name=s)(x)
        for x, s in zip(pooled, ("posture", "movement"), strict=True)
    ]
    mean = layers.Average(dtype="float32", name="mean_logits")(logits)
    emotion = layers.Softmax(dtype="float32", name="emotion")(mean)
    return {"emotion": emotion, "posture": logits[0], "movement": logits[1], "affective": affective}


def losses(soft: bool) -> dict[str, keras.losses.Loss]:
    """Cross-entropy of either class head, mean squared error of the affective one."""
    heads = {name: cross_entropy(soft) for name in ("posture", "movement")}
    return {**heads, "affective": KnownMeanSquaredError()}


def targets(inputs: np.ndarray, known: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The emotion for both class heads; for the affective one the features of the joints it is shown.

    Parameters
    ----------
    inputs : (N, T, V, C) float
        What :func:`build` takes.
    known : dict
        ``emotion``: (N,) or (N, K).
    """
    features = np.stack([affective_features(clip[..., :3]) for clip in inputs])
    return {"posture": known["emotion"], "movement": known["emotion"], "affective": features}


def affective_features(joints: np.ndarray) -> np.ndarray:
    """The features :data:`gait.features.MDT_GCN_31` of every frame, as the affective head predicts them.

    Angles in radians, as the published data have them, so that no feature is far larger than the others; lengths in
    body heights.

    Parameters
    ----------
    joints : (T, 16, 3) float
        Layout ``gait16``, y up, facing +z; any unit, any centre.

    Returns
    -------
    (31 T,) float32
        Feature by feature; NaN where a frame does not tell.
    """
    joints = joints.astype(np.float64)
    motion = Motion(joints / body_height(joints), np.arange(len(joints), dtype=np.float64))
    chosen = [FRAME_FEATURES[name] for name in MDT_GCN_31]
    values = [
        np.radians(values) if feature.unit == "degrees" else values
        for feature, values in ((feature, feature.compute(motion)) for feature in chosen)
    ]
    return np.concatenate(values).astype(np.float32)


@keras.saving.register_keras_serializable("gaitmood")
class PostureAndMovement(layers.Layer):
    """The channels of either stream from what :class:`gait.preprocess.joints.JointPreprocess` makes of a walk.

    Posture: position (3). Movement (8): velocity (3), its change from the frame before (3), its direction
    atan2(v_y, v_x), and the change of that; the first frame's changes are 0. The direction's changes keep their jumps
    of a whole turn, as published.

    Parameters
    ----------
    published : bool
        Velocity is the difference to the next frame, in torso lengths a frame; in the last frame, behind which a clip
        does not tell, that of the frame before. A seam or a gap between two frames counts as movement. Otherwise it
        is the preprocessing's, in torso lengths a second, to which it does not; to its change it does.
    """

    def __init__(self, published: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.published = published

    def call(self, joints: Any) -> tuple[Any, Any]:
        """(N, T, V, C) to (N, T, V, 3) and (N, T, V, 8)."""
        velocity = _steps(joints[..., :3]) if self.published else joints[..., 3:6]
        direction = ops.arctan2(velocity[..., 1:2], velocity[..., :1])
        channels = [velocity, _changes(velocity), direction, _changes(direction)]
        return joints[..., :3], ops.concatenate(channels, axis=-1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[tuple[int | None, ...], ...]:
        return (*shape[:-1], 3), (*shape[:-1], 8)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "published": self.published}


def _steps(x: Any) -> Any:
    """(N, T, V, C) from each frame to the next; the last step twice."""
    steps = x[:, 1:] - x[:, :-1]
    return ops.concatenate([steps, steps[:, -1:]], axis=1)


def _changes(x: Any) -> Any:
    """(N, T, V, C) less the frame before; 0 in the first frame."""
    return ops.pad(x[:, 1:] - x[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))


def _anchored(x: Any, name: str) -> Any:
    """Multi-anchor adaptive fusion: the mean of convolutions over a short, a middle and a long stretch of frames."""
    x = normalised_channels(x, f"{name}_normalise")
    views = [
        layers.Conv2D(FIRST, (kernel, 1), padding="same", name=f"{name}_anchor{kernel}")(x)
        for kernel in ANCHORS
    ]
    y = normalised(layers.Average(name=f"{name}_anchors")(views), f"{name}_anchors_normalise")
    return layers.ReLU(name=f"{name}_anchors_relu")(y)


def _block(x: Any, filters: int, stride: int, name: str, around_both: bool) -> Any:
    """Over joints, with a way around; then over frames; and, except in the first block, a way around both."""
    y = AdaptiveGraphConvolution(filters, filters // 4, LAYOUT, name=f"{name}_graph")(x)
    y = normalised(y, f"{name}_graph_normalise")
    around = x if x.shape[-1] == filters else temporal_convolution(x, filters, 1, 1, f"{name}_graph_around")
    y = layers.ReLU(name=f"{name}_graph_relu")(layers.Add(name=f"{name}_graph_add")([y, around]))
    y = temporal_convolution(y, filters, KERNEL, stride, f"{name}_temporal")
    if around_both:
        same = stride == 1 and x.shape[-1] == filters
        around = x if same else temporal_convolution(x, filters, 1, stride, f"{name}_around")
        y = layers.Add(name=f"{name}_add")([y, around])
    return layers.ReLU(name=f"{name}_relu")(y)


def _crossed(p: Any, m: Any, name: str) -> tuple[Any, Any]:
    """Each stream adds the other, its frames gated; movement adds the posture that has movement in it already.

    A stream's gate over frames looks at the stream gated over its joints, both as they came in.
    """
    gates = [_frame_gate(x, f"{name}_{s}") for x, s in ((p, "posture"), (m, "movement"))]
    for_posture = layers.Multiply(name=f"{name}_gated_movement")([m, gates[1]])
    p = layers.Add(name=f"{name}_posture_add")([p, for_posture])
    for_movement = layers.Multiply(name=f"{name}_gated_posture")([p, gates[0]])
    return p, layers.Add(name=f"{name}_movement_add")([m, for_movement])


def _frame_gate(x: Any, name: str) -> Any:
    """(N, T, V, C) to (N, T, 1, 1)."""
    joints = layers.Multiply(name=f"{name}_joints")([x, AxisGate(2, name=f"{name}_joint_gate")(x)])
    return AxisGate(1, name=f"{name}_frame_gate")(joints)


# Nobody has said in which order the published classes are.
PUBLISHED_CLASSES = None


def published_weights(arrays: TorchArrays) -> dict[str, list[np.ndarray]]:
    """The authors' weights by our layers; see :mod:`gait.models.published`."""
    arrays.drop("bga.")  # bi-focus attention, whose result their pass drops: never trained
    weights: dict[str, list[np.ndarray]] = {}
    for stream, s in (("posture", "p"), ("movement", "m")):
        weights[f"{stream}_normalise"] = arrays.normalisation(f"data_bn_{s}")
        for number, kernel in enumerate(ANCHORS):
            weights[f"{stream}_anchor{kernel}"] = arrays.convolution(f"maaf_{s}.convs.{number}")
        weights[f"{stream}_anchors_normalise"] = arrays.normalisation(f"maaf_{s}.bn")
        for number in range(1, len(BLOCKS) + 1):
            weights |= _published_block(arrays, f"l{number}_{s}", f"{stream}{number}")
        for number, block in enumerate(CROSSINGS, start=1):
            for axis, letter in (("joint", "N"), ("frame", "T")):
                gate = f"fusion{number}.att_{letter}_{s}"
                both = arrays.pointwise(f"{gate}.fc1") + arrays.pointwise(f"{gate}.fc2")
                weights[f"crossing{block}_{stream}_{axis}_gate"] = both
        weights[stream] = arrays.pointwise(f"fc1_classifier_{s}")
    weights["affective"] = arrays.pointwise("fc2_aff")
    return weights


def _published_block(arrays: TorchArrays, theirs: str, ours: str) -> dict[str, list[np.ndarray]]:
    graph = f"{theirs}.gcn1"
    compare = [arrays.pointwise(f"{graph}.conv_{which}.{k}") for which in "ab" for k in range(3)]
    dense = [arrays.pointwise(f"{graph}.conv_d.{k}") for k in range(3)]
    weights = {
        f"{ours}_graph": [
            arrays[f"{graph}.PA"],
            *(np.concatenate(parts, axis=-1) for parts in zip(*compare, strict=True)),
            np.concatenate([kernel for kernel, _ in dense]),
            sum(bias for _, bias in dense),
        ],
        f"{ours}_graph_normalise": arrays.normalisation(f"{graph}.bn"),
        f"{ours}_temporal_convolution": arrays.convolution(f"{theirs}.tcn1.conv"),
        f"{ours}_temporal_normalise": arrays.normalisation(f"{theirs}.tcn1.bn"),
    }
    for way, convolution, norm in (
        ("graph_around", "gcn1.down.0", "gcn1.down.1"),
        ("around", "residual.conv", "residual.bn"),
    ):
        if f"{theirs}.{convolution}.weight" in arrays:
            weights[f"{ours}_{way}_convolution"] = arrays.convolution(f"{theirs}.{convolution}")
            weights[f"{ours}_{way}_normalise"] = arrays.normalisation(f"{theirs}.{norm}")
    return weights
