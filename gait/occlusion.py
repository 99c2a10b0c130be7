"""Hiding a part of what a model is given: if its answers do not change, it does not look there.

Source: Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2. A hidden part stands
still at its mean over the clip rather than turning black, so that no edge that was never seen appears.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gait import skeleton
from gait.features import FEATURES

# Part -> parts of gait.features, and words in names of joints.
_BODY = {
    "arms": (("arms", "hand"), ("elbow", "wrist", "hand", "thumb", "index", "pinky")),
    "legs": (("legs", "foot"), ("knee", "ankle", "foot", "heel", "toe")),
    "head": (("head",), ("head", "nose", "eye", "ear", "mouth", "neck")),
    "trunk": (("trunk",), ("shoulder", "spine", "hip", "root")),
}
_PICTURE = ("upper half", "lower half")


def parts_of(how: Any) -> tuple[str, ...]:
    """What can be hidden in the inputs of a preprocessing: parts of the body, or halves of the picture."""
    if hasattr(how, "names") or hasattr(how, "layout"):
        return tuple(_BODY)
    return _PICTURE


def hide(how: Any, inputs: np.ndarray, part: str) -> np.ndarray:
    """Inputs without a part.

    Parameters
    ----------
    how : preprocessing
        That made the inputs, see :mod:`gait.preprocess`.
    inputs : (N, F), (N, T, V, C) or (N, T, H, W, C) float
        Features, joints or frames; of records, the frames among them.
    part : str
        One of :func:`parts_of`.

    Returns
    -------
    array of the same shape
        Hidden features are NaN, not known; hidden joints and pixels keep their mean over the clip.
    """
    hidden = inputs.copy()
    if inputs.dtype.names is not None:
        pictures = next(name for name in inputs.dtype.names if inputs[name].ndim == 5)
        hidden[pictures] = hide(how, inputs[pictures], part)
    elif inputs.ndim == 2:
        hidden[:, [FEATURES[name].part in _BODY[part][0] for name in how.names]] = np.nan
    elif inputs.ndim == 4:
        chosen = joints_of(how.layout, part)
        hidden[:, :, chosen] = inputs[:, :, chosen].mean(axis=1, keepdims=True)
    else:
        middle = inputs.shape[2] // 2
        rows = slice(0, middle) if part == _PICTURE[0] else slice(middle, None)
        hidden[:, :, rows] = inputs[:, :, rows].mean(axis=1, keepdims=True)
    return hidden


def joints_of(layout: str, part: str) -> list[bool]:
    """Which joints of a layout belong to a part of the body."""
    return [_is_of(joint, part) for joint in skeleton.find_layout(layout).joints]


def _is_of(joint: str, part: str) -> bool:
    # Feet have index fingers by name in BlazePose (left_foot_index): they are of the legs.
    words = joint.split("_")
    own = "legs" if "foot" in words else next((p for p, (_, w) in _BODY.items() if set(words) & set(w)), None)
    return own == part
