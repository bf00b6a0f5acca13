"""The campaign of faults, in short: what it counts must be noughts."""

from __future__ import annotations

import random
import signal

import pytest

from benchmarks import faults

COUNTS = {"runs", "stops", "files", "messages", "second writers", "full disks", "pages closed"}


def assert_harmless(found):
    assert any(found.values())
    assert not {name: number for name, number in found.items() if number and name not in COUNTS}


def test_damaged_files_are_refused():
    assert_harmless(faults.damaged_files(300, random.Random(2)))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_runs_are_not_lost(how):
    with faults.compiled_code():
        assert_harmless(faults.stops(how, 4, random.Random(3)))


@pytest.mark.slow
def test_malformed_messages_are_answered():
    assert_harmless(faults.bad_messages(100, random.Random(4)))


@pytest.mark.slow
def test_two_writers():
    assert_harmless(faults.two_writers())
