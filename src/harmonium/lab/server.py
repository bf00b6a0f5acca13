"""The lab's server: the page's files and one WebSocket a page, for this machine alone.

It listens on the loopback interface, and it answers only pages that it served itself: a foreign Host is refused (another name
for this address, set up to reach it from outside), and so is a foreign Origin (a page of another site in the same browser).
"""

from __future__ import annotations

import base64
import hashlib
import logging
import mimetypes
import os
import re
import signal
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from harmonium.errors import InputError, reason
from harmonium.lab.connection import Connection

STATIC = Path(__file__).parent / "static"
HOST = "127.0.0.1"
PORT = 8765
MOST_PAGES = 64
LONGEST_MESSAGE = 8 << 20
"""A longer message ends its connection; one of more than `connection.MOST_BYTES` is answered with an error."""
WARM_AFTER = 2.0
"""Seconds after which the library is imported even if no page has come."""
PATIENCE = 2.0
"""Seconds that pages get to close what they kept when the server ends."""


def serve(
    model_path: str | os.PathLike[str] | None = None,
    port: int | None = None,
    open_browser: bool = True,
    say: Callable[[str], object] = print,
) -> bool:
    """Serve the lab until Ctrl-C or a termination signal; returns whether all its threads have ended.

    Args:
        model_path: a model file for the page to play with. port: if it is not given, 8765 or, where that is taken, another.
        say: is told, in one line, where the lab is.

    Raises:
        InputError: the model file cannot be used, or the port is taken.
    """
    if model_path is not None:
        from harmonium import io

        io.load(model_path)
        model_path = Path(model_path).resolve()
    listener = listen(port)
    port = listener.getsockname()[1]
    lab = Lab(port, model_path)
    server = uvicorn_server(lab.app)
    address = f"http://{HOST}:{port}/" + ("" if model_path is None else "#images")  # the chapter where a model is played with
    say(f"The lab is open at {address} (Ctrl-C ends it)")
    if open_browser and _has_screen():
        threading.Thread(target=_open, args=(address,), daemon=True).start()
    # The server ends in good order at a signal and then raises it again; a termination is as regular an end as Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if _in_main_thread() else None
    try:
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
        listener.close()
    return lab.end()


def uvicorn_server(app: ASGIApp) -> uvicorn.Server:
    """What runs the application on a socket; quiet, and quick to end."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="websockets-sansio",
        loop="asyncio",
        ws_max_size=LONGEST_MESSAGE,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    return uvicorn.Server(config)


def listen(port: int | None) -> socket.socket:
    """A socket that listens on the loopback interface.

    Raises:
        InputError: the port is out of range, taken or not allowed.
    """
    if port is not None and not 1 <= port <= 65535:
        raise InputError(f"--port must be a whole number from 1 to 65535, but is {port}")
    try:
        return _bound(PORT if port is None else port)
    except OSError as error:
        if port is not None:
            raise InputError(f"port {port} cannot be used ({reason(error)}); choose another with --port") from error
        return _bound(0)


def _bound(port: int) -> socket.socket:
    # The protocol is named, because asyncio sends without delay (40 ms a file) only on a socket that says it is TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere this would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


class Lab:
    """The application that serves the page on one port, and its open pages."""

    def __init__(self, port: int, model_path: Path | None = None) -> None:
        self.model_path = model_path
        self._pages: set[Connection] = set()
        self._left: list[Connection] = []
        self._once = threading.Lock()
        self._warming: threading.Thread | None = None
        for ending, kind in ((".js", "text/javascript"), (".mjs", "text/javascript"), (".woff2", "font/woff2")):
            mimetypes.add_type(kind, ending)  # a system's own table may say otherwise, and browsers insist
        routes = [
            Route("/", self._index),
            WebSocketRoute("/ws", self._talk),
            Mount("/", StaticFiles(directory=STATIC)),
        ]
        self.app: ASGIApp = Guard(Starlette(routes=routes, lifespan=self._lifespan), port)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        timer = threading.Timer(WARM_AFTER, self._warm)
        timer.daemon = True
        timer.start()
        yield
        timer.cancel()

    def _warm(self) -> None:
        """Import the library in the background, once: the first page's first table needs none of it and must not wait."""
        with self._once:
            if self._warming is None:
                self._warming = threading.Thread(target=_import_all, name="lab warm-up", daemon=True)
                self._warming.start()

    async def _index(self, _: Request) -> Response:
        page = (STATIC / "index.html").read_text(encoding="utf-8")
        return HTMLResponse(page, headers={"Content-Security-Policy": content_security_policy(page)})

    async def _talk(self, websocket: WebSocket) -> None:
        if len(self._pages) >= MOST_PAGES:
            await websocket.close(1013, f"at most {MOST_PAGES} pages can be open at once")
            return
        await websocket.accept()
        page = Connection(websocket, self.model_path, self._warm)
        self._pages.add(page)
        try:
            await page.run()
        finally:
            self._pages.discard(page)
            self._left = [left for left in self._left if not left.join(0)] + [page]

    def end(self) -> bool:
        """Close what every page kept; whether that and all else that ran in threads has ended in time."""
        pages = [*self._pages, *self._left]
        for page in pages:
            page.close()
        until = time.monotonic() + PATIENCE
        quiet = all(page.join(max(0.0, until - time.monotonic())) for page in pages)
        return quiet and not (self._warming and self._warming.is_alive())


class Guard:
    """Refuses foreign hosts and origins, and sets the headers that keep a browser from mixing this page with others."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        if port == 80:
            self.hosts |= {HOST, "localhost"}
        self.origins = {f"http://{host}" for host in self.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        why = self._refusal(scope)
        if why is not None and scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close(1008, why)  # before it is accepted: HTTP's 403
            return
        answer: ASGIApp = self.app if why is None else PlainTextResponse(why + "\n", 403)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return "This server answers only at its own address."
        if any(origin.lower() not in self.origins for origin in origins) or len(origins) > 1:
            return "This server answers only its own pages."
        # A browser names the origin of every WebSocket.
        if scope["type"] == "websocket" and not origins:
            return "This server answers only its own pages."
        return None


HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",  # kept, but asked for again: a new version shows at once
}


def content_security_policy(page: str) -> str:
    """Nothing but this server's own files, and of scripts in the page itself only those that it is served with."""
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(["script-src 'self'", *(f"'sha256-{digest}'" for digest in hashes)]),
            "style-src 'self' 'unsafe-inline'",  # formulas are laid out by style attributes
            "img-src 'self' data: blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _import_all() -> None:
    from harmonium.lab import answers

    for chapter in answers.CHAPTERS:
        try:
            answers.of_chapter(chapter)
        except Exception:
            logging.getLogger("harmonium.lab").debug("%s could not be imported early", chapter, exc_info=True)


def _open(address: str) -> None:
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


def _has_screen() -> bool:
    """Without one, Python would open a browser of the terminal's, in the midst of this command's own lines."""
    return os.name == "nt" or sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
