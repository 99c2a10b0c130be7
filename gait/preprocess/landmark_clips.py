"""Walks to fixed-length clips of frames, with fifty landmarks of the person in each frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from gait import clips
from gait.cache import Cache, EntryWriter, entry_key
from gait.errors import VideoError
from gait.inputs import records
from gait.labels import Sample
from gait.landmarks import FACE, NONE, POINTS, body_landmarks, face_landmarks
from gait.pose import cleaning
from gait.pose.face import FaceMesh
from gait.pose.sequence import PoseSequence
from gait.pose.weights import load_face_mesh
from gait.preprocess.clips import ClipPreprocess
from gait.preprocess.poses import pose_settings_of, poses_of, prepare_poses
from gait.preprocess.walks import Extracted, Prepared, Task, Walk, prepare_walks, walk_content
from gait.segments import Cropper, Segment
from gait.video import VideoReader, open_video

VERSION = 1  # raised when the same poses come out differently, so that cached ones are made again

# A frame that a clip shows: the row of the walk's poses that belongs to it, the frame small, and as it was filmed.
Chosen = tuple[int, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class LandmarkClipPreprocess(ClipPreprocess):
    """Videos to clips of frames, landmarks and a mask; the frames are those of a :class:`ClipPreprocess`.

    Attributes
    ----------
    poses : str
        Pose estimator, see :data:`gait.pose.estimators.ESTIMATORS`.
    pose_models : str or None
        Its model files where they are not the usual ones, see :class:`gait.pose.estimators.PoseSettings`.
    landmarks : {"body", "face", "none"}
        Joints of the body; points of the face in frames where one is seen, else of the body; or no landmarks, and no
        poses are estimated. See :mod:`gait.landmarks`.
    """

    length: int = 16
    height: int = 224
    width: int = 224
    poses: str = "blazepose"
    pose_models: str | None = None
    landmarks: Literal["body", "face", "none"] = "body"

    kind = "landmark clips"

    @property
    def input_shape(self) -> dict[str, tuple[int, ...]]:
        """``frames`` (T, H, W, 3), ``landmarks`` (T, 50, 3), ``mask`` (T, 50)."""
        return {
            "frames": super().input_shape,
            "landmarks": (self.length, POINTS, 3),
            "mask": (self.length, POINTS),
        }

    def prepare(self, samples: Sequence[Sample], cache: Cache, jobs: int | None = None) -> Prepared:
        """Extract the frames and landmarks of every sample, or find them in the cache."""
        if self.landmarks == "none":
            return prepare_walks(_extract, self, samples, cache, jobs, title="Reading videos")
        if self.landmarks == "face":
            load_face_mesh()  # fetched once, before worker processes start
        return prepare_poses(_extract, self, samples, cache, jobs)

    def store(self, chosen: Iterable[Chosen], sequence: PoseSequence | None, entry: EntryWriter) -> int:
        """Write ``frames`` (F, H, W, 3) uint8, ``landmarks`` (F, 50, 3) float32 and ``mask`` (F, 50) int8.

        Parameters
        ----------
        chosen : iterable of (row, small, picture)
            Frames at the clips' rate.
        sequence : PoseSequence or None
            Clean poses, with the rows that are asked for.

        Returns
        -------
        int
            Frames written.
        """
        body, mask = _of_body(sequence)
        mesh = _face_mesh(load_face_mesh()) if self.landmarks == "face" else None
        count = 0
        for row, small, picture in chosen:
            entry.append("frames", clips.letterbox(small, self.size)[None])
            seen = None if mesh is None else mesh.locate(picture, sequence.image[row])
            if seen is None:
                here = 0 if sequence is None else row
                entry.append("landmarks", body[[here]])
                entry.append("mask", mask[[here]])
            else:
                entry.append("landmarks", face_landmarks(seen)[None])
                entry.append("mask", np.full((1, POINTS), FACE, np.int8))
            count += 1
        return count

    def read(self, walk: Walk, start: float, step: float = 1.0) -> np.ndarray:
        """One clip as stored, a record of ``frames``, ``landmarks`` and ``mask``: ()."""
        indices = clips.clip_indices(start, self.length, self.frames(walk), step)
        points = {name: walk.entry.read(name)[indices] for name in ("landmarks", "mask")}
        return records({"frames": super().read(walk, start, step), **points}, axes=0)

    def to_input(self, stored: np.ndarray) -> np.ndarray:
        """Stored clips (N,) to a model's inputs (N,), records of float32; frames as in :class:`ClipPreprocess`."""
        points = {name: stored[name].astype(np.float32) for name in ("landmarks", "mask")}
        return records({"frames": super().to_input(stored["frames"]), **points})


@lru_cache(maxsize=1)
def _face_mesh(content: bytes) -> FaceMesh:
    """The network, built once and not for every window of a running video; its file holds ``content``."""
    return FaceMesh(content)


def _of_body(sequence: PoseSequence | None) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks and mask of the body in every row of the poses; one row of missing ones where there are none."""
    rows = 1 if sequence is None else len(sequence)
    missing = np.zeros((rows, POINTS, 3), np.float32), np.full((rows, POINTS), NONE, np.int8)
    if sequence is None:
        return missing
    try:
        return body_landmarks(sequence.world, sequence.visibility)
    except VideoError:  # nobody, or no torso, was ever seen: the network has the frames
        return missing


def _extract(task: Task) -> Extracted:
    """Runs in a worker: the walk's frames and landmarks into the cache, unless they are there."""
    content, how, cache = walk_content(task.sample), task.preprocess, task.cache
    settings = {"rate": how.rate, "height": how.height, "width": how.width, "v": VERSION}
    settings["landmarks"] = how.landmarks
    pose_settings = pose_settings_of(how)
    if how.landmarks != "none":
        settings |= {"poses": pose_settings.key(), "cleaning": cleaning.VERSION}
    key = entry_key("landmark clips", content, settings)
    if (found := cache.find(key)) is not None:
        return Extracted(content, key, found.meta["decoded"])
    path, sequence = task.sample.footage, None
    if how.landmarks != "none":
        sequence = _in_frames(poses_of(path, content, pose_settings, cache), path)
    with cache.write(key) as entry:
        _store_video(how, path, sequence, entry)
    return Extracted(content, key, entry.meta["decoded"])


def _in_frames(sequence: PoseSequence, footage: Path | Segment) -> PoseSequence:
    """Poses with their joints where they lie in the frames that are read of a video."""
    if not isinstance(footage, Segment):
        return sequence
    corners = Cropper(footage, *sequence.frame_size).corners[: len(sequence), None]
    return replace(sequence, image=(sequence.image - corners).astype(sequence.image.dtype))


def _store_video(
    how: LandmarkClipPreprocess, path: Path | Segment, sequence: PoseSequence | None, entry: EntryWriter
) -> None:
    # Frames as they were filmed are only needed to look for a face.
    fit = None if how.landmarks == "face" else how.size
    with open_video(path, fit) as video:
        count = how.store(_choose(how, video), sequence, entry)
        clips.check_length(count, how.rate, video.frames)
        remarks = [f"{video.errors} damaged packet(s) skipped while decoding"] if video.errors else []
        if sequence is not None and sequence.coverage < 1:
            remarks.append(f"landmarks of a person in {sequence.coverage:.0%} of the frames")
        entry.meta.update(decoded=video.frames, damaged=video.errors, remarks=remarks)


def _choose(how: LandmarkClipPreprocess, video: VideoReader) -> Iterator[Chosen]:
    sampler = clips.Sampler(how.rate)
    for row, (seconds, picture) in enumerate(video):
        small = video.fitted(how.size) if how.landmarks == "face" else picture
        yield from sampler.take(seconds, (row, small, picture))
