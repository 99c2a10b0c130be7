"""A window that shows pictures one after the other, and hears one key: q."""

from __future__ import annotations

import os
import sys

import cv2
import numpy as np

from gait.backend import silent_stderr
from gait.errors import GaitmoodError

_LARGEST = (900, 1200)  # height, width in pixels that a window opens with, at most
_QUIT = (ord("q"), ord("Q"))


class Window:
    """A window with the pictures it is shown; a context manager.

    Parameters
    ----------
    title : str
        Stands on its frame.

    Raises
    ------
    GaitmoodError
        There is no screen, or this OpenCV was built without windows.
    """

    def __init__(self, title: str):
        self._title, self._open = title, False

    def __enter__(self) -> Window:
        # Without a screen OpenCV's window library does not raise: it ends the whole process.
        screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
        if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
            raise GaitmoodError("there is no screen here (DISPLAY is not set). Add --no-window.")
        if not cv2.currentUIFramework():
            raise GaitmoodError(
                "this OpenCV has no windows (opencv-python-headless). Add --no-window, or install opencv-python."
            )
        modules = list(sys.modules)
        if "av" in modules and modules.index("av") < modules.index("cv2"):
            raise RuntimeError(
                "import cv2 before av: OpenCV's windows hang with the libraries that PyAV brings"
            )
        with silent_stderr():  # fonts that it would like to have
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        return self

    def __exit__(self, *_: object) -> None:
        cv2.destroyAllWindows()

    def show(self, picture: np.ndarray) -> bool:
        """Show a picture (H, W, 3) uint8 RGB; False when the user has pressed q or closed the window."""
        if not self._open:
            height, width = picture.shape[:2]
            scale = min(1.0, _LARGEST[0] / height, _LARGEST[1] / width)
            cv2.resizeWindow(self._title, round(width * scale), round(height * scale))
            self._open = True
        cv2.imshow(self._title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        if cv2.waitKey(1) & 0xFF in _QUIT:
            return False
        return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
