"""One synthetic walk: who, how, seen from where, in which place; and its true joints as a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gait.errors import GaitmoodError
from gait.video import FrameSize
from synthesis.camera import Camera, draw_camera, stage
from synthesis.joints import INDEX, JOINT_NAMES, move_body
from synthesis.kinematics import PARAMETER_NAMES, GaitParameters, draw_parameters
from synthesis.person import Person, draw_person
from synthesis.scene import Scene, draw_scene

PORTRAIT = FrameSize(640, 360)


@dataclass(frozen=True)
class Walk:
    """A walk with everything that is true of it.

    Attributes
    ----------
    joints : (T, V, 3) float64 array
        World positions in metres, y up, in the order of :data:`synthesis.joints.JOINT_NAMES`; the walker goes
        along +z through the origin, its left is +x.
    image : (T, V, 2) float64 array
        The same in pixels of the picture, (x, y).
    time : (T,) float64 array
        Seconds.
    """

    joints: np.ndarray
    image: np.ndarray
    time: np.ndarray
    emotion: str
    intensity: float
    view: str
    person: Person
    parameters: GaitParameters
    camera: Camera
    scene: Scene
    subject: int
    number: int
    seed: int
    on_the_spot: bool


def make_walk(
    emotion: str,
    view: str = "front",
    *,
    seed: int = 0,
    subject: int = 0,
    number: int = 0,
    intensity: float = 1.0,
    seconds: float = 3.0,
    rate: float = 30.0,
    size: FrameSize = PORTRAIT,
    place: str = "varied",
    on_the_spot: bool = False,
    parameters: GaitParameters | None = None,
) -> Walk:
    """Make one walk; nothing is rendered.

    ``seed`` and ``subject`` fix body, habits and clothes; with ``number`` they fix the day's chance, camera
    and place. None of them looks at the emotion.

    Parameters
    ----------
    emotion, view, place : str
        One of EMOTIONS (kinematics), VIEWS or "any" (camera) and PLACES (scene).
    seed, subject, number : int
        Of the collection, the person in it and the person's walk; not negative.
    intensity : float
        0 none, 1 natural, 2 acted; see :func:`synthesis.kinematics.apply_emotion`.
    seconds, rate, size : float, float, FrameSize
        Length, frames per second, and the picture.
    on_the_spot : bool
        As on a treadmill.
    parameters : GaitParameters, optional
        Use exactly these instead of drawing them from the habits, the emotion and chance.

    Raises
    ------
    GaitmoodError
        An argument is outside its range, or the walk does not fit into the picture.
    """
    if seconds <= 0 or rate <= 0 or min(seed, subject, number) < 0:
        raise GaitmoodError(
            "seconds and rate must be positive; seed, subject and number must not be negative"
        )
    person = draw_person(np.random.default_rng([seed, subject]))
    chance, camera_chance, scene_chance = (
        np.random.default_rng([seed, subject, number, use]) for use in range(1, 4)
    )
    drawn = draw_parameters(person.habits, emotion, intensity, person.body.height, chance)
    parameters = parameters or drawn
    time = np.arange(max(1, round(seconds * rate))) / rate
    joints = move_body(person.body, parameters, time, float(chance.random()), on_the_spot)
    joints[..., 2] -= (joints[0, INDEX["pelvis"], 2] + joints[-1, INDEX["pelvis"], 2]) / 2
    space = stage(seconds, on_the_spot)
    camera = draw_camera(camera_chance, view, size, space, joints)
    return Walk(
        joints, camera.project(joints)[0], time, emotion, intensity, view, person, parameters, camera,
        draw_scene(scene_chance, space, camera, place), subject, number, seed, on_the_spot,
    )  # fmt: skip


def joints_path(video: Path) -> Path:
    """Where the true joints of a video lie: NAME.joints.npz beside NAME.mp4."""
    return video.with_suffix(".joints.npz")


def save_joints(path: Path, walk: Walk) -> None:
    """Write what is true of a walk as a plain .npz (nothing pickled), beside and renamed into place.

    Keys: ``joint_names`` (V,), ``world`` (T, V, 3) m, ``image`` (T, V, 2) px, ``time`` (T,) s,
    ``camera_position`` (3,) m, ``camera_rotation`` (3, 3) world to camera, ``focal`` px, ``frame_size``
    (height, width), ``parameter_names``, ``parameters`` (units of GaitParameters), ``height`` m,
    ``emotion``, ``intensity``, ``view``, ``subject``,
    ``number``, ``seed``, ``on_the_spot``.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, **_truth(walk))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _truth(walk: Walk) -> dict[str, np.ndarray]:
    camera, values = walk.camera, asdict(walk.parameters)
    truth = {
        "joint_names": JOINT_NAMES,
        "world": walk.joints.astype(np.float32),
        "image": walk.image.astype(np.float32),
        "time": walk.time,
        "camera_position": camera.position,
        "camera_rotation": camera.rotation,
        "focal": camera.focal,
        "frame_size": (camera.size.height, camera.size.width),
        "parameter_names": PARAMETER_NAMES,
        "parameters": [values[name] for name in PARAMETER_NAMES],
        "height": walk.person.body.height,
    }
    for name in ("emotion", "intensity", "view", "subject", "number", "seed", "on_the_spot"):
        truth[name] = getattr(walk, name)
    return {name: np.asarray(value) for name, value in truth.items()}
