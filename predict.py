#!/usr/bin/env python
"""Watch a video, a folder of them, or a camera with a saved model: annotated video, JSON, CSV, live window."""

from collections.abc import Sequence

from display.predict_options import PredictOptions, spelt_out
from gait.errors import DONE, LEFT_OUT
from gait.options import parse, run_script


def main(argv: Sequence[str]) -> int:
    """Options -> model and sources -> each one watched, drawn and written."""
    options = parse(PredictOptions, spelt_out(argv), "predict.py", __doc__)

    from display.predicting import predict

    predicted = predict(options)
    left_out = any(one.watched is None for one in predicted)
    return LEFT_OUT if options.strict and left_out else DONE


if __name__ == "__main__":
    run_script(main)
