"""Starting Keras without its backend's notices."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def start_keras() -> None:
    """Import Keras, and the backend with it, silently.

    TensorFlow's libraries write notices (no CUDA driver, oneDNN is on) straight to the process's standard
    error before any setting of theirs is read. They say nothing to the user of a script.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" in sys.modules:
        return
    with silent_stderr():
        import keras

        keras.ops.zeros(1)  # the device is looked for at the first tensor, with a notice of its own


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Nothing that native libraries write to the process's standard error comes through."""
    sys.stderr.flush()
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)
