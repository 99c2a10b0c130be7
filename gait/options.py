"""What every script shares: a frozen dataclass that makes the flags, ``--config``, and exit codes."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from gait.console import say
from gait.errors import DONE, INTERRUPTED, WRONG_USE, GaitmoodError

T = TypeVar("T")


def parse(options: type[T], argv: Sequence[str], program: str, description: str) -> T:
    """Options from the command line; ``--config FILE`` gives the defaults, other flags go before it.

    Parameters
    ----------
    options : type
        A frozen dataclass; its fields are the flags, their docstrings the help.
    argv : sequence of str
        Without the program's name.
    """
    import tyro

    rest, config = _take_config(list(argv))
    default = read_options(options, config) if config else options()
    text = f"{description}\n\n--config FILE repeats a run: FILE is the options.json of its folder."
    return tyro.cli(
        options,
        args=rest,
        default=default,
        prog=program,
        description=text,
        config=(tyro.conf.AvoidSubcommands,),
    )


def _take_config(argv: list[str]) -> tuple[list[str], Path | None]:
    for i, word in enumerate(argv):
        if word.startswith("--config="):
            return argv[:i] + argv[i + 1 :], Path(word.removeprefix("--config="))
        if word == "--config":
            if i + 1 == len(argv):
                raise GaitmoodError("--config needs the path of an options.json.")
            return argv[:i] + argv[i + 2 :], Path(argv[i + 1])
    return argv, None


def write_options(options: Any, path: Path) -> None:
    """Write options so that :func:`read_options`, and so ``--config``, repeats them."""
    path.write_text(json.dumps(plain(options), indent=2) + "\n", encoding="utf-8")


def plain(options: Any) -> dict[str, Any]:
    """Options as JSON values."""
    return {name: str(v) if isinstance(v, Path) else v for name, v in asdict(options).items()}


def read_options(options: type[T], path: Path) -> T:
    """Options from a file that :func:`write_options` wrote.

    Raises
    ------
    GaitmoodError
        The file cannot be read, is not JSON, or holds an unknown option.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GaitmoodError(f"{path}: an options.json was expected ({error}).") from error
    known = {field.name for field in fields(options)}
    if not isinstance(values, dict) or (unknown := set(values) - known):
        listed = ", ".join(sorted(unknown)) if isinstance(values, dict) else "no options at all"
        raise GaitmoodError(f"{path}: holds {listed}; known options are {', '.join(sorted(known))}.")
    hints = get_type_hints(options)
    return options(**{name: _typed(value, hints[name]) for name, value in values.items()})


def _typed(value: Any, hint: Any) -> Any:
    return Path(value) if isinstance(value, str) and "Path" in str(hint) else value


def run_script(main: Callable[[Sequence[str]], int]) -> None:
    """Run a script's main: messages instead of tracebacks, and an exit code that means something."""
    try:
        code = main(sys.argv[1:])
    except GaitmoodError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        code = error.exit_code
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(
            f"error: the disk is full ({error}). Free some room and run the same command again.",
            file=sys.stderr,
        )
        code = WRONG_USE
    except KeyboardInterrupt:
        say("\nInterrupted. Nothing is lost: run the same command again to go on from here.")
        code = INTERRUPTED
    sys.exit(code or DONE)
