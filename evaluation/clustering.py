"""Agglomerative clustering of walks by their movement vectors, from options to a run folder."""

from __future__ import annotations

import csv
import io
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gait.cache import Cache
from gait.console import say
from gait.errors import NothingUsableError
from gait.formats import KeypointOptions
from gait.labels import find_samples
from gait.movement_vectors import balance
from gait.options import write_options
from gait.predictions import write_beside
from gait.preprocess.vectors import VectorPreprocess
from gait.preprocess.walks import Walk
from gait.runs import new_run, refuse_filled, write_json

if TYPE_CHECKING:
    from evaluation.cluster import ClusterOptions

FILES = ("clusters.csv", "table.json", "table.txt", "dendrogram.png", "components.png")
LINKAGES = ("ward", "average", "complete")
# From this share of the walks on, the largest cluster is the crowd, and the others are its outliers.
CROWD = 0.75
# Kaufman and Rousseeuw 1990, Finding Groups in Data, table 4: no substantial structure up to here.
NO_STRUCTURE = 0.25
_WIDTH = 100


@dataclass(frozen=True)
class Agreement:
    """How clusters agree with another grouping; both scores are adjusted for chance: 0 by chance, 1 the same."""

    adjusted_rand: float
    adjusted_mutual_information: float


@dataclass(frozen=True, eq=False)
class Clustering:
    """The walks in so many clusters.

    Attributes
    ----------
    linkage : str
        One of :data:`LINKAGES`.
    members : (N,) int array
        The cluster of each walk, 1 the largest; of equally large ones the one with the earlier walk first.
    silhouette, davies_bouldin : float
        Rousseeuw 1987 (higher is better, -1 to 1); Davies and Bouldin 1979 (lower is better, from 0).
    labels, subjects : Agreement or None
        With the emotions and with the people, over the walks for which these are known; None with less than
        two of them.
    """

    linkage: str
    members: np.ndarray
    silhouette: float
    davies_bouldin: float
    labels: Agreement | None
    subjects: Agreement | None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Walks of each cluster, the largest first."""
        return tuple(np.bincount(self.members)[1:].tolist())

    @property
    def crowd(self) -> bool:
        """Whether it is one big cluster and its outliers."""
        return self.sizes[0] >= CROWD * len(self.members)

    @property
    def name(self) -> str:
        """Such as ``ward, 3 clusters``."""
        return f"{self.linkage}, {len(self.sizes)} clusters"


@dataclass(frozen=True, eq=False)
class Clustered:
    """Everything that clustering some walks gave.

    Attributes
    ----------
    trees : dict of str to (N - 1, 4) array
        By linkage, in SciPy's form.
    clusterings : tuple of Clustering
    components : (N, 2) array
        The first two principal components.
    explained : (float, float)
        Their shares of the variance.
    """

    trees: dict[str, np.ndarray]
    clusterings: tuple[Clustering, ...]
    components: np.ndarray
    explained: tuple[float, float]


def run(options: ClusterOptions) -> tuple[str, Path]:
    """Find and prepare the walks, cluster them, write a run folder; the table as text, and the folder.

    Raises
    ------
    NothingUsableError
        There are no walks, or too few to cluster.
    """
    if options.output is not None:
        refuse_filled(options.output)
    walks, left_out = _gather(options)
    numbers = _possible(options.numbers, len(walks))
    samples = [walk.sample for walk in walks]
    labels, subjects = [s.label for s in samples], [s.subject for s in samples]
    read = _preprocess(options).read
    found = cluster_walks(np.stack([read(walk) for walk in walks]), numbers, labels, subjects)
    folder = options.output or new_run(options.runs, "cluster")
    folder.mkdir(parents=True, exist_ok=True)
    text = table_text(found, labels, left_out)
    _write(folder, found, walks, text, left_out)
    write_options(options, folder / "options.json")
    return text, folder


def _preprocess(options: ClusterOptions) -> VectorPreprocess:
    return VectorPreprocess(options.poses, options.pose_models and str(options.pose_models))


def _gather(options: ClusterOptions) -> tuple[list[Walk], list[tuple[str, str]]]:
    """The prepared walks sorted by name, each once, and (name, reason) of what is left out."""
    collection = find_samples(options.videos, options.labels, keypoints=KeypointOptions())
    say(f"Found {len(collection.samples)} walks in {options.videos}/; labels from {collection.source}.")
    for note in collection.notes:
        say(f"  {note}")
    cache, started = Cache(options.cache), time.time()
    prepared = _preprocess(options).prepare(collection.samples, cache, options.jobs)
    cache.prune(started)
    walks, copies = _without_copies(sorted(prepared.walks, key=lambda walk: walk.sample.name))
    left_out = [*collection.left_out, *prepared.left_out, *copies]
    for line in (*prepared.notes, *(f"left out: {name}: {reason}" for name, reason in left_out)):
        say(f"  {line}")
    if not walks:
        raise NothingUsableError(
            f"no walk in {options.videos}/ can be clustered"
            + ("; the reasons stand above." if left_out else ": put videos or keypoint files there.")
        )
    return walks, left_out


def _without_copies(walks: Sequence[Walk]) -> tuple[list[Walk], list[tuple[str, str]]]:
    """A walk and its copy would make a cluster of their own: of equal content only the first is kept."""
    first: dict[str, Walk] = {}
    for walk in walks:
        first.setdefault(walk.content, walk)
    originals = ((walk, first[walk.content]) for walk in walks)
    copies = [
        (walk.sample.name, f"the same walk as {original.sample.name}")
        for walk, original in originals
        if walk is not original
    ]
    return list(first.values()), copies


def _possible(numbers: Sequence[int], walks: int) -> tuple[int, ...]:
    """The numbers of clusters that so many walks can be scored in: at least one holds two of them."""
    possible = tuple(number for number in numbers if number < walks)
    if not possible:
        raise NothingUsableError(
            f"{walks} walks cannot be judged in {numbers[0]} clusters; at least {numbers[0] + 1} are needed."
        )
    if possible != tuple(numbers):
        say(f"  not done for want of walks: {', '.join(map(str, numbers[len(possible) :]))} clusters")
    return possible


def cluster_walks(
    vectors: np.ndarray,
    numbers: Sequence[int],
    labels: Sequence[str | None],
    subjects: Sequence[str | None],
) -> Clustered:
    """Cluster movement vectors, Euclidean, by every linkage into every number of clusters.

    Parameters
    ----------
    vectors : (N, 1840) array
        See :func:`gait.movement_vectors.movement_vector`; they are balanced here.
    numbers : sequence of int
        Numbers of clusters, each from 2 to N - 1.
    labels, subjects : sequences of str or None
        Of the N walks.
    """
    from scipy.cluster.hierarchy import cut_tree, linkage
    from sklearn.decomposition import PCA

    points = balance(vectors)
    trees = {name: linkage(points, name, metric="euclidean") for name in LINKAGES}
    clusterings = tuple(
        _judge(points, name, _by_size(cut_tree(trees[name], number)[:, 0]), labels, subjects)
        for name in LINKAGES
        for number in numbers
    )
    components = PCA(2, svd_solver="full")
    places = components.fit_transform(points)
    return Clustered(trees, clusterings, places, tuple(components.explained_variance_ratio_.tolist()))


def _by_size(members: np.ndarray) -> np.ndarray:
    """Cluster numbers (N,) from 1, the largest first, equally large ones in the order of their first walks."""
    counts = Counter(members.tolist())
    order = sorted(dict.fromkeys(members.tolist()), key=lambda cluster: -counts[cluster])
    return np.array([order.index(cluster) + 1 for cluster in members.tolist()])


def _judge(
    points: np.ndarray,
    name: str,
    members: np.ndarray,
    labels: Sequence[str | None],
    subjects: Sequence[str | None],
) -> Clustering:
    from sklearn.metrics import davies_bouldin_score, silhouette_score

    return Clustering(
        name,
        members,
        float(silhouette_score(points, members)),
        float(davies_bouldin_score(points, members)),
        _agreement(members, labels),
        _agreement(members, subjects),
    )


def _agreement(members: np.ndarray, groups: Sequence[str | None]) -> Agreement | None:
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    known = [i for i, group in enumerate(groups) if group is not None]
    names = [groups[i] for i in known]
    if len(set(names)) < 2:
        return None
    pair = (names, members[known])
    return Agreement(float(adjusted_rand_score(*pair)), float(adjusted_mutual_info_score(*pair)))


def table_text(
    found: Clustered, labels: Sequence[str | None], left_out: Sequence[tuple[str, str]] = ()
) -> str:
    """The table, what it means in words, and what was left out."""
    counts = Counter(label for label in labels if label is not None)
    known = ", ".join(f"{label} {counts[label]}" for label in sorted(counts)) or "none"
    lines = [f"Clusters of {len(labels)} walks by movement vectors (Euclidean); labels: {known}", ""]
    lines += [*_rows(found.clusterings), ""]
    legend = (
        "Silhouette: -1 to 1, higher is better; Davies-Bouldin (DB): lower is better. Agreement with labels and "
        "with subjects: adjusted Rand (ARI) and adjusted mutual information (AMI), 0 by chance, 1 the same."
    )
    for words in (legend, *_words(found.clusterings)):
        lines += textwrap.wrap(words, _WIDTH)
    if left_out:
        lines += ["", f"Left out: {len(left_out)}", *(f"  {name}: {reason}" for name, reason in left_out)]
    return "\n".join(lines)


def _rows(clusterings: Sequence[Clustering]) -> list[str]:
    scores = ("silhouette", "DB", "ARI label", "AMI label", "ARI subj.", "AMI subj.")
    lines = ["linkage   clusters  " + "  ".join(f"{score:>10}" for score in scores) + "  sizes"]
    for c in clusterings:
        values = (c.silhouette, c.davies_bouldin, *_pair(c.labels), *_pair(c.subjects))
        cells = "  ".join("         -" if value is None else f"{value:10.3f}" for value in values)
        sizes = " ".join(map(str, c.sizes)) + ("  (one big cluster)" if c.crowd else "")
        lines.append(f"{c.linkage:<8}  {len(c.sizes):>8}  {cells}  {sizes}")
    return lines


def _pair(agreement: Agreement | None) -> tuple[float | None, float | None]:
    if agreement is None:
        return (None, None)
    return (agreement.adjusted_rand, agreement.adjusted_mutual_information)


def _words(clusterings: Sequence[Clustering]) -> list[str]:
    """What a reader of the table should not miss."""
    words = []
    crowds = [c for c in clusterings if c.crowd]
    best = max(clusterings, key=lambda c: c.silhouette)
    if crowds:
        listed = "; ".join(f"{c.name}: {c.sizes[0]} of {len(c.members)} walks" for c in crowds)
        words.append(
            f"One big cluster and a few outliers ({listed}): a high silhouette there says that the outliers are far "
            "away, not that walks fall into groups."
        )
    if even := [c for c in clusterings if not c.crowd]:
        best_even = max(even, key=lambda c: c.silhouette)
        such = "The highest silhouette is such a one's. Of the others the" if best.crowd else "The"
        words.append(f"{such} highest silhouette is {best_even.silhouette:.2f} ({best_even.name}).")
        if best_even.silhouette <= NO_STRUCTURE:
            words.append(
                f"Up to {NO_STRUCTURE} that is no substantial structure (Kaufman and Rousseeuw 1990): these walks "
                "do not fall into groups by themselves."
            )
    both = [(c.labels, c.subjects) for c in clusterings if c.labels and c.subjects]
    if both and all(
        who.adjusted_mutual_information > label.adjusted_mutual_information for label, who in both
    ):
        words.append("Every clustering agrees better with who walks than with the labels.")
    return words


def _write(
    folder: Path, found: Clustered, walks: Sequence[Walk], text: str, left_out: Sequence[tuple[str, str]]
) -> None:
    from evaluation.cluster_figures import components_png, dendrogram_png

    names, labels = [walk.sample.name for walk in walks], [walk.sample.label for walk in walks]
    # File names that are not UTF-8 arrive as surrogates (PEP 383).
    write_beside(folder / "clusters.csv", _csv(found, walks).encode("utf-8", "surrogateescape"))
    write_beside(folder / "table.txt", f"{text}\n".encode("utf-8", "backslashreplace"))
    write_json(folder / "table.json", to_json(found, len(walks), left_out))
    write_beside(folder / "dendrogram.png", dendrogram_png(found, names, labels))
    write_beside(folder / "components.png", components_png(found, labels))


def _csv(found: Clustered, walks: Sequence[Walk]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    settings = [f"{c.linkage}_{len(c.sizes)}" for c in found.clusterings]
    writer.writerow(["walk", "label", "subject", *settings])
    for i, walk in enumerate(walks):
        sample = walk.sample
        clusters = [int(c.members[i]) for c in found.clusterings]
        writer.writerow([sample.name, sample.label or "", sample.subject or "", *clusters])
    return text.getvalue()


def to_json(found: Clustered, walks: int, left_out: Sequence[tuple[str, str]] = ()) -> dict[str, object]:
    """The table as JSON values, with full precision."""
    settings = [
        {
            "linkage": c.linkage,
            "clusters": len(c.sizes),
            "sizes": list(c.sizes),
            "one_big_cluster": c.crowd,
            "silhouette": c.silhouette,
            "davies_bouldin": c.davies_bouldin,
            "labels": c.labels and asdict(c.labels),
            "subjects": c.subjects and asdict(c.subjects),
        }
        for c in found.clusterings
    ]
    return {
        "walks": walks,
        "metric": "euclidean",
        "settings": settings,
        "explained_variance": list(found.explained),
        "left_out": [{"name": name, "reason": reason} for name, reason in left_out],
    }
