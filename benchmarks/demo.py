"""The demo, seed by seed, and what happens to it when the training labels are shuffled.

``python -m benchmarks.demo FOLDER --seeds 0 1 2`` makes each seed's walkers in FOLDER, trains and tests as `make demo`
does, then trains again on shuffled labels. Prints accuracy with its interval, chance and majority, and the time.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(folder: Path, *command: str) -> None:
    """Run one of the scripts in a folder, its output into a log beside."""
    line = [sys.executable, ROOT / command[0], *command[1:]]
    with (folder / "log.txt").open("a") as log:
        subprocess.run(line, cwd=folder, stdout=log, stderr=log, check=True)


def shuffle_labels(videos: Path, target: Path, seed: int) -> None:
    """A labels.csv in which the walks keep their subjects and draw their labels from a hat."""
    with (videos / "subjects.csv").open() as file:
        rows = list(csv.DictReader(file))
    labels = [Path(row["video"]).parts[0] for row in rows]
    random.Random(seed).shuffle(labels)
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "label", "subject"])
        writer.writerows(
            [row["video"], label, row["subject"]] for row, label in zip(rows, labels, strict=True)
        )


def score(folder: Path, name: str) -> str:
    """Accuracy of a test, in words."""
    report = json.loads((folder / name / "report.json").read_text())["scores"]
    low, high = report["interval"]
    bar = max(100 * b["accuracy"] for b in report["baselines"])
    return (
        f"accuracy {100 * report['accuracy']:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f}), "
        f"majority {bar:.1f} %, chance {100 * report['chance']:.1f} %, {report['walks']} walks: {report['verdict']}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--model", default="cnn_lstm")
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        folder = arguments.folder / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        common = ("--model", arguments.model, "--seed", str(seed))
        start = time.monotonic()
        run(folder, "train.py", "--demo", *common, "--name", "true")
        run(folder, "test.py", "--model", "saved_models/true.h5", "--output", "true")
        print(f"seed {seed}: {score(folder, 'true')}; {time.monotonic() - start:.0f} s", flush=True)
        shuffle_labels(folder / "videos", folder / "shuffled.csv", seed)
        run(folder, "train.py", "--labels", "shuffled.csv", *common, "--name", "shuffled")
        run(folder, "test.py", "--model", "saved_models/shuffled.h5", "--output", "shuffled")
        print(f"seed {seed}, labels shuffled: {score(folder, 'shuffled')}", flush=True)


if __name__ == "__main__":
    main()
