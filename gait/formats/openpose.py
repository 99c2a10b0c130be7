"""OpenPose JSON (one file a frame) and COCO keypoints JSON (one file): 2-D joints of everyone in view."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from gait.formats.people import Track, choose_person, image_walk, link_people, parse_keypoints
from gait.formats.walks import DEFAULT_RATE, Collector, KeypointError, KeypointFile, KeypointOptions
from gait.pose.sequence import PoseSequence

FRAME_FILE = re.compile(r"^(?P<series>.*?)_?(?P<frame>\d+)_keypoints\.json$", re.IGNORECASE)
OPENPOSE_COUNTS = (25, 18)
COCO_COUNTS = (17,)
# Frame numbers may leave frames out, but not nearly all of them.
_SPARSEST = 100


def read_json(path: Path, options: KeypointOptions) -> KeypointFile:
    """Walks of a folder of OpenPose frames, of the series that one such frame belongs to, or of a COCO file.

    Only ``image`` and ``visibility`` are known. OpenPose's (0, 0, 0) and COCO's v = 0 are NaN, of
    visibility 0; the visibility of COCO's hand-made flags is v / 2.

    Parameters
    ----------
    path : Path
    options : KeypointOptions
        ``rate``, ``person``.

    Raises
    ------
    KeypointError
        Not such a file, another joint count, nobody in view, too short.
    """
    collector = Collector()
    if options.rate is None:
        collector.notes.append(f"no rate in the file: {DEFAULT_RATE:g} frames per second assumed")
    if path.is_dir() or FRAME_FILE.match(path.name):
        for name, files in _series(path).items():
            collector.add(name, lambda files=files: _read_series(files, options))
    else:
        collector.add(path.stem, lambda: _read_coco(load_json(path), options))
    for walk in collector.walks:
        if (people := walk.sequence.notes["people"]) > 1:
            collector.notes.append(f"{walk.name}: {people} people, number {options.person} followed")
    return collector.finish()


def load_json(path: Path) -> Any:
    """What a JSON file holds. Raises KeypointError where it is none."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise KeypointError(f"{path.name}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise KeypointError(f"{path.name}: not readable JSON ({str(error)[:100]})") from error


def _series(path: Path) -> dict[str, dict[int, Path]]:
    """Frame files by series and frame number: all of a folder, or of the one that a file belongs to."""
    folder = path if path.is_dir() else path.parent
    found: dict[str, dict[int, Path]] = defaultdict(dict)
    for file in sorted(folder.iterdir()):
        if match := FRAME_FILE.match(file.name):
            found[match["series"] or folder.name][int(match["frame"])] = file
    if not found:
        raise KeypointError(
            "no OpenPose frames in the folder; expected NAME_000000000000_keypoints.json, ..."
        )
    if path.is_dir():
        return dict(found)
    wanted = FRAME_FILE.match(path.name)["series"] or folder.name
    return {wanted: found[wanted]}


def _read_series(files: dict[int, Path], options: KeypointOptions) -> PoseSequence:
    numbers = _frame_places(sorted(files))
    frames: list[list[np.ndarray]] = [[] for _ in range(max(numbers.values()) + 1)]
    for number, file in files.items():
        frames[numbers[number]] = _read_frame(file)
    _check_same_count([person for people in frames for person in people])
    tracks = link_people(frames)
    return _walk(tracks, len(frames), options, (0, 0), "openpose")


def _read_frame(file: Path) -> list[np.ndarray]:
    content = load_json(file)
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise KeypointError(f"{file.name}: not an OpenPose frame; a list 'people' is expected")
    lists = [person.get("pose_keypoints_2d") for person in people]
    bodies = [parse_keypoints(values, file.name, OPENPOSE_COUNTS) for values in lists if values]
    return [body for body in bodies if body[:, 2].any()]


def _check_same_count(people: list[np.ndarray]) -> None:
    counts = {len(person) for person in people}
    if len(counts) > 1:
        raise KeypointError(f"frames with {' and '.join(map(str, sorted(counts)))} joints in one walk")


def _read_coco(content: Any, options: KeypointOptions) -> PoseSequence:
    listed = isinstance(content, dict)
    bodies = content.get("annotations") if listed else content
    if not isinstance(bodies, list) or not all(isinstance(b, dict) and "image_id" in b for b in bodies):
        raise KeypointError(
            "neither an OpenPose frame (NAME_0000_keypoints.json with 'people') nor COCO keypoints "
            "('annotations' with 'image_id' and 'keypoints')"
        )
    bodies = [body for body in bodies if body.get("keypoints")]
    if not bodies:
        raise KeypointError("nobody in view in any frame")
    images = content.get("images") if listed else None
    _check_names(bodies, ("image_id", "track_id"), "annotations")
    _check_names(images or [], ("id", "frame_id", "height", "width"), "images")
    places = _coco_places(bodies, images)
    points = [parse_keypoints(body["keypoints"], f"image {body['image_id']}", COCO_COUNTS) for body in bodies]
    flags = np.concatenate([p[:, 2] for p in points])
    if flags.max() > 1 and set(np.unique(flags)) <= {0, 1, 2}:  # v: not labelled, hidden, visible
        points = [p * [1, 1, 0.5] for p in points]
    total = max(places.values()) + 1
    tracks = _coco_tracks(bodies, points, places, total)
    return _walk(tracks, total, options, _coco_size(images), "coco")


def _check_names(entries: Any, names: tuple[str, ...], what: str) -> None:
    """Refuse entries whose ids and numbers are lists or objects, and frame numbers and sizes that are no numbers."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise KeypointError(f"'{what}' is not a list of objects")
    for entry in entries:
        for name in names:
            value = entry.get(name, 0)
            kinds = (int, float) if name in ("frame_id", "height", "width") else (int, float, str, type(None))
            if not isinstance(value, kinds):
                raise KeypointError(f"'{what}': {name} is {str(value)[:60]!r}, a number was expected")


def _coco_places(bodies: list[dict], images: Any) -> dict[Any, int]:
    """Frame of each image id: as ``images`` lists them, else as the whole numbers in the ids say."""
    if isinstance(images, list) and images:
        order = sorted(images, key=lambda image: (image.get("frame_id", 0), _number(image.get("id"))))
        places = {image.get("id"): i for i, image in enumerate(order)}
        if unknown := [body["image_id"] for body in bodies if body["image_id"] not in places]:
            raise KeypointError(f"annotations of images that are not listed, such as {unknown[0]}")
        return places
    numbers = {body["image_id"]: _number(body["image_id"]) for body in bodies}
    frames = _frame_places(sorted(set(numbers.values())))
    return {name: frames[number] for name, number in numbers.items()}


def _number(name: Any) -> int:
    """The last whole number in an image's id or file name."""
    digits = re.findall(r"\d+", str(name).rpartition(".")[0] or str(name))
    if not digits or isinstance(name, float):
        raise KeypointError(f"image {name!r}: no frame number in it, and no list 'images' that orders them")
    return int(digits[-1])


def _frame_places(numbers: list[int]) -> dict[int, int]:
    """Frame numbers counted from the first one; frames that are left out stay as gaps."""
    places = {number: number - numbers[0] for number in numbers}
    if places[numbers[-1]] > _SPARSEST * len(numbers):
        raise KeypointError(f"{numbers[0]}, ..., {numbers[-1]} are not the numbers of {len(numbers)} frames")
    return places


def _coco_tracks(
    bodies: list[dict], points: list[np.ndarray], places: dict[Any, int], total: int
) -> list[Track]:
    if all("track_id" in body for body in bodies):
        tracks: dict[Any, Track] = defaultdict(dict)
        for body, person in zip(bodies, points, strict=True):
            tracks[body["track_id"]].setdefault(places[body["image_id"]], person)
        return sorted(tracks.values(), key=lambda track: (-len(track), min(track)))
    frames: list[list[np.ndarray]] = [[] for _ in range(total)]
    for body, person in zip(bodies, points, strict=True):
        frames[places[body["image_id"]]].append(person)
    return link_people(frames)


def _coco_size(images: Any) -> tuple[int, int]:
    sizes = {(image.get("height", 0), image.get("width", 0)) for image in images or []}
    return sizes.pop() if len(sizes) == 1 else (0, 0)


def _walk(
    tracks: list[Track], total: int, options: KeypointOptions, size: tuple[int, int], source: str
) -> PoseSequence:
    notes = {"source": source, "people": len(tracks), "person": options.person}
    notes["rate_assumed"] = options.rate is None
    track = choose_person(tracks, options.person)
    return image_walk(track, total, options.rate or DEFAULT_RATE, size, notes)
