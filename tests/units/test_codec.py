"""States as numbers and as text, and the domain, of every kind of unit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import LAYERS, LISTED, cells

from harmonium.errors import InputError
from harmonium.units import Binary, Categorical, Mixed

each = pytest.mark.parametrize("units", LAYERS.values(), ids=list(LAYERS))
each_listed = pytest.mark.parametrize("units", [LAYERS[name] for name in LISTED], ids=LISTED)
each_continuum = pytest.mark.parametrize("units", [LAYERS[name] for name in LAYERS if name not in LISTED])


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


@each_listed
def test_states_are_numbered_first_unit_slowest(units):
    states, _ = cells(units)
    np.testing.assert_array_equal(units.states(jnp.arange(units.state_count)), states)
    np.testing.assert_array_equal(units.indices(states), np.arange(units.state_count))


@each_listed
def test_states_survive_writing_and_reading(units):
    texts = [units.write(x) for x in cells(units)[0]]
    assert len(set(texts)) == units.state_count
    for text, x in zip(texts, cells(units)[0], strict=True):
        np.testing.assert_array_equal(units.read(text, "state"), x)


@each_listed
@pytest.mark.parametrize("text", ["", "0", "00000", "2?x"])
def test_reading_refuses_other_texts(units, text):
    with pytest.raises(InputError, match="state"):
        units.read(text, "state")


@each_continuum
def test_a_continuum_is_not_listed(units):
    assert units.state_count is None
    for call in (units.listing, lambda: units.states(0), lambda: units.indices(np.zeros(units.size))):
        with pytest.raises(InputError, match="continuum"):
            call()
    with pytest.raises(InputError, match="cannot be written"):
        units.write(np.zeros(units.size))


@each
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (lambda n: np.zeros((1, n + 1)), "columns"),
        (lambda n: [[np.nan] * n], "row 1, column 1"),
        (lambda n: [[np.inf] * n], "finite"),
        (lambda n: np.full((1, n), np.inf, np.float16), "finite"),
        (lambda n: [["a"] * n], "numbers"),
        (lambda n: [[1.0] * n, [1.0]], "rows differ"),
    ],
)
def test_check_says_what_is_wrong(units, x, message):
    with pytest.raises(InputError, match=message):
        units.check(x(units.size), "v")


@each_listed
def test_check_refuses_a_value_between_two_states(units):
    x = np.array(units.zero_state)
    x[-1] = 0.5
    with pytest.raises(InputError, match=f"0.5 in column {units.size}, but a {units.at(units.size - 1).name} unit"):
        units.check(x, "v")


@each
def test_check_accepts_every_state(units):
    states, _ = cells(units, nodes=3)
    np.testing.assert_array_equal(units.check(states, "v"), states)
    for dtype in (np.float64, np.float16):
        units.check(units.zero_state.astype(dtype), "v")


@each
def test_ranges_hold_all_states(units):
    states, _ = cells(units, nodes=3)
    low, high = units.ranges
    assert ((low <= states) & (states <= high)).all()
    assert units.bounded == np.isinf(units.curvature).all()


def test_categories_are_encoded_and_decoded():
    units = LAYERS["ragged"]
    categories = np.array([[0, 2, 0], [1, 0, 0]])
    np.testing.assert_array_equal(units.encode(categories), [[1, 0, 0, 0, 1, 1], [0, 1, 1, 0, 0, 1]])
    np.testing.assert_array_equal(units.decode(units.encode(categories)), categories)
    for wrong, words in (([[0, 3, 0]], "unit 2 are 0 to 2, but one is 3"), ([0, 1], "shape"), ([[0.5, 0, 0]], "unit 1")):
        with pytest.raises(InputError, match=words):
            units.encode(wrong)


@pytest.mark.parametrize(
    ("units", "x", "message"),
    [
        (LAYERS["ragged"], [[1, 1, 0, 1, 0, 1]], "1 in row 1, column 1, but a categorical unit has a 1 in one"),
        (LAYERS["ragged"], [[1, 0, 0, 0, 0, 1]], "0 in row 1, column 3, but a categorical unit"),
        (LAYERS["mixed"], [[0.5, 1, 0, 0, 3.3]], "0.5 in row 1, column 1, but a spin unit is"),
        (LAYERS["mixed"], [[1, 1, 0, 1, 3.3]], "1.0 in row 1, column 2, but a categorical unit"),
    ],
)
def test_the_message_is_that_of_the_kind_concerned(units, x, message):
    with pytest.raises(InputError, match=message):
        units.check(x, "v")


def test_filled_cells_are_distributed_as_the_observed_ones():
    units = Mixed((Binary([0.0]), Categorical([0.0] * 3, (3,))))
    rows = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [np.nan] * 4, [np.nan] * 4, [np.nan, 0, 0, 1], [np.nan] * 4])
    filled = units.fill_missing(rows)
    np.testing.assert_array_equal(filled[~np.isnan(rows)], rows[~np.isnan(rows)])
    assert filled[:, 0].mean() == 0.5
    np.testing.assert_allclose(filled[:, 1:].mean(axis=0), 1 / 3)
    np.testing.assert_array_equal(units.fill_missing(np.full((2, 4), np.nan)), [[0, 1, 0, 0]] * 2)
