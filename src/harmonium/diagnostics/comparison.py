"""Are samples of a model like rows that it never saw? All tests of one set of samples together.

Each test is made three times against the same rows: of the samples, of other rows of the data (the floor: what no model can
beat but by chance), and of those rows with every column permuted (what a model of independent columns reaches).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from harmonium import _checks, exact, model
from harmonium._types import ArrayLike
from harmonium.diagnostics import column_statistics
from harmonium.diagnostics.adversarial import AdversarialAccuracy, adversarial_accuracy
from harmonium.diagnostics.cells import Columns, Embedding, Group, cells_of, columns_of, guess_columns
from harmonium.diagnostics.classifiers import TwoSampleTest, predict_target, two_sample_test
from harmonium.diagnostics.leak import Leak, leak
from harmonium.diagnostics.mmd import SquaredMMD, squared_mmd
from harmonium.diagnostics.verdict import Verdict
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.units import Units

MIN_ROWS = 20
"""Rows of each set."""
MAX_NEIGHBORS = 2_000
"""Rows of each set whose distances to each other are compared."""
MAX_LEAK = 10_000
"""Rows of each set whose closest sample is looked for."""
EXACT_SECONDS = 10.0
"""The divergence is computed where ln Z is forecast to take no longer than this."""
MAX_Z = 5.0
"""Standard errors by which fractions of missing cells may differ by chance."""
WHAT = {"samples": "samples", "floor": "other rows (the floor)", "independent": "independent columns"}
"""What is compared with the rows."""
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Similarity:
    """How like the rows a set is.

    `shapes [columns]`, `trends [some, some]`: of each column and pair, see `column_statistics`; `shape`, `trend` their means,
    None where there is none. `mmd`: between cells as points (`cells.Embedding`). `target`: how well trees that learn the target
    column from the set predict it in the rows.

    Attributes:
        two_sample: the test by boosted trees.
        adversarial: the accuracy of nearest neighbors.
    """

    shapes: Float[np.ndarray, "columns"]
    trends: Float[np.ndarray, "some some"]
    mmd: SquaredMMD
    two_sample: TwoSampleTest
    adversarial: AdversarialAccuracy
    target: dict[str, float]

    @property
    def shape(self) -> float | None:
        """The mean over columns."""
        return _mean(self.shapes)

    @property
    def trend(self) -> float | None:
        """The mean over pairs of columns."""
        return _mean(self.trends)

    def to_dict(self) -> dict[str, Any]:
        """Names and figures, for JSON."""
        mmd, two_sample = asdict(self.mmd), asdict(self.two_sample)
        return {
            "column_shapes": self.shape,
            "column_pair_trends": self.trend,
            "squared_mmd": {name: mmd[name] for name in ("bandwidths", "estimate", "standard_error")},
            "two_sample": two_sample | {"score": self.two_sample.score, "score_error": 2 * self.two_sample.standard_error},
            "adversarial_accuracy": asdict(self.adversarial),
            "target": self.target,
        }


@dataclass(frozen=True)
class Comparison:
    """Samples, other rows and independent columns, each compared with the same rows.

    `names`: of the columns; `paired`: which of them `trends` has, all but where there are very many. `leak`: None without
    training rows. `divergence`: KL(distribution of the rows || model) in nats, None where it is not known. `notes`: what was
    done to rows beforehand, in words. `counts`: the rows of each set.

    Attributes:
        samples: the similarity of the samples and the rows.
        floor: that of other rows.
        independent: that of independent columns.
        target: the target column, or None.
    """

    names: tuple[str, ...]
    paired: Int[np.ndarray, "some"]
    samples: Similarity
    floor: Similarity
    independent: Similarity
    leak: Leak | None
    divergence: float | None
    target: str | None
    counts: dict[str, int]
    notes: list[str]

    @property
    def verdicts(self) -> list[Verdict]:
        """Whether trees, and nearest neighbors, tell samples from rows; and whether samples repeat training rows."""
        verdicts = [self.samples.two_sample.verdict, self.samples.adversarial.verdict]
        return verdicts if self.leak is None else [*verdicts, self.leak.verdict]

    def worst_columns(self, count: int) -> list[tuple[str, float, float]]:
        """The `count` columns least alike: name, and similarity of the samples and of the floor."""
        order = [index for index in np.argsort(self.samples.shapes) if not np.isnan(self.samples.shapes[index])]
        return [(self.names[i], float(self.samples.shapes[i]), float(self.floor.shapes[i])) for i in order[:count]]

    def worst_pairs(self, count: int) -> list[tuple[str, str, float, float]]:
        """The `count` pairs of columns least alike: both names, and similarity of the samples and of the floor."""
        first, second = np.triu_indices(len(self.paired), 1)
        values = self.samples.trends[first, second]
        order = [index for index in np.argsort(values) if not np.isnan(values[index])][:count]
        pairs = [(self.paired[first[i]], self.paired[second[i]], float(values[i]), first[i], second[i]) for i in order]
        return [(self.names[a], self.names[b], value, float(self.floor.trends[i, j])) for a, b, value, i, j in pairs]

    def to_dict(self) -> dict[str, Any]:
        """Names and figures, for JSON."""
        return {
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
            **{name: getattr(self, name).to_dict() for name in WHAT},
            "columns": {
                name: {what: float(getattr(self, what).shapes[index]) for what in WHAT} for index, name in enumerate(self.names)
            },
            "leak": self.leak and self.leak.to_dict(),
            "divergence": self.divergence,
            "target": self.target,
            "rows": self.counts,
            "notes": self.notes,
        }


def compare(
    samples: ArrayLike,
    rows: ArrayLike,
    train: ArrayLike | None = None,
    *,
    rbm: RBM | None = None,
    units: Units | None = None,
    probabilities: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    train_weights: ArrayLike | None = None,
    seed: int = 0,
    progress: Progress = lambda _stage, _fraction: None,
) -> Comparison:
    """Compare `samples [k, V]` of a model with `rows [n, V]` that it never saw, and with the rows on which it was trained.

    Missing cells are NaN. Where `rows` have some and samples none, samples get the gaps of some of `rows`, drawn at random.

    Args:
        samples: `[k, V]`, drawn from the model.
        rows: `[n, V]` that the model never saw.
        train: `[m, V]`; without them the rows are divided in two, of which one half is the floor, and no leak is looked
            for.
        rbm: the model, for the kinds of columns, and for the divergence where `probabilities` are given.
        units: the kinds of columns; without rbm and units columns of at most two different values are categories, others
            numbers.
        probabilities: of the rows `[n]`, if these are all rows that there are, each once. Draws of them are then compared
            with.
        weights, train_weights: of the rows, `[n]` and `[m]`.
        seed: of all random numbers.
        progress: called with the name of each stage as it begins and the fraction of the stages done.

    Raises:
        InputError: fewer than 20 rows of a set, rows outside the units' domain or of other columns, or weights out of range.
    """
    units = model.validate(rbm).visible if rbm is not None else units
    given = {"samples": samples, "rows": rows} | ({} if train is None else {"train": train})
    if units is None:
        arrays = {name: _check(x, name) for name, x in given.items()}
        if len({array.shape[1] for array in arrays.values()}) > 1:
            sizes = ", ".join(f"{name} {array.shape[1]}" for name, array in arrays.items())
            raise InputError(f"all sets must have the same columns, but their numbers differ: {sizes}")
        columns, guessed = guess_columns(list(arrays.values()))
        cells = dict(zip(arrays, guessed, strict=True))
    else:
        _checks.instance(units, Units, "units", "a layer of units")
        columns = columns_of(units)
        cells = {name: cells_of(units, _check(units.check(x, name, missing=True), name)) for name, x in given.items()}
    divergence = None
    if probabilities is not None:
        if train is not None or weights is not None:
            raise InputError("probabilities must be given without train and weights: the rows are then all that there are")
        p = _checks.row_weights(probabilities, len(cells["rows"]), "probabilities")
        p = p / p.sum()
        if rbm is not None and exact.estimate_seconds(rbm) <= EXACT_SECONDS:
            kept = p > 0
            divergence = float(p[kept] @ (np.log(p[kept]) - exact.log_likelihood(rbm, np.asarray(rows)[kept])))
        drawn = np.random.default_rng(_checks.seed(seed)).choice(len(p), (2, max(MIN_ROWS, len(cells["samples"]))), p=p)
        cells |= {"train": cells["rows"][drawn[1]], "rows": cells["rows"][drawn[0]]}
    found = compare_cells(
        columns, cells["samples"], cells["rows"], cells.get("train"), None, weights, train_weights, seed, progress
    )
    if probabilities is None:
        return found
    note = "rows are draws of their distribution, which is known"
    return replace(found, leak=None, divergence=divergence, notes=[note, *found.notes])


def compare_cells(
    columns: Columns,
    samples: Float[np.ndarray, "k columns"],
    rows: Float[np.ndarray, "n columns"],
    train: Float[np.ndarray, "m columns"] | None,
    target: str | None,
    weights: ArrayLike | None,
    train_weights: ArrayLike | None,
    seed: int,
    progress: Progress,
) -> Comparison:
    """`compare` of cells; `target`: the column that is predicted from the others by what is learned from each set."""
    random = np.random.default_rng(_checks.seed(seed))
    if target is not None and (not isinstance(target, str) or target not in columns.names):
        known = ", ".join(map(repr, columns.names[:20]))
        raise InputError(f"target must be a column of the model, but is {target!r:.80}; it has {known}")
    reference, notes = _group(rows, weights, "rows"), list[str]()
    drawn = _group(samples, None, "samples")
    if train is None:
        order = random.permutation(len(reference.cells))
        reference, other = reference.select(order[::2]), reference.select(order[1::2])
        notes.append("no training rows are known: the rows were divided in two, and whether samples repeat them was not tested")
    else:
        other = _group(train, train_weights, "train")
    counts = {"samples": len(drawn.cells), "compared": len(reference.cells), "floor": len(other.cells)}
    for what, count in counts.items():
        if count < MIN_ROWS:
            is_half = train is None and what != "samples"
            least, number = (2 * MIN_ROWS, counts["compared"] + counts["floor"]) if is_half else (MIN_ROWS, count)
            name = "train" if what == "floor" and not is_half else "rows" if what != "samples" else what
            raise InputError(f"{name} must have at least {least} rows of weight above zero, but there are {number}")
    if np.isnan(reference.cells).any() and not np.isnan(drawn.cells).any():
        shares = reference.weights / reference.weights.sum()
        gaps = np.isnan(reference.cells)[random.choice(len(reference.cells), len(drawn.cells), p=shares)]
        drawn = drawn._replace(cells=np.where(gaps, np.nan, drawn.cells))
        notes.append("samples got the gaps of rows drawn at random, as cells of the rows are missing")
    notes += _describe_gaps(columns, reference, other)
    sets = {"samples": drawn, "floor": other, "independent": other.permute_columns(random)}
    embed = Embedding.of(columns, reference)
    some = column_statistics.choose_columns(columns, random)
    if len(some) < len(columns):
        notes.append(f"pairs are those of {len(some):,} columns drawn at random")
    found: dict[str, Similarity] = {}
    near = reference.draw(random, MAX_NEIGHBORS)
    for index, (name, group) in enumerate(sets.items()):
        progress(WHAT[name], index / (len(sets) + 1))
        bandwidths = found["samples"].mmd.bandwidths if found else None
        own = group.draw(random, MAX_NEIGHBORS)
        if min(len(near), len(own)) < MIN_ROWS:
            words = f"drawn by weight, {min(len(near), len(own))} of the rows are left, and {MIN_ROWS} are needed"
            raise InputError(f"weights must be less uneven: {words} for their distances")
        first, second = embed(reference.cells[near]), embed(group.cells[own])
        predicted = {} if target is None else predict_target(columns, columns.names.index(target), group, reference, seed)
        found[name] = Similarity(
            shapes=column_statistics.shapes(columns, reference, group),
            trends=column_statistics.trends(columns, reference, group, some),
            mmd=squared_mmd(first, second, bandwidths),
            two_sample=two_sample_test(columns, reference, group, seed),
            adversarial=adversarial_accuracy(first, second, seed),
            target=predicted,
        )
    closeness = None
    if train is not None:
        progress("samples closest to each row", len(sets) / (len(sets) + 1))
        points, seen, unseen = (embed(each.cells[each.draw(random, MAX_LEAK)]) for each in (drawn, other, reference))
        closeness = leak(points, seen, unseen, seed)
    return Comparison(columns.names, some, **found, leak=closeness, divergence=None, target=target, counts=counts, notes=notes)


def _describe_gaps(columns: Columns, reference: Group, other: Group) -> list[str]:
    """Whether the floor has other gaps than the rows, so that the tests tell the two apart by these, in words."""
    fractions = [np.average(np.isnan(each.cells), axis=0, weights=each.weights) for each in (reference, other)]
    error = np.sqrt(sum(p * (1 - p) / len(each.cells) for p, each in zip(fractions, (reference, other), strict=True)))
    apart = np.abs(fractions[0] - fractions[1])
    worst = int(np.argmax(apart - MAX_Z * error))
    if apart[worst] <= MAX_Z * error[worst]:
        return []
    of_rows, of_floor = (100 * float(fraction[worst]) for fraction in fractions)
    words = f"{of_floor:.3g} % of its cells in {columns.names[worst]!r} are missing, and {of_rows:.3g} % of the rows'"
    return [f"the floor differs from the rows by its gaps too: {words}"]


def _check(x: ArrayLike, name: str) -> Float[np.ndarray, "n columns"]:
    array = _checks.float64_array(x, name)
    if array.ndim != 2 or 0 in array.shape or np.isinf(array).any():
        raise InputError(f"{name} must be rows [n, V] of finite numbers, NaN where missing, but has shape {list(array.shape)}")
    return array


def _group(cells: Float[np.ndarray, "n columns"], weights: ArrayLike | None, name: str) -> Group:
    """The cells of rows of weight above zero."""
    if weights is None:
        return Group(cells, np.ones(len(cells)))
    weights = _checks.row_weights(weights, len(cells), "weights" if name == "rows" else f"{name}_weights")
    return Group(cells, weights).select(np.flatnonzero(weights))


def _mean(values: np.ndarray) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmean(values))
