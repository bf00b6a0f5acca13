"""A served lab, and pages of it in Debian's Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.lab.waiting import PATIENCE

LOCAL = {"127.0.0.1", "localhost"}


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Served:
    """The command `harmonium lab` as a process: its `url`, its `lines` on standard output and on standard error."""

    def __init__(self, *arguments: str, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "harmonium", "lab", "--no-browser", "--port", str(self.port), *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=lambda stream=stream, lines=lines: lines.extend(stream), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def wait_open(self) -> Served:
        """Until it answers."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self.process.poll() is None, f"the lab ended with {self.process.poll()}: {self.stop()}"
                time.sleep(0.02)
            else:
                return self
        raise AssertionError(f"the lab does not answer: {self.stop()}")

    def stop(self, signal: int | None = None, seconds: float = 20.0) -> str:
        """End it, by SIGTERM or another signal; what it wrote to standard error."""
        if self.process.poll() is None:
            self.process.terminate() if signal is None else self.process.send_signal(signal)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            for reader in self._readers:
                reader.join()
            for stream in (self.process.stdout, self.process.stderr):
                stream.close()
        return "".join(self.err)


@pytest.fixture
def serve_lab() -> Iterator[Callable[..., Served]]:
    """Serve a lab of one's own: `serve_lab(*arguments, port=None)`, ended after the test."""
    served: list[Served] = []

    def start(*arguments: str, port: int | None = None) -> Served:
        served.append(Served(*arguments, port=port))
        return served[-1].wait_open()

    yield start
    for lab in served:
        if lab.process.returncode is None:
            lab.stop()


@pytest.fixture(scope="session")
def lab_url() -> Iterator[str]:
    """The address of a lab that all tests of this process share."""
    lab = Served().wait_open()
    yield lab.url
    said = lab.stop()
    assert not said, f"the lab wrote to standard error: {said}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium; the test is skipped where there is none, but fails in continuous integration.

    Its headless shell takes about half of the processor time of the whole browser.
    """
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        missing = "no Playwright with a Chromium here (pip install harmonium[test]; apt-get install chromium-headless-shell)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    as_root = hasattr(os, "getuid") and os.getuid() == 0
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if as_root else [])
        yield chromium
        chromium.close()


class Watch:
    """What a page does that it must not: console errors, exceptions, requests to anywhere but its own machine."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.forgiven: list[str] = []

    def forgive(self, text: str) -> None:
        """Let faults with this text pass: a test brings them about."""
        self.forgiven.append(text)

    def on_console(self, message: Any) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text} ({message.location.get('url', '')})")

    def on_error(self, error: Any) -> None:
        self.faults.append(f"exception: {error}")

    def on_request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname not in LOCAL:
            self.faults.append(f"a request left this machine: {request.url}")

    def on_response(self, response: Any) -> None:
        if response.status >= 400:
            self.faults.append(f"status {response.status}: {response.url}")

    def unforgiven(self) -> list[str]:
        return [fault for fault in self.faults if not any(text in fault for text in self.forgiven)]


@pytest.fixture
def watch() -> Watch:
    """What the test's pages do wrong; it must be nothing but what `watch.forgive(text)` names."""
    return Watch()


@pytest.fixture
def open_page(browser: Any, watch: Watch, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Open a page of the lab and wait until it stands: `open_page(path="", width=1280, url=None)`.

    Each page has a context of its own, as a private window. `url`: another lab's address than `lab_url`. Further keyword
    arguments go to the browser's context. `bypass_csp` is set, because Playwright's `wait_for_function` evaluates texts, which
    the page's policy forbids; test_page.py holds the policy by itself.
    """
    contexts = []

    def start(path: str = "", width: int = 1280, url: str | None = None, **options: Any) -> Any:
        page = watched_page(browser, watch, width, **{"bypass_csp": True, **options})
        contexts.append(page.context)
        address = request.getfixturevalue("lab_url") if url is None else url
        page.goto(f"{address}/{path.lstrip('/')}")
        wait_ready(page)
        return page

    yield start
    for context in contexts:
        context.close()
    faults = watch.unforgiven()
    assert not faults, "\n".join(faults)


def watched_page(browser: Any, watch: Watch, width: int, **options: Any) -> Any:
    """An empty page in a context of its own, whose faults `watch` notes."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    page.on("console", watch.on_console)
    page.on("pageerror", watch.on_error)
    context.on("request", watch.on_request)
    context.on("response", watch.on_response)
    return page


def wait_ready(page: Any) -> None:
    """Until the page has its first table."""
    page.wait_for_selector("html[data-ready=true]", state="attached")
