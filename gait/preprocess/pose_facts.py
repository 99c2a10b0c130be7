"""What a user should know of how the joints of prepared walks came about, all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gait.features.reliability import unreliable_in_a_line
from gait.pose.facts import PoseFacts, in_a_line, write_facts
from gait.preprocess.walks import Walk

POSES_TABLE = "poses.csv"


def lines_on_poses(how: Any, walks: Sequence[Walk]) -> list[str]:
    """Lines for the console; none where the walks are frames."""
    facts = [one for _, one in _facts(walks)]
    if not facts:
        return []
    lines = [in_a_line(facts)]
    if how.kind == "features":
        lines += unreliable_in_a_line([walk.entry.meta["facing"] for walk in walks], how.names)
    return lines


def write_poses_table(folder: Path, walks: Sequence[Walk]) -> None:
    """Write ``poses.csv``, a row a walk, see :class:`gait.pose.facts.PoseFacts`; nothing where the walks are frames."""
    if facts := _facts(walks):
        write_facts(folder / POSES_TABLE, facts)


def _facts(walks: Sequence[Walk]) -> list[tuple[str, PoseFacts]]:
    return [
        (walk.sample.name, PoseFacts(**walk.entry.meta["poses"]))
        for walk in walks
        if "poses" in walk.entry.meta
    ]
