"""A headless Chromium for the tests, driven through its own protocol over two pipes: nothing else is needed for it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# What else it does on the network by itself.
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
)


def find_browser() -> str:
    """The program; tests that need it are skipped where it is missing."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is installed here (Debian: apt install chromium)")
    return found


@contextmanager
def open_browser(profile: Path, size: tuple[int, int] = (1280, 1000)) -> Iterator[Tab]:
    """A browser with one empty tab, of ``size`` (width, height)."""
    program = find_browser()
    if os.name != "posix":
        pytest.skip("the browser is spoken to over file descriptors 3 and 4, which Windows does not hand on")
    to_browser, from_browser = os.pipe(), os.pipe()
    arguments = (
        "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}",
        f"--window-size={size[0]},{size[1]}", "--autoplay-policy=no-user-gesture-required", *_QUIET,
    )  # fmt: skip
    # The protocol's pipes are 3 and 4, whatever their numbers are here.
    script = f'exec "$0" "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}'
    process = subprocess.Popen(
        ["bash", "-c", script, program, *arguments, "about:blank"],
        pass_fds=(to_browser[0], from_browser[1]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser[0])
    os.close(from_browser[1])
    downloads = profile / "downloads"
    downloads.mkdir()
    tab = Tab(to_browser[1], from_browser[0], downloads)
    try:
        tab.attach()
        yield tab
    finally:
        with contextlib.suppress(OSError, TimeoutError):
            tab.call("Browser.close", seconds=10)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        os.close(to_browser[1])
        os.close(from_browser[0])


class Tab:
    """A page in the browser.

    Attributes
    ----------
    downloads : Path
        Folder where what the page hands out is saved.
    requests : list of str
        Every address that was asked for.
    complaints : list of str
        What was written on its console as an error, and what a script failed with.
    """

    def __init__(self, writing: int, reading: int, downloads: Path):
        self.downloads = downloads
        self._writing, self._reading, self._number = writing, reading, 0
        self._session: str | None = None
        self._left = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(reading, selectors.EVENT_READ)
        self.requests: list[str] = []
        self.complaints: list[str] = []

    def attach(self) -> None:
        """Take the one tab there is."""
        (target,) = [
            t for t in self.call("Target.getTargets", seconds=120)["targetInfos"] if t["type"] == "page"
        ]
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "DOM", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def call(self, method: str, *, seconds: float = 60, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + seconds
        while (said := self._next(until)).get("id") != self._number:
            self._hear(said)
        assert "error" not in said, f"{method}: {said['error']}"
        return said["result"]

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._left:
            if not self._selector.select(max(until - time.monotonic(), 0)):
                raise TimeoutError("the browser says nothing")
            if not (more := os.read(self._reading, 1 << 20)):
                raise TimeoutError("the browser has gone")
            self._left += more
        message, self._left = self._left.split(b"\0", 1)
        return json.loads(message)

    def _hear(self, said: dict[str, Any]) -> None:
        method, facts = said.get("method"), said.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(facts["exceptionDetails"])[:500])
        elif method == "Log.entryAdded" and facts["entry"]["level"] == "error":
            self.complaints.append(f"{facts['entry']['text']} {facts['entry'].get('url')}")

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)

    def see(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited where it is a promise."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait_for(self, script: str, seconds: float = 120) -> Any:
        """The value of an expression as soon as it is true."""
        until = time.monotonic() + seconds
        while not (value := self.see(script)):
            assert time.monotonic() < until, (
                f"never came true: {script}\n{self.see('document.body.innerText')}"
            )
            time.sleep(0.1)
        return value

    def click(self, selector: str) -> None:
        """Press a button."""
        self.wait_for(f"!!document.querySelector({json.dumps(selector)})")
        self.see(f"document.querySelector({json.dumps(selector)}).click()")

    def give_files(self, selector: str, files: Sequence[Path]) -> None:
        """Choose files for a field, as its dialogue does."""
        self.wait_for(f"!!document.querySelector({json.dumps(selector)})")
        found = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        self.call(
            "DOM.setFileInputFiles", files=[str(file) for file in files], objectId=found["result"]["objectId"]
        )

    def save(self, selector: str, name: str, seconds: float = 120) -> Path:
        """Press a button that hands out a file, and wait for the whole of it."""
        self.click(selector)
        until = time.monotonic() + seconds
        while not (file := self.downloads / name).exists() or list(self.downloads.glob("*.crdownload")):
            assert time.monotonic() < until, f"never came: {name}; there is {list(self.downloads.iterdir())}"
            time.sleep(0.1)
        return file

    def shoot(self, path: Path) -> Path:
        """A picture of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path
