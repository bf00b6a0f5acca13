"""Pictures: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest

from harmonium import plots


def image_of(axes):
    (image,) = axes.get_images()
    return np.asarray(image.get_array().filled(np.nan))


def test_tiles_show_every_picture_in_its_place():
    images = np.arange(12.0).reshape(3, 4) / 11
    (axes,) = plots.tiles(images, (2, 2), columns=2).axes
    sheet = image_of(axes)
    for number, (top, left) in enumerate([(1, 1), (1, 4), (4, 1)]):
        np.testing.assert_allclose(sheet[top : top + 2, left : left + 2].ravel(), images[number])


def test_signed_colours_are_centred_on_zero():
    (axes,) = plots.filters(np.array([[1.0, -3.0], [0.5, 0.2]])).axes
    (image,) = axes.get_images()
    assert image.get_clim() == (-3, 3)


def test_filters_come_strongest_first():
    weights = np.array([[1.0, 5.0, 2.0]] * 4)
    (axes,) = plots.filters(weights, (2, 2)).axes
    sheet = image_of(axes)
    assert list(sheet[1, 1::3][:2]) == [5.0, 2.0]


def test_reconstructions_stand_below_their_data():
    v, reconstructed = np.zeros((3, 4)), np.full((3, 4), 0.25)
    (axes,) = plots.reconstructions(v, reconstructed, (2, 2), columns=2).axes
    sheet = image_of(axes)
    assert sheet[1, 1] == 0
    assert sheet[4, 1] == 0.25
    assert np.isnan(sheet[7, 4])


def test_learning_curves_show_what_was_followed():
    metrics = [
        {"step": 0, "free_energy_gap": 0.0, "train_log_likelihood": -9.0, "valid_log_likelihood": -9.5},
        {"step": 10, "free_energy_gap": 0.3},
        {"step": 20, "free_energy_gap": 0.5, "train_log_likelihood": -4.0, "valid_log_likelihood": -5.0},
    ]
    upper, lower = plots.learning_curves(metrics, baseline=-8.0, bound=-3.0).axes
    np.testing.assert_array_equal(upper.lines[1].get_xydata(), [[0, -9.5], [20, -5.0]])
    np.testing.assert_array_equal(lower.lines[0].get_xydata(), [[0, 0], [10, 0.3], [20, 0.5]])
    assert {line.get_label() for line in upper.lines} == {
        "training rows",
        "held-out rows",
        "independent units (test rows)",
        "best possible",
    }


def test_learning_curves_say_when_nothing_was_followed():
    upper, _ = plots.learning_curves([{"step": 0, "free_energy_gap": 0.1}]).axes
    assert "too large" in upper.texts[0].get_text()


@pytest.mark.parametrize(("size", "shape"), [(64, (8, 8)), (9, (3, 3)), (4, (1, 4)), (12, (1, 12))])
def test_rows_of_unknown_shape(size, shape):
    assert plots.square(size) == shape
