#!/usr/bin/env python
"""Watch walking videos with a saved model in a web page, which this machine alone can open."""

from collections.abc import Sequence

from display.app_options import AppOptions
from gait.errors import DONE
from gait.options import parse, run_script


def main(argv: Sequence[str]) -> int:
    """Options -> a page, until Ctrl-C."""
    options = parse(AppOptions, argv, "app.py", __doc__)

    from display.serving import serve

    serve(options)
    return DONE


if __name__ == "__main__":
    run_script(main)
