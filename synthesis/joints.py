"""From parameters to joints: a body walks along +z, y up, its left at +x, the floor at y = 0.

Feet are planted: the heel lands, the sole lies still, the foot rolls over its ball and swings. The pelvis
moves at the asked speed, bounce and sway; the knees follow by two-link inverse kinematics. So nothing skates,
and speed, cadence, stride, arm range and bounce are exactly what was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline, PchipInterpolator

from gait.errors import GaitmoodError
from synthesis.kinematics import GaitParameters
from synthesis.person import Body

_SIDED = (
    "eye", "ear", "mouth", "shoulder", "elbow", "wrist", "thumb", "index", "pinky", "hand",
    "hip", "knee", "ankle", "heel", "ball", "toe",
)  # fmt: skip
JOINT_NAMES = (
    "pelvis", "spine", "chest", "neck", "head", "head_top", "nose",
    *(f"{side}_{part}" for part in _SIDED for side in ("left", "right")),
)  # fmt: skip
INDEX = {name: number for number, name in enumerate(JOINT_NAMES)}

# Toe off as a share of the stride from heel contact (Perry and Burnfield, Gait Analysis, 2nd ed., chapter 1).
TOE_OFF = 0.62
# Inclination of the sole over the stride, degrees, toes up positive (Winter 1991, The Biomechanics and Motor
# Control of Human Gait: about 20 to 25 degrees at contact, flat until mid-stance, about -60 at toe off).
_SOLE_PHASE = (0.0, 0.045, 0.10, 0.38, 0.50, 0.58, 0.62, 0.67, 0.78, 0.88, 0.96, 1.0)
_SOLE_ANGLE = (20.0, 9.0, 0.0, 0.0, -17.0, -39.0, -54.0, -64.0, -32.0, 4.0, 21.0, 20.0)
# The leg never straightens further than this share of its length: 0.995 leaves 11 degrees of knee flexion.
_STRAIGHT = 0.995
# Rotations of pelvis and shoulders at a stride of 0.78 body heights, degrees from the middle (Murray 1964 and
# 1967: about 10 degrees of pelvic and 7 of thoracic rotation in all; Perry and Burnfield: 4 of pelvic drop).
_PELVIS_YAW, _THORAX_YAW, _PELVIS_DROP, _TRUNK_ROLL = 5.0, 4.0, 3.0, 1.2
_TOE_OUT = 7.0
_USUAL_STRIDE = 0.78


@dataclass(frozen=True)
class _Foot:
    """One foot's cycle: where ankle, heel, ball and toe are against the planted heel, by phase."""

    ankle: np.ndarray
    heel: np.ndarray
    ball: np.ndarray
    toe: np.ndarray


def move_body(
    body: Body,
    parameters: GaitParameters,
    time: np.ndarray,
    start_phase: float = 0.0,
    on_the_spot: bool = False,
) -> np.ndarray:
    """Joints of a walking body.

    Parameters
    ----------
    body : Body
        The walker.
    parameters : GaitParameters
        The walk.
    time : (T,) array
        Seconds.
    start_phase : float
        Share of the left foot's stride that is over at time 0; 0 is its heel contact.
    on_the_spot : bool
        As on a treadmill: the body stays, the feet slide back.

    Returns
    -------
    (T, V, 3) float64 array
        Metres in the order of :data:`JOINT_NAMES`; the pelvis starts above z = 0.

    Raises
    ------
    GaitmoodError
        The stride is longer than the legs can reach.
    """
    time = np.asarray(time, dtype=np.float64)
    phase = start_phase + time * parameters.cadence / 120
    placement, height = _fit_legs(body, parameters)
    joints = np.zeros((len(time), len(JOINT_NAMES), 3))
    pelvis = _pelvis(parameters, phase, height)
    joints[:, INDEX["pelvis"]] = pelvis
    _put_legs(joints, body, parameters, phase, placement)
    _put_trunk(joints, body, parameters, phase)
    _put_arms(joints, body, parameters, phase)
    _put_head(joints, body, parameters)
    if not on_the_spot:
        joints[..., 2] += (parameters.speed * time)[:, None]
    return joints


def _pelvis(parameters: GaitParameters, phase: np.ndarray, height: float) -> np.ndarray:
    """Path of the pelvis against its own mean progress (T, 3): low at double support, over the stance leg."""
    turn = 2 * np.pi * phase
    x = parameters.sway / 2 * np.sin(turn - 2 * np.pi * 0.06)
    y = height - parameters.bounce / 2 * np.cos(2 * (turn - 2 * np.pi * 0.06))
    return np.stack([x, y, np.zeros_like(phase)], axis=-1)


def _stride_scale(body: Body, parameters: GaitParameters) -> float:
    """How large rotations and foot roll are: 1 at the usual stride, less in short ones."""
    return float(np.clip(parameters.stride_length / (_USUAL_STRIDE * body.height), 0.3, 1.15))


def _hip(body: Body, parameters: GaitParameters, phase: np.ndarray, side: int) -> np.ndarray:
    """Hip joint against the pelvis (T, 3); phase is the left foot's."""
    turn, scale = 2 * np.pi * phase, _stride_scale(body, parameters)
    yaw = np.radians(_PELVIS_YAW * scale) * np.cos(turn)
    drop = np.radians(_PELVIS_DROP * scale) * np.sin(turn)
    return side * body.hip_half * np.stack([np.cos(yaw), np.sin(drop), np.sin(yaw)], axis=-1)


def _sole_angle(phase: np.ndarray, scale: float) -> np.ndarray:
    """Inclination of the sole in radians, toes up positive, for phases in 0 to 1."""
    return np.radians(PchipInterpolator(_SOLE_PHASE, _SOLE_ANGLE)(phase)) * scale


def _foot_points(body: Body) -> dict[str, np.ndarray]:
    """Points of the flat foot (forward, up) against its heel."""
    return {
        "heel": np.zeros(2),
        "ankle": np.array([0.25 * body.foot, body.ankle_height]),
        "ball": np.array([0.72 * body.foot, 0.0]),
        "toe": np.array([0.28 * body.foot, 0.0]),
    }


def _roll(point: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Turn a (2,) point (forward, up) by angles (T,), toes up positive -> (T, 2)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([point[0] * cos - point[1] * sin, point[0] * sin + point[1] * cos], axis=-1)


def _planted_ankle(body: Body, angle: np.ndarray) -> np.ndarray:
    """Ankle (forward, up) against the flat heel: the foot rolls on its heel, then on its ball."""
    points = _foot_points(body)
    on_heel = _roll(points["ankle"], np.maximum(angle, 0))
    on_ball = points["ball"] + _roll(points["ankle"] - points["ball"], np.minimum(angle, 0))
    return np.where((angle >= 0)[:, None], on_heel, on_ball)


def _foot_cycle(body: Body, parameters: GaitParameters, phase: np.ndarray) -> _Foot:
    """Foot in its own (forward, up) plane at phases in 0 to 1, against the heel's place in this stance."""
    scale = _stride_scale(body, parameters)
    angle = _sole_angle(phase, scale)
    ankle = _planted_ankle(body, angle)
    swing = phase > TOE_OFF
    ankle[swing] = _swing_ankle(body, parameters, phase[swing], scale)
    points = _foot_points(body)
    heel = ankle + _roll(points["heel"] - points["ankle"], angle)
    ball = ankle + _roll(points["ball"] - points["ankle"], angle)
    # The toes stay on the floor while the foot rolls over its ball, and follow the foot again in swing.
    bent = np.minimum(angle, 0) * 0.6 * np.clip((phase - TOE_OFF) / 0.1, 0, 1) + np.maximum(angle, 0)
    toe = ball + _roll(points["toe"], bent)
    toe[:, 1] = np.maximum(toe[:, 1], 0)
    return _Foot(ankle, heel, ball, toe)


def _swing_ankle(body: Body, parameters: GaitParameters, phase: np.ndarray, scale: float) -> np.ndarray:
    """Ankle from toe off to the next contact: leaves and lands smoothly, at the rolling foot's velocity."""
    step = 1e-4
    near = _planted_ankle(body, _sole_angle(np.array([TOE_OFF - step, TOE_OFF, 0.0, step]), scale))
    ends = np.stack([near[1], near[2] + [parameters.stride_length, 0.0]])
    speeds = np.stack([near[1] - near[0], near[3] - near[2]]) / step
    path = CubicHermiteSpline([TOE_OFF, 1.0], ends, speeds)

    def lift(at: np.ndarray) -> np.ndarray:
        share = (at - TOE_OFF) / (1 - TOE_OFF)
        return share**2 * (1 - share) ** 3 * (3125 / 108)

    # The lift is early, when the knee bends most, and just enough that the lowest point of the sole clears
    # the floor by about 1.5 cm in mid-swing (Winter 1992, Phys Ther 72:45-53: toe clearance 1.3 cm).
    grid = np.linspace(TOE_OFF, 1.0, 41)[4:-4]
    missing = 0.015 * lift(grid) - _lowest(body, path(grid)[:, 1], _sole_angle(grid, scale))
    raised = max(0.015 * scale, float(np.max(missing / lift(grid))))
    ankle = path(phase)
    ankle[:, 1] += raised * lift(phase)
    return ankle


def _lowest(body: Body, ankle_height: np.ndarray, angle: np.ndarray) -> np.ndarray:
    points = _foot_points(body)
    heights = [_roll(points[name] - points["ankle"], angle)[:, 1] for name in ("heel", "ball")]
    return ankle_height + np.minimum(*heights)


def _outwards(flat: np.ndarray, side: int) -> np.ndarray:
    """Foot points (T, 2) (forward, up) -> (T, 3), the foot turned out; progress itself stays along z."""
    angle = np.radians(_TOE_OUT)
    return np.stack([side * np.sin(angle) * flat[:, 0], flat[:, 1], np.cos(angle) * flat[:, 0]], axis=-1)


def _feet(body: Body, parameters: GaitParameters, phase: np.ndarray, side: int) -> dict[str, np.ndarray]:
    """One foot's points (T, 3) against the pelvis, its heel landing below it; phase is the left foot's."""
    own = phase if side > 0 else phase + 0.5
    within = own - np.floor(own)
    cycle = _foot_cycle(body, parameters, within)
    stride = parameters.stride_length
    moved = _progress(within, stride)
    points = {}
    for name in ("ankle", "heel", "ball", "toe"):
        flat = getattr(cycle, name).copy()
        flat[:, 0] -= moved
        point = _outwards(flat, side)
        point[:, 0] += side * parameters.step_width / 2
        point[:, 2] += moved - stride * within
        points[name] = point
    return points


def _progress(within: np.ndarray, stride: float) -> np.ndarray:
    """How far along z the foot's own frame has swung, so that a foot turned out still travels along z."""
    share = np.clip((within - TOE_OFF) / (1 - TOE_OFF), 0, 1)
    return stride * share**2 * (3 - 2 * share)


def _fit_legs(body: Body, parameters: GaitParameters) -> tuple[float, float]:
    """How far ahead of the pelvis the heel lands, and its mean height: the highest that both legs reach."""
    phase = np.linspace(0, 1, 120, endpoint=False)
    pelvis = _pelvis(parameters, phase, 0.0)
    ahead = np.linspace(0.05, 0.45, 41) * parameters.stride_length
    height = np.full(len(ahead), np.inf)
    for side in (1, -1):
        hip = pelvis + _hip(body, parameters, phase, side)
        gap = _feet(body, parameters, phase, side)["ankle"] - hip
        reach = (_STRAIGHT * body.leg) ** 2 - gap[:, 0] ** 2 - (gap[:, 2] + ahead[:, None]) ** 2
        reachable = np.sqrt(np.maximum(reach, 0)) + gap[:, 1]
        reachable[reach <= 0] = -np.inf
        height = np.minimum(height, reachable.min(axis=1))
    best = int(np.argmax(height))
    if height[best] < 0.6 * body.leg:
        raise GaitmoodError(
            f"a stride of {parameters.stride_length:.2f} m is too long for a body of {body.height:.2f} m; "
            "lower the speed or raise the cadence"
        )
    return float(ahead[best]), float(height[best])


def _put_legs(
    joints: np.ndarray, body: Body, parameters: GaitParameters, phase: np.ndarray, placement: float
) -> None:
    pelvis = joints[:, INDEX["pelvis"]]
    for side, name in ((1, "left"), (-1, "right")):
        hip = pelvis + _hip(body, parameters, phase, side)
        foot = _feet(body, parameters, phase, side)
        for point in foot.values():
            point[:, 2] += placement
        joints[:, INDEX[f"{name}_hip"]] = hip
        joints[:, INDEX[f"{name}_knee"]] = bend_knee(hip, foot["ankle"], body.thigh, body.shank, side)
        for part, point in foot.items():
            joints[:, INDEX[f"{name}_{part}"]] = point


def bend_knee(hip: np.ndarray, ankle: np.ndarray, thigh: float, shank: float, side: int) -> np.ndarray:
    """Knee (T, 3) between hip and ankle (T, 3) by the law of cosines, bending forward, a little outward."""
    line = ankle - hip
    length = np.linalg.norm(line, axis=-1, keepdims=True)
    line = line / length
    along = (thigh**2 - shank**2 + length**2) / (2 * length)
    across = np.sqrt(np.maximum(thigh**2 - along**2, 0))
    front = np.array([side * 0.08, 0.0, 1.0])
    front = front - line * (line @ front)[:, None]
    front /= np.linalg.norm(front, axis=-1, keepdims=True)
    return hip + along * line + across * front


def _put_trunk(joints: np.ndarray, body: Body, parameters: GaitParameters, phase: np.ndarray) -> None:
    lean = np.radians(parameters.trunk_lean)
    roll = np.radians(_TRUNK_ROLL * parameters.sway / 0.045) * np.sin(2 * np.pi * phase)
    up = np.stack([np.sin(roll), np.cos(roll) * np.cos(lean), np.cos(roll) * np.sin(lean)], axis=-1)
    pelvis = joints[:, INDEX["pelvis"]]
    # The spine is a shallow curve behind the straight line from pelvis to neck.
    back = np.array([0.0, np.sin(lean), -np.cos(lean)]) * 0.012 * body.height
    for name, share, curve in (("spine", 0.35, 1.0), ("chest", 0.70, 1.0), ("neck", 1.0, 0.0)):
        joints[:, INDEX[name]] = pelvis + share * body.trunk * up + curve * back
    yaw = -np.radians(_THORAX_YAW * _stride_scale(body, parameters)) * np.cos(2 * np.pi * phase)
    across = np.stack([np.cos(yaw), -np.sin(roll), np.sin(yaw)], axis=-1)
    middle = joints[:, INDEX["neck"]] - 0.042 * body.height * up
    for side, name in ((1, "left"), (-1, "right")):
        joints[:, INDEX[f"{name}_shoulder"]] = middle + side * body.shoulder_half * across


def _put_arms(joints: np.ndarray, body: Body, parameters: GaitParameters, phase: np.ndarray) -> None:
    """Arms swing against the leg of their side (Murray 1967), elbows bending as they come forward."""
    for side, name in ((1, "left"), (-1, "right")):
        turn = np.cos(2 * np.pi * phase) * -side
        upper = np.radians(-4.0 + parameters.arm_range / 2 * turn)
        bend = min(0.22 * parameters.arm_range, parameters.elbow_flexion - 1)
        flexion = np.radians(parameters.elbow_flexion + bend * turn)
        # Arms hang clear of the body; a bent forearm points a little inward.
        out, inward = np.radians(9.0 * body.girth), np.radians(2.0 - 0.15 * parameters.elbow_flexion)
        down = _limb(upper, out, side)
        lower = _limb(upper + flexion, inward, side)
        elbow = joints[:, INDEX[f"{name}_shoulder"]] + body.upper_arm * down
        wrist = elbow + body.forearm * lower
        joints[:, INDEX[f"{name}_elbow"]], joints[:, INDEX[f"{name}_wrist"]] = elbow, wrist
        _put_hand(joints, body, name, wrist, _limb(upper + flexion + 0.15, inward, side))


def _put_hand(joints: np.ndarray, body: Body, name: str, wrist: np.ndarray, along: np.ndarray) -> None:
    """Knuckles and finger tips; the palm faces the thigh, the thumb points forward."""
    front = np.stack([np.zeros(len(along)), along[:, 2], -along[:, 1]], axis=-1)
    for part, far, ahead in (
        ("thumb", 0.38, 0.3),
        ("index", 0.55, 0.16),
        ("pinky", 0.52, -0.16),
        ("hand", 0.9, 0),
    ):
        joints[:, INDEX[f"{name}_{part}"]] = wrist + body.hand * (far * along + ahead * front)


def _limb(forward: np.ndarray, outward: float, side: int) -> np.ndarray:
    """Direction (T, 3) of a hanging limb swung forward by angles (T,) and held outward by one, radians."""
    sideways = np.full_like(forward, side * np.sin(outward))
    return np.stack(
        [sideways, -np.cos(outward) * np.cos(forward), np.cos(outward) * np.sin(forward)], axis=-1
    )


# Half breadth, height and length of the head, and points of the face (left, up, forward) from its centre, as
# shares of the body height.
HEAD_RADII = np.array([0.044, 0.065, 0.055])
_FACE = {
    "nose": (0.0, -0.006, 0.066),
    "eye": (0.018, 0.008, 0.050),
    "ear": (0.044, -0.002, -0.004),
    "mouth": (0.013, -0.031, 0.050),
    "head_top": (0.0, 0.065, 0.0),
}


def head_axes(parameters: GaitParameters) -> np.ndarray:
    """Axes of the head as rows (left, up, forward) of a (3, 3) array."""
    tilt = np.radians(parameters.head_inclination)
    return np.array(
        [[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]], dtype=float
    )


def _put_head(joints: np.ndarray, body: Body, parameters: GaitParameters) -> None:
    axes = head_axes(parameters)
    neck_tilt = np.radians((parameters.trunk_lean + parameters.head_inclination) / 2 + 8)
    neck = 0.5 * body.neck * np.array([0, np.cos(neck_tilt), np.sin(neck_tilt)])
    centre = joints[:, INDEX["neck"]] + neck + 0.5 * body.neck * axes[1]
    joints[:, INDEX["head"]] = centre
    for part, place in _FACE.items():
        sides = ((1, "left_"), (-1, "right_")) if place[0] else ((1, ""),)
        for side, prefix in sides:
            offset = np.array([side * place[0], *place[1:]]) * body.height
            joints[:, INDEX[prefix + part]] = centre + offset @ axes
