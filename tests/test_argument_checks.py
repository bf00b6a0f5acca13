"""The checks of arguments: what they accept, and what they say of what they refuse."""

from __future__ import annotations

import fractions

import numpy as np
import pandas as pd
import pytest

import harmonium as hm
from harmonium import _checks
from harmonium.errors import printable, reason

REFUSED = {
    "must be an RBM, but is None": lambda: _checks.instance(None, hm.RBM, "rbm"),
    "must be a str or a dict, but is an int": lambda: _checks.instance(3, (str, dict), "rbm"),
    "must be a sampler, but is a str": lambda: _checks.instance("gibbs", hm.RBM, "rbm", "a sampler"),
    "must be 'a' or 1, but is True": lambda: _checks.choice(True, ("a", 1), "rbm"),
    "must be a positive number, but is 0": lambda: _checks.positive(0, "rbm"),
    "must be a positive number, but is nan": lambda: _checks.positive(float("nan"), "rbm"),
    "floating point can hold": lambda: _checks.positive(10**400, "rbm"),
    "must be a number of zero or above, but is -1": lambda: _checks.not_negative(-1, "rbm"),
    "must be a number from 0 to 1, but is 1.5": lambda: _checks.fraction(1.5, "rbm"),
    "must be at most 3e.38, as training is in float32": lambda: _checks.in_float32(1e308, "rbm"),
    "must be a finite number, but is inf": lambda: _checks.finite(float("inf"), "rbm"),
    "must be a finite number, but is '3'": lambda: _checks.finite("3", "rbm"),
    "must be a whole number of at least 1, but is 2.0": lambda: _checks.integer(2.0, "rbm"),
    "must be a whole number of at least 1, but is True": lambda: _checks.integer(True, "rbm"),
    "must be a whole number of at most 2147483647": lambda: _checks.integer(2**31, "rbm"),
    "is not a rectangular array": lambda: _checks.numeric_array([[1], [1, 2]], "rbm"),
    "must hold real numbers, but holds str": lambda: _checks.numeric_array(["a"], "rbm"),
    r"must have shape \[n, 2\], but has \[3\]": lambda: _checks.finite_array(np.zeros(3), "rbm", (None, 2)),
    "holds a NaN": lambda: _checks.finite_array([np.nan], "rbm"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_check_names_the_argument_and_what_was_expected(message):
    with pytest.raises(hm.InputError, match=f"^rbm.*{message}"):
        REFUSED[message]()


@pytest.mark.parametrize("rows", [[[1, None], [True, 0.5]], pd.DataFrame({"a": [1, 1], "b": [None, 0.5]}, dtype="Float64")])
def test_none_and_pandas_na_are_missing_numbers(rows):
    np.testing.assert_array_equal(_checks.numeric_array(rows, "rows"), [[1, np.nan], [1, 0.5]])
    with pytest.raises(hm.InputError, match="must hold real numbers, but holds object values"):
        _checks.numeric_array([[1, None], ["1", 0]], "rows")


def test_checks_return_plain_numbers():
    assert _checks.positive(fractions.Fraction(1, 2), "x") == 0.5
    assert type(_checks.integer(np.int8(3), "x")) is int
    assert _checks.choice("cd", ("pcd", "cd"), "x") == "cd"
    assert _checks.seed(2**63 - 1) == 2**63 - 1
    np.testing.assert_array_equal(_checks.finite_array([[1, 2]], "x", (None, 2)), [[1, 2]])


def test_an_exceptions_reason_is_one_printable_line():
    assert reason(OSError(28, "No space left on device")) == "No space left on device"
    assert reason(ValueError("\x1b[2Jfirst\nsecond")) == r"\x1b[2Jfirst"
    assert reason(KeyError()) == "KeyError"
    assert printable("a\tb\u202e \x9b é 語") == r"a\tb\u202e \x9b é 語"
