"""Peak memory of train.py and test.py, child processes included: 60 and 600 videos, and 10 s and 10 min.

``python -m benchmarks.memory`` renders one synthetic walk, copies its pictures into as many files as are
wanted, each with a title of its own so that their contents differ, and runs the scripts on them with an empty
cache. The aim: 600 videos within 10 % of 60, and a video of 10 minutes within 10 % of one of 10 seconds.

Memory is the sum over the process and its children, read from /proc every few milliseconds (Linux): Rss, in
which pages that processes share count in each of them, and Anonymous, which leaves file pages out. A script
reaches its full size with its first few batches, which a video of 10 s does not fill: ``--short 60`` shows it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tyro

from gait.console import say

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ("angry", "happy", "neutral", "sad")
KINDS = ("Rss", "Anonymous")
EVERY = 0.05


@dataclass(frozen=True)
class MemoryOptions:
    """What is compared."""

    few: int = 60
    """Videos."""
    many: int = 600
    """Videos."""
    short: float = 10.0
    """Seconds of the short video."""
    long: float = 600.0
    """Seconds of the long one."""
    epochs: int = 1
    """Passes over the walks."""
    jobs: int | None = None
    """Worker processes; by default one a core."""
    folder: Path | None = None
    """Where to work; by default a temporary folder."""


def main(options: MemoryOptions) -> None:
    """Make the videos, run the scripts, print megabytes and ratios."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        walk = _render(folder / "walk.mp4")
        counts, lengths = {}, {}
        for count in (options.few, options.many):
            place = folder / f"count-{count}"
            _copies(walk, place / "videos", count)
            _copies(walk, place / "videosTest", count, first=count)
            counts[f"{count} videos"] = _measure(place, options)
        for seconds in (options.short, options.long):
            place = folder / f"length-{seconds:.0f}"
            for i, label in enumerate(CLASSES[:2]):
                _repeat(walk, place / "videos" / label / "a.mp4", 2.0, f"train {i}")
            _repeat(walk, place / "videos" / CLASSES[0] / "long.mp4", seconds, "train long")
            _repeat(walk, place / "videosTest" / CLASSES[0] / "long.mp4", seconds, "test long")
            lengths[f"{seconds:.0f} s"] = _measure(place, options)
        _print("Videos", counts)
        _print("Length of one video", lengths)


# --- Videos ------------------------------------------------------------------------------------------------


def _render(path: Path) -> Path:
    from gait.video import FrameSize, write_video
    from synthesis.render import render
    from synthesis.walks import make_walk

    walk = make_walk("happy", seconds=2.0, size=FrameSize(320, 180))
    write_video(path, render(walk), 30.0)
    return path


def _copies(walk: Path, folder: Path, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        _repeat(walk, folder / CLASSES[number % len(CLASSES)] / f"{number}.mp4", 2.0, str(number))


def _repeat(walk: Path, target: Path, seconds: float, title: str) -> None:
    """The pictures of a video of 2 s, over and over for ``seconds``, not encoded again, under a title."""
    import av

    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(target), "w") as output:
        output.metadata["title"] = title
        stream = None
        for turn in range(max(1, round(seconds / 2.0))):
            with av.open(str(walk)) as source:
                template = source.streams.video[0]
                stream = stream or output.add_stream_from_template(template)
                shift = round(turn * 2.0 / template.time_base)
                for packet in source.demux(template):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    output.mux(packet)


# --- Measuring ---------------------------------------------------------------------------------------------


def _measure(folder: Path, options: MemoryOptions) -> dict[str, dict[str, float]]:
    """Peak megabytes of each kind, of both scripts, with an empty cache."""
    jobs = ("--jobs", str(options.jobs)) if options.jobs else ()
    train = ("train.py", "--epochs", str(options.epochs), "--validation", "0", *jobs)
    return {
        "train.py": _peaks([*train, "--cache", "cache"], folder),
        "test.py": _peaks(["test.py", "--cache", "cache", *jobs], folder),
    }


def _peaks(arguments: list[str], folder: Path) -> dict[str, float]:
    shutil.rmtree(folder / "cache", ignore_errors=True)
    script, *flags = arguments
    command = [sys.executable, str(ROOT / script), *flags]
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        peaks = dict.fromkeys(KINDS, 0.0)
        while process.poll() is None:
            for kind, now in _memory(process.pid).items():
                peaks[kind] = max(peaks[kind], now)
            time.sleep(EVERY)
    if process.returncode:
        raise SystemExit(f"{script} failed:\n" + (folder / "log.txt").read_text(encoding="utf-8")[-3000:])
    return peaks


def _memory(process: int) -> dict[str, float]:
    """Megabytes of a process and all below it."""
    total = dict.fromkeys(KINDS, 0.0)
    for each in _tree(process):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:  # it has just ended
            continue
        for line in lines:
            kind, _, value = line.partition(":")
            if kind in total:
                total[kind] += int(value.split()[0]) / 1024
    return total


def _tree(process: int) -> Iterator[int]:
    yield process
    try:
        for thread in os.listdir(f"/proc/{process}/task"):  # noqa: PTH208 - names are all that is needed
            children = Path(f"/proc/{process}/task/{thread}/children").read_text(encoding="ascii")
            for child in children.split():
                yield from _tree(int(child))
    except OSError:
        return


def _print(title: str, measured: dict[str, dict[str, dict[str, float]]]) -> None:
    (small, first), (large, second) = measured.items()
    say(f"\n{title}, peak MB\n{'':20} {small:>12} {large:>12}  ratio")
    for script in first:
        for kind in KINDS:
            a, b = first[script][kind], second[script][kind]
            say(f"{script:9} {kind:10} {a:12.0f} {b:12.0f} {b / a:6.2f}")


if __name__ == "__main__":
    main(tyro.cli(MemoryOptions, prog="python -m benchmarks.memory", description=__doc__))
