"""BVH motion capture: a skeleton, its channels and one row of numbers a frame, as joints in metres."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gait.formats.walks import (
    Collector,
    KeypointError,
    KeypointFile,
    KeypointOptions,
    pose_from_world,
)
from gait.label_names import listed
from gait.pose.sequence import PoseSequence
from gait.skeleton import LAYOUTS

CENTIMETRE = 0.01
_CHANNELS = {f"{axis}{kind}": (kind, i) for i, axis in enumerate("xyz") for kind in ("position", "rotation")}

# The names that a joint goes by, first the surest: in Mixamo's names the upper arm begins at LeftArm and
# LeftShoulder is the collar bone; in Biovision's names it begins at LeftShoulder, after LeftCollar. CMU's ASF
# names bones (lfemur begins at the hip).
_SIDED = {
    "shoulder": ("arm", "uparm", "upperarm", "shldr", "humerus", "shoulder"),
    "elbow": ("forearm", "lowarm", "lowerarm", "elbow", "radius"),
    "hand": ("hand", "wrist"),
    "hip": ("upleg", "thigh", "upperleg", "femur", "hip"),
    "knee": ("leg", "lowleg", "lowerleg", "shin", "calf", "tibia", "knee"),
    "foot": ("foot", "ankle"),
}
_MIDDLE = {"neck": ("neck", "neck1", "neck01"), "head": ("head",)}


@dataclass
class BvhJoint:
    """A joint of the hierarchy: offset from its parent (file units) and the columns of its channels."""

    name: str
    parent: int
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    channels: tuple[tuple[str, int], ...] = ()
    column: int = 0


@dataclass
class BvhMotion:
    """A file as read.

    Attributes
    ----------
    joints : list of BvhJoint
        Parents before their children; end sites left out.
    values : (T, channels) float array
        Degrees and file units.
    frame_time : float
        Seconds.
    claimed : int
        Frames that the header claims.
    """

    joints: list[BvhJoint]
    values: np.ndarray
    frame_time: float
    claimed: int


def read_bvh(path: Path, options: KeypointOptions) -> KeypointFile:
    """The walk of a BVH file in the layout ``gait16``.

    The rate is the file's; the path of the hips, in metres, is true. Axes are taken as y up, right-handed.

    Parameters
    ----------
    path : Path
        With the joint names of Mixamo, CMU, Biovision or another common scheme.
    options : KeypointOptions
        ``unit`` (None: a centimetre).

    Raises
    ------
    KeypointError
        Not BVH, joint names not understood (named), not y up, too short.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise KeypointError(f"cannot be read ({error.strerror})") from error
    motion = parse_bvh(text)
    collector = Collector()
    collector.add(path.stem, lambda: _to_walk(motion, options.unit or CENTIMETRE))
    if len(motion.values) != motion.claimed:
        collector.notes.append(f"{len(motion.values)} frames read, {motion.claimed} claimed by the file")
    if options.unit is None:
        collector.notes.append("lengths read as centimetres")
    return collector.finish()


def parse_bvh(text: str) -> BvhMotion:
    """Read the text of a BVH file.

    Raises
    ------
    KeypointError
        It is not BVH; the message names the place.
    """
    head, found, tail = text.partition("MOTION")
    if not text.lstrip().startswith("HIERARCHY") or not found:
        raise KeypointError("not a BVH file: HIERARCHY at its beginning and MOTION after it are expected")
    joints = _parse_hierarchy(head.split()[1:])
    width = sum(len(joint.channels) for joint in joints)
    lines = [line.split() for line in tail.splitlines() if line.strip()]
    try:
        if lines[0][0] != "Frames:" or lines[1][:2] != ["Frame", "Time:"]:
            raise ValueError
        claimed, frame_time = int(lines[0][1]), float(lines[1][2])
    except (ValueError, IndexError) as error:
        raise KeypointError("MOTION: 'Frames: N' and 'Frame Time: seconds' are expected after it") from error
    if not 0 < frame_time < 10:
        raise KeypointError(f"MOTION: a frame time of {frame_time:g} s; a positive one is expected")
    return BvhMotion(joints, _parse_rows(lines[2:], width), frame_time, claimed)


def _parse_rows(lines: list[list[str]], width: int) -> np.ndarray:
    if lines and len(lines[-1]) < width:  # a file cut off in its last row
        lines = lines[:-1]
    wrong = next((i for i, line in enumerate(lines, 1) if len(line) != width), None)
    if wrong is not None:
        raise KeypointError(f"MOTION, frame {wrong}: {width} values expected, found {len(lines[wrong - 1])}")
    try:
        return np.array(lines, dtype=np.float64).reshape(-1, width)
    except ValueError as error:
        raise KeypointError(f"MOTION: numbers expected ({error})") from error


def _parse_hierarchy(tokens: list[str]) -> list[BvhJoint]:
    joints: list[BvhJoint] = []
    # Open braces: the joint's place, or None for an end site, whose offset moves no joint.
    stack: list[int | None] = []
    place, column = 0, 0
    while place < len(tokens):
        word, rest = tokens[place].upper(), tokens[place + 1 :]
        try:
            used, channels = _parse_word(word, rest, joints, stack, column)
        except (ValueError, IndexError, KeyError) as error:
            near = " ".join(tokens[max(place - 2, 0) : place + 4])
            raise KeypointError(f"HIERARCHY is not understood near '{near}'") from error
        place, column = place + 1 + used, column + channels
    if stack or not joints:
        raise KeypointError("HIERARCHY ends before all its braces are closed")
    return joints


def _parse_word(
    word: str, rest: list[str], joints: list[BvhJoint], stack: list[int | None], column: int
) -> tuple[int, int]:
    """Take one word and what belongs to it; how many tokens and how many channels that were."""
    if word in ("ROOT", "JOINT"):
        opening = rest.index("{")
        parent = stack[-1] if stack else -1
        if parent is None:
            raise ValueError
        joints.append(BvhJoint(" ".join(rest[:opening]), parent))
        stack.append(len(joints) - 1)
        return opening + 1, 0
    if word == "END":
        stack.append(None)
        return rest.index("{") + 1, 0
    if word == "}":
        stack.pop()
        return 0, 0
    joint = joints[stack[-1]] if stack[-1] is not None else BvhJoint("End Site", -1)
    if word == "OFFSET":
        joint.offset = np.array([float(value) for value in rest[:3]])
        return 3, 0
    if word == "CHANNELS":
        count = int(rest[0])
        joint.channels = tuple(_CHANNELS[name.lower()] for name in rest[1 : count + 1])
        joint.column = column
        return count + 1, len(joint.channels)
    raise ValueError


def joint_positions(motion: BvhMotion) -> np.ndarray:
    """Forward kinematics: places of all joints, (T, J, 3), file units.

    A point p of a joint's own frame lies at ``t + R p`` in its parent's, t being the joint's offset (or its
    position channels, where it has them), R the product of its rotations in the order of its channels, the
    first one leftmost (Meredith and Maddock 2001, Motion Capture File Formats Explained, section 2.2).
    """
    T = len(motion.values)
    places = np.empty((T, len(motion.joints), 3))
    frames = np.empty((T, len(motion.joints), 3, 3))
    for i, joint in enumerate(motion.joints):
        move, turn = _local(joint, motion.values)
        if joint.parent < 0:
            places[:, i], frames[:, i] = move, turn
        else:
            before = frames[:, joint.parent]
            places[:, i] = places[:, joint.parent] + np.einsum("tij,tj->ti", before, move)
            frames[:, i] = before @ turn
    return places


def _local(joint: BvhJoint, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Translation (T, 3) and rotation (T, 3, 3) of a joint against its parent."""
    move = np.tile(joint.offset, (len(values), 1))
    turn = np.tile(np.eye(3), (len(values), 1, 1))
    for i, (kind, axis) in enumerate(joint.channels):
        column = values[:, joint.column + i]
        if kind == "position":
            move[:, axis] = column
        else:
            turn = turn @ _rotation(axis, np.radians(column))
    return move, turn


def _rotation(axis: int, angle: np.ndarray) -> np.ndarray:
    matrix = np.tile(np.eye(3), (len(angle), 1, 1))
    a, b = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, a, a] = matrix[:, b, b] = np.cos(angle)
    matrix[:, b, a] = np.sin(angle)
    matrix[:, a, b] = -np.sin(angle)
    return matrix


def _to_walk(motion: BvhMotion, unit: float) -> PoseSequence:
    places = joint_positions(motion) * unit
    index = match_joints([joint.name for joint in motion.joints])
    points = {name: places[:, i] for name, i in index.items()}
    # The file's own hip joint often lies above the line of the hips; the root here is their middle.
    points["root"] = (points["left_hip"] + points["right_hip"]) / 2
    points["spine"] = _spine(motion.joints, index["neck"], places, (points["root"] + points["neck"]) / 2)
    stacked = np.stack([points[name] for name in LAYOUTS["gait16"].joints], axis=1)
    time = np.arange(len(stacked)) * motion.frame_time
    return pose_from_world(stacked, time, "gait16", {"source": "bvh"})


def _spine(joints: list[BvhJoint], neck: int, places: np.ndarray, halfway: np.ndarray) -> np.ndarray:
    """The joint between neck and root that lies nearest to halfway; that point itself where there is none."""
    chain, place = [], joints[neck].parent
    while place >= 0 and joints[place].parent >= 0:
        chain.append(place)
        place = joints[place].parent
    if not chain or not len(places):
        return halfway
    far = [np.linalg.norm(places[:, i] - halfway, axis=1).mean() for i in chain]
    return places[:, chain[int(np.argmin(far))]]


def match_joints(names: list[str]) -> dict[str, int]:
    """Where the joints of ``gait16`` (all but root and spine) stand among a file's joints.

    Case, separators and a prefix before a colon (``mixamorig:LeftArm``) do not matter; a side may stand
    before or after (``LeftFoot``, ``lfoot``, ``foot.L``).

    Raises
    ------
    KeypointError
        Joints are missing; the message lists them and what the file has.
    """
    places: dict[str, int] = {}
    for i, name in enumerate(names):
        bare = name.rpartition(":")[2].lower()
        places.setdefault("".join(letter for letter in bare if letter.isalnum()), i)
    wanted = dict(_MIDDLE)
    for side in ("left", "right"):
        for joint, parts in _SIDED.items():
            forms = [f"{s}{p}" for p in parts for s in (side, side[0])]
            forms += [f"{p}{s}" for p in parts for s in (side, side[0])]
            wanted[f"{side}_{joint}"] = tuple(forms)
    found = {joint: next((f for f in forms if f in places), None) for joint, forms in wanted.items()}
    if missing := [joint for joint, form in found.items() if form is None]:
        tried = f"{missing[0]} goes by {listed(wanted[missing[0]])}"
        raise KeypointError(
            f"joint names not understood: no {listed(missing)} ({tried}) among {listed(names)}"
        )
    return {joint: places[form] for joint, form in found.items()}
