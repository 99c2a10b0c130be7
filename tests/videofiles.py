"""Video files with known content, whole and broken, for the tests that read them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from gait.workers import Outcome

CODECS = {".avi": "mpeg4", ".webm": "libvpx"}
OPTIONS = {"libx264": {"preset": "ultrafast"}, "libvpx": {"deadline": "realtime", "cpu-used": "8"}}


def numbered(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A grey frame (H, W, 3) whose eight columns spell a number below 256, white for 1."""
    bits = (number >> np.arange(8)) & 1
    columns = np.repeat(np.where(bits, 235, 20), -(-width // 8))[:width]
    return np.broadcast_to(columns[None, :, None], (height, width, 3)).astype(np.uint8)


def number_of(frame: np.ndarray) -> int:
    """The number that :func:`numbered` spelt."""
    columns = np.array_split(frame.mean(axis=(0, 2)), 8)
    bits = [np.median(column) > 128 for column in columns]
    return int(np.dot(bits, 1 << np.arange(8)))


def write_frames(
    path: Path,
    frames: Sequence[np.ndarray],
    milliseconds: Sequence[int] | None = None,
    *,
    rate: int = 30,
    codec: str | None = None,
    container: str | None = None,
) -> Path:
    """Write frames, each at its own time where ``milliseconds`` are given, in the ending's usual codec."""
    codec = codec or CODECS.get(path.suffix.lower(), "libx264")
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, options=OPTIONS.get(codec, {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if milliseconds is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format="rgb24")
            if milliseconds is not None:
                frame.pts, frame.time_base = milliseconds[i], Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def write_numbered(path: Path, count: int = 30, **how) -> Path:
    """A video of ``count`` numbered frames."""
    return write_frames(path, [numbered(i) for i in range(count)], **how)


def write_long(path: Path, source: Path, times: int) -> Path:
    """The packets of a video of constant rate over and over: a long video, quickly made."""
    with av.open(str(path), "w") as target, av.open(str(source)) as whole:
        stream = target.add_stream_from_template(whole.streams.video[0])
        frames = whole.streams.video[0].frames
        for turn in range(times):
            whole.seek(0)
            for packet in whole.demux(video=0):
                if packet.dts is not None:
                    shift = turn * frames * packet.duration
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    target.mux(packet)
    return path


def write_sound(path: Path) -> Path:
    """A file with one second of silence and no picture."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=44100)
        for _ in range(43):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 44100
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def packets_of(path: Path) -> list[tuple[int, int]]:
    """Where each packet of the video lies in the file, and how long it is."""
    with av.open(str(path)) as file:
        return [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]


def damage(path: Path, which: Sequence[int]) -> Path:
    """Overwrite the named packets' bytes behind their first five with noise."""
    content = bytearray(path.read_bytes())
    noise = np.random.default_rng(0)
    for i in which:
        start, size = packets_of(path)[i]
        content[start + 5 : start + size] = noise.integers(0, 255, size - 5, dtype=np.uint8).tobytes()
    path.write_bytes(content)
    return path


def map_here(function, items, **_) -> Iterator[Outcome]:
    """What gait.workers.map_items does, in this process: for tests that patch what a worker calls."""
    for item in items:
        try:
            yield Outcome(item, function(item))
        except Exception as error:
            yield Outcome(item, error=str(error))


@contextmanager
def mounted_disk(folder: Path) -> Iterator[Path]:
    """A real file system of 256 kB, where one may be mounted; the test is skipped elsewhere."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
