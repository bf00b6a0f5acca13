"""Boosted trees as a test: can they tell samples from rows, and do they learn from samples what they learn from rows?

The classifier two-sample test trains a classifier on some of the rows and samples to tell them apart, and measures by the
others how well it does: the area under the ROC curve, the probability that a sample is ranked above a row. 1/2 is chance. The
literature of synthetic tables gives

    score = 2 (1 - max(AUC, 1/2)),

1 where nothing tells them apart and 0 where each is recognized. Each fold of a cross-fitting is ranked by trees that have not
seen it; the standard error of its AUC is that of the ranks, with the trees as they are.

Trees are scikit-learn's HistGradientBoosting: they take categories and missing cells as such. Logistic regression would see
differences of means alone.

References: D. Lopez-Paz and M. Oquab, "Revisiting classifier two-sample tests", ICLR 2017; D. Scassola et al., "A sobering look
at tabular data generation via probabilistic circuits", arXiv 2603.23016 (2026) (the score, with boosted trees); E. DeLong,
D. DeLong and D. Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating characteristic curves",
Biometrics 44 (1988) (the error); C. Esteban, S. Hyland and G. Raetsch, "Real-valued (medical) time series generation with
recurrent conditional GANs", arXiv 1706.02633 (2017) (train on synthetic, test on real).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from harmonium._numerics import effective_rows
from harmonium.diagnostics.cells import Columns, Group
from harmonium.diagnostics.verdict import Verdict, judge, least_that_matters

FOLDS = 5
TREES = 100
"""Rounds of boosting."""
MAX_ROWS = 10_000
"""Rows of each kind that trees see; random ones of more."""
MAX_VALUES = 2_000_000
"""Rows times columns that trees see of each kind."""
MAX_LEVELS = 250
"""Categories that trees tell from each other; of more, all but the most frequent are one."""


@dataclass(frozen=True)
class TwoSampleTest:
    """`auc` of telling two sets apart and its `standard_error`, by `rows` rows of each set at most."""

    auc: float
    standard_error: float
    rows: int

    @property
    def score(self) -> float:
        """2 (1 - max(auc, 1/2)), with twice the standard error."""
        return 2 * (1 - max(self.auc, 0.5))

    @property
    def verdict(self) -> Verdict:
        """Whether trees tell the sets apart."""
        figure = f"boosted trees tell samples from rows with AUC {self.auc:.3f} +- {self.standard_error:.3f} (ideal: 0.5)"
        remedy = "the model lacks what they see; train for longer, or with more hidden units"
        return judge("two-sample test", figure, remedy if self.auc - 0.5 >= least_that_matters(self.standard_error) else None)


def two_sample_test(columns: Columns, rows: Group, others: Group, seed: int) -> TwoSampleTest:
    """The classifier two-sample test of cells `others` against `rows`."""
    from sklearn.model_selection import StratifiedKFold

    random = np.random.default_rng(seed)
    groups = [_some(columns, group, random) for group in (rows, others)]
    cells = _merge_rare(columns, np.concatenate([group.cells for group in groups]))
    # The sets count the same, whatever their sizes, so that chance is 1/2.
    weights = np.concatenate([group.weights / group.weights.mean() / len(group.weights) for group in groups])
    weights *= len(weights) / weights.sum()
    label = np.repeat([0, 1], [len(group.cells) for group in groups])
    parts = []
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**32).split(cells, label):
        trees = _fit_trees(columns, seed, cells[train], label[train], weights[train])
        parts.append(_auc(trees.predict_proba(cells[test])[:, 1], label[test] == 1, weights[test]))
    areas, variances = np.array(parts).T
    return TwoSampleTest(float(areas.mean()), math.sqrt(variances.sum()) / FOLDS, min(len(group.cells) for group in groups))


def predict_target(columns: Columns, target: int, train: Group, test: Group, seed: int) -> dict[str, float]:
    """How well trees that learn a column from `train` predict it in `test`: `R2`, or `accuracy` and `AUC` of categories.

    Of more than two categories AUC is the mean over them, each against the others, by their frequencies in `test`. NaN where
    nothing can be learned or tested.
    """
    random = np.random.default_rng(seed)
    names, levels = columns.names, columns.levels
    inputs = Columns(names[:target] + names[target + 1 :], levels[:target] + levels[target + 1 :])
    sets = []
    for group in (train, test):
        known = _some(columns, group.select(np.flatnonzero(~np.isnan(group.cells[:, target]))), random)
        sets.append((_merge_rare(inputs, np.delete(known.cells, target, axis=1)), known.cells[:, target], known.weights))
    (x, y, weights), (test_x, test_y, test_weights) = sets
    is_number = levels[target] == 0
    if (
        not len(inputs)
        or min(len(x), len(test_x)) < 2
        or len(np.unique(test_y)) < 2
        or (len(np.unique(y)) < 2 and not is_number)
    ):
        return {"R2": math.nan} if is_number else {"accuracy": math.nan, "AUC": math.nan}
    trees = _fit_trees(inputs, seed, x, y, weights, is_number)
    if is_number:
        errors = [test_y - guess for guess in (trees.predict(test_x), np.average(test_y, weights=test_weights))]
        own, constant = (np.average(error**2, weights=test_weights) for error in errors)
        return {"R2": 1 - float(own / constant)}
    p = np.zeros((len(test_x), levels[target]))
    p[:, trees.classes_.astype(int)] = trees.predict_proba(test_x)
    shares = np.bincount(test_y.astype(int), test_weights, p.shape[1])
    present = np.flatnonzero(shares)
    areas = [_auc(p[:, level], test_y == level, test_weights)[0] for level in present]
    accuracy = np.average(p.argmax(axis=1) == test_y, weights=test_weights)
    return {"accuracy": float(accuracy), "AUC": float(np.average(areas, weights=shares[present]))}


def _fit_trees(
    columns: Columns, seed: int, cells: np.ndarray, truth: np.ndarray, weights: np.ndarray, numbers: bool = False
) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier
    trees = kind(max_iter=TREES, categorical_features=np.array(columns.levels) > 2, random_state=seed % 2**32)
    # Trees refuse a column without any value; one of a single value teaches them as little.
    return trees.fit(np.where(np.isnan(cells).all(axis=0), 0, cells), truth, sample_weight=weights)


def _some(columns: Columns, group: Group, random: np.random.Generator) -> Group:
    """Random rows, as many as trees shall see."""
    most = max(FOLDS, min(MAX_ROWS, MAX_VALUES // max(1, len(columns))))
    return group.select(random.permutation(len(group.cells))[:most])


def _merge_rare(columns: Columns, cells: Float[np.ndarray, "n columns"]) -> Float[np.ndarray, "n columns"]:
    """Categories by their frequency, and all beyond `MAX_LEVELS` as one: trees take no more."""
    cells = cells.copy()
    for index in np.flatnonzero(np.array(columns.levels) > MAX_LEVELS):
        known = ~np.isnan(cells[:, index])
        codes = cells[known, index].astype(int)
        rank = np.argsort(np.argsort(-np.bincount(codes, minlength=columns.levels[index]), kind="stable"))
        cells[known, index] = np.minimum(rank[codes], MAX_LEVELS)
    return cells


def _auc(score: Float[np.ndarray, " n"], positive: np.ndarray, weights: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """The area under the ROC curve, and its variance: that of the positives' placements among the negatives, and reversely."""
    sets = [(score[mask], weights[mask]) for mask in (positive, ~positive)]
    means, variance = [], 0.0
    for (own, own_weights), (other, other_weights) in (sets, sets[::-1]):
        order = np.argsort(other)
        below = np.concatenate([[0.0], other_weights[order].cumsum()]) / other_weights.sum()
        place = sum(below[np.searchsorted(other[order], own, side)] for side in ("left", "right")) / 2
        mean = np.average(place, weights=own_weights)
        count = effective_rows(own_weights, len(own))
        variance += float(np.average((place - mean) ** 2, weights=own_weights)) / max(count - 1, 1)
        means.append(float(mean))
    return means[0], variance
