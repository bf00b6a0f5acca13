"""Sequences: which positions pair, missing letters, and how close the model comes to the true distribution.

    python examples/sequences.py

The sequences are synthetic: hairpins of twelve bases. The first four pair with the last four (A with U, G with C, sometimes G
with U), around a loop that is usually GAAA. No position alone shows the pairs.
"""

from __future__ import annotations

import numpy as np

import harmonium as hm

BASES = "ACGU"
LENGTH, STEM = 12, 4
PARTNERS = {"A": {"U": 1.0}, "C": {"G": 1.0}, "G": {"C": 0.8, "U": 0.2}, "U": {"A": 0.8, "G": 0.2}}
LOOP, USUAL = "GAAA", 0.85
"""The usual loop, and the probability that each of its bases is the usual one."""


def hairpins(count: int, seed: int) -> np.ndarray:
    """Indices of bases, `[count, LENGTH]`."""
    random = np.random.default_rng(seed)
    sequences = np.empty((count, LENGTH), dtype=np.int64)
    for sequence in sequences:
        for place in range(STEM):
            base = BASES[random.integers(4)]
            partner = random.choice(list(PARTNERS[base]), p=list(PARTNERS[base].values()))
            sequence[place], sequence[LENGTH - 1 - place] = BASES.index(base), BASES.index(partner)
        for place, usual in enumerate(LOOP, start=STEM):
            others = [base for base in BASES if base != usual]
            sequence[place] = BASES.index(usual if random.random() < USUAL else random.choice(others))
    return sequences


def entropy() -> float:
    """Of the distribution above, in nats: no model can do better."""
    pair = np.log(4) - sum(p * np.log(p) for partners in PARTNERS.values() for p in partners.values()) / 4
    base = -(USUAL * np.log(USUAL) + (1 - USUAL) * np.log((1 - USUAL) / 3))
    return STEM * pair + len(LOOP) * base


def mutual_information(sequences: np.ndarray) -> np.ndarray:
    """Between all positions, `[LENGTH, LENGTH]` in nats, from the frequencies of pairs."""
    one_hot = np.eye(4)[sequences]
    pairs = np.einsum("npa,nqb->pqab", one_hot, one_hot) / len(sequences) + 1e-12
    single = one_hot.mean(axis=0) + 1e-12
    return (pairs * np.log(pairs / np.einsum("pa,qb->pqab", single, single))).sum(axis=(2, 3))


def main(count: int = 3000, updates: int = 20_000) -> dict[str, float]:
    units = hm.Categorical.zeros((4,) * LENGTH)
    train, test = (units.encode(hairpins(count, seed)) for seed in (0, 1))
    rbm = hm.initialize(train, hidden=14, visible=units)
    alone = hm.evaluate(rbm, test).mean
    for state in hm.train(rbm, train, updates=updates):
        rbm = state.rbm
    log_likelihood = hm.evaluate(rbm, test)
    print(f"best possible {-entropy():.3f} nats a sequence; independent positions {alone:.3f}; the model {log_likelihood}")

    # The model's samples, not the data, show which positions pair.
    samples = hm.exact.sample(rbm, 5000)
    information = np.triu(mutual_information(units.decode(samples)), 1)
    strongest = {tuple(int(i) for i in divmod(place, LENGTH)) for place in np.argsort(information, axis=None)[-STEM:]}
    pairs = {(place, LENGTH - 1 - place) for place in range(STEM)}
    print("the four most dependent pairs of positions:", *(f"{i + 1}-{j + 1}" for i, j in sorted(strongest)))

    # The first two bases are missing; their partners determine them.
    holes = test.copy()
    holes[:, :8] = np.nan
    filled = units.decode(hm.impute(rbm, holes).values)
    right = float((filled[:, :2] == units.decode(test)[:, :2]).mean())
    print(f"missing bases filled rightly: {right:.1%} (a guess: 25 %)")
    return {"log_likelihood": log_likelihood.mean, "alone": alone, "pairs": len(strongest & pairs), "right": right}


if __name__ == "__main__":
    main()
