"""What predict.py costs: its parts one by one, and all of it from a file to a file.

``python -m benchmarks.predict VIDEO --model saved_models/x.h5``

The parts run one after the other on one thread, each frame through all of them, so that a busy machine hits all
alike: wall-clock and processor time a frame. The whole is predict.py itself in a process of its own, on the video
played ``--times`` over: frames a second, the time within which 95 % of the frames were done (from the beginning of
reading a frame to the end of writing it), processor time, peak memory. ``--minutes 5`` compares the peak memory of
ten seconds with that of so many minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gait.console import say

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class PredictBenchmark:
    """What is measured."""

    video: Annotated[Path, tyro.conf.Positional]
    """A video of somebody who walks."""
    model: Path
    """A saved model."""
    times: int = 4
    """How often the video is played over for the whole."""
    stride: float = 0.5
    """Seconds from one answer to the next."""
    minutes: float = 0.0
    """Length of the video whose memory is compared with that of ten seconds; 0: none."""


def main(options: PredictBenchmark) -> None:
    """Measure and print."""
    _print_parts(options)
    with tempfile.TemporaryDirectory() as name:
        long = Path(name) / "long.mp4"
        repeat(options.video, long, options.times)
        _print_whole(options, long, Path(name))
        if options.minutes:
            seconds = _seconds(options.video)
            peaks = []
            for length in (10.0, 60 * options.minutes):
                repeat(options.video, long, max(1, round(length / seconds)))
                peaks.append(_run(options, long, Path(name))["peak MB"])
            say(
                f"peak memory of 10 s: {peaks[0]:.0f} MB, of {options.minutes:g} min: {peaks[1]:.0f} MB, "
                f"ratio {peaks[1] / peaks[0]:.2f}"
            )


# --- Parts -------------------------------------------------------------------------------------------------


class _Stopwatches:
    """Wall-clock and processor seconds by name."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        total = self.spent.setdefault(name, [0.0, 0.0, 0])
        for i, value in enumerate((time.perf_counter() - wall, time.process_time() - cpu, 1)):
            total[i] += value


def _print_parts(options: PredictBenchmark) -> None:
    watches, frames, rate = measure_parts(options)
    say(f"{'part':34}{'wall ms':>9}{'processor ms':>14}{'each':>9}")
    totals = [0.0, 0.0]
    for name, (wall, cpu, runs) in watches.spent.items():
        each = "window" if name == "model, its preparation with it" else "frame"
        say(f"{name:34}{wall / runs * 1e3:9.1f}{cpu / runs * 1e3:14.1f}{each:>9}")
        share = 1 / (rate * options.stride) if each == "window" else 1.0
        totals = [
            total + value / runs * 1e3 * share for total, value in zip(totals, (wall, cpu), strict=True)
        ]
    say(
        f"{'all, a window every ' + format(options.stride, 'g') + ' s':34}{totals[0]:9.1f}{totals[1]:14.1f}    frame"
    )
    say(f"on one thread, one after the other: {1e3 / totals[0]:.0f} frames/s ({frames} frames)")


def measure_parts(options: PredictBenchmark) -> tuple[_Stopwatches, int, float]:
    """Stopwatches of each part, the number of frames, and the video's frames per second."""
    from display.annotating import Annotator
    from gait import bundle as bundles
    from gait.pose.estimators import PoseSettings, open_watcher
    from gait.preprocess.windows import sees_frames
    from gait.streaming.frame_window import FrameWindow
    from gait.streaming.judging import judge
    from gait.streaming.looking import look
    from gait.streaming.moments import Moment, Person, Shot, Verdict, Window
    from gait.video import VideoWriter, open_video

    bundle = bundles.load(options.model)
    how, watches, due, times = bundle.record.preprocess, _Stopwatches(), 0.0, []
    draws, shown = Annotator(bundle.record.classes), Verdict()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_video(options.video) as video,
        open_watcher(PoseSettings(getattr(how, "poses", "blazepose"))) as watcher,
        VideoWriter(Path(folder) / "o.mp4", 30, quick=True) as writer,
        FrameWindow(how, keep=False) if sees_frames(how) else tempfile.TemporaryFile() as window,
    ):
        frames = iter(video)
        while True:
            with watches.of("decode"):
                found = next(frames, None)
            if found is None:
                break
            seconds, picture = found
            times.append(seconds)
            with watches.of("pose"):
                watcher.step(seconds, picture)
            if isinstance(window, FrameWindow):
                window.take(Shot(len(times) - 1, seconds, picture, video.fitted(how.size), 0.0))
            if seconds >= due:
                ready = look(watcher, window if sees_frames(how) else None, how.window_seconds, 1)
                windows = [one for one in ready.values() if isinstance(one, Window)]
                if windows:
                    if shown.probabilities is None:
                        judge(bundle, windows, 1)  # the first call compiles
                    with watches.of("model, its preparation with it"):
                        ((_, shown),) = judge(bundle, windows, 1)
                due += options.stride
            track = next(iter(watcher.people(len(times) - 1)), None)
            person = Person(1, shown, None if track is None else track.image[-1])
            with watches.of("drawing"):
                canvas = draws.draw(picture, Moment(0, seconds, (person,)), 30.0)
            with watches.of("encoding"):
                writer.write(canvas, seconds)
    return watches, len(times), (len(times) - 1) / times[-1]


# --- The whole ---------------------------------------------------------------------------------------------


def _print_whole(options: PredictBenchmark, video: Path, folder: Path) -> None:
    found = _run(options, video, folder)
    say(f"\npredict.py, {found['frames']:.0f} frames, reading, drawing and writing the file included:")
    say(
        f"{found['rate']:.1f} frames/s; 95 % of the frames done within {found['latency']:.1f} ms; processor time "
        f"{found['cpu ms']:.1f} ms a frame, start and whole walk included; peak memory {found['peak MB']:.0f} MB"
    )
    say(f"{os.cpu_count()} cores, load before it {found['load']:.1f}")


def _run(options: PredictBenchmark, video: Path, folder: Path) -> dict[str, float]:
    load, facts = os.getloadavg()[0], folder / "facts.json"
    files = ("--output", folder / "o.mp4", "--json", facts, "--overwrite")
    flags = ("--model", options.model.absolute(), "--stride", options.stride, *files)
    command = [sys.executable, str(ROOT / "predict.py"), str(video), *map(str, flags)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"predict.py failed (exit code {os.waitstatus_to_exitcode(status)})")
    said = json.loads(facts.read_text(encoding="utf-8"))
    frames = said["video"]["frames"]
    return {
        "frames": frames,
        "rate": said["speed"]["frames_per_second"],
        "latency": said["speed"]["milliseconds_95"],
        "cpu ms": (usage.ru_utime + usage.ru_stime) / frames * 1e3,
        "peak MB": usage.ru_maxrss / 1024,
        "load": load,
    }


def repeat(source: Path, target: Path, times: int) -> None:
    """The packets of a video over and over, not encoded again."""
    import av

    with av.open(str(target), "w", format="mp4") as output, av.open(str(source)) as video:
        template = video.streams.video[0]
        stream, shift = output.add_stream_from_template(template), 0
        for _ in range(times):
            video.seek(0)
            end = shift
            for packet in video.demux(template):
                if packet.dts is not None:
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    end = max(end, packet.pts + packet.duration)
                    output.mux(packet)
            shift = end


def _seconds(video: Path) -> float:
    from gait.video import open_video

    with open_video(video) as reader:
        return max(seconds for seconds, _ in reader)


if __name__ == "__main__":
    main(tyro.cli(PredictBenchmark, prog="python -m benchmarks.predict", description=__doc__))
