"""What every script shares: a frozen dataclass that makes the flags, ``--config``, and exit codes."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from gait.console import say
from gait.errors import DONE, INTERRUPTED, WRONG_USE, GaitmoodError, is_disk_full

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


def require_positive(options: Any, *names: str) -> None:
    """Refuse numbers of an options dataclass that are not above 0; None, where nothing was given, is none.

    Raises
    ------
    GaitmoodError
        One is not, by its flag.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None and not value > 0:
            flag = name.replace("_", "-")
            raise GaitmoodError(f"--{flag}: a number above 0 was expected, found {value}.")


def write_options(options: Any, path: Path) -> None:
    """Write options so that :func:`read_options`, and so ``--config``, repeats them."""
    from gait.predictions import write_beside  # imports numpy, which --help does without

    write_beside(path, (json.dumps(plain(options), indent=2) + "\n").encode())


def plain(options: Any) -> dict[str, Any]:
    """Options as JSON values."""
    return {name: _plain(value) for name, value in asdict(options).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def read_options(options: type[T], path: Path) -> T:
    """Options from a file that :func:`write_options` wrote.

    Raises
    ------
    GaitmoodError
        The file cannot be read, is not JSON, or holds an unknown option or a value of the wrong kind.
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
    return options(**{name: _typed(path, name, value, hints[name]) for name, value in values.items()})


def _typed(path: Path, name: str, value: Any, hint: Any) -> Any:
    """A JSON value as the kind of value that an option asks for: a type, some types, or some words."""
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_typed(path, name, one, get_args(hint)[0]) for one in value)
    # A hint may hold hints, as Literal["a", "b"] | None does.
    choices = tuple(part for one in (get_args(hint) or (hint,)) for part in (get_args(one) or (one,)))
    if isinstance(value, str) and Path in choices:
        return Path(value)
    # bool is a kind of int to Python and not to a reader; a whole number may stand for a real one.
    whole = type(value) is int and float in choices
    if not (whole or type(value) in choices or (isinstance(value, str) and value in choices)):
        expected = " or ".join("null" if c is NoneType else getattr(c, "__name__", str(c)) for c in choices)
        raise GaitmoodError(f"{path}: {name}: {expected} was expected, found {json.dumps(value)}.")
    return float(value) if whole and int not in choices else value


def run_script(main: Callable[[Sequence[str]], int]) -> None:
    """Run a script's main: messages instead of tracebacks, and an exit code that means something."""
    try:
        code = main(sys.argv[1:])
    except GaitmoodError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        code = error.exit_code
    except (OSError, RuntimeError) as error:
        if (advice := _advice(error)) is None:
            raise
        print(f"error: {error}. {advice}", file=sys.stderr, flush=True)
        code = WRONG_USE
    except KeyboardInterrupt:
        say("\nInterrupted. Nothing is lost: run the same command again to go on from here.")
        code = INTERRUPTED
    sys.exit(code or DONE)


def _advice(error: Exception) -> str | None:
    """What to do about an error of the system; None where it is a mistake of ours."""
    if is_disk_full(error):
        return "The disk is full: free some room and run the same command again."
    if getattr(error, "errno", None) in (errno.EACCES, errno.EROFS):
        return "Give yourself the right to use it, or choose another place."
    if getattr(error, "errno", None) == errno.ENAMETOOLONG:
        return "Choose a shorter name."
    return None
