"""The command as a process: signals from its first moment on, and standard streams that are closed, full or unread."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from harmonium.cli import process, run

HARMONIUM = f"{sys.executable} -m harmonium"


def shell(line: str) -> tuple[int, str, str]:
    """The status, output and messages of a line of bash."""
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, check=False, timeout=120)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("command", "stream"),
    [
        ("data", ">&-"),
        ("--version", ">&-"),
        ("", "> /dev/full"),
        ("table --weights '0 0 0 0; 0 0 0 0; 0 0 0 0; 0 0 0 0'", "> /dev/full"),  # more than a buffer holds
    ],
)
def test_output_that_is_lost_is_an_error(command, stream):
    status, _, message = shell(f"{HARMONIUM} {command} {stream}")
    assert status == 2
    words = "the output is not complete: (No space left on device|Bad file descriptor)"
    assert re.fullmatch(rf"harmonium: error: {words}\n", message)


def test_a_reader_that_goes_away_needs_no_word():
    assert shell(f"{HARMONIUM} data | true") == (141, "", "")


@pytest.mark.parametrize("stream", ["2>&-", "2> /dev/full", "<&-"])
def test_messages_that_cannot_be_written_change_nothing(stream):
    status, output, _ = shell(f"{HARMONIUM} --version {stream}")
    assert (status, output[:10]) == (0, "harmonium ")
    assert shell(f"{HARMONIUM} table --weights x {stream}")[0] == 2


def test_no_stream_at_all():
    assert shell(f"{HARMONIUM} data >&- 2>&- <&-") == (2, "", "")


@pytest.mark.parametrize(
    ("seconds", "number", "word", "status"),
    [
        (0.0, "SIGINT", "interrupted", 130),
        (0.7, "SIGINT", "interrupted", 130),
        *(pytest.param(seconds, "SIGINT", "interrupted", 130, marks=pytest.mark.slow) for seconds in (0.2, 2.5)),
        (0.3, "SIGTERM", "terminated", 143),
        pytest.param(2.5, "SIGTERM", "terminated", 143, marks=pytest.mark.slow),
        (0.3, "SIGHUP", "hung up", 129),
    ],
)
def test_signals_while_modules_are_imported_and_while_a_chain_runs(seconds, number, word, status):
    program = """
from harmonium.cli import main, process
open_streams = process.open_streams
process.open_streams = lambda: (open_streams(), print(flush=True))
main()
"""
    command = [sys.executable, "-c", program, "chain", "--weights", "0.5 0.5; 0.5 0.5", "--sweeps", "100000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()  # its handlers are in place
        time.sleep(seconds)
        process.send_signal(getattr(signal, number))
        try:
            output, messages = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, output, messages) == (status, "", f"harmonium: {word}\n")


def test_help_is_what_an_empty_command_line_prints(capsys):
    assert run([]) == 0
    text = capsys.readouterr().out
    assert run(["--help"]) == 0
    assert text == capsys.readouterr().out
    assert "usage: harmonium" in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("Unable to allocate 7 TiB"), "out of memory: Unable to allocate 7 TiB"),
        (MemoryError(), "out of memory: MemoryError"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\nMore"),
            "out of memory: Out of memory allocating",
        ),
        (OSError(5, "Input/output error", "a \x1b[31m file"), r"a \x1b[31m file: Input/output error"),
    ],
)
def test_what_no_check_foresees_is_one_line(capsys, monkeypatch, error, words):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("harmonium.io.load_with_header", fail)
    assert run(["info", "m.safetensors"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"harmonium: error: {words}")
    assert captured.err.count("\n") == 1


def test_what_compiled_code_prints_is_no_output():
    program = "import os; from harmonium.cli import process; process.open_streams(); os.write(1, b'chatter'); print('result')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("result\n", "chatter")


def test_compiled_code_that_was_used_longest_ago_is_removed(tmp_path, monkeypatch):
    for age, (name, size) in enumerate({"new": 40, "empty": 0, "old": 50, "older": 20, "oldest": 5}.items()):
        name += "-cache"
        (tmp_path / name).write_bytes(b"x" * size)
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / "of the user").write_bytes(b"")
    monkeypatch.setattr(process, "MAX_CACHE_BYTES", 100)
    monkeypatch.setenv("HARMONIUM_CACHE", str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    kept = {}
    monkeypatch.setattr("jax.config.update", kept.__setitem__)
    process.keep_compiled_code()
    assert kept["jax_compilation_cache_dir"] == str(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"new-cache", "old-cache", "of the user"}


def test_a_cache_folder_that_cannot_be_made_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HARMONIUM_CACHE", str(tmp_path / "file" / "folder"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setattr("jax.config.update", None)  # which would fail
    process.keep_compiled_code()
