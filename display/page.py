"""The web page: what stands on it, and what its choices do. Gradio draws it."""

from __future__ import annotations

import html
import shutil
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pandas as pd

from display.app_options import AppOptions
from gait.errors import BundleError, GaitmoodError
from gait.label_names import list_files
from gait.model_files import model_files
from gait.video import EXTENSIONS

# Gradio is imported where the page is built: it takes seconds, which nobody else who looks into display/ should wait.

TITLE = "Gaitmood: how a walk looks"
INTRODUCTION = """# How does this walk look?
A model looks at a walking video and says which emotion people who rate walks would see in it: how the walk *looks*,
not what the walker feels."""
Tell = Callable[[float, str], None]  # hears the share of the work that is done, and what comes next
HINT = "Choose a model and a walking video, then press Watch."
# Okabe and Ito's colours, which people with any kind of colour vision can tell apart; as many classes as they are.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000")
_ANSWER = "answer-"
_WALK = "The whole walk"
_BESIDE = Path(__file__)
CSS, SCRIPT = _BESIDE.with_name("page.css"), _BESIDE.with_name("page.js")


class Page:
    """One page for all who open it: they wait for each other, one video is watched at a time.

    Parameters
    ----------
    options : AppOptions
        What is offered.
    folder : Path
        Where what is made of the videos lies until the page ends.

    Attributes
    ----------
    closing : threading.Event
        Set it to end what is being watched.
    """

    def __init__(self, options: AppOptions, folder: Path):
        self._options, self._folder = options, folder
        self.closing = threading.Event()

    def models(self) -> dict[str, Path]:
        """Model files by the names that are offered, the first one first."""
        found = {path.name: path for path in reversed(model_files(self._options.saved_models))}
        chosen = self._options.model
        return found if chosen is None else {str(chosen): chosen} | found

    def videos(self) -> dict[str, Path]:
        """Videos by the names that are offered."""
        found: dict[str, Path] = {}
        for folder in filter(Path.is_dir, self._options.videos):
            files, _ = list_files(folder)
            videos = {name: path for name, path in files.items() if name.lower().endswith(EXTENSIONS)}
            found |= {f"{folder}/{name}": path for name, path in videos.items()}
        return found

    def offered_models(self) -> dict[str, Any]:
        """Choices of a list, and the one that is chosen at first."""
        names = list(self.models())
        return {"choices": names, "value": names[0] if names else None}

    def offered_videos(self) -> dict[str, Any]:
        """Choices of a list; none is chosen at first."""
        return {"choices": list(self.videos()), "value": None}

    def watch(self, model: str | None, video: str | None, tell: Tell) -> Any:
        """What is made of the choices, an :class:`display.answering.Answer`.

        Raises
        ------
        GaitmoodError
            Something was not chosen, does not fit, or cannot be read.
        """
        models = self.models()
        if not models:
            raise BundleError(f"no model in {self._options.saved_models}/. Train one with: python train.py")
        if model not in models:
            raise GaitmoodError("a model was expected, none is chosen. Choose one of the list.")
        if video is None:
            raise GaitmoodError("a walking video was expected. Upload one, or pick one of the list.")

        def tell_or_stop(share: float, text: str) -> None:
            if self.closing.is_set():
                raise GaitmoodError("the page was closed.")
            tell(share, text)

        tell(0.0, "Starting TensorFlow")
        from display.answering import answer  # imports it

        for former in self._folder.glob(f"{_ANSWER}*"):  # what the page shows of them, Gradio has copied
            shutil.rmtree(former, ignore_errors=True)
        folder = Path(mkdtemp(prefix=_ANSWER, dir=self._folder))
        return answer(models[model], Path(video), folder, tell_or_stop)


def build(page: Page) -> Any:
    """The page as Gradio's Blocks."""
    import gradio as gr

    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            with gr.Column():
                model = gr.Dropdown(**page.offered_models(), label="Model", elem_id="model")
                pick = gr.Dropdown(**page.offered_videos(), label="Pick a video", elem_id="pick")
                button = gr.Button("Watch", variant="primary", elem_id="watch")
            video = gr.Video(label="or upload one", sources=["upload"], height=260, elem_id="video")
        note = gr.HTML(_words(HINT), elem_id="note")  # progress is shown over it, so it is never empty
        results, shown = _build_results(gr)

    def offer() -> dict[Any, Any]:
        return {model: gr.Dropdown(**page.offered_models()), pick: gr.Dropdown(**page.offered_videos())}

    def watch(model: str | None, video: str | None, progress: Any = gr.Progress()) -> dict[Any, Any]:  # noqa: B008
        answer, said = _outcome(page, model, video, lambda share, text: progress(share, desc=text))
        if answer is None:
            return {note: said}
        values = {shown[name]: value for name, value in _values(gr, answer).items()}
        return {results: gr.Column(visible=True), note: said, **values}

    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    with blocks:
        blocks.load(offer, None, [model, pick], **quiet)
        # By hand only: a value that the page sets itself changes nothing else.
        pick.input(lambda name: str(page.videos()[name].absolute()) if name else None, pick, video, **quiet)
        video.upload(lambda: None, None, pick, **quiet)
        started = button.click(
            lambda: (gr.Column(visible=False), _words("Starting ...")), None, [results, note], **quiet
        )
        started.then(
            watch,
            [model, video],
            [results, note, *shown.values()],
            api_visibility="private",
            show_progress_on=note,
            concurrency_limit=1,
        )
    return blocks


def _outcome(page: Page, model: str | None, video: str | None, tell: Tell) -> tuple[Any, str]:
    """An answer or None, and the words for above it."""
    try:
        answer = page.watch(model, video, tell)
    except GaitmoodError as error:
        return None, _refusal(str(error))
    except Exception:  # the page goes on; without words it would say "Starting ..." for ever
        traceback.print_exc()
        return None, _refusal("Something failed that should not have. The console of app.py says what.")
    if (reason := answer.walk["reason"]) is not None:
        return answer, _refusal(f"No answer: {reason}.")
    done = f"{Path(video).name}, watched with {model}"
    if (doubt := answer.walk["doubt"]) is not None:
        return answer, _refusal(f"{done}\nThe answer for the whole walk is not to be relied on: {doubt}.")
    return answer, _words(done)


def _build_results(gr: Any) -> tuple[Any, dict[str, Any]]:
    """The part of the page that is shown once there is an answer, and its pieces by name."""
    film = {"height": 480, "interactive": False}
    with gr.Column(visible=False, elem_id="results") as results:
        with gr.Row():
            label = gr.Label(label=_WALK, elem_id="label")
            story = gr.Textbox(label="In words", lines=5, interactive=False, elem_id="story")
        # Headings of their own: Gradio's labels lie over the upper left corner, where words stand in the videos.
        with gr.Row():
            video = _titled(gr, "The walk, as it was seen", "annotated", gr.Video, **film)
            skeleton = _titled(gr, "The skeleton, from the camera", "skeleton", gr.Video, **film)
        with gr.Row():
            axes = {"x": "seconds", "y": "probability", "color": "emotion", "y_lim": [0, 1]}
            course = _titled(gr, "Probabilities over time", "course", gr.LinePlot, **axes)
            turning = _titled(
                gr, "The skeleton in three dimensions, from around", "turning", gr.Video, **film
            )
        with gr.Row():
            save_video = gr.DownloadButton("Download the annotated video", elem_id="save-video")
            save_json = gr.DownloadButton("Download the answers (JSON)", elem_id="save-json")
    shown = {"label": label, "story": story, "video": video, "skeleton": skeleton, "course": course}
    return results, shown | {"turning": turning, "save_video": save_video, "save_json": save_json}


def _titled(gr: Any, title: str, name: str, kind: Any, **how: Any) -> Any:
    """A piece below a heading."""
    with gr.Column():
        gr.Markdown(f"### {title}")
        return kind(label=title, show_label=False, elem_id=name, **how)


def _values(gr: Any, answer: Any) -> dict[str, Any]:
    """An answer as values of the pieces."""
    return {
        "label": gr.Label(answer.walk["probabilities"] or "no answer", label=_heading(answer.walk)),
        "story": answer.story,
        "video": str(answer.video),
        "skeleton": gr.Video(_text(answer.skeleton), visible=answer.skeleton is not None),
        "turning": gr.Video(_text(answer.turning), visible=answer.turning is not None),
        "course": gr.LinePlot(
            table_of(answer.course, answer.classes),
            color_map=dict(zip(answer.classes, COLOURS, strict=False)),
            visible=any(said for _, said in answer.course),
        ),
        "save_video": str(answer.video),
        "save_json": str(answer.json),
    }


def _heading(walk: dict[str, Any]) -> str:
    """Above the walk's answer, where it is read with it."""
    return _WALK if walk["doubt"] is None else f"{_WALK}: not to be relied on"


def table_of(course: list[tuple[float, dict[str, float] | None]], classes: tuple[str, ...]) -> pd.DataFrame:
    """A course as rows of ``seconds``, ``probability`` and ``emotion``; without probability where there is none."""
    rows = [(seconds, said and said[name], name) for name in classes for seconds, said in course]
    return pd.DataFrame(rows, columns=["seconds", "probability", "emotion"])


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _words(words: str) -> str:
    return f"<p>{html.escape(words)}</p>"


def _refusal(words: str) -> str:
    return f'<p role="alert">{html.escape(words)}</p>'
