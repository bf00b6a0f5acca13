"""Arrays and frames as people have them: scaled, masked, of truth values, with missing cells; each gives what it should."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn_rows import rows_of

import harmonium as hm
from harmonium.errors import NoGainWarning
from harmonium.sklearn import RBMClassifier, RBMDensity, RBMImputer, RBMTransformer
from harmonium.sklearn.columns import columns_of

ROWS, KINDS = rows_of()
HOLES = np.random.default_rng(0).random(ROWS.shape) < 0.2
SMALL = {"n_iter": 20, "batch_size": 10, "gradient": "cd-1", "random_state": 0}


def scaled_iris():
    x, y = load_iris(return_X_y=True)
    return MinMaxScaler().fit_transform(x), y


@pytest.mark.parametrize(
    ("x", "visible"),
    [
        (load_digits().data / 16, "binary"),
        (np.random.default_rng(0).integers(0, 256, (50, 4)) / 255, "binary"),  # gray levels, none of them black
        (scaled_iris()[0], "gaussian"),
        (np.column_stack([scaled_iris()[0], scaled_iris()[0][:, 0] > 0.5]), "binary and gaussian"),
        (np.array([[0.0, 1 + 2.2e-16], [1.0, 0.0], [-1e-17, 1.0]]), "binary"),
        (1e-13 * np.random.default_rng(0).random((50, 2)), "gaussian"),
    ],
)
def test_what_values_from_0_to_1_are(x, visible):
    columns = columns_of(x, "auto")
    assert columns.visible == visible
    assert np.isfinite(columns.encode(x)).all()


@pytest.mark.slow
def test_scaled_columns_are_imputed_better_than_by_their_means():
    x, _ = scaled_iris()
    holes = np.random.default_rng(0).random(x.shape) < 0.2
    with_holes = np.where(holes, np.nan, x)
    filled = RBMImputer(n_iter=100, random_state=0).fit_transform(with_holes)
    assert np.sqrt(((filled - x)[holes] ** 2).mean()) < 0.13  # 0.265 by the means


def test_values_a_little_outside_are_clipped_with_one_warning():
    model = RBMTransformer(3, **SMALL).fit(ROWS)
    with pytest.warns(UserWarning, match="2 were moved to the ends") as warned:
        features = model.transform(np.array([[1.25, 1, 1, 0, 0, -0.5]]))
    assert len(warned) == 1
    np.testing.assert_array_equal(features, model.transform(np.array([[1.0, 1, 1, 0, 0, 0]])))
    model.transform(np.array([[1 + 2.2e-16, 1, 1, 0, 0, 0]]))  # no warning


def test_masked_cells_are_missing_everywhere():
    masked, with_nan = np.ma.masked_array(ROWS, HOLES), np.where(HOLES, np.nan, ROWS)
    of_masked, of_nan = (RBMDensity(3, **SMALL).fit(x) for x in (masked, with_nan))
    np.testing.assert_array_equal(of_masked.components_, of_nan.components_)
    np.testing.assert_array_equal(of_masked.score_samples(masked), of_nan.score_samples(with_nan))
    rbm = of_nan.rbm_
    np.testing.assert_array_equal(hm.impute(rbm, masked).values, hm.impute(rbm, with_nan).values)
    np.testing.assert_array_equal(
        hm.impute(rbm, np.ma.masked_array(ROWS.astype(int), HOLES)).values, hm.impute(rbm, masked).values
    )
    np.testing.assert_array_equal(hm.impute(rbm, list(masked)).values, hm.impute(rbm, masked).values)
    np.testing.assert_array_equal(of_nan.score_samples(list(masked)), of_nan.score_samples(with_nan))
    with pytest.raises(hm.InputError, match="finite"):
        hm.free_energy(rbm, masked)
    table = {"a": np.ma.masked_array([1.5, 2, 3], [0, 1, 0]), "b": [1, 2, 3.5]}
    assert np.isnan(hm.tabular.encode(hm.tabular.infer(table), table)).sum() == 1
    with pytest.raises(ValueError, match="masked labels"):
        RBMClassifier(3, **SMALL).fit(ROWS, np.ma.masked_array(KINDS, KINDS == 0))


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_frames_of_either_backend_are_arrays(backend):
    frame = pd.DataFrame(ROWS, columns=list("abcdef")).astype({"b": bool})
    with_na = frame.astype(object).where(~HOLES).convert_dtypes(dtype_backend=backend)
    model = RBMImputer(3, **SMALL).fit(with_na)
    np.testing.assert_array_equal(model.components_, RBMImputer(3, **SMALL).fit(np.where(HOLES, np.nan, ROWS)).components_)
    assert model.visible_ == "binary"
    with pytest.raises(hm.InputError, match=r"'a' holds dates: make numbers of them, or leave it out"):
        model.transform(frame.assign(a=pd.Timestamp("2020-01-01")))
    with pytest.raises(hm.InputError, match=r"'part' holds a list in row 1.* leave it out"):
        RBMDensity().fit(pd.DataFrame({"c": ["x", "y"] * 10, "part": [[1]] * 20}))


def test_marks_of_missing_cells_are_nan():
    with_nan = np.where(HOLES, np.nan, ROWS)
    frame = pd.DataFrame(with_nan)
    objects = frame.astype(object).where(~HOLES, pd.NA)
    named = frame.rename(columns="x{}".format)
    model = RBMDensity(3, **SMALL).fit(with_nan)
    expected = model.score_samples(with_nan)
    for x in (objects, objects.to_numpy(), frame.convert_dtypes(), np.where(HOLES, None, ROWS.astype(object))):
        before = pd.DataFrame(x).copy()
        np.testing.assert_array_equal(model.score_samples(x), expected)
        pd.testing.assert_frame_equal(pd.DataFrame(x), before)
    of_table = RBMDensity(3, **SMALL).fit(pa.Table.from_pandas(named))
    np.testing.assert_array_equal(of_table.score_samples(named), expected)


def test_tables_of_arrow_are_frames():
    frame = pd.DataFrame({"a": ROWS[:, 0], "c": np.where(ROWS[:, 1] > 0, "x", "y")})
    model = RBMImputer(3, **SMALL).fit(pa.Table.from_pandas(frame))
    assert model.visible_ == "table"
    filled = model.transform(pa.Table.from_pandas(frame.assign(c=frame["c"].where(~HOLES[:, 1]))))
    assert isinstance(filled, pa.Table)
    assert filled["c"].null_count == 0


def test_columns_of_truth_values_keep_their_places():
    frame = pd.get_dummies(pd.DataFrame({"a": list("xyzx") * 10, "b": ["always"] * 40}))
    model = RBMTransformer(3, **SMALL).fit(frame)
    assert model.components_.shape == (3, model.n_features_in_) == (3, 4)
    assert model.inverse_transform(model.transform(frame)).shape == (40, 4)


def test_updates_are_as_many_as_of_a_bernoulli_rbm():
    model = RBMTransformer(3, n_iter=10)
    model.fit(ROWS[:20])
    assert model._config(1000, model.rbm_).updates == 1000
    assert model.set_params(batch_size=100)._config(1000, model.rbm_).updates == 100


@pytest.mark.slow
def test_missing_cells_are_summed_over():
    with_nan = np.where(HOLES, np.nan, ROWS)
    density = RBMDensity(3, **SMALL).fit(with_nan)
    states = hm.exact.all_states(density.rbm_.visible).astype(float)
    p, row = np.exp(density.score_samples(states)), with_nan[HOLES.any(axis=1)][0]
    fits = (np.isnan(row) | (states == row)).all(axis=1)
    assert density.score_samples(row[None])[0] == pytest.approx(np.log(p[fits].sum()))
    model = RBMClassifier(3, **SMALL, objective="generative").fit(with_nan, KINDS)
    pairs = hm.exact.all_states(model.rbm_.visible).astype(float)
    joint = np.exp(hm.exact.log_likelihood(model.rbm_, pairs))
    fits = (np.isnan(row) | (pairs[:, :6] == row)).all(axis=1)
    expected = [joint[fits & (pairs[:, 6 + kind] == 1)].sum() / joint[fits].sum() for kind in range(2)]
    np.testing.assert_allclose(model.predict_proba(row[None])[0], expected, rtol=1e-6)


@pytest.mark.parametrize("x", [np.array([[np.inf, 1], [0, 1]]), pd.DataFrame({"a": [np.inf, 1], "b": [0.5, 1]})])
def test_infinities_are_refused_as_elsewhere(x):
    with pytest.raises(hm.InputError, match="infinity"):
        RBMDensity(2, **SMALL).fit(x)


@pytest.mark.slow
def test_pipelines_are_scored_without_a_nan():
    x, y = load_iris(return_X_y=True)
    mixed = pd.DataFrame(x, columns=list("abcd")).assign(size=np.where(x[:, 0] > 5.8, "long", "short"))
    columns = make_column_transformer((OneHotEncoder(), ["size"]), (MinMaxScaler(), list("abcd")))
    for scaler, rows in ((MinMaxScaler(), x), (StandardScaler(), x), (OneHotEncoder(), mixed[["size"]]), (columns, mixed)):
        for last in ((RBMTransformer(8, n_iter=20, random_state=0), LogisticRegression()), (RBMClassifier(8, n_iter=20),)):
            scores = cross_val_score(make_pipeline(scaler, *last), rows, y, error_score="raise", cv=2)
            assert (scores > 0.5).all()


@pytest.mark.slow
def test_probabilities_are_calibrated_by_early_stopping():
    """Labels of noise but for one bit, so that p(y | x) is known: how far the model's is from it, in nats, over 900 rows."""
    random = np.random.default_rng(0)
    x = (random.random((1200, 20)) < 0.5).astype(float)
    truth = np.where(x[:, 0] == 1, 0.8, 0.2)
    y = (random.random(1200) < truth).astype(int)

    def distance(**settings):
        p = RBMClassifier(32, random_state=0, **settings).fit(x[:300], y[:300]).predict_proba(x[300:])
        true = np.stack([1 - truth[300:], truth[300:]], axis=1)
        confidence = p.max(axis=1).mean() - true[np.arange(900), p.argmax(axis=1)].mean()
        return (true * np.log(true / p)).sum(axis=1).mean(), confidence

    loss, overconfidence = distance()
    assert loss < 0.04  # the base rate's is 0.19
    assert abs(overconfidence) < 0.1
    loss_of_last, overconfidence_of_last = distance(early_stopping=False)
    assert loss_of_last > 0.1
    assert overconfidence_of_last > 0.05


@pytest.mark.parametrize("estimator", [RBMTransformer, RBMDensity, RBMImputer, RBMClassifier])
@pytest.mark.slow_except("40-RBMTransformer", "3-RBMClassifier")
@pytest.mark.parametrize("hidden", [3, 40])  # ln Z is exact, or not cheap enough
def test_a_model_that_learned_nothing_warns(estimator, hidden):
    random = np.random.default_rng(0)
    bits = random.integers(0, 2, (200, 1)).repeat(24, axis=1) ^ (random.random((200, 24)) < 0.1)
    rows, y = bits.astype(float), bits[:, 0]
    if estimator in (RBMImputer, RBMDensity):
        rows[random.random(rows.shape) < 0.02] = np.nan
    settings = SMALL | {"n_components": hidden, "n_iter": 10}
    with pytest.warns(NoGainWarning, match="learned nothing: the model is no(t clearly)? better than independent units"):
        estimator(**settings | {"learning_rate": 1e-6}).fit(rows, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", NoGainWarning)
        estimator(**settings).fit(rows, y)
