"""The lab's server: whom it answers, what it makes of bad and of too many messages, and how it begins and ends."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import logging
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import harmonium as hm
from harmonium.errors import InputError
from harmonium.lab import answers, connection, server

from .conftest import free_port

CHAPTERS = ("machine", "road", "chain", "uphill", "set", "images")
TABLE = {"ask": "machine.table", "machine": {"weights": [[0.5] * 5] * 5, "a": [0] * 5, "b": [0] * 5}}
SECONDS = 20.0
KEY = base64.b64encode(bytes(16)).decode()


class Client:
    """A page without a browser."""

    def __init__(self, url: str) -> None:
        host = url.removeprefix("http://").rstrip("/")
        self._context = connect(f"ws://{host}/ws", origin=f"http://{host}", max_size=None, compression=None)
        self.socket: ClientConnection = self._context.__enter__()

    def close(self) -> None:
        self._context.__exit__(None, None, None)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def send(self, **message) -> None:
        self.socket.send(json.dumps(message))

    def receive(self) -> dict:
        return json.loads(self.socket.recv(SECONDS))

    def ask(self, **message) -> dict:
        self.send(id=1, **message)
        return self.receive()


@contextmanager
def served_here(monkeypatch=None, **told) -> Iterator[tuple[server.Lab, str]]:
    """A lab in this process, in a thread; it answers `told`, from questions to functions, and nothing else."""
    if told:
        monkeypatch.setattr(answers, "find", lambda name: told[name])
    listener = server.listen(free_port())
    port = listener.getsockname()[1]
    lab = server.Lab(port)
    running = server.uvicorn_server(lab.app)
    thread = threading.Thread(target=lambda: running.run(sockets=[listener]))
    thread.start()
    try:
        yield lab, f"http://127.0.0.1:{port}"
    finally:
        running.should_exit = True
        thread.join(SECONDS)
        listener.close()
        assert not thread.is_alive()


def get(url: str, path: str = "/", **headers: str | None) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One request, its headers as they are given; a header of None is left out."""
    host = url.removeprefix("http://")
    client = http.client.HTTPConnection(host, timeout=SECONDS)
    try:
        client.putrequest("GET", path, skip_host=True)
        for name, value in ({"Host": host} | headers).items():
            if value is not None:
                client.putheader(name.replace("_", "-"), value)
        client.endheaders()
        response = client.getresponse()
        return response.status, response.headers, response.read()
    finally:
        client.close()


def handshake(url: str, **headers: str | None) -> int:
    """The status with which a WebSocket is opened or refused."""
    asked = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}
    return get(url, "/ws", **(asked | headers))[0]


# ---- whom it answers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", "[::1]:{port}"]
)
def test_a_foreign_host_is_refused(lab_url, host):
    host = host.format(port=lab_url.rpartition(":")[2])
    status, _, said = get(lab_url, Host=host)
    assert status == 403
    assert b"only at its own address" in said
    assert handshake(lab_url, Host=host, Origin=lab_url) == 403


def test_its_own_names_are_answered(lab_url):
    port = lab_url.rpartition(":")[2]
    for name in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
        assert get(lab_url, Host=name)[0] == 200
        assert get(lab_url, Host=name, Origin=f"http://{name}")[0] == 200
        assert handshake(lab_url, Host=name, Origin=f"http://{name}") == 101
    assert get(lab_url, Host=None)[0] == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://127.0.0.1", "null", "", None]
)
def test_a_foreign_origin_is_refused(lab_url, origin):
    origin = origin and origin.format(port=lab_url.rpartition(":")[2])
    if origin is not None:
        status, _, said = get(lab_url, Origin=origin)
        assert status == 403
        assert b"only its own pages" in said
    assert handshake(lab_url, Origin=origin) == 403


def test_only_loopback_is_bound():
    with server.listen(free_port()) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        port = listener.getsockname()[1]
        for address in {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
            if not address.startswith("127."):
                with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
                    socket.create_connection((address, port), timeout=1)


def test_headers_let_the_page_use_its_own_files_alone(lab_url):
    _, headers, page = get(lab_url)
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    scripts = re.findall(rb"<script(?![^>]*src=)[^>]*>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 1  # the import map
    digest = base64.b64encode(hashlib.sha256(scripts[0]).digest()).decode()
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    for path in ("/", "/main.js", "/nothing"):
        _, headers, _ = get(lab_url, path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-cache"
        assert "Access-Control-Allow-Origin" not in headers
        assert "Content-Security-Policy" in headers


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/main.js", "text/javascript"),
        ("/vendor/katex/katex.min.js", "text/javascript"),
        ("/style.css", "text/css"),
        ("/icon.svg", "image/svg+xml"),
        ("/vendor/katex/fonts/KaTeX_Main-Regular.woff2", "font/woff2"),
    ],
)
def test_files_are_called_what_they_are(lab_url, path, kind):
    status, headers, _ = get(lab_url, path)
    assert (status, headers.get_content_type()) == (200, kind)


@pytest.mark.parametrize("path", ["/../server.py", "/%2e%2e/server.py", "/..%2fserver.py", "/ui/", "/x"])
def test_nothing_else_is_served(lab_url, path):
    assert get(lab_url, path)[0] == 404


# ---- what it makes of messages


@pytest.mark.parametrize(
    ("text", "number", "said"),
    [
        ("", None, "must be JSON"),
        ("{", None, "must be JSON"),
        ('{"id": 7, "ask": ', 7, "must be JSON"),
        ("[" * 200_000, None, "must be JSON"),
        ('{"id": 1' + "0" * 10_000 + "}", None, "must be JSON"),
        ("[1]", None, "must be a JSON object"),
        ("3", None, "must be a JSON object"),
        ("{}", None, 'must have an "id"'),
        ('{"id": "x"}', None, 'must have an "id"'),
        ('{"id": true}', None, 'must have an "id"'),
        ('{"id": 4}', 4, "must say what it asks"),
        ('{"id": 4, "ask": ["machine.table"]}', 4, "must say what it asks"),
        ('{"id": 4, "ask": "machine.nothing"}', 4, "'machine.nothing' cannot be asked here"),
        ('{"id": 4, "ask": "os.system"}', 4, "'os.system' cannot be asked here"),
        (json.dumps({"id": 4, "ask": "x" * 1000}), 4, "cannot be asked here"),
        ('{"id": 4, "ask": "machine.table"}', 4, "machine must be an object"),
        (
            json.dumps({"id": 4, **TABLE, "temperature": float("nan")}),
            4,
            "temperature must be a number from 0.05 to 20, but is nan",
        ),
        (b"\x00\x01", None, "must be text"),
        (
            json.dumps({"padding": "x" * connection.MOST_BYTES, "id": 9, "ask": "machine.table"}),
            9,
            "at most 1,048,576 characters",
        ),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_bad_message_gets_a_sentence_and_the_page_goes_on(lab_url, text, number, said):
    with Client(lab_url) as page:
        page.socket.send(text)
        answer = page.receive()
        assert answer.keys() == {"id", "error"}
        assert answer["id"] == number
        assert said in answer["error"]
        assert len(answer["error"]) < 200
        assert "answer" in page.ask(**TABLE)


def test_a_message_beyond_all_bounds_ends_its_own_page_alone(lab_url):
    with Client(lab_url) as page, Client(lab_url) as other:
        with suppress(ConnectionClosed):
            page.socket.send("x" * (server.LONGEST_MESSAGE + 1))
        with pytest.raises(ConnectionClosed) as closed:
            page.receive()
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
        assert "answer" in other.ask(**TABLE)


def test_answers_come_in_order(lab_url):
    with Client(lab_url) as page:
        for number in range(100):
            page.send(id=number, **(TABLE if number % 3 else {"ask": "machine.python", "machine": TABLE["machine"]}))
        assert [page.receive()["id"] for _ in range(100)] == list(range(100))


def test_a_flood_is_told_and_slowed(lab_url):
    with Client(lab_url) as page:
        count = int(connection.BURST) + 300
        begun = time.monotonic()
        for number in range(count):
            page.send(id=number, ask="machine.nothing")
        found = [page.receive() for _ in range(count)]
        took = time.monotonic() - begun
        # Every message has its reply, so that no question waits for ever.
        assert sorted(answer["id"] for answer in found) == list(range(count))
        refused = sum(answer["error"] == connection.TOO_FAST for answer in found)
        assert 0 < refused <= count - connection.BURST
        assert took > refused / connection.RATE * 0.9
        time.sleep(0.1)
        assert "answer" in page.ask(**TABLE)


def memory(process: int) -> float:
    """MiB that a process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's memory from /proc")
def test_a_page_that_never_reads_costs_no_memory_and_no_other_page_s_time(serve_lab):
    lab = serve_lab()
    host = f"127.0.0.1:{lab.port}"
    with Client(lab.url) as other:
        assert "answer" in other.ask(**TABLE)
        time.sleep(server.WARM_AFTER + 3)  # the library is imported meanwhile
        before = memory(lab.process.pid)
        rude = socket.create_connection(("127.0.0.1", lab.port))
        rude.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        text = json.dumps({"id": 1, **TABLE, "padding": "x" * 5000}).encode()
        frame = bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2) + bytes(4) + text
        rude.settimeout(1)
        for sent in range(4000):
            try:
                rude.sendall(frame)
            except TimeoutError:
                break
            if sent % 100 == 0:
                begun = time.monotonic()
                assert "answer" in other.ask(**TABLE)
                assert time.monotonic() - begun < 2
        else:
            raise AssertionError("four thousand questions of a page that reads nothing were taken in")
        assert memory(lab.process.pid) - before < 64
        assert "answer" in other.ask(**TABLE)
        rude.close()
    assert lab.stop() == ""


def test_a_slow_answer_holds_up_its_own_page_alone(monkeypatch):
    go, began = threading.Event(), threading.Event()

    def slow(ask):
        began.set()
        assert go.wait(SECONDS)
        return {"slow": True}

    with (
        served_here(monkeypatch, slow=slow, quick=lambda ask: {"mine": ask.params["mine"]}) as (_, url),
        Client(url) as one,
        Client(url) as two,
    ):
        one.send(id=1, ask="slow")
        assert began.wait(SECONDS)
        one.send(id=2, ask="quick", mine="one")
        assert two.ask(ask="quick", mine="two")["answer"] == {"mine": "two"}
        go.set()
        assert [one.receive() for _ in range(2)] == [
            {"id": 1, "answer": {"slow": True}},
            {"id": 2, "answer": {"mine": "one"}},
        ]


class Closing:
    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def test_what_a_page_keeps_is_its_own_and_closed_when_it_goes(monkeypatch):
    made: list[Closing] = []

    def keep(ask):
        known = "thing" in ask.page.keep
        if not known:
            made.append(Closing())
            ask.page.keep |= {"thing": made[-1], "number": 3}
        return {"known": known}

    with served_here(monkeypatch, keep=keep) as (lab, url):
        with Client(url) as one, Client(url) as two:
            assert [one.ask(ask="keep")["answer"]["known"] for _ in range(2)] == [False, True]
            assert two.ask(ask="keep")["answer"]["known"] is False
        for thing in made:
            assert thing.closed.wait(SECONDS)
        page = Client(url)
        page.ask(ask="keep")
    # The server's end is the end of its pages.
    lab.end()
    assert len(made) == 3
    assert made[-1].closed.wait(SECONDS)
    page.close()


@pytest.mark.slow
def test_pushes_come_and_the_oldest_are_dropped_for_a_page_that_does_not_keep_up(monkeypatch):
    def few(ask):
        for number in range(5):
            ask.page.push("news", {"number": number})
        return {}

    def many(ask):
        for number in range(2000):
            ask.page.push("news", {"number": number, "padding": "x" * 100_000})
        return {}

    with served_here(monkeypatch, few=few, many=many) as (_, url), Client(url) as page:
        page.send(id=1, ask="few")
        found = [page.receive() for _ in range(6)]
        assert [message["number"] for message in found if "push" in message] == list(range(5))
        page.send(id=2, ask="many")
        time.sleep(2)
        numbers = []
        while not numbers or numbers[-1] < 1999:
            message = page.receive()
            if "push" in message:
                numbers.append(message["number"])
        assert numbers == sorted(numbers)
        assert len(numbers) < 2000


def test_a_mistake_of_the_lab_is_told_in_words_and_logged_once(monkeypatch, caplog):
    def wrong(ask):
        raise ZeroDivisionError("inside")

    def strange(ask):
        return {"x": object()}

    def empty(ask):
        return {"x": np.array([1.0, np.inf, np.nan]), "y": (np.float32(0.5), np.int64(2), np.bool_(True), math_nan)}

    math_nan = float("nan")
    with (
        caplog.at_level(logging.ERROR),
        served_here(monkeypatch, wrong=wrong, strange=strange, empty=empty) as (_, url),
        Client(url) as page,
    ):
        for name in ("wrong", "wrong", "strange"):
            assert "the lab made a mistake" in page.ask(ask=name)["error"]
        assert page.ask(ask="empty")["answer"] == {"x": [1.0, None, None], "y": [0.5, 2, True, None]}
    assert [record.name for record in caplog.records] == ["harmonium.lab"] * 2
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


def test_too_many_pages_are_refused(monkeypatch):
    monkeypatch.setattr(server, "MOST_PAGES", 3)
    with served_here(monkeypatch, hello=lambda ask: {}) as (_, url):
        pages = [Client(url) for _ in range(3)]
        with pytest.raises(InvalidStatus):
            Client(url)
        pages.pop().close()
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                pages.append(Client(url))
                break
            except InvalidStatus:
                time.sleep(0.05)
        assert [page.ask(ask="hello") for page in pages] == [{"id": 1, "answer": {}}] * 3
        for page in pages:
            page.close()


def test_every_question_begins_with_its_chapter():
    for chapter in answers.CHAPTERS:
        names = answers.of_chapter(chapter)
        assert names
        assert all(name.startswith(f"{chapter}.") and answers.find(name) is answer for name, answer in names.items())


# ---- how it begins and ends


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    full = [sys.executable, "-m", "harmonium", "lab", "--no-browser", *arguments]
    return subprocess.run(full, capture_output=True, text=True, timeout=60)


def assert_refused(done: subprocess.CompletedProcess[str], *said: str) -> None:
    """One line on standard error, nothing else, status 2."""
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert all(part in done.stderr for part in ("harmonium", "error: ", *said)), done.stderr


def test_a_port_in_use_is_told():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert_refused(command("--port", port), f"port {port} cannot be used (Address already in use)", "--port")


@pytest.mark.parametrize("port", ["0", "x"])
def test_a_port_that_is_none_is_told(port):
    assert_refused(command(f"--port={port}"), "--port")


def test_without_a_port_a_free_one_is_found(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(server, "PORT", taken)
        with server.listen(None) as listener:
            assert listener.getsockname()[1] not in (0, taken)
        with pytest.raises(InputError, match="cannot be used"):
            server.listen(taken)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "there is no such model file"), (b"no model", "damaged or no model file")],
)
def test_a_model_file_that_is_none_is_told_before_serving(tmp_path, content, said):
    path = tmp_path / "m.safetensors"
    if content is not None:
        path.write_bytes(content)
    assert_refused(command(str(path)), "m.safetensors", said)


@pytest.mark.slow
def test_a_foreign_safetensors_file_is_told_and_json_is_not_offered(tmp_path):
    from safetensors.numpy import save

    (tmp_path / "model.safetensors").write_bytes(save({"weights": np.zeros((2, 2))}))
    assert_refused(command(str(tmp_path)), "not one that harmonium wrote")
    assert_refused(command("--json"), "--json")


def test_a_model_is_at_hand_for_the_page(serve_lab, tmp_path):
    hm.save(hm.RBM(hm.Binary(np.zeros(3)), hm.Binary(np.zeros(2)), np.zeros((3, 2))), tmp_path / "m.safetensors")
    lab = serve_lab(str(tmp_path / "m.safetensors"))
    with Client(lab.url) as page:
        assert "answer" in page.ask(**TABLE)
    assert lab.stop() == ""
    assert lab.process.returncode == 0


@pytest.mark.parametrize(("sign", "wait"), [(signal.SIGINT, 0.0), (signal.SIGTERM, 0.4)])
def test_it_ends_quickly_and_in_good_order_and_its_port_is_free_at_once(serve_lab, sign, wait):
    lab = serve_lab()
    page = Client(lab.url)
    assert "answer" in page.ask(**TABLE)
    time.sleep(wait)  # the library is being imported then
    begun = time.monotonic()
    assert lab.stop(sign) == ""
    assert time.monotonic() - begun < 5
    assert lab.process.returncode == 0
    assert lab.out == [f"The lab is open at {lab.url}/ (Ctrl-C ends it)\n", "The lab is closed.\n"]
    with pytest.raises(ConnectionClosed):
        page.receive()
    again = serve_lab(port=lab.port)
    with Client(again.url) as page:
        assert "answer" in page.ask(**TABLE)


# ---- in a browser


def test_the_policy_holds(open_page, watch):
    watch.forgive("Content Security Policy")
    page = open_page(bypass_csp=False)
    page.evaluate("document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))")
    assert page.evaluate("window.ran") is None
    refused = "fetch('http://127.0.0.1:1/').then(() => 'sent', error => 'refused')"
    assert page.evaluate(refused) == "refused"
    assert sum("Content Security Policy" in fault for fault in watch.faults) >= 2
