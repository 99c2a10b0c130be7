"""From joints as an estimator sees them to joints to measure: swaps mended, gaps filled, smoothed.

The order matters. Loops are found in the raw joints, whose jumps are still sharp. Swaps come next:
interpolating or filtering across one would put joints between left and right, where nobody can tell them
apart any more. Gaps are filled before smoothing, so that the filter has whole stretches to work on, and
neither crosses a seam.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from gait.errors import VideoError
from gait.pose.facing import core_seen, find_facing
from gait.pose.gaps import LONGEST_SECONDS, fill_gaps
from gait.pose.loops import mark_loop, seams_of
from gait.pose.sequence import PoseSequence
from gait.pose.smoothing import CUTOFF, smooth
from gait.pose.swaps import find_swaps, mend

VERSION = 3  # raised when the same joints come out differently, so that cached ones are made again
_NO_PICTURE = "no joints in a picture: swaps are an estimator's error and were not looked for"
_MEASURED = "measured joints: swaps are an estimator's error and were not looked for"
# Without depth, of true joints seen from the side up to half the frames would be exchanged.
_NO_DEPTH = "joints in the picture only: swaps cannot be told and were not looked for"


def clean(sequence: PoseSequence) -> PoseSequence:
    """Loops marked, left-right swaps mended, gaps filled, lightly smoothed.

    Parameters
    ----------
    sequence : PoseSequence
        As an estimator or a keypoint file gave it, in any layout. It is not changed; whoever wants the raw
        joints keeps it.

    Returns
    -------
    PoseSequence
        ``unique`` is the first lap of a loop; ``mended`` tells the frames in which left and right were
        exchanged; ``observed`` stays False where joints were filled in. ``notes`` gains, in JSON values:

        - ``loop`` (only for loops): ``period`` in frames, ``seconds``, ``seams``;
        - ``direction``: ``known``, ``facing``, ``angle`` in degrees, ``reason``. Where it is not known, the
          labels that most frames carried are kept, and all of them may be the wrong way round;
        - ``swaps``: ``frames`` mended, ``trunk`` and ``legs`` among them, ``share`` of the frames seen;
        - ``gaps``: ``filled``, ``frames``, ``left_open``, ``longest_seconds``, ``limit_seconds``;
        - ``smoothing``: ``cutoff`` in Hz, None where nothing could be filtered: see :func:`smooth`.

    Raises
    ------
    VideoError
        The sequence was cleaned before: filtering twice smooths twice.
    """
    if "smoothing" in sequence.notes:
        raise VideoError("this pose sequence was cleaned before; give the one from before")
    marked = mark_loop(sequence)
    seams = seams_of(marked)
    mended = _mend_swaps(marked, seams)
    filled, gaps = fill_gaps(mended, seams)
    smoothed = smooth(filled, seams)
    notes = filled.notes | {
        "gaps": asdict(gaps) | {"limit_seconds": LONGEST_SECONDS},
        "smoothing": {"cutoff": None if smoothed is filled else CUTOFF},
    }
    return replace(smoothed, notes=notes)


def sides_in_doubt(sequence: PoseSequence) -> bool:
    """Whether left and right may be exchanged in the whole of a clean walk.

    Swaps were looked for, and the direction, which would tell the sides, is not known.
    """
    direction = sequence.notes.get("direction", {"known": True})
    return not direction["known"] and direction["reason"] not in (_NO_PICTURE, _MEASURED, _NO_DEPTH)


def _mend_swaps(sequence: PoseSequence, seams: tuple[int, ...]) -> PoseSequence:
    seen = int(core_seen(sequence.image, sequence.layout).sum())
    measured = sequence.root_source == "true"
    deep = bool(np.isfinite(sequence.world).any())
    if seen < 3 or measured or not deep:
        reason = _MEASURED if measured else _NO_DEPTH if seen and not deep else _NO_PICTURE
        direction: dict[str, Any] = {"known": False, "facing": None, "angle": None, "reason": reason}
        return replace(
            sequence, notes=sequence.notes | {"direction": direction, "swaps": _counts(0, 0, 0, seen)}
        )
    laps = np.searchsorted(seams, np.arange(len(sequence)), side="right")
    facing = find_facing(sequence, laps)
    swaps = find_swaps(sequence, facing, laps)
    mended = mend(sequence, swaps, facing)
    counts = _counts(int(mended.mended.sum()), int(swaps.trunk.sum()), int(swaps.legs.sum()), seen)
    return replace(mended, notes=mended.notes | {"direction": facing.describe(), "swaps": counts})


def _counts(frames: int, trunk: int, legs: int, seen: int) -> dict[str, Any]:
    return {"frames": frames, "trunk": trunk, "legs": legs, "share": round(frames / max(seen, 1), 4)}
