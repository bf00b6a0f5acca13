"""The length of a run with a time: settled by the speed of its updates, whatever compiling took."""

from __future__ import annotations

from harmonium.training import clock
from harmonium.training.clock import FOR_UPDATES, Clock


def at(monkeypatch, now):
    monkeypatch.setattr(clock.time, "monotonic", lambda: now)


def test_compiling_for_longer_than_the_constant_part_does_not_settle_the_length(monkeypatch):
    at(monkeypatch, 0.0)
    run = Clock(None, None, 1.0, cooldown=0.9)
    at(monkeypatch, 20.0)
    run.settle(1, 0, 0.0)
    run.settle(9, 8, 0.1)  # too few to say how fast they are
    assert run.last is None
    assert not run.ended(9)
    at(monkeypatch, 21.0)
    run.settle(109, 108, 1.0)
    assert run.last == run.horizon == 109 + int(FOR_UPDATES * 108 * 39)


def test_the_updates_made_lie_before_the_fall(monkeypatch):
    at(monkeypatch, 0.0)
    run = Clock(None, None, 1.0, cooldown=0.9)
    at(monkeypatch, 50.0)
    run.settle(1000, 1000, 40.0)
    assert 10_000 <= run.last <= 10_001  # 1,000 is a tenth of them, but for rounding


def test_a_run_whose_time_is_over_ends(monkeypatch):
    at(monkeypatch, 0.0)
    run = Clock(None, None, 1.0, cooldown=0.9)
    at(monkeypatch, 61.0)
    run.settle(1, 0, 0.0)
    assert run.ended(1)
