"""Small worlds for the tests: videos that a tiny network can tell apart, and ways to run the scripts."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from gait.options import run_script
from gait.video import write_video

ROOT = Path(__file__).resolve().parents[1]
RATE = 10.0


def square_frames(direction: int, seed: int, frames: int = 10, height: int = 24, width: int = 32):
    """RGB frames (H, W, 3) of a bright square that goes right (1), left (-1) or stands (0).

    No two seeds give the same file. Sizes are multiples of 8.
    """
    rng = np.random.default_rng(seed)
    top = int(rng.integers(4, height - 12))
    shades = np.kron(rng.integers(20, 90, (height // 8, width // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    for t in range(frames):
        frame = shades.copy()
        middle = (width - 8) / 2
        x = round(middle + direction * (t / (frames - 1) - 0.5) * 2 * middle)
        frame[top : top + 8, x : x + 8] = (230, 200, 90)
        yield frame


def make_walks(
    folder: Path,
    classes: dict[str, int],
    people: int = 4,
    frames: int = 10,
    first: int = 0,
    first_frames: int | None = None,
) -> list[Path]:
    """``folder/CLASS/pN.mp4`` for every class and person, and a subjects.csv; ``classes``: name -> direction.

    The walks of the first person may be of another length (``first_frames``).
    """
    rows, videos = ["video,subject"], []
    for number, (name, direction) in enumerate(classes.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for person in range(first, first + people):
            length = (first_frames or frames) if person == first else frames
            path = folder / name / f"p{person}.mp4"
            write_video(path, square_frames(direction, 100 * person + number, length), RATE)
            rows.append(f"{name}/{path.name},p{person}")
            videos.append(path)
    (folder / "subjects.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return videos


SMALL = (
    "--frames",
    "6",
    "--rate",
    "10",
    "--frame-size",
    "12x16",
    "--epochs",
    "2",
    "--jobs",
    "1",
    "--no-augment",
)


class AsTheyAre:
    """A preprocessing whose walks are arrays of a model's inputs, one a clip."""

    def starts(self, walk):
        return range(len(walk))

    def read(self, walk, start):
        return walk[start]

    def to_input(self, stored):
        return stored


@dataclass(frozen=True)
class Ran:
    """What a script left behind: its exit code and what it printed."""

    code: int
    out: str
    err: str


def in_process(capsys, script: str, *arguments: object) -> Ran:
    """Run a script's main as its own process would, without starting one."""
    spec = importlib.util.spec_from_file_location(f"script_{script}", ROOT / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before, sys.argv = sys.argv, [f"{script}.py", *map(str, arguments)]
    capsys.readouterr()
    try:
        run_script(module.main)
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = before
    printed = capsys.readouterr()
    return Ran(code, printed.out, printed.err)


def ran(capsys, script: str, *arguments: object, code: int = 0) -> str:
    """What a script prints that ends with an exit code; its errors where that is one of an error."""
    done = in_process(capsys, script, *arguments)
    assert done.code == code, done.out + done.err
    return done.err if code in (2, 3) else done.out


def captured(script: str, *arguments: object) -> Ran:
    """As :func:`in_process`, where no ``capsys`` is at hand: in fixtures that several tests share."""

    class Capture:
        """Hands out what was printed since it was last asked."""

        def readouterr(self) -> SimpleNamespace:
            said = SimpleNamespace(out=out.getvalue(), err=err.getvalue())
            for stream in (out, err):
                stream.seek(0)
                stream.truncate()
            return said

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        return in_process(Capture(), script, *arguments)


def command(script: str, *arguments: object) -> list[str]:
    """The command line of a script."""
    return [sys.executable, str(ROOT / f"{script}.py"), *map(str, arguments)]


def in_subprocess(folder: Path, arguments: list[str], **environment: str) -> Ran:
    """Run a command in a folder."""
    done = subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
