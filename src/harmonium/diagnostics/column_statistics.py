"""How alike two sets of rows are in each column and in each pair of columns, by definitions of the synthetic-table literature.

    shape of a column of categories       1 - 1/2 sum_k |p(k) - q(k)|               (total variation)
    shape of a column of numbers          1 - max_x |P(x) - Q(x)|                   (Kolmogorov-Smirnov)
    trend of two columns of numbers       1 - |r_p - r_q| / 2                       (correlation)
    trend of other pairs                  1 - 1/2 sum_kl |p(k, l) - q(k, l)|        (contingency; numbers in ten equal bins)

p, P and r_p are of the rows, q, Q and r_q of what is compared with them; 1 is equality. Cells that are missing count in
neither; a pair counts where both cells are observed. A column that does not vary has correlation 0. Bins lie between the
smallest and the largest number of the rows; the outer ones are open.

Reference: N. Patki, R. Wedge and K. Veeramachaneni, "The synthetic data vault", DSAA 2016, whose library SDMetrics defines
"Column Shapes" and "Column Pair Trends" (docs.sdv.dev/sdmetrics, quality report) as means of these over columns and pairs; a
missing category is a category of its own there.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from harmonium.diagnostics.cells import BINS, Columns, Group, weighted_moments

MAX_INDICATORS = 2000
"""Categories and bins of all columns together between which pairs are counted; of more columns some are left out."""
BLOCK_ROWS = 4096


def shapes(columns: Columns, rows: Group, others: Group) -> Float[np.ndarray, " columns"]:
    """The similarity of each column, NaN where one of the sets has no value."""
    found = np.full(len(columns), np.nan)
    for index, levels in enumerate(columns.levels):
        sets = []
        for group in (rows, others):
            here = ~np.isnan(group.cells[:, index])
            sets.append((group.cells[here, index], group.weights[here] / max(group.weights[here].sum(), 1e-300)))
        if not all(weights.sum() > 0 for _, weights in sets):
            continue
        if levels:
            p, q = (np.bincount(cells.astype(int), weights, levels) for cells, weights in sets)
            found[index] = 1 - np.abs(p - q).sum() / 2
        else:
            values = np.unique(np.concatenate([cells for cells, _ in sets]))
            p, q = (np.bincount(np.searchsorted(values, cells), weights, len(values)).cumsum() for cells, weights in sets)
            found[index] = 1 - np.abs(p - q).max()
    return found


def trends(columns: Columns, rows: Group, others: Group, some: Int[np.ndarray, " some"]) -> Float[np.ndarray, "some some"]:
    """The similarity of each pair of the columns `some`, NaN on the diagonal and where a set has no row with both cells."""
    edges = [_edges(rows.cells[:, index]) for index in some]
    levels = [columns.levels[index] for index in some]
    p, q = (_contingencies(Group(each.cells[:, some], each.weights), levels, edges) for each in (rows, others))
    starts = np.cumsum([0, *(count or BINS for count in levels)])[:-1]
    found = 1 - np.add.reduceat(np.add.reduceat(np.abs(p - q), starts, axis=0), starts, axis=1) / 2
    numbers = np.flatnonzero(columns.are_numbers[some])
    if len(numbers):
        center, scale = weighted_moments(rows)
        of_numbers = some[numbers]
        r = [
            _correlations(Group((each.cells[:, of_numbers] - center[of_numbers]) / scale[of_numbers], each.weights))
            for each in (rows, others)
        ]
        found[np.ix_(numbers, numbers)] = 1 - np.abs(r[0] - r[1]) / 2
    np.fill_diagonal(found, np.nan)
    return found


def choose_columns(columns: Columns, random: np.random.Generator) -> Int[np.ndarray, " some"]:
    """The columns whose pairs are looked at: all, or as many random ones as `MAX_INDICATORS` allows."""
    sizes = np.array([levels or BINS for levels in columns.levels])
    if sizes.sum() <= MAX_INDICATORS:
        return np.arange(len(columns))
    order = random.permutation(len(columns))
    return np.sort(order[sizes[order].cumsum() <= MAX_INDICATORS])


def _edges(numbers: Float[np.ndarray, " n"]) -> Float[np.ndarray, " edges"]:
    """Between the bins of a column of numbers, of which the outer two are open."""
    known = numbers[~np.isnan(numbers)]
    return np.linspace(known.min(), known.max(), BINS + 1)[1:-1] if len(known) else np.zeros(BINS - 1)


def _contingencies(
    group: Group, levels: list[int], edges: list[Float[np.ndarray, " edges"]]
) -> Float[np.ndarray, "indicators indicators"]:
    """The contingency tables of all pairs of columns, as blocks that each add up to 1; NaN without a row."""
    counts: np.ndarray | float = 0.0
    for start in range(0, len(group.cells), BLOCK_ROWS):
        part = group.select(np.arange(start, min(start + BLOCK_ROWS, len(group.cells))))
        indicators = []
        for cells, count, own in zip(part.cells.T, levels, edges, strict=True):
            codes = cells if count else np.where(np.isnan(cells), np.nan, np.digitize(cells, own))
            indicators.append(codes[:, None] == np.arange(count or BINS))
        each = np.concatenate(indicators, axis=1).astype(np.float64)
        counts = counts + (each * part.weights[:, None]).T @ each
    sizes = np.array([count or BINS for count in levels])
    starts = np.cumsum([0, *sizes])[:-1]
    totals = np.add.reduceat(np.add.reduceat(counts, starts, axis=0), starts, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(counts / np.repeat(np.repeat(totals, sizes, axis=0), sizes, axis=1))


def _correlations(group: Group) -> Float[np.ndarray, "columns columns"]:
    """Pearson's correlation of each pair over the rows with both cells; 0 where one does not vary, NaN without a row."""
    here = (~np.isnan(group.cells)).astype(np.float64)
    x, weighted = np.nan_to_num(group.cells), here * group.weights[:, None]
    total = weighted.T @ here
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (x * weighted).T @ here / total
        square = (x**2 * weighted).T @ here / total - mean**2
        covariance = (x * group.weights[:, None]).T @ x / total - mean * mean.T
        spread = np.sqrt(np.maximum(square * square.T, 0))
        r = np.where(spread > 1e-9, covariance / spread, 0.0)
    return np.where(total > 0, np.clip(r, -1, 1), np.nan)
