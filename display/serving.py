"""The web page from its options to Ctrl-C: a place to listen, a folder that goes with it, a server."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from display.app_options import AppOptions
from display.page import CSS, SCRIPT, Page, build
from gait.console import say, warn
from gait.errors import GaitmoodError

_PATIENCE = 1  # seconds for open pages to hang up
# Nothing that the page is made of, and nothing that it does, leads to another address.
_POLICY = "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'self'"
_SELF = ("127.0.0.1", "localhost", "[::1]")


def serve(options: AppOptions) -> None:
    """Show the page until Ctrl-C.

    Raises
    ------
    GaitmoodError
        The address is not one of this machine, or the port is taken.
    """
    with listen(options.host, options.port) as place:
        say("Starting the page ...")
        with open_server(options, place) as server:
            say(f"Open {address_of(place)} in a browser. Ctrl-C ends it.")
            if not _only_self(place):
                warn(f"--host {options.host}: everybody in this network can open the page and watch with it.")
            with suppress(KeyboardInterrupt):  # how one ends it
                server.run(sockets=[place])
    say("\nThe page is closed; what was uploaded to it is deleted.")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; known to be free before anything slow starts.

    Raises
    ------
    GaitmoodError
        The address is not one of this machine, or the port is taken.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise GaitmoodError(f"--host {host}: not an address ({error}). 127.0.0.1 is this machine.") from error
    try:
        return socket.create_server(address, family=family)
    except OSError as error:
        raise GaitmoodError(_why_not(error, host, port)) from error


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"--port {port}: something is listening there already, perhaps another app.py. End it, or choose another: "
            f"--port {port + 1}, or --port 0 for any that is free."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host}: not an address of this machine. 127.0.0.1 is."
    return f"--host {host} --port {port}: cannot listen there ({error.strerror}). Choose a port from 1024 on."


def address_of(place: socket.socket) -> str:
    """What to type into a browser."""
    host, port = place.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _only_self(place: socket.socket) -> bool:
    return place.getsockname()[0] in ("127.0.0.1", "::1")


@contextmanager
def open_server(options: AppOptions, place: socket.socket) -> Iterator[Any]:
    """A server of the page, to be run on a socket; at the end all that came in or was made is deleted."""
    with TemporaryDirectory(prefix="gaitmood-", ignore_cleanup_errors=True) as name:
        # Where Gradio keeps uploads; by default they would stay after the end.
        folder = Path(name).resolve()
        os.environ["GRADIO_TEMP_DIR"] = str(folder / "gradio")
        page, log = Page(options, folder), logging.getLogger("uvicorn.error")

        def still_open(_: logging.LogRecord) -> bool:
            return not page.closing.is_set()

        log.addFilter(still_open)  # that pages did not hang up by themselves at the end is no error
        try:
            yield _server(page, _application(page, options, place, folder))
        finally:
            log.removeFilter(still_open)


def _server(page: Page, application: Any) -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """Tells the page when it ends: it waits for what is being watched."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            page.closing.set()
            await super().shutdown(sockets)

    how = {"log_level": "error", "access_log": False, "timeout_graceful_shutdown": _PATIENCE}
    return Server(uvicorn.Config(application, **how))


class _Policy:
    """Tells browsers what a page may ask for."""

    def __init__(self, app: Any):
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _POLICY.encode())
                message = {**message, "headers": [*message["headers"], policy]}
            await send(message)

        await self._app(scope, receive, send_with_policy)


def _application(page: Page, options: AppOptions, place: socket.socket, folder: Path) -> Any:
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    outside = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    outside.add_middleware(_Policy)
    if _only_self(place):  # a page of another site that has its name lead here is not this machine
        outside.add_middleware(TrustedHostMiddleware, allowed_hosts=list(_SELF))
    host, port = place.getsockname()[:2]
    return gr.mount_gradio_app(
        outside,
        build(page),
        path="/",
        server_name=host,
        server_port=port,
        allowed_paths=[str(path.absolute()) for path in (folder, *options.videos)],
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css_paths=CSS,
        head=f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>",
    )
