"""The live window, in a process of its own, on a virtual screen."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_walks import command
from watched_walks import RATE, model_file, walker_frames

from gait.video import write_video

SECONDS = 60  # to wait for anything


@pytest.fixture
def screen(tmp_path):
    """A virtual screen, and the file that holds its picture."""
    for program in ("Xvfb", "xdotool"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed here (on Debian: apt-get install xvfb xdotool)")
    if not cv2.currentUIFramework():
        pytest.skip("this OpenCV has no windows (opencv-python-headless)")
    folder = tmp_path / "screen"
    folder.mkdir()
    # It takes the first free number and tells it.
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-fbdir", str(folder)],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    yield f":{number}", folder / "Xvfb_screen0"
    server.terminate()
    server.wait(SECONDS)


def picture_of(path: Path) -> np.ndarray:
    """What a screen shows, (H, W, 3) RGB, from its file in the X window dump format."""
    content = path.read_bytes()
    header = struct.unpack(">25I", content[:100])
    size, width, height, line, colours = header[0], header[4], header[5], header[12], header[19]
    pixels = np.frombuffer(content, np.uint8, offset=size + 12 * colours)[: height * line]
    return pixels.reshape(height, line)[:, : 4 * width].reshape(height, width, 4)[..., 2::-1]


def wait_for(condition, process):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        if (found := condition()) is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"it did not come; exit code {process.poll()}")


def test_the_window_shows_the_walk_and_q_quits(screen, tmp_path, pose_models):
    display, file = screen
    walk, model = tmp_path / "walk.mp4", model_file(tmp_path / "model", "keypoint_lstm")
    write_video(walk, list(walker_frames()) * 40, RATE)  # long enough to be ended before its end
    words = command(
        "predict", "--camera", walk, "--model", model, "--unsure-below", 0, "--json", tmp_path / "w.json"
    )
    process = subprocess.Popen(
        words,
        env={**os.environ, "DISPLAY": display},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        frame = walker_frames()[0]

        def shown():
            corner = picture_of(file)[: frame.shape[0], : frame.shape[1]].astype(int)
            floor = np.abs(
                corner[180:225] - frame[180:225]
            ).mean()  # below the panel and above the frame rate
            return corner if floor < 25 else None

        corner = wait_for(shown, process)
        assert corner[8:14, 8:14].mean() < 0.6 * frame[8:14, 8:14].mean()  # the panel

        def pressed():
            subprocess.run(
                ["xdotool", "search", "--name", "walk.mp4", "key", "q"],
                env={**os.environ, "DISPLAY": display},
                capture_output=True,
                check=False,
            )
            return None if process.poll() is None else True

        end = time.monotonic() + SECONDS
        while pressed() is None and time.monotonic() < end:
            time.sleep(0.3)
        out, _ = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, out
    assert (tmp_path / "w.json").exists()
    used = int(out.split("walk.mp4: ")[1].split(" frames")[0])
    assert 0 < used < len(walker_frames()) * 40
