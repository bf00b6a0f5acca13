"""Pictures: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium import diagnostics, plots


def image_of(axes):
    (image,) = axes.get_images()
    return np.asarray(image.get_array().filled(np.nan))


def test_tiles_show_every_picture_in_its_place():
    images = np.arange(12.0).reshape(3, 4) / 11
    (axes,) = plots.tiles(images, (2, 2), columns=2).axes
    sheet = image_of(axes)
    for number, (top, left) in enumerate([(1, 1), (1, 4), (4, 1)]):
        np.testing.assert_allclose(sheet[top : top + 2, left : left + 2].ravel(), images[number])


def test_a_notebook_shows_a_figure_as_the_value_of_a_cell():
    assert plots.tiles([[0.0, 1.0, 1.0, 0.0]])._repr_png_().startswith(b"\x89PNG")


def test_signed_colors_are_centered_on_zero():
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
    with pytest.raises(hm.InputError, match=r"shape of v, \[3, 4\], but has \[2, 4\]"):
        plots.reconstructions(v, reconstructed[:2])


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


def test_learning_curves_of_trials_are_lines_of_their_own():
    metrics = [{"step": step, "trial": 1.0 + (step > 2), "valid_log_likelihood": -step} for step in (0, 1, 2, 3, 4)]
    upper, _ = plots.learning_curves(metrics).axes
    assert [list(line.get_xdata()) for line in upper.lines] == [[0, 1, 2], [3, 4]]
    assert [text.get_text() for text in upper.get_legend().get_texts()] == ["held-out rows"]


def test_learning_curves_say_when_nothing_was_followed():
    upper, _ = plots.learning_curves([{"step": 0, "free_energy_gap": 0.1}]).axes
    assert "too large" in upper.texts[0].get_text()


@pytest.mark.parametrize(("size", "shape"), [(64, (8, 8)), (9, (3, 3)), (4, (1, 4)), (12, (1, 12))])
def test_rows_of_unknown_shape(size, shape):
    assert plots.square(size) == shape


# ---- diagnostics


def relaxed(draws: int = 41) -> diagnostics.Relaxation:
    """Chains from noise at 1 and chains from data at 2, but for component 2, where they are 7 apart; every 5 sweeps."""
    random = np.random.default_rng(0)
    energies = np.array([1.0, 2.0])[:, None, None] + 0.01 * random.standard_normal((2, 9, draws))
    components = random.standard_normal((2, 9, draws, 2)) + np.array([[0.0, 0], [0, 7]])[:, None, None]
    return diagnostics.Relaxation(energies, components, 5 * np.arange(draws))


def test_energies_show_both_starts_and_the_component_that_differs_most():
    chains = relaxed()
    mixing = diagnostics.mixing(chains)
    energy, component, correlation = plots.energies(chains, mixing).axes
    noise, data = energy.lines
    assert (noise.get_label(), data.get_label()) == ("from noise", "from data")
    np.testing.assert_array_equal(noise.get_xdata()[[0, -1]], [0, 200])
    np.testing.assert_allclose(noise.get_ydata(), np.median(chains.free_energy[0], axis=0)[noise.get_xdata() // 5])
    assert "component 2" in component.get_ylabel()
    assert np.mean(component.lines[1].get_ydata()) == pytest.approx(7, abs=1)
    assert [line.get_label() for line in correlation.lines[:3]] == mixing.quantities
    np.testing.assert_array_equal(correlation.lines[1].get_ydata(), mixing.autocorrelation[1])


def test_swap_rates_stand_between_their_betas():
    swaps = diagnostics.Swaps(np.array([0, 0.3, 1]), np.array([0.5, 0.2]), 12, 100, np.zeros((4, 100, 2)))
    (axes,) = plots.swap_rates(swaps).axes
    values, edges, _ = axes.patches[0].get_data()
    np.testing.assert_array_equal(values, [0.5, 0.2])
    np.testing.assert_array_equal(edges, [0, 0.3, 1])
    assert axes.get_title() == "12 round trips of 4 ladders in 100 steps"


def test_histograms_count_every_parameter():
    rbm = hm.RBM(hm.Binary(np.arange(5.0)), hm.Spin(np.zeros(2)), np.ones((5, 2)))
    panels = plots.weight_histograms(rbm).axes
    assert [axes.get_xlabel() for axes in panels] == ["weights", "visible bias", "hidden bias"]
    assert [sum(bar.get_height() for bar in axes.patches) for axes in panels] == [10, 5, 2]
    mixed = hm.Mixed((hm.Categorical(np.zeros(3), (3,)), hm.Gaussian(np.zeros(2), np.ones(2))))
    panels = plots.weight_histograms(hm.RBM(mixed, hm.Binary(np.zeros(2)), np.ones((5, 2)))).axes
    names = ["weights", "visible parts 0 bias", "visible parts 1 bias", "visible parts 1 precision", "hidden bias"]
    assert [axes.get_xlabel() for axes in panels] == names


def test_hidden_activations_are_sorted_and_units_named():
    activity = np.array([[0.1, 0.9, 0.5], [0.1, 0.8, 0.0], [0.2, 0.7, 1.0]])
    hidden = diagnostics.HiddenUnits(activity, [], [], [], [])
    axes, _ = plots.hidden_activations(hidden).axes
    (image,) = axes.get_images()
    shown = np.asarray(image.get_array())
    assert [label.get_text() for label in axes.get_xticklabels()] == ["h2", "h3", "h1"]
    rows = shown[np.argsort(shown[:, 1])]
    np.testing.assert_array_equal(rows, activity[np.argsort(activity[:, 2])][:, [1, 2, 0]])
    assert sorted(shown[:, 1]) in (shown[:, 1].tolist(), shown[::-1, 1].tolist())


def test_the_spectrum_shows_both_series_and_what_counts_as_learned():
    found = diagnostics.Spectrum(np.array([9.0, 5, 1]), np.array([2.0, 1, 0.5, 1e-17]), 4.0, 2, 1, np.ones(2), 0.1)
    (axes,) = plots.spectrum(found).axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [9, 5, 1])
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), [2, 1, 0.5])
    np.testing.assert_array_equal(axes.lines[2].get_ydata(), [4, 4])
    np.testing.assert_array_equal(axes.lines[3].get_xdata(), [1.5, 1.5])
