"""Files are written completely or not at all, nothing is replaced unasked, and what killed writers left is removed."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from harmonium.errors import InputError
from harmonium.io.container import write_file


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("umask", [0o000, 0o027])
def test_files_have_the_permissions_of_other_new_files(umask):
    before = os.umask(umask)
    try:
        write_file("x", b"content")
        assert stat.S_IMODE(Path("x").stat().st_mode) == 0o666 & ~umask
        assert os.umask(umask) == umask  # which is the whole process's, and so is left alone
    finally:
        os.umask(before)


def test_nothing_is_overwritten_unasked():
    assert write_file("x", b"first") == Path("x")
    with pytest.raises(FileExistsError, match="exists already"):
        write_file(Path("x"), b"second")
    assert Path("x").read_bytes() == b"first"
    write_file("x", b"second", overwrite=True)
    assert Path("x").read_bytes() == b"second"
    assert os.listdir() == ["x"]


FAILURES = {
    "os.fsync": OSError(errno.ENOSPC, "No space left on device"),
    "os.replace": OSError(errno.EACCES, "Permission denied"),
    "os.fdopen": OSError(errno.EMFILE, "Too many open files"),
    "os.open": OSError(errno.EROFS, "Read-only file system"),
}


@pytest.mark.parametrize("function", FAILURES)
@pytest.mark.parametrize("there_already", [False, True])
def test_a_failure_leaves_the_folder_as_it_was(monkeypatch, function, there_already):
    """Whichever step of writing fails, the old file stays, no new one appears, and no temporary one is left."""
    if there_already:
        write_file("x", b"first")

    def fail(*_, **__):
        raise FAILURES[function]

    with monkeypatch.context() as context:
        context.setattr(function, fail)
        with pytest.raises(OSError, match=f"cannot be written: {FAILURES[function].strerror}: 'x'") as caught:
            write_file("x", b"second", overwrite=True)
    assert type(caught.value) is type(FAILURES[function])
    assert caught.value.filename == "x"
    assert os.listdir() == (["x"] if there_already else [])
    if there_already:
        assert Path("x").read_bytes() == b"first"


def test_an_interruption_leaves_no_temporary_file(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_file("x", b"content")
    assert os.listdir() == []


@pytest.mark.parametrize("path", ["no/such/folder/x.safetensors", "file/x.safetensors", "y" * 300])
def test_places_that_cannot_be_written_to(path):
    Path("file").touch()
    with pytest.raises(OSError, match="cannot be written") as caught:
        write_file(path, b"content", overwrite=True)
    assert caught.value.filename == path
    assert os.listdir() == ["file"]


def test_only_regular_files_are_replaced():
    """Not a folder, a pipe, nor what a symbolic link points to, whether it is there or not."""
    Path("folder").mkdir()
    os.mkfifo("pipe")
    Path("file").write_text("mine")
    os.symlink("file", "link")
    os.symlink("nowhere", "dangling")
    for path, words in {
        "folder": "is a folder",
        "pipe": "is a device or a pipe",
        "/dev/null": "is a device or a pipe",
        "link": "is a symbolic link, which is not replaced",
        "dangling": "is a symbolic link",
    }.items():
        for overwrite in (False, True):
            with pytest.raises(InputError, match=f"{path} {words}"):
                write_file(path, b"content", overwrite=overwrite)
    assert Path("file").read_text() == "mine"
    assert sorted(os.listdir()) == ["dangling", "file", "folder", "link", "pipe"]


def test_what_killed_writers_left_is_removed_by_the_next_of_that_name():
    """But for files that are young or locked by a writer that still lives, and files of other names."""
    stale, young, locked = (f".x.safetensors.{letter * 16}.tmp" for letter in "abc")
    others = [f".x.{'a' * 16}.tmp", f".x.safetensors.bak.{'a' * 16}.tmp", ".x.safetensors.tmp", "x.safetensors.bak"]
    for name in (stale, young, locked, *others):
        Path(name).touch()
        if name != young:
            os.utime(name, (0, 0))
    with open(locked) as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        write_file("x.safetensors", b"content")
        assert sorted(os.listdir()) == sorted([young, locked, *others, "x.safetensors"])
    write_file("x.safetensors", b"content", overwrite=True)
    assert sorted(os.listdir()) == sorted([young, *others, "x.safetensors"])
