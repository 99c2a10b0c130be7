"""Errors a user can act on, and the exit codes of the scripts."""

import errno
import os
import shutil
from pathlib import Path

DONE = 0
LEFT_OUT = 1
WRONG_USE = 2
NOTHING_USABLE = 3
INTERRUPTED = 130

FILE_FRAME = 150_000  # bytes of an HDF5 file beside its arrays


class GaitmoodError(Exception):
    """An error whose message says what was expected, what was found and what to do.

    The scripts print the message without a traceback and leave with ``exit_code``.
    """

    exit_code = WRONG_USE


class NothingUsableError(GaitmoodError):
    """Nothing is left to work on, for example because no video could be read."""

    exit_code = NOTHING_USABLE


class VideoError(GaitmoodError):
    """One file cannot be used as a walk; the message is the reason, without the file's name."""


class LabelError(GaitmoodError):
    """A label file, or the layout of a labelled folder, cannot be understood."""


class BundleError(GaitmoodError):
    """A model file cannot be used; the message names the file."""


class DiskFullError(GaitmoodError):
    """The disk is full; going on with other walks is of no use."""


class LeakError(GaitmoodError):
    """Walks stand on two sides, and the user asked with ``--strict`` that none does."""


class InterruptedRunError(GaitmoodError):
    """The user stopped a run that can be resumed; the message says how."""

    exit_code = INTERRUPTED


def is_disk_full(error: Exception) -> bool:
    """Whether the disk, or the user's share of it, is full; HDF5 says so in words, without the number."""
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or any(os.strerror(n) in str(error) for n in full)


def require_room(folder: Path, size: int) -> None:
    """Raise DiskFullError where fewer than ``size`` bytes, and a little for a file's frame, are free.

    For files that HDF5 writes: when the disk fills up under it, closing the file fails again, and the process may
    die before anyone can say why.
    """
    needed = size + FILE_FRAME
    if (free := shutil.disk_usage(folder).free) < needed:
        raise DiskFullError(
            f"the disk is full: {folder} has {free / 1e6:.1f} MB free, and the next file takes {needed / 1e6:.1f} MB. "
            "Nothing half-written is left."
        )
