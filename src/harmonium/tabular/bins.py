"""Numbers as bins: the states of a column of numbers, with a density inside each bin, and spikes that many rows share.

A column of bins has as many states as it has spikes and bins, and a value x in state k has the density p_k f_k(x). In a spike
f_k is 1, the mass of a point. In a bin f_k is uniform, or a histogram where that is likelier, as of values that rows share;
in the two outermost bins it is so up to the last edge, and falls exponentially beyond it. Of counts all of this is over whole
numbers: f_k is uniform over those in a bin or in a piece of its histogram, geometric beyond, and zero below zero.

So ln p of a row is a density with respect to Lebesgue measure plus a mass at each spike (of counts: the counting measure). It
compares models of a column that have the same spikes, whatever their bins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

MIN_BINS, MAX_BINS = 4, 32
MAX_PIECES, EQUAL_PIECES = 1000, (2, 4, 8, 16)
"""Values of a column that may be pieces of their own within bins, and the numbers of pieces of equal width that are tried."""
PIECES_GAIN = 2.0
"""Nats that the values of a bin must gain in all by pieces."""
SPIKE, MIN_SPIKE_ROWS, RATIO = 0.05, 5, 30.0
"""A spike has this fraction of the rows, this many of them, and so many times the rows that its surroundings suggest."""
SURROUNDINGS = 0.1
"""The fraction of the other values on each side of a value that are its surroundings."""
FOLDS = 5


@dataclass(frozen=True)
class Bins:
    """The states of a column of numbers: first the `spikes`, then the bins between neighboring `edges`, each rising.

    `tails`: of the lowest and of the highest bin the probability, within the bin, of a value beyond its last edge, and the mean
    distance of such values. `whole`: the values are counts, and edges lie halfway between whole numbers. There are no
    spikes then, and the geometric distribution below the lowest bin, which has that mean without an end, ends at zero.
    `pieces`: of the histograms within bins, all bins of any width together: the upper end of each and its probability within
    its bin, between the edges. None where every bin is uniform.
    """

    spikes: tuple[float, ...]
    edges: tuple[float, ...]
    tails: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.0), (0.0, 1.0))
    whole: bool = False
    pieces: tuple[tuple[float, float], ...] = ()

    @property
    def count(self) -> int:
        """The number of states."""
        return len(self.spikes) + max(0, len(self.edges) - 1)

    def validation_error(self) -> str | None:
        """What is wrong with them, in words; None if nothing is."""
        numbers = [*self.spikes, *self.edges, *(number for tail in self.tails for number in tail)]
        rising = all(list(of) == sorted(of) for of in (self.spikes, self.edges)) and len(set(self.spikes)) == len(self.spikes)
        inner = self.edges[1:-1]
        if not all(map(math.isfinite, numbers)) or not rising or len(set(inner)) != len(inner):
            return "spikes and edges must be finite and rise"
        if self.count < 2 or len(self.edges) == 1:
            return "there must be two spikes or bins at least"
        (below, _), (above, _) = self.tails
        if any(not (0 <= weight <= 1 and mean > (0.5 if self.whole else 0)) for weight, mean in self.tails):
            return "tails must have a probability and a mean distance each"
        empty = [low == high for low, high in pairwise(self.edges)]
        if empty and (empty[0] != (below == 1) or empty[-1] != (above == 1) or (below + above > 1 and len(empty) == 1)):
            return "the outermost bins must have a width unless all of their values lie beyond"
        if self.whole and (self.spikes or any(edge % 1 != 0.5 for edge in self.edges)):
            return "edges of counts lie halfway between whole numbers, and none is a spike"
        if self.whole and self.edges[0] < (0 if below else -0.5):
            return "no edge of counts lies below -0.5, and no value beyond that one"
        return self._fault_of_pieces() if self.pieces else None

    def _fault_of_pieces(self) -> str | None:
        """What is wrong with the pieces, in words."""
        ends, shares = np.array(self.pieces).T
        wide = {high for low, high in pairwise(self.edges) if low < high}
        is_rising = bool(wide) and (np.diff([self.edges[0], *ends]) > 0).all() and ends[-1] == self.edges[-1]
        if not is_rising or not wide <= set(ends) or (self.whole and (ends % 1 != 0.5).any()):
            return "pieces of bins must rise and end where the bins end"
        low, _, share, bins = self._pieces()
        if not (shares > 0).all() or not np.allclose(np.bincount(bins, share), 1, rtol=0, atol=1e-6) or np.isnan(low).any():
            return "the probabilities of the pieces of a bin must be above zero and add up to 1"
        return None

    def _pieces(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Lower and upper end of each piece, rising, its probability within its bin, and the bin. A bin without a width, which
        lies beyond its last edge, is a piece without one."""
        edges = np.array(self.edges)
        if not self.pieces:
            return edges[:-1], edges[1:], np.ones(len(edges) - 1), np.arange(len(edges) - 1)
        high, share = np.array(self.pieces).T
        low = np.concatenate([edges[:1], high[:-1]])
        bins = np.searchsorted(edges, low, side="right") - 1
        for at, place in ((len(edges) - 2, len(low)), (0, 0)):
            if edges[at] == edges[at + 1]:
                low, high = np.insert(low, place, edges[at]), np.insert(high, place, edges[at])
                share, bins = np.insert(share, place, 1.0), np.insert(bins, place, at)
        return low, high, share, bins

    def states(self, values: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """The state of each value; -1 of one that has none, as its density is zero."""
        edges, first = np.array(self.edges), len(self.spikes)
        states = first + np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(0, len(edges) - 2))
        outside = np.full(len(values), len(edges) < 2)
        if len(edges) > 1:
            (below, _), (above, _) = self.tails
            outside |= (values < edges[0]) & (below == 0) | (values > edges[-1]) & (above == 0)
        outside |= ((values != np.rint(values)) | (values < 0)) & self.whole
        states[outside] = -1
        for state, spike in enumerate(self.spikes):
            states[values == spike] = state
        return states

    def log_density(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """ln f_k of each value in its own state k (nats); zero where it is missing or has no state."""
        found = np.zeros(len(values))
        known = ~np.isnan(values)
        known[known] = self.states(values[known]) >= len(self.spikes)
        if not known.any():
            return found
        x = values[known]
        bins, inside = self.states(x) - len(self.spikes), self._inside()
        low, high, share, _ = self._pieces()
        piece = np.minimum(np.searchsorted(high, x, side="right"), len(high) - 1)
        # A bin that lies beyond its last edge altogether has no width.
        nats = np.log(np.where(inside > 0, inside, 1))[bins] + np.log(share / np.where(high > low, high - low, 1))[piece]
        for (weight, mean), at, edge, sign in self._ends():
            excess = sign * (x - edge)
            beyond = (bins == at) & ((excess > 0) | (weight == 1))
            if beyond.any():
                nats[beyond] = math.log(weight) + self._log_beyond(excess[beyond], mean, sign)
        found[known] = nats
        return found

    def _ends(self) -> list[tuple[tuple[float, float], int, float, int]]:
        """Tail, bin, last edge and direction of the two outermost bins."""
        below, above = self.tails
        return [(below, 0, self.edges[0], -1), (above, len(self.edges) - 2, self.edges[-1], 1)]

    def _inside(self) -> Float[np.ndarray, " bins"]:
        """The probability, in each bin, of a value between its edges."""
        inside = np.ones(len(self.edges) - 1)
        inside[0] -= self.tails[0][0]
        inside[-1] -= self.tails[1][0]
        return inside

    def _log_beyond(self, excess: Float[np.ndarray, " n"], mean: float, sign: int) -> Float[np.ndarray, " n"]:
        """ln of the density of a distance beyond the last edge; of whole numbers, which lie at 1/2, 3/2, ..., of its mass."""
        if not self.whole:
            return -excess / mean - math.log(mean)
        q, room = _ratio(mean), self._room(sign)
        return np.rint(excess - 0.5) * math.log(q) + math.log1p(-q) - math.log1p(-(q**room))

    def _room(self, sign: int) -> float:
        """How many counts there are beyond the last edge: none is below zero."""
        return self.edges[0] + 0.5 if sign < 0 else math.inf

    def _moments_beyond(self, mean: float, sign: int) -> tuple[float, float]:
        """Mean and variance of the distance beyond the last edge."""
        if not self.whole:
            return mean, mean**2
        q, room = _ratio(mean), self._room(sign)
        if not 0 < room < math.inf:
            return mean, mean**2 - 1 / 4
        less = room * q**room / (1 - q**room)  # than without an end
        return mean - less, mean**2 - 1 / 4 - less * (less + room)

    def moments(self) -> tuple[Float[np.ndarray, " states"], Float[np.ndarray, " states"]]:
        """E[x] and E[x^2] of each state."""
        spikes = np.array(self.spikes)
        if len(self.edges) < 2:
            return spikes, spikes**2
        inside = self._inside()
        low, high, share, bins = self._pieces()
        middle, variance = (low + high) / 2, ((high - low) ** 2 - self.whole) / 12
        mean, square = (inside * np.bincount(bins, share * of) for of in (middle, middle**2 + variance))
        for (weight, scale), at, edge, sign in self._ends():
            distance, variance = self._moments_beyond(scale, sign)
            beyond = edge + sign * distance
            mean[at] += weight * beyond
            square[at] += weight * (beyond**2 + variance)
        return np.concatenate([spikes, mean]), np.concatenate([spikes**2, square])

    def sample(self, states: Int[np.ndarray, " n"], random: np.random.Generator) -> Float[np.ndarray, " n"]:
        """A value x ~ f_k for each state k."""
        values, chance = np.empty(len(states)), random.random(len(states))
        is_spike = states < len(self.spikes)
        values[is_spike] = np.array(self.spikes)[states[is_spike]]
        if is_spike.all():
            return values
        bins, chance = states[~is_spike] - len(self.spikes), chance[~is_spike]
        low, high, share, of = self._pieces()
        first, last = (np.searchsorted(of, bins, side=side) for side in ("left", "right"))
        piece = np.clip(np.searchsorted(share.cumsum(), bins + random.random(len(bins)), side="right"), first, last - 1)
        x = random.uniform(low[piece], high[piece])
        x = np.rint(x) if self.whole else x
        for (weight, mean), at, edge, sign in self._ends():
            beyond = (bins == at) & ((chance < weight) if sign < 0 else (chance >= 1 - weight))
            size = int(beyond.sum())
            if self.whole:
                q, room = _ratio(mean), self._room(sign)
                number = np.floor(np.log1p(-random.random(size) * (1 - q**room)) / math.log(q))
                excess = np.minimum(number, room - 1) + 0.5
            else:
                excess = random.exponential(mean, size)
            x[beyond] = edge + sign * excess
        values[~is_spike] = x
        return values


def _ratio(mean: float) -> float:
    """q of the geometric distribution of 1/2, 3/2, ... with this mean."""
    return (mean - 0.5) / (mean + 0.5)


# ---- from values


def fit(
    values: Float[np.ndarray, " n"],
    whole: bool = False,
    cuts: tuple[float, ...] | None = None,
    others: Float[np.ndarray, " m"] | tuple[float, ...] = (),
) -> Bins:
    """The bins of a column: spikes, and n^(1/3) bins, from 4 to 32, with about as many of the other n values in each, which end
    in wide gaps between values where there are any. If no more different values are left than that, each has a bin.

    A bin is a histogram where that is likelier than a uniform density, each value by a histogram of the others, by 2 nats in
    all: of 2 to 16 pieces of equal width, or of values that 5 rows share and a thousandth of all, and of gaps between them.
    A tail is exponential from the bin's inner edge on where that is likelier than the bin: if it is uniform, if the mean
    distance from that edge is less than 1/e of the bin's width. Elsewhere one value more than the bin has is thought to lie
    beyond its last edge. Where no value is below zero none ever is: the lowest bin begins at zero if its n values may leave
    that gap by chance, n ln(width with the gap / width) <= 2 ln(n + 2). A count has a bin of its own if as many rows share it
    as a bin has, or if many do and few others come near, as spikes are found.

    Args:
        values: finite numbers, at least one.
        whole: of counts, whole numbers of zero or above.
        cuts: the edges between bins, if they are given.
        others: values that must have a state too, but are not fitted.
    """
    spikes, heavy = (() if whole else find_spikes(values)), ()
    everything = np.concatenate([values, others])
    rest = np.sort(values[~np.isin(values, spikes)])
    if not len(rest):
        rest = np.sort(everything[~np.isin(everything, spikes)])
    if not len(rest):
        return Bins(spikes, ())
    levels, counts = np.unique(rest, return_counts=True)
    count = int(np.clip(round(len(rest) ** (1 / 3)), MIN_BINS, MAX_BINS))
    if whole and cuts is None:
        heavy = tuple({*find_spikes(values), *levels[counts * count >= len(rest)]})
    light = np.where(np.isin(levels, heavy), 0, counts)
    counts = light * (len(rest) / max(light.sum(), 1))  # heavy ones have their bins without a share of the others'
    step = 1.0 if whole else resolution(everything)
    half = (step or np.ptp(rest) / len(rest) or abs(levels[0]) or 1.0) / 2
    if cuts is None:
        middles = (levels[:-1] + levels[1:]) / 2
        middles = (np.floor(middles / step) + 0.5) * step if step else middles  # no value lies on an edge, once rounded
        shares = np.cumsum(counts[:-1]) / len(rest)
        if len(levels) <= count:
            chosen = set(range(len(middles)))
        else:
            chosen = {_cut(levels, np.abs(shares * count - place)) for place in range(1, count)}
        cuts = tuple(middles[sorted(chosen)].tolist())
    room = 2 * half if whole else half  # beyond an edge, so that the next one of counts lies halfway between two, too
    low, high = min([levels[0] - half, *(cut - room for cut in cuts)]), max([levels[-1] + half, *(cut + room for cut in cuts)])
    edges = [low, *_set_apart(cuts, heavy, levels), high]
    return _with_tails(edges, spikes, rest, step, whole, nonnegative=bool(everything.min() >= 0))


def _cut(levels: Float[np.ndarray, " k"], off: Float[np.ndarray, " gaps"]) -> int:
    """The gap between levels at which a bin ends: the nearest to its share, or a wide one no more than half a bin away.

    `off`: how far each gap is from that share, in bins.
    """
    near = np.flatnonzero(off <= 0.5)
    if not len(near):
        return int(off.argmin())
    widths = np.diff(levels)[near]
    return int(near[np.argmax(widths / (levels[near[-1] + 1] - levels[near[0]]) - off[near])])


def _with_tails(
    edges: list[float], spikes: tuple[float, ...], rest: np.ndarray, step: float, whole: bool, nonnegative: bool
) -> Bins:
    """The bins with what lies within them and beyond the last edges; `rest`: the values that are no spikes."""
    tails: list[tuple[float, float]] = []
    least = max(MIN_SPIKE_ROWS, len(rest) / MAX_PIECES)
    lowest = -step / 2  # where rounded numbers of zero or above begin
    for at, inner, sign in ((0, edges[1], -1), (-1, edges[-2], 1)):
        own = rest[rest < inner] if sign < 0 else rest[rest > inner]
        width = abs(edges[at] - inner)
        mean = float(np.abs(own - inner).mean()) if len(own) else width
        bounded = sign < 0 and nonnegative
        density = _histogram(own, min(inner, edges[at]), max(inner, edges[at]), step, least)[1]
        # So few values that the gap between them and zero may be chance.
        if bounded and len(own) * math.log((inner - lowest) / width) <= 2 * math.log(len(own) + 2):
            edges[0] = lowest
            tails.append((0.0, 1.0))
        elif not bounded and len(edges) > 2 and -math.log(mean) - 1 > density:
            edges[at] = inner
            tails.append((1.0, mean))
        else:
            mean = min(width, (edges[0] - lowest) / 5) if bounded else width  # next to nothing is below zero
            tails.append((1 / (len(own) + 2), max(mean, 1.0) if whole else mean))
    pieces: list[tuple[float, float]] = []
    for low, high in pairwise(edges):
        if low < high:
            pieces += _histogram(rest[(rest >= low) & (rest < high)], low, high, step, least)[0]
    has_pieces = any(share < 1 for _, share in pieces)
    return Bins(spikes, tuple(map(float, edges)), (tails[0], tails[1]), whole, tuple(pieces) if has_pieces else ())


def _histogram(
    own: Float[np.ndarray, " n"], low: float, high: float, step: float, least: float
) -> tuple[list[tuple[float, float]], float]:
    """The pieces of a bin, as `Bins` has them, and the mean log density of its values, each by a histogram of the others.

    `own`: the values. `step`: to which they are rounded, 0 if they are not. `least`: as many rows make a value a piece.
    """
    cuts = [np.linspace(low, high, count + 1)[1:-1] for count in EQUAL_PIECES]
    if step:
        levels, counts = np.unique(own, return_counts=True)
        common = np.rint(levels[counts >= least] / step)
        # No value lies on an edge, once rounded.
        cuts = [(np.floor(of / step) + 0.5) * step for of in cuts] + [np.concatenate([common - 0.5, common + 0.5]) * step]
    best = uniform = [(float(high), 1.0)], -math.log(high - low)
    for of in cuts if len(own) else ():
        inner = np.unique(of)
        inner = inner[(inner > low + step / 4) & (inner < high - step / 4)]  # by rounding, an end of the bin may be among them
        ends = np.array([*inner, high])
        widths = np.diff(ends, prepend=low)
        counts = np.bincount(np.searchsorted(ends, own, side="right").clip(max=len(inner)), minlength=len(ends))
        # The prior is one value, uniform in the bin.
        prior = widths / (high - low)
        density = float(counts @ np.log(np.where(counts > 0, counts - 1 + prior, 1) / widths)) / len(own) - math.log(len(own))
        if density > max(best[1], uniform[1] + PIECES_GAIN / len(own)):
            best = list(zip(ends.tolist(), ((counts + prior) / (len(own) + 1)).tolist(), strict=True)), density
    return best


def _set_apart(cuts: tuple[float, ...], heavy: tuple[float, ...], levels: Float[np.ndarray, " k"]) -> list[float]:
    """The edges between bins of counts, so that each of the heavy ones, such as zero, is a bin of its own."""
    if not heavy:
        return list(cuts)
    own = {value + side for value in heavy for side in (-0.5, 0.5) if levels[0] < value + side < levels[-1]}
    kept = (cut for cut in cuts if not {levels[levels < cut].max(), levels[levels > cut].min()} & set(heavy))
    return sorted({*kept, *own})


def resolution(values: Float[np.ndarray, " n"]) -> float:
    """The step of the decimals to which all values are written, 0 where there are more than six."""
    places = (place for place in range(-3, 7) if np.array_equal(np.round(values, place), values))
    return next((10.0**-place for place in places), 0.0)


def find_spikes(values: Float[np.ndarray, " n"]) -> tuple[float, ...]:
    """The values that many rows share and few others come near, rising.

    A value that 5 % of the rows have, and five of them, is a spike if its surroundings, a tenth of the other values on either
    side, have at most a thirtieth of its rows within the step to which the values are rounded.
    """
    levels, counts = np.unique(values, return_counts=True)
    step, rising = resolution(values), np.sort(values)
    found = []
    for level, of in zip(levels, counts, strict=True):
        if of < max(MIN_SPIKE_ROWS, SPIKE * len(values)):
            continue
        others = rising[rising != level]
        if not len(others):
            continue
        reach, at = max(1, int(SURROUNDINGS * len(others))), int(np.searchsorted(others, level))
        near = others[max(0, at - reach) : at + reach]
        if of * max(np.ptp(np.append(near, level)), step) > RATIO * len(near) * step:
            found.append(float(level))
    return tuple(found)


def gain(values: Float[np.ndarray, " n"], whole: bool = False) -> float:
    """Nats per value by which bins are likelier than a normal distribution in values left out; infinite where there are spikes.

    Both are fitted to four fifths of the values at a time. A normal distribution gives a spike no mass at all. The mass of a
    count is the density of the step of 1 around it.
    """
    if not whole and find_spikes(values):
        return math.inf
    fold = np.random.default_rng(0).permutation(len(values)) % FOLDS
    total = 0.0
    for number in range(FOLDS):
        known, out = values[fold != number], values[fold == number]
        if not len(out) or not np.ptp(known):
            return -math.inf
        bins = fit(known, whole, others=out)
        counts = np.bincount(bins.states(known), minlength=bins.count)
        shares = np.log((counts + 1 / bins.count) / (len(known) + 1))
        z = (out - known.mean()) / known.std()
        normal = -(z**2) / 2 - math.log(known.std() * math.sqrt(2 * math.pi))
        total += float((shares[bins.states(out)] + bins.log_density(out) - normal).sum())
    return total / len(values)
