"""Fingerprint of a pose sequence: its joints in the walker's own frame, 15 times a second."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gait import skeleton
from gait.errors import GaitmoodError
from gait.features.motion import bridge
from gait.fingerprint.laps import lap_of_joints
from gait.fingerprint.prints import MOTION, SECONDS, Print, at_fixed_rate, make_print
from gait.pose.sequence import PoseSequence

LAYOUT = "gait16"


def motion_print(sequence: PoseSequence) -> Print | None:
    """The fingerprint of a pose sequence, D = 16 joints x 3: hip-centred, in torso lengths, facing +z.

    Of a cleaned one, whose loops are marked, the fingerprint knows the lap.

    None where the walk is too short, the body cannot be measured, a joint is never known, or nothing moves.
    """
    rows = sequence.time - sequence.time[0] <= SECONDS
    try:
        walk = skeleton.convert(sequence, LAYOUT)
        root = None if walk.root is None else walk.root[rows].astype(np.float64)
        joints = skeleton.normalise(walk.world[rows].astype(np.float64), LAYOUT, root)
    except GaitmoodError:
        return None
    time = walk.time[rows] - walk.time[0]
    flat = bridge(joints.reshape(len(joints), -1), time)
    if not np.isfinite(flat).all():
        return None
    found = make_print(at_fixed_rate(flat, time), MOTION)
    return found and replace(found, lap=lap_of_joints(walk))
