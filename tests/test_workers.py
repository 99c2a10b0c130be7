"""Worker processes: one outcome an item, whatever happens to it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from gait.console import progress_bar
from gait.errors import DiskFullError, VideoError
from gait.workers import map_items, usable_cores

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Result:
    double: int
    work: int


def double(n: int) -> Result:
    return Result(2 * n, work=10)


def misbehave(what: str) -> str:
    """What an item asks for."""
    match what:
        case "reason":
            raise VideoError("nobody walks here")
        case "bug":
            raise ZeroDivisionError("division by zero")
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "leave":
            sys.exit(5)
        case "hang":
            time.sleep(600)
        case "ignore":  # not even SIGTERM ends it
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        case "full":
            raise DiskFullError("the disk is full")
        case "closure":
            return lambda: None
        case "pid":
            time.sleep(0.2)
            return str(os.getpid())
    return f"did {what}"


def outcomes(items, function=misbehave, **how):
    return {o.item: o for o in map_items(function, items, title="Work", jobs=2, **how)}


def test_every_item_has_one_outcome():
    found = list(map_items(double, list(range(25)), title="Doubling", jobs=2))
    assert sorted(o.item for o in found) == list(range(25))
    assert all(o.value.double == 2 * o.item and o.error is None for o in found)


def test_equal_items_are_not_confused():
    found = list(map_items(double, [4, 4, 4], title="Doubling", jobs=2))
    assert [o.value.double for o in found] == [8, 8, 8]


def test_no_items_start_nothing(capfd):
    assert list(map_items(double, [], title="Doubling")) == []
    assert capfd.readouterr().err == ""


def test_one_failure_costs_one_item():
    found = outcomes(["a", "reason", "bug", "exit", "b", "kill", "leave", "closure", "c"])
    assert found["reason"].error == "nobody walks here"
    assert found["bug"].error == "ZeroDivisionError: division by zero"
    assert "died (exit code 3" in found["exit"].error
    assert "died (exit code -9" in found["kill"].error
    assert found["leave"].error == "SystemExit: 5"
    assert "cannot be sent" in found["closure"].error
    for good in "abc":
        assert found[good].value == f"did {good}"
        assert found[good].error is None
    assert [o.value for o in found.values() if o.error] == [None] * 6


def test_a_time_limit_ends_the_item_that_hangs():
    found = outcomes(["a", "hang", "b", "ignore", "c", "d"], timeout=1.0)
    assert found["hang"].error == found["ignore"].error == "took longer than 1 s"
    assert [found[good].value for good in "abcd"] == ["did a", "did b", "did c", "did d"]


def test_the_time_limit_counts_each_item_from_its_own_start():
    # Six items of 0.2 s on one worker under a limit of 0.9 s.
    found = list(map_items(misbehave, ["pid"] * 6, title="Waiting", jobs=1, timeout=0.9))
    assert [o.error for o in found] == [None] * 6


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def group_alive(group: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def test_a_full_disk_stops_all():
    with pytest.raises(DiskFullError, match="the disk is full"):
        outcomes(["full", *["hang"] * 5])


def test_leaving_the_loop_ends_the_workers():
    with contextlib.closing(map_items(misbehave, ["pid"] * 8, title="Work", jobs=2)) as running:
        pid = int(next(running).value)
        assert alive(pid)
    assert not alive(pid)


def test_an_exception_in_the_loop_ends_the_workers():
    pids = []

    def fail():
        with contextlib.closing(map_items(misbehave, ["pid"] * 8, title="Work", jobs=2)) as running:
            for outcome in running:
                pids.append(int(outcome.value))
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert pids
    assert not any(map(alive, pids))


def write_bytes(size: int) -> bytes:
    return bytes(size)


def test_results_and_tasks_larger_than_a_pipe():
    found = list(map_items(write_bytes, [300_000] * 6, title="Large", jobs=2))
    assert [len(o.value) for o in found] == [300_000] * 6
    found = list(map_items(len, [bytes(300_000)] * 6, title="Large", jobs=2))
    assert [o.value for o in found] == [300_000] * 6


class Counted:
    """A result whose living copies can be counted."""

    living: ClassVar[weakref.WeakSet] = weakref.WeakSet()

    def __setstate__(self, state):
        Counted.living.add(self)


def counted(n: int) -> Counted:
    result = Counted()
    result.number = n
    return result


def test_results_that_are_not_fetched_do_not_pile_up():
    most = 0
    for outcome in map_items(counted, list(range(40)), title="Counting", jobs=2):
        time.sleep(0.02)  # a slow consumer: the workers are ahead
        del outcome
        most = max(most, len(Counted.living))
    assert 0 < most <= 6


def test_progress_is_plain_lines_off_a_terminal(capfd):
    list(map_items(double, list(range(6)), title="Reading videos", jobs=2, unit="frames"))
    lines = capfd.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("Reading videos: 6/6, ")
    assert lines[-1].endswith("frames/s")
    assert not any("\r" in line or "\x1b" in line for line in lines)


def test_the_bar_counts_failures_as_done(capfd):
    outcomes(["reason", "a"])
    assert "Work: 2/2" in capfd.readouterr().err


def test_a_plain_bar_speaks_every_ten_seconds(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("gait.console.time.monotonic", lambda: now[0])
    with progress_bar("Reading", 6) as bar:
        for _ in range(6):
            now[0] += 4
            bar.note("9 frames/s")
            bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Reading: 3/6, 12 s, 12 s left  9 frames/s",
        "Reading: 6/6, 24 s, 0 s left  9 frames/s",
        "Reading: 6/6, 24 s, 0 s left  9 frames/s",
    ]


def test_usable_cores():
    assert 1 <= usable_cores() <= os.cpu_count()


def start(tmp_path: Path, body: str) -> subprocess.Popen:
    """A script that maps in its own process group, as a terminal would start it."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(body))
    return subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


MAPPING = """
    import os, sys, time
    from pathlib import Path
    from gait.workers import map_items

    if __name__ == "__mp_main__":  # a worker, which imports this script
        Path(sys.argv[1], f"{os.getpid()}.importing").touch()
        time.sleep(0.5)

    def work(item):
        Path(sys.argv[1], f"{os.getpid()}.pid").touch()
        time.sleep(30)

    if __name__ == "__main__":
        try:
            list(map_items(work, list(range(4000)), title="Work", jobs=2))
        except KeyboardInterrupt:
            print("interrupted")
            sys.exit(130)
"""


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)


@pytest.mark.skipif(os.name == "nt", reason="process groups and signals of POSIX")
@pytest.mark.parametrize("when", ["while workers import", "while working"])
def test_ctrl_c_ends_everything_quietly(tmp_path, when):
    process = start(tmp_path, MAPPING)
    mark = "*.pid" if when == "while working" else "*.importing"
    wait_for(lambda: len(list(tmp_path.glob(mark))) == 2)
    if when == "while workers import":
        # Were they hit, they would end here and not come to work.
        for path in tmp_path.glob(mark):
            os.kill(int(path.stem), signal.SIGINT)
        wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        assert len(list(tmp_path.glob(mark))) == 2
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to every process of the group
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "interrupted\n")
    assert "Traceback" not in err
    assert not any(alive(int(path.stem)) for path in tmp_path.glob("*.importing"))
    wait_for(lambda: not group_alive(process.pid))


@pytest.mark.skipif(os.name == "nt", reason="process groups and signals of POSIX")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    process = start(tmp_path, MAPPING.replace("time.sleep(30)", "time.sleep(0.5)"))
    wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    process.kill()
    process.communicate()
    wait_for(lambda: not group_alive(process.pid))


def test_workers_that_cannot_start_are_an_error_not_a_hang(tmp_path):
    # Without the guard every worker starts the script again and fails.
    process = start(tmp_path, MAPPING.replace('if __name__ == "__main__":', "if True:"))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "a worker process ended before it began to work" in err
