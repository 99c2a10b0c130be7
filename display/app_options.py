"""The flags of app.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gait.errors import GaitmoodError

LAST_PORT = 65535


@dataclass(frozen=True)
class AppOptions:
    """What the page offers, and where it is to be found."""

    model: Path | None = None
    """Model file that is chosen when the page opens; by default the newest in saved_models/."""
    saved_models: Path = Path("saved_models")
    """Folder of the model files to choose from."""
    videos: tuple[Path, ...] = (Path("videosTest"), Path("videos"))
    """Folders of the videos to pick from, beside those that are uploaded."""
    host: str = "127.0.0.1"
    """Address that the page listens on. 127.0.0.1 is this machine alone; 0.0.0.0 lets in everybody in its network."""
    port: int = 7860
    """Port that it listens on; 0: any that is free."""

    def __post_init__(self) -> None:
        """Refuse values that nothing could be done with.

        Raises
        ------
        GaitmoodError
            The port is out of its range, or the model file is not there.
        """
        if not 0 <= self.port <= LAST_PORT:
            raise GaitmoodError(f"--port: 0 to {LAST_PORT} was expected, found {self.port}.")
        if self.model is not None and not self.model.is_file():
            raise GaitmoodError(f"--model: {self.model}: there is no such file.")
