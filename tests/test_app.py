"""The web page: from an upload to the answer in a real browser, refusals in words, nothing that leaves the machine."""

from __future__ import annotations

import errno
import http.client
import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import pytest
from browser import Tab, find_browser, open_browser
from small_walks import captured, in_process
from watched_walks import RATE, SIZE, film, model_file, walker_frames

from display.answering import course_of
from display.app_options import AppOptions
from display.page import COLOURS, Page, table_of
from display.serving import address_of, listen, open_server
from gait.errors import GaitmoodError
from gait.model_files import newest
from gait.video import open_video

WAIT = 300  # seconds that a busy machine may take for a step
CLASSES = ("angry", "happy")


def never(*_: object) -> None:
    """For pages that nothing is watched with."""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, pose_models) -> Path:
    """A folder with a model, and videos to pick: a walk, one without anybody, and one that is broken."""
    folder = tmp_path_factory.mktemp("app")
    model_file(folder / "saved_models", "keypoint_lstm").rename(folder / "saved_models" / "tiny.h5")
    film(folder / "upload" / "walk.mp4", walker_frames())
    empty = np.full((SIZE.height, SIZE.width, 3), 90, np.uint8)
    film(folder / "videosTest" / "nobody.mp4", (empty,) * 20)
    (folder / "videosTest" / "broken.mp4").write_bytes(b"no video at all")
    return folder


def options_of(folder: Path, **more) -> AppOptions:
    return AppOptions(saved_models=folder / "saved_models", videos=(folder / "videosTest",), port=0, **more)


@contextmanager
def opened(options: AppOptions) -> Iterator[str]:
    """The page's address, while it is there."""
    with listen(options.host, options.port) as place, open_server(options, place) as server:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        try:
            yield address_of(place)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def address(workplace) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", "replaced")
        with opened(options_of(workplace)) as place:
            yield place


@pytest.fixture(scope="module")
def tab(address, tmp_path_factory) -> Iterator[Tab]:
    find_browser()
    with open_browser(tmp_path_factory.mktemp("profile")) as tab:
        tab.open(address)
        tab.wait_for("document.querySelector('#note p')?.innerText.startsWith('Choose a model')", WAIT)
        yield tab


@dataclass(frozen=True)
class Shown:
    """What stands on the page when a walk has been watched."""

    tab: Tab
    note: str
    said: dict


@pytest.fixture(scope="module")
def shown(tab, workplace) -> Shown:
    tab.give_files("#video input[type=file]", [workplace / "upload" / "walk.mp4"])
    tab.wait_for("!!document.querySelector('#video video')", WAIT)
    watch(tab)
    for name in ("annotated", "skeleton", "turning"):
        tab.wait_for(f"document.querySelector('#{name} video')?.readyState >= 2", WAIT)
    file = tab.save("#save-json", "walk.json", WAIT)
    return Shown(tab, note_of(tab), json.loads(file.read_text(encoding="utf-8")))


def note_of(tab: Tab) -> str:
    return tab.see("document.querySelector('#note').innerText").strip()


def watch(tab: Tab) -> str:
    """Press the button, and read the note that comes."""
    tab.see("document.querySelector('#note p').innerText = 'Starting'")
    tab.click("#watch")
    waiting = "['Starting', 'Starting ...'].includes(document.querySelector('#note p')?.innerText.trim() ?? 'Starting')"
    tab.wait_for(f"!({waiting})", WAIT)
    return note_of(tab)


def pick(tab: Tab, name: str) -> str:
    """Choose a video of the list, and read what is said of it."""
    tab.see("document.querySelector('#pick input').focus()")
    option = (
        f"[...document.querySelectorAll('ul[role=listbox] li')].find(li => li.innerText.includes('{name}'))"
    )
    tab.wait_for(f"!!{option}", WAIT)
    tab.see(f"{option}.dispatchEvent(new MouseEvent('mousedown', {{bubbles: true}}))")
    tab.wait_for(f"document.querySelector('#video video')?.src.includes('{name}')", WAIT)
    return watch(tab)


# --- From upload to result ---------------------------------------------------------------------------------


def test_the_json_is_that_of_predict_py(shown, workplace, tmp_path):
    model = workplace / "saved_models" / "tiny.h5"
    files = ("--json", tmp_path / "p.json", "--output", tmp_path / "p.mp4")
    ran = captured("predict", workplace / "upload" / "walk.mp4", "--model", model, *files)
    assert ran.code == 0, ran.err
    expected = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert shown.said["video"] == expected["video"] | {"name": "walk.mp4"}
    for key in expected.keys() - {"video", "speed"}:
        assert shown.said[key] == expected[key]
    assert len(expected["frames"]) == len(walker_frames())


def test_the_video_that_is_downloaded_is_annotated(shown, workplace):
    with (
        open_video(workplace / "upload" / "walk.mp4") as before,
        open_video(shown.tab.save("#save-video", "walk-annotated.mp4", WAIT)) as after,
    ):
        pairs = [(plain, drawn) for (_, plain), (_, drawn) in zip(before, after, strict=True)]
    plain, drawn = pairs[-1]
    assert drawn[10:20, 10:20].mean() < 0.6 * plain[10:20, 10:20].mean()  # the panel in the corner


def test_the_page_says_what_the_file_says(shown):
    walk = shown.said["walk"]
    # Nobody should rely on a model that was never trained.
    assert walk["doubt"].startswith("none of its windows was answered: unsure; its confidence is below 0.")
    done, warning = shown.note.split("\n")
    assert done == "walk.mp4, watched with tiny.h5"
    assert warning == f"The answer for the whole walk is not to be relied on: {walk['doubt']}."
    words = shown.tab.see("document.querySelector('#label').innerText")
    assert "The whole walk: not to be relied on" in words
    assert walk["label"] in words
    for name, share in walk["probabilities"].items():
        assert name in words
        assert f"{share:.0%}" in words
    story = shown.tab.see("document.querySelector('#story textarea').value")
    assert story.startswith("walk.mp4: 36 frames of 136x240 in 2.3 s of video")
    assert f"walk: {walk['label']}" in story
    assert "written" not in story  # a folder that the user never sees


def test_three_videos_play_and_the_skeletons_follow_the_first(shown):
    tab = shown.tab
    videos = "[...document.querySelectorAll('#annotated video, #skeleton video, #turning video')]"
    for width, height, seconds in tab.see(f"{videos}.map(v => [v.videoWidth, v.videoHeight, v.duration])"):
        assert (width, height) in ((SIZE.width, SIZE.height), (384, 480))
        assert seconds == pytest.approx(len(walker_frames()) / RATE, abs=0.15)
    tab.see(f"{videos}[0].muted = true; {videos}[0].play().then(() => 1)")
    tab.wait_for(f"{videos}.every(v => v.currentTime > 0.3)", WAIT)
    tab.see(f"{videos}[0].pause(); {videos}[0].currentTime = 1")
    tab.wait_for(f"{videos}.every(v => v.paused && v.currentTime == 1 && v.readyState >= 2)", WAIT)
    # Something is in the pictures, and the two skeletons are not the same one.
    spread = f"""{videos}.map(v => {{
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [48, 60];
        canvas.getContext('2d').drawImage(v, 0, 0, 48, 60);
        return [...canvas.getContext('2d').getImageData(0, 0, 48, 60).data];
    }})"""
    pictures = np.array(tab.see(spread), float).reshape(3, 60, 48, 4)[..., :3]
    assert (np.ptp(pictures, axis=(1, 2, 3)) > 80).all()
    assert np.abs(pictures[1] - pictures[2]).max() > 40


def test_the_probabilities_over_time_are_drawn_in_every_class_s_colour(shown):
    drawn = shown.tab.see("document.querySelector('#course').innerHTML").lower()
    for name, colour in zip(shown.said["model"]["classes"], COLOURS, strict=False):
        assert colour in drawn
        assert name in drawn


def test_nothing_is_asked_for_elsewhere(shown, address):
    elsewhere = [a for a in shown.tab.requests if not a.startswith((address, "data:", "blob:", "about:"))]
    assert shown.tab.requests
    assert elsewhere == []
    assert shown.tab.complaints == []
    with urllib.request.urlopen(address) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


# --- Refusals ----------------------------------------------------------------------------------------------


def test_a_broken_video_is_refused_in_words(shown):
    note = pick(shown.tab, "broken.mp4")
    assert note.startswith("broken.mp4: not a readable video (")
    assert shown.tab.see("document.querySelector('#note p').getAttribute('role')") == "alert"
    assert shown.tab.see("document.querySelector('#annotated')?.checkVisibility() ?? false") is False


def test_nobody_in_view_is_said(shown):
    assert pick(shown.tab, "nobody.mp4") == "No answer: nobody was found in view."
    tab = shown.tab
    tab.wait_for("document.querySelector('#annotated video')?.readyState >= 2", WAIT)
    assert "no answer" in tab.see("document.querySelector('#label').innerText")
    visible = "document.querySelector('#NAME')?.checkVisibility() ?? false"
    assert not any(tab.see(visible.replace("NAME", name)) for name in ("skeleton", "turning", "course"))
    assert tab.see(visible.replace("NAME", "annotated"))


def test_a_mistake_of_ours_is_no_silence(shown, monkeypatch, capsys):
    def fail(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("display.answering.answer", fail)
    assert watch(shown.tab).startswith("Something failed that should not have")
    assert "RuntimeError: boom" in capsys.readouterr().err


def test_without_a_video_or_a_model_the_page_says_which_is_missing(workplace, tmp_path):
    page = Page(options_of(workplace), tmp_path)
    with pytest.raises(GaitmoodError, match=r"a walking video was expected\. Upload one"):
        page.watch("tiny.h5", None, never)
    for model in (None, "../elsewhere.h5", str(workplace / "saved_models" / "tiny.h5")):
        with pytest.raises(GaitmoodError, match="a model was expected, none is chosen"):
            page.watch(model, "walk.mp4", never)
    nothing = Page(AppOptions(saved_models=tmp_path), tmp_path)
    with pytest.raises(GaitmoodError, match=r"no model in .* Train one with: python train.py"):
        nothing.watch(None, "walk.mp4", never)


def test_a_model_file_that_cannot_be_used_is_refused(workplace, tmp_path):
    (tmp_path / "broken.h5").write_bytes(b"no model")
    page = Page(AppOptions(saved_models=tmp_path), tmp_path)
    with pytest.raises(GaitmoodError, match=r"broken\.h5"):
        page.watch("broken.h5", str(workplace / "upload" / "walk.mp4"), never)


def test_a_page_that_is_closed_ends_what_is_being_watched(workplace, tmp_path):
    page, heard = Page(options_of(workplace), tmp_path), []

    def tell(share: float, text: str) -> None:
        heard.append((share, text))
        if text.startswith("Watching: frame 1"):
            page.closing.set()

    with pytest.raises(GaitmoodError, match="the page was closed"):
        page.watch("tiny.h5", str(workplace / "upload" / "walk.mp4"), tell)
    assert heard[-1][1].startswith("Watching: frame 1")
    assert [share for share, _ in heard] == sorted(share for share, _ in heard)
    (folder,) = tmp_path.iterdir()
    assert list(folder.iterdir()) == []  # nothing half-written is left


# --- What is offered, and where ----------------------------------------------------------------------------


def test_models_come_newest_first_and_the_named_one_before_them(workplace, tmp_path):
    for age, name in enumerate(("new.h5", "old.h5")):
        file = tmp_path / "saved_models" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes((workplace / "saved_models" / "tiny.h5").read_bytes())
        os.utime(file, (10_000 - age, 10_000 - age))
    assert list(Page(options_of(tmp_path), tmp_path).models()) == ["new.h5", "old.h5"]
    assert newest(tmp_path / "saved_models").name == "new.h5"
    named = workplace / "saved_models" / "tiny.h5"
    assert Page(options_of(tmp_path, model=named), tmp_path).offered_models()["value"] == str(named)


def test_videos_of_the_folders_are_offered_and_nothing_else(workplace, tmp_path):
    (tmp_path / "videosTest" / "sad").mkdir(parents=True)
    for name in ("sad/a.MP4", "b.webm", "labels.csv"):
        (tmp_path / "videosTest" / name).write_bytes(b"")
    offered = Page(options_of(tmp_path), tmp_path).offered_videos()
    folder = tmp_path / "videosTest"
    assert offered == {"choices": [f"{folder}/b.webm", f"{folder}/sad/a.MP4"], "value": None}


def test_the_course_keeps_every_step_and_every_gap():
    said = [None, None, {"angry": 0.2, "happy": 0.8}, {"angry": 0.2, "happy": 0.8}, {"angry": 0.2, "happy": 0.8},
            {"angry": 0.6, "happy": 0.4}, None]  # fmt: skip
    course = course_of([{"time": i / 10, "probabilities": one} for i, one in enumerate(said)])
    assert [seconds for seconds, _ in course] == [0, 0.1, 0.2, 0.4, 0.5, 0.6]
    table = table_of(course, CLASSES)
    angry = table[table.emotion == "angry"]
    np.testing.assert_array_equal(angry.probability, [np.nan, np.nan, 0.2, 0.2, 0.6, np.nan])
    assert list(table[table.emotion == "happy"].seconds) == [seconds for seconds, _ in course]


def test_other_sites_cannot_lead_to_the_page(address):
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    assert host == "127.0.0.1"
    codes = []
    for name in (f"127.0.0.1:{port}", f"localhost:{port}", f"evil.example:{port}"):
        connection = http.client.HTTPConnection(host, int(port), timeout=WAIT)
        connection.request("GET", "/", headers={"Host": name})
        codes.append(connection.getresponse().status)
        connection.close()
    assert codes == [200, 200, 400]


def test_files_beside_the_page_cannot_be_fetched(address, workplace):
    for path in (workplace / "saved_models" / "tiny.h5", workplace / "upload" / "walk.mp4", "/etc/passwd"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}gradio_api/file={path}")
        assert refused.value.code in (403, 404)


# --- From the command line ---------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_named(capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = in_process(capsys, "app", "--port", port)
    assert ran.code == 2
    assert f"--port {port}: something is listening there already" in ran.err
    assert "--port 0 for any that is free" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--port", 70000), "--port: 0 to 65535 was expected, found 70000"),
        (("--host", "192.0.2.1", "--port", 0), "--host 192.0.2.1: not an address of this machine"),
        (("--host", "no such host", "--port", 0), "--host no such host: not an address"),
        (("--model", "gone.h5"), "--model: gone.h5: there is no such file"),
    ],
)
def test_options_that_nothing_can_be_done_with(arguments, words, capsys):
    ran = in_process(capsys, "app", *arguments)
    assert ran.code == 2
    assert words in ran.err


def test_ctrl_c_closes_the_page_and_deletes_what_was_there(workplace, capsys, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "replaced")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    seen, closed = [], threading.Event()

    def interrupt() -> None:
        address = f"http://127.0.0.1:{port}/"
        with urllib.request.urlopen(address, timeout=WAIT) as answer:
            seen.append((answer.status, os.environ["GRADIO_TEMP_DIR"]))
        # An open page keeps a connection.
        with urllib.request.urlopen(f"{address}gradio_api/heartbeat/somebody", timeout=WAIT):
            os.kill(os.getpid(), signal.SIGINT)
            closed.wait(WAIT)

    def wait() -> None:
        while True:
            try:
                return interrupt()
            except urllib.error.URLError as error:
                if error.reason.errno != errno.ECONNREFUSED:
                    raise

    visitor = threading.Thread(target=wait)
    visitor.start()
    ran = in_process(capsys, "app", "--port", port, "--saved-models", workplace / "saved_models")
    closed.set()
    visitor.join()
    assert ran.code == 0, ran.err
    assert f"Open http://127.0.0.1:{port}/ in a browser. Ctrl-C ends it." in ran.out
    assert "The page is closed" in ran.out
    ((status, folder),) = seen
    assert status == 200
    assert Path(folder).is_relative_to(Path(gettempdir()).resolve())
    assert not Path(folder).parent.exists()
    assert ran.err == ""
