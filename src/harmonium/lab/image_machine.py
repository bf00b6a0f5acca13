"""A machine whose visible layer is a picture: what chapter 6 asks of it, the same for a machine in training and for any file's.

Pictures travel as shades from 0 to 1 (bytes from 0 to 255), rows of pixels as bits. Up to `SMALL` weights everything is in
float64; larger machines stay in the precision that they came in.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

import harmonium as hm
from harmonium.errors import InputError
from harmonium.lab.pictures import layout, packed, packed_signed

MOST_VISIBLE = MOST_HIDDEN = 5000
MOST_WEIGHTS = 5_000_000
SMALL = 1 << 15
EXACT_SECONDS = 0.05
"""ln Z is given unasked where it is forecast to take no longer; 0.05 s on two cores are 21 hidden units on 8x8 pixels."""
FANTASIES = 24
REFERENCE = 179
"""Rows whose free energies a drawing's is compared with, of each sort."""
FILTERS = 64
"""Filters in one message."""
DRAWS = 200
CHAINS, SINGLES = 100, 8
STAGES = (1, 10, 100, 1000)
WORK = 5_000_000_000
"""Chains x sweeps x weights in one answer: about half a second."""
BINS = 28


class ImageMachine:
    """`rbm` with the picture that its visible layer is.

    Args:
        notes: the description of its file; `image_shape` gives the picture's shape. digits: rows that were held out and rows of
            independent pixels, to compare free energies with; by default the machine's own fantasies serve.

    Raises:
        InputError: the machine is too large for the page, or its units have more than two states.
    """

    def __init__(self, rbm: hm.RBM, name: str, notes: dict[str, Any], digits: dict[str, np.ndarray] | None = None) -> None:
        visible, hidden = rbm.weights.shape
        if visible > MOST_VISIBLE or hidden > MOST_HIDDEN or visible * hidden > MOST_WEIGHTS:
            raise InputError(
                f"{name} has {visible:,} visible and {hidden:,} hidden units; this page plays with machines of up to "
                f"{MOST_VISIBLE:,} of each and {MOST_WEIGHTS:,} weights. The library has no such limit: harmonium sample, "
                "harmonium reconstruct"
            )
        states = []
        for layer in (rbm.visible, rbm.hidden):
            values = layer.unit_states
            if values is None or values.shape != (2, 1):
                raise InputError(f"{name} has {layer.name} units; this page plays with units of two states, binary or spin")
            states.append(values.ravel())
        (self.low, self.high), (self.hidden_low, self.hidden_high) = states
        if visible * hidden <= SMALL:
            import jax  # here, because the page's first table must not wait for JAX

            rbm = jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float64), rbm)
        self.rbm, self.name, self.notes, self.digits = rbm, name, notes, digits
        self.height, self.width, self.shape_from = layout(visible, notes.get("image_shape"))

    def describe(self) -> dict[str, Any]:
        """What the page says of the machine, and the shape of its pictures."""
        trained_on, updates = self.notes.get("trained_on"), self.notes.get("updates")
        return {
            "name": self.name,
            "visible": self.rbm.visible.size,
            "hidden": self.rbm.hidden.size,
            "visible_kind": self.rbm.visible.name,
            "hidden_kind": self.rbm.hidden.name,
            "height": self.height,
            "width": self.width,
            "shape_from": self.shape_from,
            "trained_on": trained_on[:200] if isinstance(trained_on, str) else None,
            "updates": updates if isinstance(updates, int) else None,
            "digits": self.digits is not None,
            "exact": self.log_partition is not None,
        }

    # ---- pictures of the machine itself

    def filters(self, first: int) -> dict[str, Any]:
        """The weights of `FILTERS` hidden units from `first` on, as pictures."""
        weights = np.asarray(self.rbm.weights, dtype=np.float64)
        shown = packed_signed(weights.T[first : first + FILTERS])
        return {"first": first, "filters": shown}

    def fantasies(self, seed: int) -> dict[str, Any]:
        """Pictures drawn from p(v), and how: exactly where the machine can be enumerated at once, else by chains."""
        if self.log_partition is not None:
            v, how = hm.exact.sample(self.rbm, FANTASIES, seed), "independent draws from p(v) itself, by enumeration"
        else:
            sweeps = self._sweeps(FANTASIES)
            v = hm.sample(self.rbm, FANTASIES, seed, method="gibbs", sweeps=sweeps)
            how = f"the ends of {FANTASIES} Gibbs chains of {sweeps:,} sweeps: approximately from p(v)"
        means = hm.reconstruct(self.rbm, v, draws=1, seed=seed)
        return {"chains": packed(self.shades(v)), "means": packed(self.shades(means)), "how": how}

    # ---- a drawing

    def respond(self, bits: np.ndarray, seed: int) -> dict[str, Any]:
        """What the machine makes of a drawing, bits `[V]`: hidden probabilities, reconstruction, free energy."""
        v = self.low + (self.high - self.low) * bits
        hidden = hm.hidden_given_visible(self.rbm, v)
        draws = max(10, min(DRAWS, WORK // (50 * self.rbm.weights.size)))
        free_energy = float(hm.free_energy(self.rbm, v))
        reference = self.reference
        return {
            "size": self.rbm.visible.size,
            "hidden": (hidden - self.hidden_low) / (self.hidden_high - self.hidden_low),
            "reconstruction": packed(self.shades(hm.reconstruct(self.rbm, v, draws, seed))[None]),
            "draws": draws,
            "free_energy": free_energy,
            "log_probability": None if self.log_partition is None else -free_energy - self.log_partition,
            "less_probable": {name: float((values > free_energy).mean()) for name, values in reference.items()},
            "histogram": self.histogram,
        }

    def complete(self, known: np.ndarray, seed: int) -> dict[str, Any]:
        """Gibbs sampling with some pixels clamped: `known [V]` holds bits, and NaN where a pixel is unknown.

        Of `CHAINS` chains the mean after 1, 10, 100 and 1000 sweeps (fewer for a large machine), and some chains at the end.
        """
        held = self.low + (self.high - self.low) * known
        v, done, stages = None, 0, []
        most = self._sweeps(CHAINS, STAGES[-1])
        for number, sweeps in enumerate(s for s in STAGES if s <= most or s == STAGES[0]):
            chosen = {"clamp": held, "method": "gibbs", "start": v}
            v = hm.sample(self.rbm, CHAINS, seed + number, sweeps=sweeps - done, **chosen)
            done = sweeps
            stages.append({"sweeps": sweeps, "mean": packed(self.shades(v.mean(axis=0))[None])})
        assert v is not None
        return {"size": self.rbm.visible.size, "chains": CHAINS, "stages": stages, "singles": packed(self.shades(v[:SINGLES]))}

    # ---- what is found once

    @cached_property
    def log_partition(self) -> float | None:
        """ln Z, exact; None where it would take long."""
        return hm.exact.log_partition(self.rbm) if hm.exact.estimate_seconds(self.rbm) <= EXACT_SECONDS else None

    @cached_property
    def reference(self) -> dict[str, np.ndarray]:
        """Free energies of the rows that a drawing is compared with."""
        rows = self.digits
        if rows is None:
            rows = {"fantasies": self.shades(hm.sample(self.rbm, REFERENCE, method="gibbs", sweeps=self._sweeps(REFERENCE)))}
        values = {name: self.low + (self.high - self.low) * bits for name, bits in rows.items()}
        return {name: np.asarray(hm.free_energy(self.rbm, v), dtype=np.float64) for name, v in values.items()}

    @cached_property
    def histogram(self) -> dict[str, Any]:
        """Shares of each sort of rows in bins of the free energy."""
        values = np.concatenate(list(self.reference.values()))
        edges = np.linspace(values.min() - 1, values.max() + 1, BINS + 1)
        shares = {name: np.histogram(part, edges)[0] / len(part) for name, part in self.reference.items()}
        return {"edges": edges, "shares": shares}

    def shades(self, v: np.ndarray) -> np.ndarray:
        """Visible values, or their means, as shades from 0 to 1."""
        return (np.asarray(v, dtype=np.float64) - self.low) / (self.high - self.low)

    def _sweeps(self, chains: int, most: int = 500) -> int:
        return int(max(1, min(most, WORK // (chains * self.rbm.weights.size))))
