"""Pictures one after the other into a file: an .mp4 that browsers play, a .gif, or a folder of .png."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from gait.drawing import to_png
from gait.errors import GaitmoodError, VideoError
from gait.predictions import write_beside
from gait.video import write_video

ENDINGS = (".gif", ".mp4")
# Browsers show a picture of a .gif for a tenth of a second where it asks for less than two hundredths.
GIF_RATE = 50.0
_COLOURS = 255  # of a .gif, which keeps one for "as before"


def write_animation(
    path: Path, frames: Iterable[np.ndarray], rate: float, samples: Sequence[np.ndarray] = ()
) -> int:
    """Write pictures in the form that the path's ending asks for; memory does not grow with their number.

    Parameters
    ----------
    path : Path
        ``.mp4``, ``.gif``, or without ending: a new or empty folder for numbered ``.png`` files.
    frames : iterable of (H, W, 3) uint8
        RGB, all of one size.
    rate : float
        Pictures per second; for a .gif at most :data:`GIF_RATE`.
    samples : sequence of (H, W, 3) uint8
        For a .gif: pictures whose colours stand for those of all.

    Returns
    -------
    int
        Pictures written.

    Raises
    ------
    GaitmoodError
        The ending is another one, there are no pictures, or the disk refuses.
    """
    if path.suffix.lower() == ".mp4":
        return write_video(path, frames, rate)
    if path.suffix.lower() == ".gif":
        return write_gif(path, frames, rate, samples)
    if path.suffix:
        raise GaitmoodError(
            f"{path}: expected a name ending in {' or '.join(ENDINGS)}, or one without ending for .png files"
        )
    return write_pictures(path, frames)


def write_pictures(folder: Path, frames: Iterable[np.ndarray]) -> int:
    """Write ``folder/0001.png`` and so on; returns how many. Errors as of :func:`write_animation`."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for count, frame in enumerate(frames, start=1):
        write_beside(folder / f"{count:04d}.png", to_png(frame))
    if not count:
        raise VideoError(f"no frames to write to {folder}")
    return count


def write_gif(path: Path, frames: Iterable[np.ndarray], rate: float, samples: Sequence[np.ndarray]) -> int:
    """Write an endless .gif, beside its target and then renamed; arguments as of :func:`write_animation`.

    A .gif counts in hundredths of a second: pictures stand for 3, 3 and 4 of them where 30 a second are asked
    for, so that it is as long as it should be.
    """
    if not 0 < rate <= GIF_RATE:
        raise GaitmoodError(
            f"{path}: a .gif shows at most {GIF_RATE:g} pictures a second, asked for {rate:g}"
        )
    quantise = _quantiser(samples)
    part = path.with_name(f".{path.name}.part")
    count = 0
    try:
        options = {"final_delay": str(round(100 / rate))}
        with av.open(str(part), "w", format="gif", options=options) as container:
            stream = None
            for frame in frames:
                stream = stream or _add_stream(container, frame)
                packed = av.VideoFrame.from_ndarray(quantise(frame), format="pal8")
                packed.pts, packed.time_base = round(100 * count / rate), Fraction(1, 100)
                container.mux(stream.encode(packed))
                count += 1
            if stream is None:
                raise VideoError(f"no frames to write to {path}")
            container.mux(stream.encode(None))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _add_stream(container, frame: np.ndarray):
    stream = container.add_stream("gif", rate=100)
    stream.height, stream.width = frame.shape[:2]
    stream.pix_fmt = "pal8"
    stream.codec_context.time_base = Fraction(1, 100)
    return stream


def _quantiser(
    samples: Sequence[np.ndarray],
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Function from a picture to its colours' numbers (H, W) and the palette (256, 4) of alpha and RGB.

    One palette for all, without dithering: what stands still is then the same in every picture, and small.
    """
    from PIL import Image

    if not len(samples):
        raise ValueError("samples of the pictures are needed to choose the colours of a .gif")
    strip = Image.fromarray(np.concatenate(samples))
    palette = strip.quantize(_COLOURS, dither=Image.Dither.NONE)
    table = np.full((256, 4), 255, np.uint8)
    colours = np.array(palette.getpalette(), np.uint8).reshape(-1, 3)[:256]
    table[: len(colours), 1:] = colours

    def quantise(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        packed = Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        return np.asarray(packed), table

    return quantise
