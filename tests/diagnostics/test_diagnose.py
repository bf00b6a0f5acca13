"""All diagnostics together, and bad input."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from statistics_of_tests import z_limit

import harmonium as hm
from harmonium import diagnostics


def test_the_report_has_a_verdict_on_everything(quick):
    rbm, data, _ = quick
    stages = []
    # Trained on one row only, as far as the report knows.
    train = np.repeat(data[:1], 80, axis=0)
    report = diagnostics.diagnose(
        rbm, data[:100], train, chains=100, sweeps=300, rungs=3, progress=lambda stage, _: stages.append(stage)
    )
    assert report.accuracy.verdict.ok
    assert len(stages) == 4
    assert [verdict.name for verdict in report.verdicts] == [
        "relaxation",
        "mixing",
        "tempering",
        "Gibbs against tempering",
        "overfitting",
        "adversarial accuracy",
        "leak",
        "hidden units",
        "spectrum",
    ]
    assert report.drawn == "independently, with no chain"
    names = [verdict.name for verdict in diagnostics.diagnose(rbm, data, chains=100, sweeps=300, rungs=3).verdicts]
    assert "overfitting" not in names
    assert "leak" not in names


def test_rows_of_a_large_model_are_drawn_by_chains(quick, monkeypatch):
    rbm, data, _ = quick
    monkeypatch.setattr(import_module("harmonium.diagnostics.diagnose"), "EXACT_SECONDS", 0)
    report = diagnostics.diagnose(rbm, data, chains=100, sweeps=300, rungs=3)
    assert "Gibbs chains of 300 sweeps" in report.drawn
    accuracy = report.accuracy
    assert abs(accuracy.accuracy - accuracy.expected) < z_limit(1) * accuracy.standard_error


def test_bad_input(two_by_two):
    rows = np.zeros((3, 2))
    for call, words in (
        (lambda: diagnostics.relaxation(two_by_two, rows[:, :1]), "2 columns"),
        (lambda: diagnostics.relaxation(two_by_two, rows[:0]), "at least 1"),
        (lambda: diagnostics.relaxation(two_by_two, rows + np.nan), "finite"),
        (lambda: diagnostics.relaxation(two_by_two, rows, chains=1), "chains must be a whole number of at least 2"),
        (lambda: diagnostics.relaxation(two_by_two, rows, sweeps=19), "sweeps must be a whole number of at least 20"),
        (lambda: diagnostics.relaxation(two_by_two, rows, seed=-1), "seed"),
        (lambda: diagnostics.relaxation("machine", rows), "must be a harmonium.RBM"),
        (lambda: diagnostics.swaps(two_by_two, steps=1), "steps"),
        (lambda: diagnostics.swaps(two_by_two, rungs=1), "rungs"),
        (lambda: diagnostics.free_energy_gap(two_by_two, rows, rows[:1]), "held_out must have shape .* at least 2"),
        (lambda: diagnostics.free_energy_gap(two_by_two, rows + 0.5, rows), "train has 0.5"),
        (lambda: diagnostics.adversarial_accuracy(rows, rows[:, :1]), "the same number of columns"),
        (lambda: diagnostics.adversarial_accuracy(rows[:1], rows), "real must have shape"),
        (lambda: diagnostics.adversarial_accuracy(rows, rows * np.nan), "synthetic must hold finite numbers"),
        (lambda: diagnostics.hidden_units(two_by_two, rows[0]), "must have shape"),
        (lambda: diagnostics.spectrum(two_by_two, rows[:1]), "at least 2"),
        (lambda: diagnostics.diagnose(two_by_two, rows, rows[:, :1]), "train must have 2 columns"),
        (lambda: diagnostics.diagnose(two_by_two, rows, chains=0), "chains"),
    ):
        with pytest.raises(hm.InputError, match=words):
            call()
