"""What estimating poses costs: milliseconds a frame by part, frames a second with one and two processes,
memory.

    python -m benchmarks.pose VIDEO [VIDEO ...]

Every measurement runs in a fresh process, so that its peak memory is its own. No TensorFlow is loaded.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gait.console import say
from gait.pose.blazepose import BlazePose
from gait.pose.estimators import PoseSettings, check_ready, estimate_video
from gait.pose.weights import load_weights
from gait.video import open_video
from gait.workers import map_items


class _Stopwatch:
    """A finder that measures the one it hands on to."""

    def __init__(self, finder: BlazePose):
        self._finder = finder
        self.spent = {"detector": [0.0, 0], "landmarks": [0.0, 0]}

    def detect(self, *arguments: Any) -> Any:
        return self._measure("detector", self._finder.detect, arguments)

    def locate(self, *arguments: Any) -> Any:
        return self._measure("landmarks", self._finder.locate, arguments)

    def _measure(self, name: str, run: Callable, arguments: Iterable[Any]) -> Any:
        start = time.perf_counter()
        answer = run(*arguments)
        self.spent[name][0] += time.perf_counter() - start
        self.spent[name][1] += 1
        return answer


def measure_parts(path: Path) -> dict[str, float]:
    """Milliseconds of decoding a frame, and of one run of each network with what belongs to it."""
    from gait.pose.tracking import PeopleTracker

    with open_video(path) as video:
        start = time.perf_counter()
        frames = sum(1 for _ in video)
    parts = {"decoding": (time.perf_counter() - start) / frames * 1e3}
    watch = _Stopwatch(BlazePose(load_weights()))
    tracker = PeopleTracker(watch)
    with open_video(path) as video:
        for seconds, frame in video:
            tracker.step(seconds, frame)
    return parts | {name: 1e3 * spent / max(runs, 1) for name, (spent, runs) in watch.spent.items()}


def measure_whole(path: Path, threads: int) -> dict[str, float]:
    """Milliseconds a frame of a whole video, and the process's peak memory in MB."""
    start, cpu = time.perf_counter(), time.process_time()
    sequence = estimate_video(path, PoseSettings(threads=threads))
    spent, cpu = time.perf_counter() - start, time.process_time() - cpu
    assert "tensorflow" not in sys.modules
    return {
        "frames": len(sequence),
        "coverage": sequence.coverage,
        "ms a frame": spent / len(sequence) * 1e3,
        "of processor time": cpu / len(sequence) * 1e3,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure_rate(paths: list[Path], jobs: int) -> float:
    """Frames a second over several videos, the start of the processes counted."""
    start = time.perf_counter()
    frames = sum(len(outcome.value) for outcome in map_items(estimate_video, paths, title="", jobs=jobs))
    return frames / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path)
    videos = parser.parse_args().videos
    check_ready(PoseSettings())
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        parts = pool.apply(measure_parts, (videos[0],))
        wholes = {threads: pool.apply(measure_whole, (videos[0], threads)) for threads in (1, 2)}
    say("  ".join(f"{name} {ms:.1f} ms" for name, ms in parts.items()))
    for threads, whole in wholes.items():
        say(f"{threads} thread(s): " + "  ".join(f"{name} {value:.4g}" for name, value in whole.items()))
    for jobs in (1, 2):
        say(f"{jobs} process(es), {len(videos)} videos: {measure_rate(videos, jobs):.1f} frames/s")


if __name__ == "__main__":
    main()
