"""What reading costs over bare decoding: ``python -m benchmarks.reading VIDEO...``

In one run, interleaved, so that a busy machine hits all alike: OpenCV's ``grab()`` on one thread, which only
decodes (the floor); ``grab()`` on all cores; our reader at full size; our reader fitted to 80x45. Ours takes
one thread a video, as walks are read in parallel; the first floor is the one to compare it with.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from gait.video import FrameSize, open_video


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--repeat", type=int, default=5, help="rounds over all ways and videos (default 5)")
    options = parser.parse_args(argv)
    seconds, frames = measure(options.videos, options.repeat)
    floor = median(seconds["grab(), one thread"])
    print(f"{'':24}{'s':>8}{'frames/s':>10}{'x floor':>9}{'frames':>8}")
    for way, spent in seconds.items():
        middle = median(spent)
        print(f"{way:24}{middle:8.2f}{frames[way] / middle:10.0f}{middle / floor:9.2f}{frames[way]:8}")


def measure(videos: Sequence[Path], repeat: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of every round and frames of one, by way of reading."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    frames = {}
    for _ in range(repeat):
        for way, read in WAYS.items():
            start = time.perf_counter()
            frames[way] = sum(read(video) for video in videos)
            seconds[way].append(time.perf_counter() - start)
    return seconds, frames


def _grab(path: Path, threads: int | None) -> int:
    import cv2

    settings = [] if threads is None else [cv2.CAP_PROP_N_THREADS, threads]
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, settings)
    count = 0
    while capture.grab():
        count += 1
    capture.release()
    return count


def _read(path: Path, fit: FrameSize | None) -> int:
    with open_video(path, fit) as video:
        for _ in video:
            pass
    return video.frames


WAYS: dict[str, Callable[[Path], int]] = {
    "grab(), one thread": lambda path: _grab(path, 1),
    "grab(), all cores": lambda path: _grab(path, None),
    "open_video, full size": lambda path: _read(path, None),
    "open_video, fit 80x45": lambda path: _read(path, FrameSize(80, 45)),
}


if __name__ == "__main__":
    main()
