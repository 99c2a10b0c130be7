"""The features of a walk as a page: ``python -m gait.features > docs/features.md``."""

from __future__ import annotations

from collections.abc import Sequence

from gait.features import DIRECTED, FEATURES, FRAME_FEATURES, MDT_GCN_31, UNRELIABLE, Feature, FrameFeature

GROUPS = {"posture": "Posture", "movement": "Movement", "gait": "Gait", "effort": "Effort"}
_COLUMNS = ("name", "unit", "body part", "what it is", "how it is computed", "not reliable from", "source")
_FRAME_COLUMNS = ("name", "unit", "body part", "what it is", "how it is computed", "MDT-GCN", "source")
_FRAMES = f"""
A value for every frame, of which many of the features above are means, ranges and peaks. The column *MDT-GCN* numbers
the {len(MDT_GCN_31)} that its first stream learns to predict (`gait.features.MDT_GCN_31`): how many they are is
published, which they are is not, so this is a reconstruction from the affective features of STEP.
"""
_NEEDS = {"depth": ["depth"], "root": ["the path through space"], "world": []}
_INTRODUCTION = f"""
The {len(FEATURES)} numbers that the classical models see of a walk, one line each, as `gait/features/` holds them.
This page is printed by `python -m gait.features`, and a test compares the two.

Joints are those of the layout `gait16` (`gait/skeleton.py`), against the middle of the hips (*root*), turned so that
the walker faces forward, in **heights**: shares of the body's height. Time comes from the frames' own times. So a
feature does not change with the walker's place, heading and size, or with the frame rate; nor, therefore, when a walk
is turned about the vertical. Of a walk that is played over and over, the first lap counts.

A feature is *not known* (NaN) where the joints it needs are known in less than half of the frames, where it needs
steps and there is no rhythm, where it needs the path through space and there is none, and where it needs depth and
joints are known in the picture only.

**Walks of unknown direction.** Where nobody can tell whether a walker faces the camera or not, left and right, and
with them front and back, may be exchanged in the whole walk. The console (*direction not known*) and `poses.csv` name
the walk. The two features of a left and a right limb are then given their mean, which is the same under either
answer, and those that need the direction are not known. An estimator that takes front for back also gets depth wrong,
which this does not mend. Joint sequences, as networks see them, are left as they are.

*Not reliable from*: the views (front, back, left, right, oblique: half towards the camera) from which joints
estimated in a video tell little of it: the rank correlation with the value from true joints is under 0.5 over 20
rendered walks (`python -m benchmarks.features`). Models are trained on them all the same; measured joints are not
concerned.
"""


def page() -> str:
    """The page, in Markdown."""
    parts = ["# The features of a walk", _INTRODUCTION.strip()]
    for group, title in GROUPS.items():
        features = [feature for feature in FEATURES.values() if feature.group == group]
        parts.append(f"## {title}: {len(features)} features")
        rows = [_COLUMNS, ("---",) * len(_COLUMNS), *map(_row, features)]
        parts.append(_table(rows))
    parts += [f"## Of a frame: {len(FRAME_FEATURES)} features", _FRAMES.strip()]
    rows = [_FRAME_COLUMNS, ("---",) * len(_FRAME_COLUMNS), *map(_frame_row, FRAME_FEATURES.values())]
    parts.append(_table(rows))
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _frame_row(feature: FrameFeature) -> tuple[str, ...]:
    number = str(MDT_GCN_31.index(feature.name) + 1) if feature.name in MDT_GCN_31 else ""
    depth = " (needs depth)" if feature.needs == "depth" else ""
    cells = (feature.unit, feature.part, feature.words, feature.formula + depth, number, feature.source)
    return tuple(cell.replace("|", r"\|") for cell in (f"`{feature.name}`", *cells))


def _row(feature: Feature) -> tuple[str, ...]:
    views = [view for view, names in UNRELIABLE.items() if feature.name in names]
    needs = _NEEDS[feature.needs] + ["the direction"] * (feature.name in DIRECTED)
    cells = (
        f"`{feature.name}`",
        feature.unit,
        feature.part,
        feature.words,
        feature.formula + (f" (needs {' and '.join(needs)})" if needs else ""),
        "all views" if len(views) == len(UNRELIABLE) else ", ".join(views),
        feature.source,
    )
    return tuple(cell.replace("|", r"\|") for cell in cells)


if __name__ == "__main__":
    print(page(), end="")
