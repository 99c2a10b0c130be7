"""Clustering by movement vectors: the vectors, the clusters, and the command on keypoint files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from evaluation.cluster import ClusterOptions, main
from evaluation.clustering import FILES, LINKAGES, cluster_walks, table_text
from gait.errors import GaitmoodError, NothingUsableError, VideoError
from gait.features.motion import JOINT, Motion
from gait.movement_vectors import GROUPS, balance, mean_stride, movement_vector, stride_of
from gait.pose.sequence import PoseSequence
from gait.pose.store import save_npz
from gait.skeleton import convert, find_layout, mirror, turn
from synthesis.poses import true_poses
from synthesis.walks import make_walk

ROOT = Path(__file__).parents[1]
# Three ways to walk that nobody would confuse, for bodies of any size.
STYLES = {
    "brisk": {"arm_range": 60.0, "elbow_flexion": 70.0, "trunk_lean": 14.0, "head_inclination": 5.0},
    "loose": {"arm_range": 90.0, "elbow_flexion": 12.0, "trunk_lean": -2.0, "head_inclination": -8.0},
    "slumped": {"arm_range": 6.0, "elbow_flexion": 12.0, "trunk_lean": 8.0, "head_inclination": 35.0},
}


def styled(style: str, subject: int, **how) -> PoseSequence:
    """True poses of somebody who walks in a style; nothing is rendered."""
    drawn = make_walk("neutral", subject=subject).parameters
    walk = make_walk("neutral", subject=subject, parameters=replace(drawn, **STYLES[style]), **how)
    return true_poses(walk)


def without_path(sequence: PoseSequence) -> PoseSequence:
    """As most keypoint files are: joints, but not where the walker is."""
    return replace(sequence, root=None, root_unit=None, root_source="none")


def vector(sequence: PoseSequence) -> np.ndarray:
    return movement_vector(stride_of(sequence))


@pytest.fixture(scope="module")
def group() -> tuple[np.ndarray, list[str], list[str]]:
    """Vectors (18, D), styles and subjects: six people, each in all styles, views and starts mixed."""
    views = ("front", "oblique", "left", "back")
    cases = [(style, who) for who in range(6) for style in STYLES]
    poses = [
        styled(style, who, number=i, view=views[i % 4], seconds=2.0 + i % 3)
        for i, (style, who) in enumerate(cases)
    ]
    return np.stack([vector(p) for p in poses]), [s for s, _ in cases], [f"P{who}" for _, who in cases]


# --- Vectors -----------------------------------------------------------------------------------------------


def circling(rate: float = 0.9, frames: int = 50, fps: float = 25.0, at: float = 0.3) -> Motion:
    """Feet that circle in the sagittal plane half a stride apart; every other joint stands still.

    The left foot is farthest ahead ``at`` strides after the first frame.
    """
    time = np.arange(frames) / fps
    joints = np.zeros((frames, 16, 3))
    for i, name in enumerate(find_layout("gait16").joints):
        side = 0.1 if name.startswith("left") else -0.1 if name.startswith("right") else 0.0
        joints[:, i] = (side, 0.05 * (i % 3 if side else i), 0)
    for a, b in find_layout("gait16").pairs:
        joints[:, b, 1:] = joints[:, a, 1:]
    for side, sign in (("left", 1), ("right", -1)):
        turned = 2 * np.pi * (rate * time - at)
        joints[:, JOINT[f"{side}_foot"], 1] = -0.5 + 0.03 * sign * np.sin(turned)
        joints[:, JOINT[f"{side}_foot"], 2] = 0.2 * sign * np.cos(turned)
    return Motion(joints, time)


def test_a_stride_of_circling_feet_is_the_one_calculated_by_hand():
    stride = mean_stride(circling(), 0.9)
    k = np.arange(10)
    np.testing.assert_allclose(stride[:, JOINT["left_foot"], 2], 0.2 * np.cos(2 * np.pi * k / 10), atol=1e-9)
    np.testing.assert_allclose(
        stride[:, JOINT["right_foot"], 2], -0.2 * np.cos(2 * np.pi * k / 10), atol=1e-9
    )
    np.testing.assert_allclose(
        stride[:, JOINT["left_foot"], 1], -0.5 + 0.03 * np.sin(2 * np.pi * k / 10), atol=1e-9
    )
    np.testing.assert_allclose(
        stride[:, JOINT["left_knee"]], np.tile(circling()["left_knee"][0], (10, 1)), atol=1e-9
    )


def test_a_vector_is_the_one_calculated_by_hand():
    stride = np.zeros((10, 16, 3))
    stride[:, JOINT["head"]] = (0, 0.3, 0.4)
    stride[5:, JOINT["left_foot"]] = (0, 0, -0.2)  # goes back between steps 4 and 5, forward from 9 to 0
    found = movement_vector(stride)
    distances, directions, lengths = (
        found[GROUPS[name]].reshape(shape)
        for name, shape in (("distances", (10, 120)), ("directions", (10, 16, 3)), ("lengths", (10, 16)))
    )
    assert found.shape == (1840,)
    pairs = [(a, b) for a in range(16) for b in range(a + 1, 16)]
    head, foot = JOINT["head"], JOINT["left_foot"]
    assert distances[0, pairs.index((head, foot))] == pytest.approx(0.5)
    assert distances[7, pairs.index((head, foot))] == pytest.approx(np.sqrt(0.3**2 + 0.6**2))
    assert distances[7, pairs.index((JOINT["root"], foot))] == pytest.approx(0.2)
    np.testing.assert_array_equal(directions[4, foot], (0, 0, -1))
    np.testing.assert_array_equal(directions[9, foot], (0, 0, 1))
    assert np.count_nonzero(directions) == 2
    assert lengths[4, foot] == lengths[9, foot] == pytest.approx(0.2)
    assert np.count_nonzero(lengths) == 2


def test_distances_are_those_of_an_independent_implementation():
    stride = np.random.default_rng(0).normal(size=(10, 16, 3))
    expected = [pdist(joints) for joints in stride]
    np.testing.assert_allclose(movement_vector(stride)[GROUPS["distances"]], np.ravel(expected))


def test_balanced_groups_weigh_the_same():
    vectors = np.random.default_rng(0).normal(3, 2, (7, 1840))
    vectors[:, GROUPS["lengths"]] *= 0.001
    before = vectors.copy()
    balanced = balance(vectors)
    np.testing.assert_array_equal(vectors, before)
    np.testing.assert_allclose(balanced.mean(axis=0), 0, atol=1e-12)
    for part in GROUPS.values():
        assert balanced[:, part].var(axis=0).sum() == pytest.approx(1)
    np.testing.assert_array_equal(balance(np.ones((3, 1840))), 0)


def test_start_place_direction_size_rate_and_mirror_do_not_change_a_vector():
    walk = convert(styled("loose", 3, seconds=4.0, rate=60.0), "gait16")
    plain = vector(walk)
    other = vector(styled("slumped", 3))
    apart = np.linalg.norm(plain - other)
    turned = replace(walk, world=turn(1.7 * walk.world, 1.0), root=turn(1.7 * walk.root, 1.0) + 2)
    assert np.linalg.norm(vector(turned) - plain) < 1e-3 * apart
    pairs = find_layout("gait16").pairs
    seen_in_mirror = replace(
        walk, world=mirror(walk.world, pairs), root=walk.root * np.array([-1, 1, 1], np.float32)
    )
    assert np.linalg.norm(vector(seen_in_mirror) - plain) < 1e-3 * apart

    def cut(frames: slice) -> PoseSequence:
        names = ("image", "world", "visibility", "time", "root", "observed", "mended")
        arrays = {name: getattr(walk, name)[frames] for name in names}
        return replace(walk, **arrays, unique=(0, len(arrays["time"])))

    for frames in (slice(23, None), slice(0, None, 2), slice(40, 160)):
        assert np.linalg.norm(vector(cut(frames)) - plain) < 0.15 * apart


def test_half_a_stride_is_enough_and_less_is_refused():
    whole = mean_stride(circling(), 0.9)
    half = circling(frames=15)  # 0.54 of a stride
    np.testing.assert_allclose(mean_stride(half, 0.9), whole, atol=1e-6)
    with pytest.raises(VideoError, match="half a stride"):
        mean_stride(circling(frames=9), 0.9)


def test_frames_in_which_a_joint_is_not_known_are_passed_over():
    motion = circling()
    expected = mean_stride(motion, 0.9)
    motion.joints[10:14, JOINT["left_hand"]] = np.nan
    np.testing.assert_allclose(mean_stride(motion, 0.9), expected, atol=1e-9)
    motion.joints[:, JOINT["head"], 1] = np.nan
    with pytest.raises(VideoError, match="never all known"):
        mean_stride(motion, 0.9)


def test_without_a_rhythm_a_lap_is_a_stride_and_standing_is_refused():
    walk = styled("loose", 1, seconds=4.0)
    still = replace(walk, world=np.repeat(walk.world[:1], len(walk), axis=0))
    with pytest.raises(VideoError, match="no rhythm"):
        stride_of(still)
    looped = replace(still, unique=(0, 33))
    np.testing.assert_allclose(np.ptp(stride_of(looped)[:, JOINT["head"]], axis=0), 0, atol=1e-6)
    with pytest.raises(VideoError, match="no rhythm"):
        stride_of(replace(still, unique=(0, 10)))  # a stride of a third of a second


# --- Clusters ----------------------------------------------------------------------------------------------


def test_ways_to_walk_are_found_by_every_linkage(group):
    vectors, styles, people = group
    found = cluster_walks(vectors, (3,), styles, people)
    assert [c.linkage for c in found.clusterings] == list(LINKAGES)
    for clustering in found.clusterings:
        assert clustering.sizes == (6, 6, 6)
        assert clustering.labels.adjusted_rand == pytest.approx(1)
        assert clustering.labels.adjusted_mutual_information == pytest.approx(1)
        assert clustering.subjects.adjusted_rand < 0
        assert clustering.silhouette > 0.3
    text = table_text(found, styles)
    assert "one big cluster" not in text
    assert "who walks" not in text


def test_clusters_are_those_of_an_independent_implementation():
    vectors = np.random.default_rng(5).normal(size=(23, 1840))
    found = cluster_walks(vectors, (3, 5, 7), [None] * 23, [None] * 23)
    for c in found.clusterings:
        other = AgglomerativeClustering(len(c.sizes), linkage=c.linkage).fit_predict(balance(vectors))
        assert adjusted_rand_score(other, c.members) == 1
    assert [len(c.sizes) for c in found.clusterings] == [3, 5, 7] * 3


def test_the_same_again_and_in_any_order(group):
    vectors, styles, people = group
    found, again = (cluster_walks(vectors, (3, 5), styles, people) for _ in range(2))
    order = np.random.default_rng(1).permutation(len(vectors))
    shuffled = cluster_walks(vectors[order], (3, 5), [styles[i] for i in order], [people[i] for i in order])
    assert table_text(found, styles) == table_text(again, styles)
    np.testing.assert_array_equal(found.components, again.components)
    for a, b in zip(found.clusterings, shuffled.clusterings, strict=True):
        assert adjusted_rand_score(a.members[order], b.members) == 1
        assert a.sizes == b.sizes
        assert a.silhouette == pytest.approx(b.silhouette)


def crowd_and_outliers() -> np.ndarray:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 1840))
    vectors[[3, 17]] += rng.normal(scale=20, size=(2, 1840))
    return vectors


def test_one_big_cluster_and_its_outliers_are_called_so():
    found = cluster_walks(crowd_and_outliers(), (3,), ["sad", "happy"] * 20, [None] * 40)
    average = next(c for c in found.clusterings if c.linkage == "average")
    assert average.sizes == (38, 1, 1)
    assert average.crowd
    assert average.silhouette > 0.5
    text = table_text(found, ["sad", "happy"] * 20)
    row = next(line for line in text.splitlines() if line.startswith("average"))
    assert row.endswith("38 1 1  (one big cluster)")
    words = " ".join(text.split())
    assert "One big cluster and a few outliers" in words
    assert "average, 3 clusters: 38 of 40 walks" in words


def test_clusters_are_numbered_by_size():
    rng = np.random.default_rng(2)
    far = np.repeat(rng.normal(scale=9, size=(3, 1840)), (2, 5, 3), axis=0) + rng.normal(size=(10, 1840))
    found = cluster_walks(far, (3,), [None] * 10, [None] * 10)
    for clustering in found.clusterings:
        assert clustering.members.tolist() == [3, 3, 1, 1, 1, 1, 1, 2, 2, 2]
        assert clustering.labels is None


def test_what_no_structure_means_is_said():
    vectors = np.random.default_rng(4).normal(size=(30, 1840))
    # People differ, labels are dealt out: what is found is the people.
    people = [f"P{i // 6}" for i in range(30)]
    vectors += 0.6 * np.repeat(np.random.default_rng(9).normal(size=(5, 1840)), 6, axis=0)
    labels = ["angry", "sad"] * 15
    found = cluster_walks(vectors, (5,), labels, people)
    words = " ".join(table_text(found, labels).split())
    assert "no substantial structure" in words
    assert "better with who walks than with the labels" in words


# --- The command -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Keypoint files in class folders, a copy among them, and one in which nobody walks."""
    place = tmp_path_factory.mktemp("walks")
    for style in STYLES:
        (place / style).mkdir()
        for who in range(3):
            save_npz(without_path(styled(style, who, number=who)), place / style / f"p{who}.npz")
    (place / "zz").mkdir()
    (place / "zz" / "copy.npz").write_bytes((place / "brisk" / "p0.npz").read_bytes())
    walk = without_path(styled("loose", 4))
    save_npz(replace(walk, world=np.repeat(walk.world[:1], len(walk), axis=0)), place / "zz" / "still.npz")
    (place / "subjects.csv").write_text(
        "video,subject\n" + "".join(f"{s}/p{i}.npz,P{i}\n" for s in STYLES for i in range(3))
    )
    return place


def test_the_command_writes_a_run_folder(folder, tmp_path, capsys):
    out = tmp_path / "out"
    argv = ["--videos", str(folder), "--clusters", "3,5", "--output", str(out), "--jobs", "1"]
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert "Clusters of 9 walks" in said
    assert "zz/still.npz: nothing moves" in said
    assert "zz/copy.npz: the same walk as brisk/p0.npz" in said
    assert {path.name for path in out.iterdir()} == {*FILES, "options.json"}
    with (out / "clusters.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["walk"] for row in rows] == [f"{style}/p{i}.npz" for style in STYLES for i in range(3)]
    assert [row["label"] for row in rows] == [style for style in STYLES for _ in range(3)]
    assert rows[4]["subject"] == "P1"
    assert [row["ward_3"] for row in rows] == list("111222333")
    table = json.loads((out / "table.json").read_text())
    assert table["walks"] == 9
    assert [(s["linkage"], s["clusters"]) for s in table["settings"]] == [
        (n, k) for n in LINKAGES for k in (3, 5)
    ]
    assert table["settings"][0]["labels"]["adjusted_rand"] == pytest.approx(1)
    assert sum(table["settings"][3]["sizes"]) == 9
    assert {entry["name"] for entry in table["left_out"]} == {"zz/copy.npz", "zz/still.npz"}
    assert (out / "table.txt").read_text().strip() in said
    for name in ("dendrogram.png", "components.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    # The same again, from the options that were written; a filled folder is left alone.
    argv = ["--config", str(out / "options.json")]
    with pytest.raises(GaitmoodError, match="not empty"):
        main(argv)
    assert main([*argv, "--output", str(tmp_path / "again")]) == 0
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


def test_too_few_walks(folder, tmp_path, capsys):
    runs = tmp_path / "runs"
    argv = ["--videos", str(folder / "brisk"), "--jobs", "1", "--runs", str(runs)]
    with pytest.raises(NothingUsableError, match="3 walks cannot be judged in 3 clusters"):
        main(argv)
    assert not runs.exists()
    assert main([*argv, "--clusters", "2,7"]) == 0
    assert "for want of walks: 7 clusters" in capsys.readouterr().out
    (run,) = runs.iterdir()
    assert run.name.endswith("-cluster")


def test_a_folder_without_walks_leaves_with_3(tmp_path):
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "evaluation.cluster", "--videos", str(tmp_path / "empty")],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("error: no walk in")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("clusters", ["", "3,x", "1,3", "-4", "2.5"])
def test_numbers_of_clusters_that_make_no_sense(clusters):
    with pytest.raises(GaitmoodError, match="--clusters"):
        ClusterOptions(clusters=clusters)


def test_numbers_of_clusters_are_put_in_order():
    assert ClusterOptions(clusters=" 7,3, 3").numbers == (3, 7)
    with pytest.raises(GaitmoodError, match="--jobs"):
        ClusterOptions(jobs=0)


def test_pictures_of_many_walks_with_odd_names():
    from evaluation.cluster_figures import components_png, dendrogram_png

    rng = np.random.default_rng(0)
    for walks in (5, 400):
        labels = [("happy", "$x", None)[i % 3] for i in range(walks)]
        found = cluster_walks(rng.normal(size=(walks, 1840)), (3,), labels, [None] * walks)
        names = [f"a$b_{{{i}\udcff\n" for i in range(walks)]
        assert dendrogram_png(found, names, labels).startswith(b"\x89PNG")
        assert components_png(found, labels).startswith(b"\x89PNG")
