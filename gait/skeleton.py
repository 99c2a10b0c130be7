"""Named joints: layouts, bones, left-right pairs, conversions between layouts, adjacency, normalising.

Which block of the 16-joint gait skeleton is left
-------------------------------------------------
A row of Emotion-Gait holds two arms (joints 4-6 and 7-9) and two legs (10-12 and 13-15) without saying which
side is which: the data set's README says left first, MDT-GCN's code right first. What the gaits themselves
tell, in the three that come with ProxEmo: y points up; knees bend towards -z, the head lies before the neck
in -z and the raised foot swings past the lower one towards -z: three independent signs that these people
face and walk towards -z. The first arm and the first leg lie together, at -x. Left
is up x facing, here y x (-z) = -x, **if the coordinates are right-handed**: then the README is right and the
first block is left.

What no gait can tell is the handedness itself: a right-handed file with left first and a left-handed file
with right first hold the very same numbers, and walking has no side that it prefers. "Right first" is
therefore the claim that the file's coordinates are a mirror image. The readers take ``first="left"`` by
default, and make of ``first="right"`` the whole of that claim: the blocks are exchanged *and* x is negated,
so that what comes out is again right-handed. The two readings differ by exactly :func:`mirror`; for a model
whose training mirrors at random the choice is of no consequence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np

from gait.errors import GaitmoodError, VideoError
from gait.pose.sequence import PoseSequence

__all__ = [
    "LAYOUTS",
    "Layout",
    "adjacency",
    "align_heading",
    "centre_on_hips",
    "convert",
    "find_layout",
    "has_no_depth",
    "heading_angle",
    "mirror",
    "normalise",
    "resample",
    "scale_by_torso",
    "torso_length",
    "turn",
]


@dataclass(frozen=True)
class Layout:
    """A set of joints in their order.

    Attributes
    ----------
    name : str
        As in :data:`LAYOUTS` and :attr:`PoseSequence.layout`.
    joints : tuple of str
        V names; a name with ``left`` has its counterpart with ``right``.
    edges : tuple of (int, int)
        Bones, the joint nearer to the root first; every joint can be reached.
    """

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Place of a joint.

        Raises
        ------
        ValueError
            The layout has no such joint.
        """
        if joint not in self.joints:
            raise ValueError(f"{self.name} has no joint {joint}; it has {', '.join(self.joints)}")
        return self.joints.index(joint)

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) places of every joint that comes in two."""
        lefts = [joint for joint in self.joints if "left" in joint]
        return tuple((self.index(left), self.index(left.replace("left", "right"))) for left in lefts)

    @cached_property
    def root(self) -> tuple[int, ...]:
        """The joint or joints whose middle is the middle of the hips."""
        middle = [joint for joint in ("root", "mid_hip") if joint in self.joints]
        return (self.index(middle[0]),) if middle else self.hips

    @cached_property
    def hips(self) -> tuple[int, int]:
        """Left and right hip."""
        return self.index("left_hip"), self.index("right_hip")

    @cached_property
    def shoulders(self) -> tuple[int, int]:
        """Left and right shoulder."""
        return self.index("left_shoulder"), self.index("right_shoulder")

    @cached_property
    def knees(self) -> tuple[int, int]:
        """Left and right knee."""
        return self.index("left_knee"), self.index("right_knee")

    @cached_property
    def ankles(self) -> tuple[int, int]:
        """Left and right ankle; ``gait16`` calls them feet."""
        part = "ankle" if "left_ankle" in self.joints else "foot"
        return self.index(f"left_{part}"), self.index(f"right_{part}")

    @cached_property
    def trunk_and_legs(self) -> tuple[tuple[int, int], ...]:
        """Left and right shoulder, hip, knee and ankle, from above."""
        return self.shoulders, self.hips, self.knees, self.ankles


def _layout(name: str, joints: str, chains: str) -> Layout:
    """A layout of names in order and chains ``a-b-c`` from the root outwards; ``*`` stands for both sides."""
    names = tuple(joints.split())
    both = (chain.replace("*", side) for chain in chains.split() for side in ("left", "right"))
    places = ([names.index(joint) for joint in chain.split("-")] for chain in both)
    edges = dict.fromkeys(pair for chain in places for pair in pairwise(chain))
    return Layout(name, names, tuple(edges))


_BLAZEPOSE33 = """
    nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear right_ear
    mouth_left mouth_right left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist
    left_pinky right_pinky left_index right_index left_thumb right_thumb left_hip right_hip left_knee
    right_knee left_ankle right_ankle left_heel right_heel left_foot_index right_foot_index"""
_GAIT16 = """
    root spine neck head left_shoulder left_elbow left_hand right_shoulder right_elbow right_hand left_hip
    left_knee left_foot right_hip right_knee right_foot"""
_COCO17 = """
    nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist
    right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"""
_OPENPOSE18 = """
    nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip right_knee
    right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear"""
_OPENPOSE25 = """
    nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist mid_hip right_hip
    right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear left_big_toe
    left_small_toe left_heel right_big_toe right_small_toe right_heel"""
_LIMBS = """
    left_hip-right_hip *_hip-*_shoulder-*_elbow-*_wrist left_shoulder-right_shoulder *_hip-*_knee-*_ankle"""

# MediaPipe's own bones leave the face apart from the body; ears are joined with shoulders here, as COCO
# joins them.
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        _layout(
            "blazepose33",
            _BLAZEPOSE33,
            _LIMBS
            + """ *_wrist-*_pinky *_wrist-*_thumb *_wrist-*_index *_pinky-*_index *_ankle-*_heel
            *_ankle-*_foot_index *_heel-*_foot_index *_shoulder-*_ear-*_eye_outer-*_eye-*_eye_inner-nose
            nose-mouth_* mouth_left-mouth_right""",
        ),
        _layout(
            "gait16",
            _GAIT16,
            "root-spine-neck-head neck-*_shoulder-*_elbow-*_hand root-*_hip-*_knee-*_foot",
        ),
        _layout(
            "coco17", _COCO17, _LIMBS + " *_shoulder-*_ear-*_eye-nose left_eye-right_eye"
        ),
        _layout(
            "openpose18",
            _OPENPOSE18,
            "*_hip-neck-*_shoulder-*_elbow-*_wrist *_hip-*_knee-*_ankle neck-nose-*_eye-*_ear",
        ),
        _layout(
            "openpose25",
            _OPENPOSE25,
            """mid_hip-neck-*_shoulder-*_elbow-*_wrist mid_hip-*_hip-*_knee-*_ankle neck-nose-*_eye-*_ear
            *_ankle-*_heel *_ankle-*_big_toe-*_small_toe""",
        ),
    )
}  # fmt: skip


def find_layout(name: str) -> Layout:
    """The layout of a name.

    Raises
    ------
    GaitmoodError
        There is none.
    """
    if name not in LAYOUTS:
        raise GaitmoodError(f"unknown joint layout {name!r}; expected one of {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


# Joints of a layout that are not measured but made of others: weights that sum to 1. In the reference gaits
# the neck lies above the shoulders' middle by 0.15 of its distance from the root (0.11, 0.16, 0.17 in the
# three), the spine halfway between root and neck (0.49), the head before and above the neck, where the face
# is.
_NECK = 1.15
_TRUNK = {
    joint: {
        **dict.fromkeys(("left_shoulder", "right_shoulder"), share / 2),
        **dict.fromkeys(("left_hip", "right_hip"), (1 - share) / 2),
    }
    for joint, share in (("root", 0.0), ("spine", _NECK / 2), ("neck", _NECK))
}
_DERIVED: dict[str, dict[str, dict[str, float]]] = {
    "gait16": {
        **_TRUNK,
        "root": {"left_hip": 0.5, "right_hip": 0.5},
        "head": {"nose": 0.5, "left_ear": 0.25, "right_ear": 0.25},
        **{f"{side}_hand": {f"{side}_wrist": 1.0} for side in ("left", "right")},
        **{f"{side}_foot": {f"{side}_ankle": 1.0} for side in ("left", "right")},
    }
}


# Of nose and ears those count that are known in at least this share of the frames of the one known best.
_SHOWN = 0.5


def convert(sequence: PoseSequence, layout: str) -> PoseSequence:
    """The same walk in another joint layout.

    Joints of equal name are taken over; the trunk and head of ``gait16`` are weighted means of others
    (neck: a little above the shoulders' middle; spine: halfway between hips and neck; head: between nose and
    ears, those of them that a walk shows). A derived joint is as visible as its least visible parent, and NaN
    where one of them is.

    Parameters
    ----------
    sequence : PoseSequence
        In any layout.
    layout : str
        Name of the layout wanted.

    Returns
    -------
    PoseSequence
        ``image`` (T, V', 2), ``world`` (T, V', 3) and ``visibility`` (T, V') in the new layout, everything
        else as it was; ``notes["converted_from"]`` names the layout before.

    Raises
    ------
    GaitmoodError
        A layout is unknown, or joints of the new one cannot be made of those of the old one.
    """
    source, target = find_layout(sequence.layout), find_layout(layout)
    if source == target:
        return sequence
    rules = _shown(_rules(source, target), target, sequence)
    image, world = (_combine(points, rules) for points in (sequence.image, sequence.world))
    visibility = np.stack([sequence.visibility[:, list(rule)].min(axis=1) for rule in rules], axis=1)
    notes = {**sequence.notes, "converted_from": source.name}
    return replace(sequence, image=image, world=world, visibility=visibility, layout=target.name, notes=notes)


def _rules(source: Layout, target: Layout) -> list[dict[int, float]]:
    """For each joint of the target, the places and weights of the joints of the source that make it."""
    derived = _DERIVED.get(target.name, {})
    named = [derived.get(joint, {joint: 1.0}) for joint in target.joints]
    missing = [
        joint
        for joint, rule in zip(target.joints, named, strict=True)
        if not rule.keys() <= set(source.joints)
    ]
    if missing:
        raise GaitmoodError(
            f"joints in the layout {source.name} cannot be converted to {target.name}: nothing to make "
            f"{', '.join(missing)} of; use a model for {source.name}, or joints in another layout"
        )
    return [{source.index(joint): weight for joint, weight in rule.items()} for rule in named]


def _shown(rules: list[dict[int, float]], target: Layout, sequence: PoseSequence) -> list[dict[int, float]]:
    """Rules of which that of the head leaves out what a walk hides: an ear, from the side; the nose, from behind.

    The choice holds for all of the walk: from frame to frame it would make the head jump.
    """
    if "head" not in target.joints:
        return rules
    known = np.isfinite(sequence.image).all(axis=2) | np.isfinite(sequence.world).all(axis=2)
    share, place = known.mean(axis=0), target.index("head")
    least = _SHOWN * max(share[parent] for parent in rules[place])
    kept = {parent: weight for parent, weight in rules[place].items() if share[parent] >= least}
    head = {parent: weight / sum(kept.values()) for parent, weight in kept.items()}
    return [*rules[:place], head, *rules[place + 1 :]]


def _combine(points: np.ndarray, rules: list[dict[int, float]]) -> np.ndarray:
    # Joint by joint, not as one matrix product: NaN times a weight of zero would spread.
    made = [sum(weight * points[:, place] for place, weight in rule.items()) for rule in rules]
    return np.stack(made, axis=1).astype(points.dtype)


def adjacency(layout: str, normalised_by: Literal["subset", "neighbourhood"] = "subset") -> np.ndarray:
    """Adjacency in three subsets: spatial configuration partitioning of Yan et al. 2018 (ST-GCN, section
    3.3).

    Distance to the body's centre is the number of bones to the root here. ``A[k, v, w]`` weighs
    what joint w takes from joint v: k = 0 itself (and neighbours at its own distance), 1 neighbours
    nearer to the centre (centripetal), 2 those farther out (centrifugal).

    Parameters
    ----------
    layout : str
        Name of a layout.
    normalised_by : {"subset", "neighbourhood"}
        By what a joint's weights are divided. ``subset``: the number of its neighbours in that subset, so
        that each subset's columns sum to 1 (or 0 where empty): equation 5 of the paper, the code of 2s-AGCN
        (Shi et al. 2019), and the matrices that MDT-GCN was published with. ``neighbourhood``: the number of
        all its neighbours and itself, so that the three columns together sum to 1: the code released with
        ST-GCN.

    Returns
    -------
    (3, V, V) float32

    Raises
    ------
    GaitmoodError
        The layout is unknown.
    """
    skeleton = find_layout(layout)
    linked = np.eye(len(skeleton), dtype=bool)
    for a, b in skeleton.edges:
        linked[a, b] = linked[b, a] = True
    distance = _hops(linked, skeleton.root)
    step = np.sign(distance[:, None] - distance[None, :])
    subsets = np.stack([linked & (step == side) for side in (0, -1, 1)]).astype(np.float64)
    axes = (1,) if normalised_by == "subset" else (0, 1)
    return (subsets / np.maximum(subsets.sum(axis=axes, keepdims=True), 1)).astype(np.float32)


def _hops(linked: np.ndarray, start: tuple[int, ...]) -> np.ndarray:
    """Bones from each joint (V,) to the nearest of ``start``."""
    distance = np.full(len(linked), len(linked))
    distance[list(start)] = 0
    for _ in range(len(linked)):
        distance = np.minimum(distance, np.where(linked, distance[:, None] + 1, len(linked)).min(axis=0))
    return distance


def centre_on_hips(points: np.ndarray, layout: str) -> np.ndarray:
    """Points (T, V, D) against the middle of the hips of each frame."""
    return points - _middle(points, find_layout(layout).root)[:, None]


def torso_length(points: np.ndarray, layout: str) -> float:
    """Median over frames of the distance from the hips' to the shoulders' middle, unit of ``points`` (T, V,
    D).

    Raises
    ------
    VideoError
        It is zero, or hips and shoulders are never known together.
    """
    skeleton = find_layout(layout)
    trunk = _middle(points, skeleton.shoulders) - _middle(points, skeleton.root)
    lengths = np.linalg.norm(trunk, axis=-1)
    known = lengths[np.isfinite(lengths)]
    if not known.size or not np.median(known) > 0:
        raise VideoError("the torso cannot be measured: hips and shoulders are never known together")
    return float(np.median(known))


def scale_by_torso(points: np.ndarray, layout: str) -> np.ndarray:
    """Points (T, V, D) in torso lengths. Raises VideoError as :func:`torso_length` does."""
    return points / torso_length(points, layout)


def _middle(points: np.ndarray, joints: tuple[int, ...]) -> np.ndarray:
    return points[:, list(joints)].mean(axis=1)


# A path counts as progress where its ends are at least this share of its length apart; on the spot, what
# moves is sway, and on a path with turns no one direction is right.
_STRAIGHT = 0.5


def heading_angle(world: np.ndarray, layout: str, root: np.ndarray | None = None) -> float:
    """Which way the walker faces, about the vertical.

    Facing is left x up, left being the lines from right to left hip and shoulder, summed over frames. Where
    the root's path is known, straight, and leads forward, its direction is the more exact one and is taken.
    A flat body (:func:`gait.pose.flat.flatten`) does not tell, and stays as the picture shows it: 0.

    Parameters
    ----------
    world : (T, V, 3) array
        y up, right-handed; any unit, any centre.
    layout : str
        Name of the layout.
    root : (T, 3) array, optional
        Path of the hips, same axes, any unit.

    Returns
    -------
    float
        Radians: 0 faces +z, pi / 2 faces +x.

    Raises
    ------
    VideoError
        Hips and shoulders are never known together, or point all ways.
    """
    if has_no_depth(world):
        return 0.0
    skeleton = find_layout(layout)
    across = sum(world[:, a] - world[:, b] for a, b in (skeleton.hips, skeleton.shoulders))
    left = np.nansum(across, axis=0)
    facing = np.array([-left[2], left[0]])  # (x, z) of left x up
    if not np.linalg.norm(facing) > 0:
        raise VideoError("which way the walker faces cannot be told: hips and shoulders are not known")
    progress = _progress(root)
    if progress is not None and progress @ facing > 0:
        facing = progress
    return float(np.arctan2(facing[0], facing[1]))


def has_no_depth(points: np.ndarray) -> bool:
    """Whether points (..., 3) were made of a picture: those that are known lie in the plane z = 0."""
    known = np.nan_to_num(points)
    return bool(known.any() and not known[..., 2].any())


def _progress(root: np.ndarray | None) -> np.ndarray | None:
    """Horizontal way (x, z) from the first to the last known place; None where there is none or it bends."""
    if root is None:
        return None
    path = root[np.isfinite(root).all(axis=1)][:, [0, 2]]
    if len(path) < 2:
        return None
    way = path[-1] - path[0]
    length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    return way if 0 < length <= np.linalg.norm(way) / _STRAIGHT else None


def turn(points: np.ndarray, angle: float) -> np.ndarray:
    """Points (..., 3) turned about the vertical; a positive angle (radians) takes +z towards +x."""
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]], dtype=points.dtype)
    return points @ rotation


def align_heading(world: np.ndarray, layout: str, root: np.ndarray | None = None) -> np.ndarray:
    """World points (T, V, 3) turned about the vertical, one angle for the walk, so that the walker faces +z.

    Parameters and errors as in :func:`heading_angle`.
    """
    return turn(world, -heading_angle(world, layout, root))


def normalise(world: np.ndarray, layout: str, root: np.ndarray | None = None) -> np.ndarray:
    """World points (T, V, 3) centred on the hips, in torso lengths, facing +z.

    The same for a walker moved, turned about the vertical or scaled. Raises VideoError as
    :func:`torso_length` and :func:`heading_angle` do.
    """
    return align_heading(scale_by_torso(centre_on_hips(world, layout), layout), layout, root)


def resample(
    values: np.ndarray, time: np.ndarray, rate: float, length: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Values at a fixed rate from the first instant on, by linear interpolation.

    Steps of a lower rate skip what happens between them; what is not known (NaN) makes no value up beside it.

    Parameters
    ----------
    values : (T, ...) float array
    time : (T,) array
        Seconds, increasing.
    rate : float
        Per second.
    length : int, optional
        Instants wanted; as many as fit by default.

    Returns
    -------
    values : (length, ...) array
        Beyond the end the last one stays.
    inside : (length,) bool array
        False for the instants beyond the end.

    Raises
    ------
    ValueError
        No values, lengths that differ, or a rate that is not positive.
    """
    if len(values) == 0 or len(values) != len(time) or not rate > 0:
        raise ValueError(f"{len(values)} values, {len(time)} instants and rate {rate} do not make a walk")
    span = float(time[-1] - time[0])
    count = int(span * rate + 1e-6) + 1 if length is None else length
    instants = np.arange(count) / rate
    inside = instants <= span + 1e-6
    # Places are rounded so that an instant that meets a frame takes it alone, without its NaN neighbour.
    places = np.interp(instants, time - time[0], np.arange(len(time))).round(6)
    before = np.floor(places).astype(int)
    after = np.ceil(places).astype(int)
    share = (places - before).reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
    mixed = values[before] * (1 - share) + values[after] * share
    return mixed, inside


def mirror(points: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    """The walk as a mirror shows it: left and right joints exchanged, x negated.

    Parameters
    ----------
    points : (..., V, D) array
        D at least 1, x first, centred where x = 0.
    pairs : tuple of (int, int)
        :attr:`Layout.pairs`.
    """
    order = np.arange(points.shape[-2])
    for left, right in pairs:
        order[[left, right]] = right, left
    mirrored = points[..., order, :].copy()
    mirrored[..., 0] *= -1
    return mirrored
