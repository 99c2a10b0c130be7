#!/usr/bin/env python
"""Train a model on the walks in videos/ and save it to saved_models/NAME.h5."""

from collections.abc import Sequence
from pathlib import Path

from gait.console import say
from gait.errors import DONE, LEFT_OUT, InterruptedRunError
from gait.options import parse, run_script
from training.options import TrainOptions


def main(argv: Sequence[str]) -> int:
    """Options -> (synthetic walkers) -> training -> validation report -> where the model is."""
    options = parse(TrainOptions, argv, "train.py", __doc__)
    if options.summary:
        from training.summary import summary_lines

        say("\n".join(summary_lines(options)))
        return DONE
    if options.demo:
        _make_demo(options)

    from training.comparing import models_of

    if options.weights is not None and options.epochs == 0:
        return _save_published(options)
    if names := models_of(options):
        return _compare(options, names)
    if options.cross_validate:
        return _cross_validate(options)[0]

    from training.session import train

    result = train(options)
    if result.validation is not None:
        _report_validation(options, result)
    say(f"\nModel: {result.model}\nRun:   {result.folder} ({', '.join(_contents(result.folder))})")
    held_out = any(walk.split == "held-out" for walk in result.record.walks)
    which = " --held-out" if held_out else "   (walks in videosTest/)"
    say(f"Test it with: python test.py --model {result.model}{which}")
    return LEFT_OUT if options.strict and result.left_out else DONE


def _save_published(options: TrainOptions) -> int:
    """Published weights -> a model file, without any training."""
    from training.published import save_as_they_are

    path, description = save_as_they_are(options)
    say(
        f"{description}\n\nModel: {path}\nTest it with: python test.py --model {path}   (walks in videosTest/)"
    )
    return DONE


def _make_demo(options: TrainOptions) -> None:
    from synthesis.dataset import make_demo

    if make_demo(options.videos, Path("videosTest"), seed=options.seed, jobs=options.jobs):
        say(f"Made synthetic walkers in {options.videos}/ and videosTest/.")
    else:
        say(f"{options.videos}/ and videosTest/ hold videos already: no synthetic walkers added.")


def _compare(options: TrainOptions, names: Sequence[str]) -> int:
    """Cross-validation of each model on the same folds -> a table with paired differences."""
    from evaluation.comparison import compare, write_comparison
    from evaluation.finished import read_finished
    from gait.runs import new_run
    from training.comparing import how_to_resume, plan

    done = []
    for planned in plan(options, names):
        try:
            done.append(
                (DONE, planned.folder)
                if planned.finished
                else _cross_validate(planned.options, planned.folder)
            )
        except InterruptedRunError:
            raise InterruptedRunError(
                f"interrupted; finished folds are kept. Go on with: {how_to_resume(options)}"
            ) from None
    comparison = compare([read_finished(folder) for _, folder in done])
    folder = new_run(options.runs, "compare")
    write_comparison(comparison, folder)
    say(f"\n{comparison.text()}\nWritten to {folder}.")
    return max(code for code, _ in done)


def _cross_validate(options: TrainOptions, begun: Path | None = None) -> tuple[int, Path]:
    """Every walk predicted once by a model that never saw its walker -> one report over all of them."""
    from evaluation.repeats import score_repeats
    from evaluation.report import make_report
    from evaluation.report_files import write_report
    from evaluation.report_text import report_text
    from evaluation.strips import mistake_strips
    from gait.agreement import human_agreement
    from gait.cache import Cache
    from gait.pose.estimators import PoseSettings
    from training.cross_validation import certainty, chosen, cross_validate, pooled_floors

    result = cross_validate(options, begun)
    first = result.repeats[0]
    ratings = result.collection.ratings_of(first.names)
    report = make_report(
        first,
        title=f"Cross-validation, {result.protocol}",
        model=f"{result.model} (a fresh one in each of {len(result.folds[0])} folds)",
        human=human_agreement(ratings) if ratings else None,
        left_out=result.left_out,
        leaks=result.leaks,
        floors=pooled_floors(result.folds[0], first.names),
        remarks=result.remarks,
    )
    poses = PoseSettings(options.poses, models=options.pose_models)
    strips = mistake_strips(first, result.collection.samples, Cache(options.cache), poses, report.leaked)
    write_report(report, result.folder, strips)
    say("\n" + report_text(report))
    if words := chosen(result.folds[0]):
        say(f"Chosen inside the training subjects of each fold: {words} folds.")
    say(certainty(result.folds[0]))
    if len(result.repeats) > 1:
        repeats = score_repeats(result.repeats)
        repeats.save_csv(result.folder / "repeats.csv")
        say("\n".join(repeats.lines()))
    poses = ", poses.csv" if (result.folder / "poses.csv").exists() else ""
    say(
        f"\nRun: {result.folder} (report.html, report.txt, report.json, predictions.csv{poses}). No model was saved: "
        "the same command without --cross-validate trains one on all walks."
    )
    return LEFT_OUT if options.strict and result.left_out else DONE, result.folder


def _contents(folder: Path) -> list[str]:
    """What a run left for the user to read; classical models have no curves."""
    files = {"options.json": "options", "log.csv": "log.csv", "curves.png": "curves.png"}
    files |= {"poses.csv": "poses.csv", "validation/report.txt": "validation report"}
    return [words for file, words in files.items() if (folder / file).exists()]


def _report_validation(options: TrainOptions, result) -> None:
    from evaluation.auditing import find_validation_leaks
    from evaluation.report import make_report
    from evaluation.report_files import write_report
    from evaluation.report_text import report_text
    from evaluation.strips import mistake_strips, poses_used
    from gait.agreement import human_agreement
    from gait.cache import Cache

    report = make_report(
        result.validation,
        title=f"Validation walks ({result.record.validation['note']})",
        model=result.record.architecture,
        training_majority=result.record.training_majority,
        human=human_agreement(result.ratings) if result.ratings else None,
        leaks=find_validation_leaks(result.record),
        floors=result.floors,
    )
    poses = poses_used(result.record.preprocess)
    strips = mistake_strips(result.validation, result.samples, Cache(options.cache), poses, report.leaked)
    curves = result.folder / "curves.png"
    pictures = {"Training": curves.read_bytes()} if curves.exists() else {}
    write_report(report, result.folder / "validation", strips, pictures)
    say("\n" + report_text(report))


if __name__ == "__main__":
    run_script(main)
