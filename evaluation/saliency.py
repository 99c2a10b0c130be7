"""Where in its frames a network looks: places are covered, one after the other, and the answer is watched.

Zeiler and Fergus 2014, Visualizing and understanding convolutional networks, ECCV, section 4.2. It needs no gradients,
so that every backend and every saved model will do. A covered place takes the mean colour of the clip; for a network
that sees what moves that is "nothing moves here". So a bright place that keeps still is covered, too, unlike in
:mod:`gait.occlusion`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.explanation import heading
from gait.bundle import Bundle
from gait.console import progress_bar
from gait.landmarks import NONE
from gait.predict import BATCH, answer_clips
from gait.preprocess import Walk

MOMENTS = 6
_PATCHES = 6  # patches side by side along the longer side of a picture
_NOTHING = 0.005
_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "middle", "right")

HONEST = (
    "Red: covering the place makes the answer less probable, blue: more probable. This says where the network looked, "
    "not what it saw there, nor what the walker feels. A place away from the walker is a shortcut: the model has "
    "learned the room, not the walk. Places that tell the same stand in for each other and may show nothing."
)


@dataclass(frozen=True, eq=False)
class Saliency:
    """What covering places of a clip does to the answer.

    Attributes
    ----------
    walk, label, answer, probabilities
        As in :class:`evaluation.explanation.Explanation`; of the whole walk.
    clip : int
        Which of the walk's ``clips``, from 1: the one that is surest of the answer.
    found : float
        Probability of the answer in this clip.
    seconds : (M,) float array
        Middle of each moment, from the first frame of the clip.
    pictures : (M, H, W, 3) uint8 array
        Frames there.
    throughout : (H, W) float array
        By how much the probability falls when the place is covered in all frames.
    moments : (M, H, W) float array
        The same, covered during the moment only.
    without_landmarks : float or None
        Probability with frames alone, for a network that is given landmarks, too.
    """

    walk: str
    label: str | None
    answer: str
    probabilities: dict[str, float]
    clip: int
    clips: int
    found: float
    seconds: np.ndarray
    pictures: np.ndarray
    throughout: np.ndarray
    moments: np.ndarray
    without_landmarks: float | None = None

    def text(self) -> str:
        """What the picture shows, in words."""
        falls = self.throughout.max()
        lines = [
            *heading(self.walk, self.label, self.probabilities),
            f"Clip {self.clip} of {self.clips}, the surest one: '{self.answer}' with {100 * self.found:.0f} %.",
        ]
        if falls < _NOTHING:
            lines.append("No single place matters: covering one never costs half a point.")
        else:
            place = place_of(self.throughout)
            lines.append(f"Covering the {place} of the picture costs most: {100 * falls:.1f} points.")
        if self.without_landmarks is not None:
            lines.append(
                f"Without landmarks: {100 * self.without_landmarks:.0f} %. The picture is about frames only; landmarks "
                "stay as they are."
            )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The numbers as JSON values; the maps are in the picture."""
        return {
            "walk": self.walk,
            "label": self.label,
            "answer": self.answer,
            "probabilities": self.probabilities,
            "clip": self.clip,
            "clips": self.clips,
            "clip_probability": self.found,
            "largest_fall": float(self.throughout.max()),
            "place": place_of(self.throughout),
            "without_landmarks": self.without_landmarks,
        }


def place_of(values: np.ndarray) -> str:
    """Where in a picture (H, W) the largest values lie, such as ``top left``, by their middle."""
    rows, columns = np.nonzero(values >= values.max() - 1e-9)
    height, width = values.shape
    row, column = (
        _ROWS[int(3 * (rows.mean() + 0.5) / height)],
        _COLUMNS[int(3 * (columns.mean() + 0.5) / width)],
    )
    return "middle" if row == column == "middle" else f"{row} {column}"


def explain_frames(bundle: Bundle, walk: Walk) -> Saliency:
    """Cover the frames of a walk's surest clip place by place.

    Parameters
    ----------
    bundle : Bundle
        Of a model of frames, alone or among other inputs.
    walk : Walk
    """
    how, classes = bundle.record.preprocess, bundle.record.classes
    starts = how.starts(walk)
    found = np.concatenate([_answers(bundle, how.to_input(how.read(walk, start)[None])) for start in starts])
    mean = found.mean(axis=0)
    place = int(mean.argmax())
    clip = int(found[:, place].argmax())
    stored = how.read(walk, starts[clip])
    inputs = how.to_input(stored[None])
    throughout, moments = _cover(bundle, inputs, place, walk.sample.name)
    spans = moments_of(how.length)
    middles = [(span.start + span.stop - 1) // 2 for span in spans]
    pictures = stored if stored.dtype.names is None else stored["frames"]
    return Saliency(
        walk=walk.sample.name,
        label=walk.sample.label,
        answer=classes[place],
        probabilities=dict(zip(classes, mean.tolist(), strict=True)),
        clip=clip + 1,
        clips=len(starts),
        found=float(found[clip, place]),
        seconds=np.array(middles) / how.rate,
        pictures=pictures[middles],
        throughout=throughout,
        moments=moments,
        without_landmarks=_without_landmarks(bundle, inputs, place),
    )


def _answers(bundle: Bundle, inputs: np.ndarray) -> np.ndarray:
    return answer_clips(bundle, inputs).probabilities


def _without_landmarks(bundle: Bundle, inputs: np.ndarray, place: int) -> float | None:
    if inputs.dtype.names is None or getattr(bundle.record.preprocess, "landmarks", "none") == "none":
        return None
    alone = inputs.copy()
    alone["landmarks"], alone["mask"] = 0, NONE
    return float(_answers(bundle, alone)[0, place])


def moments_of(length: int) -> list[slice]:
    """The frames of a clip in parts of about the same length."""
    edges = np.linspace(0, length, min(MOMENTS, length) + 1).round().astype(int)
    return [slice(*pair) for pair in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]


def patches_of(height: int, width: int, overlapping: bool) -> list[tuple[slice, slice]]:
    """Square patches that cover a picture, each shifted by its side, or by half of it where they overlap."""
    side = max(1, round(max(height, width) / _PATCHES))
    step = max(1, side // 2) if overlapping else side

    def along(size: int) -> list[slice]:
        firsts = range(0, max(size - side, 0) + step, step)
        return [slice(min(first, max(size - side, 0)), min(first + side, size)) for first in firsts]

    return [(row, column) for row in along(height) for column in along(width)]


def _cover(bundle: Bundle, inputs: np.ndarray, place: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Falls of the answer (H, W), covered throughout, and (M, H, W), covered during each moment."""
    frames = inputs if inputs.dtype.names is None else inputs["frames"]
    _, length, height, width, _ = frames.shape
    spans = moments_of(length)
    covers = [(-1, slice(None), patch) for patch in patches_of(height, width, overlapping=True)]
    single = patches_of(height, width, overlapping=False)
    covers += [(moment, span, patch) for moment, span in enumerate(spans) for patch in single]
    found = float(_answers(bundle, inputs)[0, place])
    sums, counts = (np.zeros((len(spans) + 1, height, width)) for _ in range(2))
    with progress_bar(f"Covering places in {name}", len(covers)) as bar:
        for some in _batches(covers):
            falls = found - _answers(bundle, _covered(inputs, [cover[1:] for cover in some]))[:, place]
            for (layer, _, patch), fall in zip(some, falls, strict=True):
                sums[(layer, *patch)] += fall
                counts[(layer, *patch)] += 1
            bar.advance(len(some))
    maps = sums / np.maximum(counts, 1)
    return maps[-1], maps[:-1]


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


def _covered(inputs: np.ndarray, covers: Sequence[tuple[slice, tuple[slice, slice]]]) -> np.ndarray:
    """The clip (1, ...) once for every cover, with the cover's place in its mean colour."""
    several = np.repeat(inputs, len(covers), axis=0)
    frames = several if inputs.dtype.names is None else several["frames"]
    colour = frames[0].mean(axis=(0, 1, 2))
    for clip, (span, (rows, columns)) in zip(frames, covers, strict=True):
        clip[span, rows, columns] = colour
    return several
