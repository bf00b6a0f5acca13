"""How well the chains of a relaxation mix: do both starts converge, R-hat, effective sample size, autocorrelation.

All figures are of the second half of the chains, by the definitions of ArviZ (`to_arviz` gives it the same chains).

Reference: A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P. Buerkner, "Rank-normalization, folding, and localization: an
improved R-hat", Bayesian Analysis 16 (2021) (R-hat, and the effective sample size: they ask for 400).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from harmonium import _checks
from harmonium.diagnostics.chain_groups import ChainComparison, compare_chains
from harmonium.diagnostics.relaxation import STARTS, Relaxation, quantities
from harmonium.diagnostics.verdict import Verdict, judge
from harmonium.errors import InputError

if TYPE_CHECKING:
    from xarray import DataTree

LARGE_R_HAT = 1.05
"""R-hat^2 - 1 of chains in equilibrium is their autocorrelation time over half their length. Many short chains cannot reach the
1.01 that is usual for a few long ones; at 1.05 each half contains ten autocorrelation times."""
SMALL_ESS = 400


@dataclass(frozen=True)
class Mixing:
    """Figures of the second half of all chains together, for each of Q quantities.

    `r_hat [Q]`: rank-normalized. `ess [Q]`: bulk effective sample size, of `draws` in all. `autocorrelation_time [Q]`: draws
    for each effective one, in sweeps; times below the spacing of the draws are not resolved. `autocorrelation
    [Q, L]` at `lags [L]` sweeps. `starts`: chains from noise minus chains from data.

    Attributes:
        quantities: their names.
    """

    quantities: Sequence[str]
    r_hat: np.ndarray
    ess: np.ndarray
    autocorrelation_time: np.ndarray
    autocorrelation: np.ndarray
    lags: np.ndarray
    draws: int
    sweeps: int
    starts: ChainComparison

    @property
    def verdicts(self) -> list[Verdict]:
        """Whether the starts meet, and whether the chains mix."""
        return [self._meeting(), self._mixing()]

    def _meeting(self) -> Verdict:
        name, after = "relaxation", f"after {self.sweeps:,} sweeps"
        if self.starts.differ.any():
            figures = f"chains from noise and from data differ in {self.starts.largest()} {after}"
            remedy = "the chains still remember their start; make more sweeps, or sample by tempering"
            return judge(name, figures, remedy)
        if not self.starts.decided:
            figures = f"means are known to {self.starts.standard_error.max():.2f} standard deviations only"
            return judge(name, figures, "too few chains to tell if the starts meet")
        return judge(
            name, f"chains from noise and from data meet {after}; the largest difference is in {self.starts.largest()}"
        )

    def _mixing(self) -> Verdict:
        slow, few = int(np.argmax(self.r_hat)), int(np.argmin(self.ess))
        time = f"{self.autocorrelation_time[few]:,.3g} sweeps"
        figures = (
            f"R-hat at most {self.r_hat[slow]:.3f} ({self.quantities[slow]}), effective sample size at least "
            f"{self.ess[few]:,.0f} of {self.draws:,}"
        )
        if self.r_hat[slow] <= LARGE_R_HAT and self.ess[few] >= SMALL_ESS:
            return judge("mixing", f"{figures}, autocorrelation time at most {time}")
        remedy = "single chains see only a part; make more sweeps, or sample by tempering"
        return judge("mixing", f"{figures}, autocorrelation time {time} or more", remedy)


def mixing(relaxation: Relaxation) -> Mixing:
    """The figures of a relaxation's second half.

    Args:
        relaxation: the chains of `relaxation`.

    Raises:
        InputError: `relaxation` is no `Relaxation`, or has fewer than 2 chains from each start.
    """
    from arviz_stats.base import array_stats

    values = second_half(relaxation)
    names = quantities(relaxation.components.shape[-1])
    chains = values.reshape(-1, *values.shape[2:])
    draws = chains.shape[0] * chains.shape[1]
    # Chains that never move have no variance to divide by; what all of them agree on has nothing to mix.
    still = np.ptp(chains, axis=(0, 1)) == 0
    with np.errstate(all="ignore"):
        r_hat = np.where(still, 1.0, array_stats.rhat(chains, chain_axis=0, draw_axis=1, method="rank"))
        ess = np.where(still, float(draws), array_stats.ess(chains, chain_axis=0, draw_axis=1, method="bulk"))
    correlation = _autocorrelation(chains)
    return Mixing(
        quantities=names,
        r_hat=r_hat,
        ess=ess,
        autocorrelation_time=relaxation.spacing * draws / ess,
        autocorrelation=correlation,
        lags=np.arange(correlation.shape[1]) * relaxation.spacing,
        draws=draws,
        sweeps=int(relaxation.sweeps[-1]),
        starts=compare_chains(values[0], values[1], names),
    )


def second_half(relaxation: Relaxation) -> Float[np.ndarray, "starts chains draws quantities"]:
    """Free energy and components of the second half, in float64."""
    _checks.instance(relaxation, Relaxation, "relaxation")
    values = np.concatenate([relaxation.free_energy[..., None], relaxation.components], axis=-1)
    return values[:, :, _first_of_second_half(relaxation) :].astype(np.float64)


def _first_of_second_half(relaxation: Relaxation) -> int:
    return (len(relaxation.sweeps) + 1) // 2


def _autocorrelation(chains: Float[np.ndarray, "chains draws quantities"]) -> Float[np.ndarray, "quantities lags"]:
    """Around the mean of all chains, so that a chain that stays in a part of its own counts as correlated."""
    deviation = chains - chains.mean(axis=(0, 1))
    variance = np.mean(deviation**2, axis=(0, 1))
    length = chains.shape[1]
    lags = range(max(1, length // 2))
    products = [np.mean(deviation[:, lag:] * deviation[:, : length - lag], axis=(0, 1)) for lag in lags]
    return (np.stack(products) / np.where(variance > 0, variance, np.nan)).T


def to_arviz(relaxation: Relaxation) -> DataTree:
    """The chains as an xarray DataTree, as `arviz_stats.summary` and ArviZ's plots take them.

    The second half is the group `posterior`, the first the group `warmup_posterior`; the coordinate `draw` is in sweeps, and
    `start` is `noise` or `data`.

    Args:
        relaxation: the chains of `relaxation`.

    Raises:
        InputError: arviz-base is not installed.
    """
    try:
        from arviz_base import from_dict
    except ImportError as error:
        raise InputError("ArviZ's data structures are not installed: pip install 'harmonium[arviz]'") from error

    first = _first_of_second_half(_checks.instance(relaxation, Relaxation, "relaxation"))
    parts = {"posterior": slice(first, None), "warmup_posterior": slice(first)}
    arrays = {"free_energy": relaxation.free_energy, "component": relaxation.components}
    chains = {name: array.reshape(-1, *array.shape[2:]) for name, array in arrays.items()}
    groups = {group: {name: array[:, part] for name, array in chains.items()} for group, part in parts.items()}
    numbers = 1 + np.arange(relaxation.components.shape[-1])
    with warnings.catch_warnings():
        # More chains than draws are right here.
        warnings.filterwarnings("ignore", "Found chain dimension to be longer than draw dimension")
        dims, coords = {"component": ["direction"]}, {"direction": numbers}
        tree = from_dict(groups, dims=dims, coords=coords, save_warmup=True)
    start = ("chain", np.repeat(STARTS, relaxation.free_energy.shape[1]))
    for group, part in parts.items():
        tree[group].dataset = tree[group].to_dataset().assign_coords(draw=relaxation.sweeps[part], start=start)
    return tree
