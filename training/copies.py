"""Copies among the walks to train on, and of them in the folder to test on: found before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gait.cache import Cache
from gait.console import say
from gait.errors import GaitmoodError, LeakError
from gait.fingerprint.taking import Taken, take_prints
from gait.formats import KeypointOptions
from gait.labels import Collection, Sample, find_samples
from gait.leaks import Leak, Traced, find_leaks, limits, reasons
from gait.options import plain
from gait.preprocess import KINDS, Walk
from gait.preprocess.poses import pose_settings_of
from training.options import TrainOptions

TEST_FOLDER = Path("videosTest")
_LISTED = 10


@dataclass(frozen=True)
class Traces:
    """What walks can be recognised by, and which of them are copies of each other.

    Attributes
    ----------
    prints : mapping of str to bytes
        Packed fingerprints by content hash.
    copies : tuple of Leak
        Among the walks.
    """

    prints: Mapping[str, bytes] = field(default_factory=dict)
    copies: tuple[Leak, ...] = ()


def trace(how: Any, walks: Sequence[Walk], cache: Cache, jobs: int | None) -> Traces:
    """Take the fingerprints of walks and find the copies among them."""
    samples = [walk.sample for walk in walks]
    contents = [walk.content for walk in walks]
    taken = take_prints(samples, cache, jobs, pose_settings_of(how), contents)
    traced = _traced(samples, taken)
    prints = {one.content: one.packed for one in taken if one.packed}
    return Traces(prints, tuple(find_leaks(traced, traced)))


def keep_together(samples: Sequence[Sample], copies: Sequence[Leak]) -> tuple[Sample, ...]:
    """Samples of which copies are known for one recording, so that no split parts them.

    A copy whose subject is unknown gets that of the other.
    """
    owner = {sample.name: sample.name for sample in samples}
    subjects = {sample.name: sample.subject for sample in samples}

    def first(name: str) -> str:
        return name if owner[name] == name else first(owner[name])

    for copy in copies:
        one, other = sorted((first(copy.walk), first(copy.known)), key=list(owner).index)
        owner[other] = one
        subjects[one] = subjects[one] or subjects[other]
    named = {name: first(name) for name in owner}
    count = Counter(named.values())
    return tuple(
        replace(sample, recording=named[sample.name], subject=sample.subject or subjects[named[sample.name]])
        if count[named[sample.name]] > 1
        else sample
        for sample in samples
    )


def together(
    walks: Sequence[Walk], collection: Collection, copies: Sequence[Leak]
) -> tuple[tuple[Walk, ...], Collection]:
    """Walks and the collection they are from, with samples as :func:`keep_together` makes them."""
    samples = {sample.name: sample for sample in keep_together([walk.sample for walk in walks], copies)}
    kept = tuple(replace(walk, sample=samples[walk.sample.name]) for walk in walks)
    everything = tuple(samples.get(sample.name, sample) for sample in collection.samples)
    return kept, replace(collection, samples=everything)


def say_copies(copies: Sequence[Leak], samples: Sequence[Sample], strict: bool) -> None:
    """Name the copies among the walks, and what contradicts itself in them.

    Raises
    ------
    LeakError
        With ``strict``, where one recording is said to be of two people: no split can keep it on one side.
    """
    known = {sample.name: sample for sample in samples}
    for copy in copies[:_LISTED]:
        say(f"  copy: {copy.walk}: {copy.why()}{_contradiction(known[copy.walk], known[copy.known])}")
    if len(copies) > _LISTED:
        say(f"  and {len(copies) - _LISTED} more copies; python -m evaluation.audit FOLDER lists them all")
    two = [
        copy for copy in copies if len({known[copy.walk].subject, known[copy.known].subject} - {None}) == 2
    ]
    _report(two, "said to be of two people", strict)


def _contradiction(one: Sample, other: Sample) -> str:
    pairs = (("labels", one.label, other.label), ("subjects", one.subject, other.subject))
    against = [f"{what} '{a}' and '{b}'" for what, a, b in pairs if None not in (a, b) and a != b]
    return f"; their {' and '.join(against)} contradict each other" if against else ""


def check_sides(parts: Sequence[Sequence[Walk]], copies: Sequence[Leak], strict: bool) -> None:
    """Name copies that the split parts, which only a label file can make it do.

    Raises
    ------
    LeakError
        With ``strict``, where there are some.
    """
    side = {walk.sample.name: number for number, part in enumerate(parts) for walk in part}
    _report(
        [copy for copy in copies if side[copy.walk] != side[copy.known]], "on two sides of the split", strict
    )


def check_test_folder(
    walks: Sequence[Walk], traces: Traces, how: Any, options: TrainOptions, cache: Cache
) -> None:
    """Name the walks in videosTest/, where there are some, that will not be new to the model.

    Raises
    ------
    LeakError
        With ``--strict``, where there are some.
    """
    if not TEST_FOLDER.is_dir() or TEST_FOLDER.resolve() == options.videos.resolve():
        return
    said = replace(KeypointOptions.of_run(plain(options)), labels=False)
    keypoints = said if KINDS[how.kind].keypoints else None
    try:
        tested = find_samples(TEST_FOLDER, keypoints=keypoints).samples
    except GaitmoodError:  # test.py says what is wrong with it
        return
    taken = take_prints(tested, cache, options.jobs, pose_settings_of(how))
    known = [
        Traced(walk.sample.name, walk.content, walk.sample.subject, traces.prints.get(walk.content, b""))
        for walk in walks
    ]
    walks_there = _traced(tested, taken)
    for line in limits(walks_there, known):
        say(f"  {TEST_FOLDER}/: {line}")
    leaks = find_leaks(walks_there, known)
    _report(leaks, f"in {TEST_FOLDER}/ will not be new to the model", options.strict)


def _report(leaks: Sequence[Leak], where: str, strict: bool) -> None:
    if not leaks:
        return
    why = reasons(leaks)
    lines = [f"LEAK: {len(why)} walk{'s' * (len(why) != 1)} {where}:"]
    lines += [f"  {name}: {reason}" for name, reason in list(why.items())[:_LISTED]]
    if len(why) > _LISTED:
        lines.append(f"  and {len(why) - _LISTED} more")
    if strict:
        raise LeakError("\n".join([*lines, "--strict refuses to train so: take one of each pair out."]))
    say("\n".join(lines))


def _traced(samples: Sequence[Sample], taken: Sequence[Taken]) -> list[Traced]:
    return [
        Traced(sample.name, one.content, sample.subject, one.packed)
        for sample, one in zip(samples, taken, strict=True)
    ]
