"""The page's files, served to this computer alone, and a model file beside them."""

import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from harmonium import io
from harmonium._types import PathLike
from harmonium.errors import InputError, reason
from harmonium.lab.bundle import STATIC

HOST, PORT = "127.0.0.1", 8765


class _Server(ThreadingHTTPServer):
    allow_reuse_address = os.name == "posix"  # elsewhere this would let two servers share a port


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A system's own table may say otherwise, and browsers insist.
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript", ".woff2": "font/woff2"}

    def __init__(self, *arguments: Any, model: Path | None) -> None:
        self.model = model
        super().__init__(*arguments, directory=os.fspath(STATIC))

    def handle(self) -> None:
        with suppress(ConnectionError):  # a browser may go away at any time
            super().handle()

    def translate_path(self, path: str) -> str:
        is_model = self.model is not None and unquote(urlsplit(path).path) == f"/{self.model.name}"
        return os.fspath(self.model) if is_model else super().translate_path(path)  # type: ignore[arg-type]

    def list_directory(self, path: Any) -> None:  # noqa: ARG002
        self.send_error(404)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # kept, but asked for again: a new version shows at once
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


def serve(model_path: PathLike | None, port: int | None, open_browser: bool, say: Callable[[str], object]) -> None:
    """Serve the lab until Ctrl-C or a termination signal; `say` is called with one line that names the address.

    Args:
        model_path: a model file, or its run folder, for chapter 6.
        port: if None, 8765 or, where that is taken, another.

    Raises:
        InputError: the model file cannot be used, or the port is taken.
        OSError: the model file cannot be read.
    """
    model, place = None, ""
    if model_path is not None:
        io.load(model_path)
        model = Path(model_path).resolve()
        model = model / "model.safetensors" if model.is_dir() else model
        place = f"?model={quote(model.name)}#images"
    with _listen(port, partial(_Handler, model=model)) as server:
        address = f"http://{HOST}:{server.server_port}/{place}"
        say(f"The lab is open at {address} (Ctrl-C ends it)")
        # Without a screen, Python would open a browser of the terminal's, in the midst of this command's own lines.
        has_screen = os.name == "nt" or sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
        if open_browser and has_screen:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as regular an end as Ctrl-C
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _listen(port: int | None, handler: Any) -> _Server:
    if port is not None and not 1 <= port <= 65535:
        raise InputError(f"port must be a whole number from 1 to 65535, but is {port}")
    try:
        return _Server((HOST, port or PORT), handler)
    except OSError as error:
        if port is not None:
            raise InputError(f"port {port} cannot be used ({reason(error)}); choose another, or none for a free one") from error
        return _Server((HOST, 0), handler)
