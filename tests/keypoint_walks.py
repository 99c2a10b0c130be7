"""Small worlds of keypoint files: synthetic walkers' true joints, in the formats that a user may bring."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
from videofiles import map_here

from gait.models import classical
from gait.pose.sequence import PoseSequence
from gait.pose.store import save_npz
from gait.skeleton import convert, find_layout
from synthesis.poses import true_poses
from synthesis.walks import make_walk


@cache
def walker(
    emotion: str = "happy", subject: int = 0, view: str = "front", seconds: float = 2.0
) -> PoseSequence:
    """True joints of one synthetic walk."""
    return true_poses(make_walk(emotion, view, subject=subject, seconds=seconds, intensity=2.0))


def hide(sequence: PoseSequence, frames: slice, joints: slice = slice(None)) -> PoseSequence:
    """The walk with joints that are not known."""
    world, image, visibility = (getattr(sequence, n).copy() for n in ("world", "image", "visibility"))
    world[frames, joints], image[frames, joints], visibility[frames, joints] = np.nan, np.nan, 0
    return replace(sequence, world=world, image=image, visibility=visibility, observed=None)


def played_over(sequence: PoseSequence, frames: int, laps: int) -> PoseSequence:
    """The first frames of a walk, one lap after the other."""
    rows = np.tile(np.arange(frames), laps)
    time = np.arange(len(rows)) / sequence.rate
    arrays = {n: getattr(sequence, n)[rows] for n in ("world", "image", "visibility", "root")}
    return replace(sequence, **arrays, time=time, observed=None, mended=None, unique=None)


def write_npz_walks(folder: Path, emotions=("angry", "sad"), people: int = 4, first: int = 0) -> list[Path]:
    """``folder/EMOTION/pN.npz`` and a subjects.csv."""
    rows, files = ["video,subject"], []
    for emotion in emotions:
        (folder / emotion).mkdir(parents=True, exist_ok=True)
        for person in range(first, first + people):
            path = folder / emotion / f"p{person}.npz"
            save_npz(walker(emotion, person), path)
            rows.append(f"{emotion}/{path.name},p{person}")
            files.append(path)
    (folder / "subjects.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return files


def write_gaits(folder: Path, labels: dict[str, int], first: int = 0) -> Path:
    """Emotion-Gait's two files: a gait for each name, and its integer (of the map ``step``)."""
    names = ("angry", "neutral", "happy", "sad")
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / "features.h5", "w") as gaits, h5py.File(folder / "labels.h5", "w") as integers:
        for number, (name, label) in enumerate(labels.items()):
            sequence = convert(walker(names[label], first + number), "gait16")
            points = sequence.world + sequence.root[:, None]
            gaits[name], integers[name] = points.reshape(len(points), 48), label
    return folder / "features.h5"


def work_here(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Run scripts in a folder, without worker processes, with forests of ten trees."""
    monkeypatch.chdir(folder)
    for place in ("gait.preprocess.walks", "gait.fingerprint.taking", "evaluation.testing"):
        monkeypatch.setattr(f"{place}.map_items", map_here)
    forest = classical.Classical(
        classical.RandomForestClassifier, {"n_estimators": 10}, {"min_samples_leaf": [1]}
    )
    monkeypatch.setattr(classical, "random_forest", forest)
    return folder


def in_picture(sequence: PoseSequence) -> PoseSequence:
    """The walk as files without depth know it."""
    return replace(sequence, world=np.full_like(sequence.world, np.nan), root=None, root_source="none")


def write_coco(path: Path, sequence: PoseSequence, others: Sequence[PoseSequence] = ()) -> Path:
    """COCO keypoints of everyone, an image a frame; who is not seen is not listed."""
    rows = []
    for person in (sequence, *others):
        points = _with_confidence(convert(person, "coco17"))
        rows += [
            {"image_id": t, "keypoints": points[t].ravel().tolist()}
            for t in range(len(points))
            if points[t, :, 2].any()
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def write_openpose(folder: Path, series: str, sequence: PoseSequence) -> list[Path]:
    """A file for each frame, with the 25 joints of OpenPose."""
    points = _with_confidence(sequence)
    places = {
        joint: find_layout(sequence.layout).index(joint) for joint in find_layout(sequence.layout).joints
    }
    middle = {"neck": "shoulder", "mid_hip": "hip"}
    toes = {
        f"{side}_{toe}": f"{side}_foot_index"
        for side in ("left", "right")
        for toe in ("big_toe", "small_toe")
    }
    columns = []
    for joint in find_layout("openpose25").joints:
        names = [f"{side}_{middle[joint]}" for side in ("left", "right")] if joint in middle else [joint]
        both = np.stack([points[:, places[toes.get(name, name)]] for name in names])
        columns.append(both.mean(axis=0) * both[..., 2:].all(axis=0))
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{series}_{t:012d}_keypoints.json" for t in range(len(points))]
    for file, frame in zip(files, np.stack(columns, axis=1), strict=True):
        people = [{"pose_keypoints_2d": frame.ravel().tolist()}]
        file.write_text(json.dumps({"people": people}), encoding="utf-8")
    return files


def _with_confidence(sequence: PoseSequence) -> np.ndarray:
    """(T, V, 3) x, y, confidence; 0 where a joint is not known."""
    known = np.isfinite(sequence.image).all(axis=2, keepdims=True)
    return np.concatenate([np.nan_to_num(sequence.image), 0.9 * known], axis=2).astype(np.float64)


_BVH_NAMES = {
    "shoulder": "Arm",
    "elbow": "ForeArm",
    "hand": "Hand",
    "hip": "UpLeg",
    "knee": "Leg",
    "foot": "Foot",
}


def write_bvh(path: Path, sequence: PoseSequence, unit: float) -> Path:
    """Motion capture whose joints have places of their own, ``unit`` metres to one of the file's units."""
    sequence = convert(sequence, "gait16")
    points = (sequence.world + sequence.root[:, None]).astype(np.float64) / unit
    names = find_layout("gait16").joints
    sided = {
        f"{side}_{part}": side.title() + _BVH_NAMES[part] for side in ("left", "right") for part in _BVH_NAMES
    }
    called = {"spine": "Spine", "neck": "Neck", "head": "Head", **sided}
    channels = "OFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n"
    parts = [f"JOINT {called[name]}\n{{\n{channels}}}\n" for name in names[1:]]
    rows = np.concatenate([points[:, :1], points[:, 1:] - points[:, :1]], axis=1).reshape(len(points), -1)
    motion = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"HIERARCHY\nROOT Hips\n{{\n{channels}{''.join(parts)}}}\nMOTION\nFrames: {len(rows)}\n"
        f"Frame Time: {1 / sequence.rate:.6f}\n{motion}\n",
        encoding="utf-8",
    )
    return path
