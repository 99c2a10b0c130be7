"""What a user is told of how joints came about: unknown directions, poses.csv, lines, and where the limits stand."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from keypoint_walks import hide, played_over, walker
from small_walks import ROOT
from videofiles import map_here

from benchmarks import swaps as bench
from gait.cache import Cache
from gait.features import DIRECTED, FEATURES, UNRELIABLE, measure
from gait.features.reliability import VIEW_OF, unreliable_in_a_line
from gait.formats.listing import WalkInFile
from gait.labels import Sample
from gait.pose.cleaning import clean, sides_in_doubt
from gait.pose.facts import NOT_KNOWN, PoseFacts, facts_of, in_a_line
from gait.pose.gaps import LONGEST_SECONDS
from gait.pose.root import estimate_root
from gait.pose.sequence import PoseSequence
from gait.pose.store import save_npz
from gait.preprocess import FeaturePreprocess, JointPreprocess
from gait.preprocess.pose_facts import lines_on_poses, write_poses_table
from gait.preprocess.poses import IN_DOUBT, MIN_COVERAGE, MIN_LEGS_VISIBLE, MIN_SECONDS, remarks_on
from gait.preprocess.windows import MemoryEntry
from gait.preprocess.windows import make_walk as walk_of_entry
from gait.skeleton import convert, find_layout, turn
from synthesis.camera import VIEWS
from synthesis.poses import true_poses
from synthesis.walks import make_walk

FORESTS, JOINTS = FeaturePreprocess(), JointPreprocess(length=12, rate=24.0)


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)


@pytest.fixture
def store(tmp_path) -> Cache:
    return Cache(tmp_path / "store")


def seen(sequence: PoseSequence) -> PoseSequence:
    """True joints as if an estimator had found them: where the walker goes is estimated."""
    root = estimate_root(
        sequence.image, sequence.world, sequence.visibility, sequence.frame_size, layout=sequence.layout
    )
    return replace(sequence, root=root, root_unit="body", root_source="estimated")


def on_the_spot(seed: int = 20, exchanged: bool = False) -> PoseSequence:
    """Somebody on the spot, a forearm hanging, seen from in front, feet hidden: nothing tells front from back."""
    sequence = true_poses(bench.make_view(bench.VIEWS["on the spot, front"], seed, 3.0))
    elbow, wrist = (find_layout(sequence.layout).index(f"left_{joint}") for joint in ("elbow", "wrist"))
    world = sequence.world.copy()
    world[:, wrist] = world[:, elbow] - np.float32([0, 0.25, 0])
    sequence = replace(sequence, world=world)
    return seen(convert(exchange(sequence) if exchanged else sequence, "coco17"))


def exchange(sequence: PoseSequence) -> PoseSequence:
    """Every left joint called right and every right one left, all else where it was."""
    order = np.arange(sequence.world.shape[1])
    for left, right in find_layout(sequence.layout).pairs:
        order[[left, right]] = right, left
    arrays = {name: getattr(sequence, name)[:, order] for name in ("image", "world", "visibility")}
    return replace(sequence, **arrays)


def npz(folder: Path, name: str, sequence: PoseSequence) -> Sample:
    save_npz(sequence, folder / name)
    return Sample(folder / name, name, "happy", keypoints=WalkInFile())


# --- A direction that is not known --------------------------------------------------------------------------


def test_a_walker_on_the_spot_is_said_to_be_of_unknown_direction(tmp_path, store):
    samples = [
        npz(tmp_path, "spot.npz", on_the_spot()),
        npz(tmp_path, "walks.npz", seen(walker(seconds=3.0))),
    ]
    for how in (FORESTS, JOINTS, FORESTS):  # the second time from the cache
        assert f"spot.npz: {IN_DOUBT}" in how.prepare(samples, store).notes
    assert IN_DOUBT in remarks_on(clean(on_the_spot()))
    assert IN_DOUBT not in remarks_on(clean(seen(walker(seconds=3.0))))


def test_measured_joints_are_not_in_doubt():
    measured = true_poses(bench.make_view(bench.VIEWS["on the spot, front"], 20, 3.0))
    assert not sides_in_doubt(clean(measured))
    assert not sides_in_doubt(clean(replace(measured, image=np.full_like(measured.image, np.nan))))
    assert not sides_in_doubt(measured)  # not cleaned: nothing was looked for


@pytest.mark.parametrize("seed", [20, 21])
def test_features_of_unknown_direction_are_the_same_whatever_is_called_left(seed):
    one, other = (measure(clean(on_the_spot(seed, exchanged))) for exchanged in (False, True))
    for name in FEATURES:
        # Asymmetries are per cents of nearly equal values, which joints in float32 round.
        least = 0.05 if name.endswith("asymmetry") else 1e-3
        assert one.values[name] == pytest.approx(other.values[name], rel=1e-3, abs=least, nan_ok=True), name
    missing = {name for name, value in one.values.items() if np.isnan(value)}
    assert missing == DIRECTED
    assert {one.reasons[name] for name in missing} == {"which way the walker faces is not known"}


def test_left_and_right_of_unknown_direction_are_their_mean():
    sequence = clean(on_the_spot())
    told = replace(sequence, notes=sequence.notes | {"direction": {"known": True, "facing": "towards"}})
    known, doubted = measure(told).values, measure(sequence).values
    differing = 0
    for left in (name for name in FEATURES if name.startswith("left_") and name not in DIRECTED):
        right = left.replace("left_", "right_")
        assert doubted[left] == doubted[right] == pytest.approx((known[left] + known[right]) / 2), left
        differing += abs(known[left] - known[right]) > 0.05 * abs(known[left])
    assert differing >= 5
    for name in (
        name for name in FEATURES if not name.startswith(("left_", "right_")) and name not in DIRECTED
    ):
        assert doubted[name] == known[name], name


@pytest.mark.parametrize(("emotion", "subject"), [("happy", 3), ("sad", 4)])
def test_directed_features_are_those_that_an_exchange_of_all_sides_changes(emotion, subject):
    sequence = true_poses(make_walk(emotion, "front", subject=subject, seconds=4.0))
    one, other = (measure(s).values for s in (sequence, exchange(sequence)))
    assert not np.isnan(list(one.values())).any()
    for name in FEATURES:
        if name.endswith("asymmetry"):  # per cents of nearly equal values
            continue
        twin = name.replace("left_", "*").replace("right_", "left_").replace("*", "right_")
        least = 0.05 if FEATURES[name].unit == "degrees" else 2e-3
        same = one[name] == pytest.approx(other[twin], rel=0.02, abs=least)
        assert same == (name not in DIRECTED), (name, one[name], other[twin])


# --- Turned walks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [30, -140])
def test_a_turned_walk_has_the_same_features(tmp_path, store, degrees):
    """So that turns are no augmentation for classical models, see training/classical.py."""
    clean_walk = clean(seen(walker("happy", 2, "oblique", 3.0)))
    angle = np.radians(degrees)
    turned = replace(
        clean_walk, world=turn(clean_walk.world, angle), root=turn(clean_walk.root, angle).astype(np.float32)
    )
    assert np.abs(turned.world - clean_walk.world).max() > 0.1
    samples = [npz(tmp_path, "a.npz", clean_walk), npz(tmp_path, "b.npz", turned)]
    straight, other = (FORESTS.read(walk) for walk in FORESTS.prepare(samples, store).walks)
    assert np.isfinite(straight).mean() > 0.95
    np.testing.assert_allclose(other, straight, rtol=2e-3, atol=2e-3)


# --- Facts --------------------------------------------------------------------------------------------------


def lap_of(sequence: PoseSequence, frames: int = 37, laps: int = 4) -> PoseSequence:
    return seen(played_over(sequence, frames, laps))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_facts_of_a_walk():
    lost = hide(seen(walker(seconds=3.0)), slice(10, 14))
    facts = facts_of(clean(hide(lost, slice(40, 70))))
    assert facts == PoseFacts(
        90, round(56 / 90, 4), facts.mean_visibility, 1, 1, 1, 0, "towards", None, 1, 90
    )
    assert facts.mean_visibility == pytest.approx(walker(seconds=3.0).visibility.mean(), abs=0.02)
    loop = facts_of(clean(lap_of(walker(seconds=3.0))))
    assert (loop.frames, loop.loop_period, loop.laps, loop.unique_frames) == (148, 37, 4, 37)
    assert facts_of(clean(on_the_spot())).direction == NOT_KNOWN
    assert facts_of(clean(walker())).direction is None  # measured joints


def test_a_table_with_a_row_a_walk(tmp_path, store):
    samples = [
        npz(tmp_path, "loop, one.npz", lap_of(walker(seconds=3.0))),
        npz(tmp_path, "spot.npz", on_the_spot()),
        npz(tmp_path, "gone.npz", hide(walker(), slice(None))),
    ]
    walks = JOINTS.prepare(samples, store).walks
    write_poses_table(tmp_path, walks)
    loop, spot = rows_of(tmp_path / "poses.csv")
    assert list(loop)[:4] == ["video", "frames", "coverage", "mean_visibility"]
    assert loop["video"] == "loop, one.npz"
    assert (loop["frames"], loop["loop_period"], loop["laps"], loop["unique_frames"]) == (
        "148",
        "37",
        "4",
        "37",
    )
    assert (loop["gaps_filled"], loop["gaps_left_open"], loop["frames_mended"]) == ("0", "0", "0")
    assert loop["people"] == "1"
    assert (spot["direction"], spot["loop_period"]) == ("not known", "")


def test_walks_of_frames_have_neither_table_nor_line(tmp_path, store):
    entry = MemoryEntry()
    entry.meta["decoded"] = 9
    walks = [walk_of_entry("a.mp4", entry)]
    write_poses_table(tmp_path, walks)
    assert not (tmp_path / "poses.csv").exists()
    assert lines_on_poses(JOINTS, walks) == []


def facts(**changes) -> PoseFacts:
    usual = PoseFacts(240, 1.0, 0.9, 0, 0, 1, 0, "towards", None, 1, 240)
    return replace(usual, **changes)


def test_facts_in_a_line():
    loops = [facts(loop_period=p, laps=5, gaps_filled=2, frames_mended=7) for p in (31, 27, 47)]
    assert in_a_line(loops) == (
        "Poses: 3 of 3 walks are loops of 27 to 47 frames, the first lap is used; a person in view in 100% of the "
        "frames, mean visibility 0.90; gaps filled 6, left open 0; left and right put right in 3 walks"
    )
    mixed = in_a_line([facts(coverage=0.5, mean_visibility=None, gaps_left_open=None), facts(loop_period=30)])
    assert "1 of 2 walks are loops of 30 frames" in mixed
    assert "in view in 50% to 100% of the frames, mean visibility 0.00 to 0.90" in mixed
    assert in_a_line([facts()]).startswith("Poses: none of the 1 walks is a loop;")


# --- Reliability --------------------------------------------------------------------------------------------


def test_how_many_features_are_not_reliable_is_said_of_each_view():
    names = tuple(FEATURES)
    facings = ["towards"] * 3 + ["half towards, left", "left", "half away, right", None]
    (line,) = unreliable_in_a_line(facings, names)
    for view, count in (("front", "3 walks"), ("oblique", "1 walk"), ("left", "1 walk")):
        assert f"{len(UNRELIABLE[view])} of {len(names)} from {view} ({count})" in line
    assert "not measured from other views (1 walk)" in line
    assert "docs/features.md" in line
    assert "right" not in line.replace("other views", "")
    assert unreliable_in_a_line([None, None], names) == []
    few = (next(iter(UNRELIABLE["back"])), "cadence")
    assert "1 of 2 from back (1 walk)" in unreliable_in_a_line(["away"], few)[0]


@pytest.mark.parametrize("view", VIEWS)
def test_the_view_of_a_walk_is_the_one_it_was_filmed_from(view):
    facing = clean(seen(walker("neutral", 1, view, 3.0))).notes["direction"]["facing"]
    assert VIEW_OF[facing] == view


def test_lines_are_said_of_estimated_joints_and_of_classical_models_only(tmp_path, store):
    estimated = [npz(tmp_path, "a.npz", seen(walker(seconds=3.0)))]
    lines = lines_on_poses(FORESTS, FORESTS.prepare(estimated, store).walks)
    assert [line.partition(" ")[0] for line in lines] == ["Poses:", "Features"]
    assert len(lines_on_poses(JOINTS, JOINTS.prepare(estimated, store).walks)) == 1
    measured = [npz(tmp_path, "b.npz", walker())]
    assert len(lines_on_poses(FORESTS, FORESTS.prepare(measured, store).walks)) == 1


def test_the_readme_states_the_limits_that_hold():
    text = " ".join((ROOT / "videos" / "README.md").read_text(encoding="utf-8").split())
    assert f"A person in view in at least {100 * MIN_COVERAGE:.0f} % of the frames" in text
    assert (
        f"the legs in at least {100 * MIN_LEGS_VISIBLE:.0f} % of these, for at least {MIN_SECONDS} s" in text
    )
    assert f"lost for up to {LONGEST_SECONDS} s the joints are filled in" in text
