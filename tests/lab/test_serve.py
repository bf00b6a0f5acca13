"""The page served on this computer, and written to a folder: the same files, nothing else, and a clean end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys

import pytest

import harmonium as hm
from harmonium.lab import bundle
from harmonium.lab.serve import STATIC, serve

from .conftest import free_port


def get(url: str, path: str = "/", method: str = "GET") -> tuple[int, http.client.HTTPMessage, bytes]:
    client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    try:
        client.request(method, path)
        response = client.getresponse()
        return response.status, response.headers, response.read()
    finally:
        client.close()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/main.js", "text/javascript"),
        ("/vendor/katex/katex.min.js", "text/javascript"),
        ("/style.css", "text/css"),
        ("/vendor/katex/fonts/KaTeX_Main-Regular.woff2", "font/woff2"),
    ],
)
def test_files_come_with_their_kinds(lab_url, path, kind):
    status, headers, content = get(lab_url, path)
    assert (status, headers.get_content_type()) == (200, kind)
    assert content == (STATIC / (path[1:] or "index.html")).read_bytes()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Frame-Options" not in headers


@pytest.mark.parametrize(
    "path", ["/../serve.py", "/%2e%2e/serve.py", "/..%2fserve.py", "/ui/", "/nothing", "/model.safetensors"]
)
def test_nothing_else_is_served(lab_url, path):
    assert get(lab_url, path)[0] == 404


def test_nothing_is_taken(lab_url):
    assert get(lab_url, "/main.js", "POST")[0] == 501


def test_only_loopback_is_bound(serve_lab):
    port = serve_lab().port
    for address in {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
        if not address.startswith("127."):
            with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
                socket.create_connection((address, port), timeout=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(serve_lab, number):
    lab = serve_lab()
    assert get(lab.url)[0] == 200
    assert lab.stop(number) == ""
    assert lab.process.returncode == 0
    assert lab.out == [f"The lab is open at {lab.url}/ (Ctrl-C ends it)\n", "The lab is closed.\n"]


def test_a_model_lies_beside_the_page(serve_lab, tmp_path):
    path = hm.save(hm.RBM(hm.Binary([0.0]), hm.Binary([0.0]), [[0.5]]), tmp_path / "my model.safetensors")
    lab = serve_lab(str(path))
    assert get(lab.url, "/my%20model.safetensors")[2] == path.read_bytes()
    lab.stop()
    assert "?model=my%20model.safetensors#images" in lab.out[0]


def test_a_wrong_model_or_port_is_told_in_one_line(tmp_path):
    (tmp_path / "not.safetensors").write_bytes(b"no model")
    with pytest.raises(hm.InputError, match=r"not\.safetensors"):
        serve(tmp_path / "not.safetensors", None, False, print)
    with pytest.raises(hm.InputError, match="from 1 to 65535, but is 0"):
        serve(None, 0, False, print)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(hm.InputError, match=r"port \d+ cannot be used"):
            serve(None, taken.getsockname()[1], False, print)


def test_a_taken_port_gives_way_to_a_free_one_unless_it_was_asked_for(monkeypatch):
    port = free_port()
    monkeypatch.setattr("harmonium.lab.serve.PORT", port)
    said = []

    def stop(line):
        said.append(line)
        raise KeyboardInterrupt

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(KeyboardInterrupt):
            serve(None, None, False, stop)
    assert f":{port}/" not in said[0]


def export(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harmonium.lab", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_page_is_exported_whole(tmp_path):
    folder = tmp_path / "site"
    done = export("export", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    names = {os.path.relpath(found, STATIC) for found in STATIC.rglob("*") if found.is_file()}
    written = {os.path.relpath(found, folder) for found in folder.rglob("*") if found.is_file()}
    assert written == names | {"lab.html"}
    assert (folder / "lab.html").read_text(encoding="utf-8") == bundle.page()
    again = export("export", str(folder))
    assert again.returncode == 1
    assert "does not exist yet" in again.stderr
    assert export("exprot", str(folder)).returncode == 2
