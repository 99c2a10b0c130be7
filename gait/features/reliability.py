"""Features that estimated poses do not tell from a view: measured, not judged.

The output of ``python -m benchmarks.features``: features whose rank correlation between the value from estimated
(BlazePose, cleaned) and from true joints is under 0.5 over 20 rendered walks of 3 seconds of the view. Some are
here because the synthetic walkers do not differ in them: their gait is even on both sides, their trunk and head
keep still. Run it again, and replace these lists, when estimator, cleaning or formulas change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

# fmt: off
_EVERYWHERE = (
    "left_shoulder_angle_mean", "right_shoulder_angle_mean", "left_foot_root_distance_mean",
    "right_arm_spread_mean", "left_arm_swing_mean", "right_arm_swing_mean", "trunk_lean_range",
    "head_inclination_range", "head_speed_mean", "head_acceleration_mean", "head_jerk_mean",
    "head_speed_peak", "hand_ldlj", "arm_swing_asymmetry", "elbow_asymmetry", "knee_asymmetry",
    "hand_speed_asymmetry", "step_asymmetry", "arm_leg_phase",
)
_BESIDES = {
    "front": (
        "body_inclination_mean", "left_hand_root_distance_mean", "right_hand_root_distance_mean",
        "right_hand_shoulder_distance_mean", "left_elbow_root_distance_mean",
        "right_elbow_root_distance_mean", "hands_root_area_mean", "neck_angle_mean",
        "right_foot_root_distance_mean", "knees_neck_area_mean", "left_knee_angle_mean",
        "right_knee_angle_mean", "trunk_lean_mean", "head_height_mean",
        "right_elbow_angle_range", "left_knee_angle_range", "right_knee_angle_range",
        "right_thigh_swing_range", "trunk_side_lean_range", "trunk_twist_range",
        "hand_distance_range", "body_volume_range", "head_ldlj", "hand_sparc", "foot_sparc",
        "stance_share", "hip_rise",
    ),
    "back": (
        "body_inclination_mean", "left_hand_root_distance_mean", "right_hand_root_distance_mean",
        "left_hand_shoulder_distance_mean", "left_elbow_root_distance_mean",
        "right_elbow_root_distance_mean", "hands_neck_area_mean", "hands_root_area_mean",
        "elbows_neck_area_mean", "neck_angle_mean", "right_foot_root_distance_mean",
        "feet_neck_area_mean", "feet_root_area_mean", "knees_neck_area_mean",
        "left_knee_angle_mean", "right_knee_angle_mean", "foot_distance_mean", "trunk_lean_mean",
        "head_inclination_mean", "head_height_mean", "body_volume_mean",
        "left_hand_head_distance_mean", "left_arm_spread_mean", "left_knee_angle_range",
        "right_knee_angle_range", "right_thigh_swing_range", "trunk_twist_range",
        "hand_distance_range", "body_volume_range", "head_ldlj", "hand_sparc", "foot_sparc",
        "stride_length", "foot_lift", "hip_rise",
    ),
    "left": (
        "left_elbow_root_distance_mean", "elbows_neck_area_mean", "left_arm_spread_mean",
        "right_elbow_angle_range", "left_knee_angle_range", "trunk_side_lean_range",
        "right_foot_jerk_mean", "head_ldlj", "step_width", "stance_share", "foot_lift",
        "hip_rise", "sway", "effort_space_mean",
    ),
    "right": (
        "right_elbow_root_distance_mean", "right_foot_root_distance_mean",
        "left_arm_spread_mean", "trunk_side_lean_range", "trunk_twist_range", "step_width",
        "stance_share", "sway", "effort_space_mean",
    ),
    "oblique": (
        "left_hand_root_distance_mean", "right_hand_root_distance_mean",
        "left_elbow_root_distance_mean", "right_elbow_root_distance_mean",
        "elbows_neck_area_mean", "right_foot_root_distance_mean", "head_height_mean",
        "left_arm_spread_mean", "left_elbow_angle_range", "left_knee_angle_range",
        "trunk_side_lean_range", "trunk_twist_range", "head_ldlj", "step_width", "stance_share",
        "foot_lift", "hip_rise", "bounce", "sway", "effort_weight_peak",
    ),
}
# fmt: on

# View, as in synthesis.camera -> names of walk features.
UNRELIABLE: dict[str, frozenset[str]] = {
    view: frozenset((*_EVERYWHERE, *more)) for view, more in _BESIDES.items()
}

# What gait.pose.facing says -> the view for which reliability was measured; from half behind it was not. "left" is the
# side of the picture that the walker faces, and so the side of the walker that the camera sees.
VIEW_OF = {
    "towards": "front",
    "away": "back",
    "left": "left",
    "right": "right",
    "half towards, left": "oblique",
    "half towards, right": "oblique",
}


def unreliable_in_a_line(facings: Sequence[str | None], names: Sequence[str]) -> list[str]:
    """How many of the features in use are not reliable from the views of some walks, in words.

    Parameters
    ----------
    facings : sequence of str or None
        Which way each walker faces, as :mod:`gait.pose.facing` says; None where it is not known, or the joints were
        measured.
    names : sequence of str
        Features in use.

    Returns
    -------
    list of str
        One line; none where no walk is seen from a view.
    """
    known = [facing for facing in facings if facing is not None]
    walks = Counter(VIEW_OF.get(facing, "other views") for facing in known)
    if not walks:
        return []
    parts = []
    for view, count in walks.most_common():
        share = (
            f"{len(UNRELIABLE[view] & set(names))} of {len(names)}" if view in UNRELIABLE else "not measured"
        )
        parts.append(f"{share} from {view} ({count} walk{'s' * (count != 1)})")
    return [
        f"Features not reliable from the views of these walks: {', '.join(parts)}. docs/features.md lists them; all "
        "are used."
    ]
