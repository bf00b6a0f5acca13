"""Sequences: which positions belong together, completed letters, and how close the law comes to the true one.

    python examples/sequences.py

The sequences are made up: hairpins of twelve bases whose first four pair with their last four (A with U, G with C, now and
then G with U), around a loop that is usually GAAA. No position tells of the pairs by itself.
"""

from __future__ import annotations

import numpy as np

import harmonium as hm

BASES = "ACGU"
LENGTH, STEM = 12, 4
PARTNERS = {"A": {"U": 1.0}, "C": {"G": 1.0}, "G": {"C": 0.8, "U": 0.2}, "U": {"A": 0.8, "G": 0.2}}
LOOP, KEPT = "GAAA", 0.85
"""The usual loop, and the chance with which each of its bases is what it usually is."""


def hairpins(count: int, seed: int) -> np.ndarray:
    """Numbers of bases, `[count, LENGTH]`."""
    random = np.random.default_rng(seed)
    sequences = np.empty((count, LENGTH), dtype=np.int64)
    for sequence in sequences:
        for place in range(STEM):
            base = BASES[random.integers(4)]
            partner = random.choice(list(PARTNERS[base]), p=list(PARTNERS[base].values()))
            sequence[place], sequence[LENGTH - 1 - place] = BASES.index(base), BASES.index(partner)
        for place, usual in enumerate(LOOP, start=STEM):
            others = [base for base in BASES if base != usual]
            sequence[place] = BASES.index(usual if random.random() < KEPT else random.choice(others))
    return sequences


def entropy() -> float:
    """Of the law above, in nats: what no machine can beat."""
    pair = np.log(4) - sum(p * np.log(p) for partners in PARTNERS.values() for p in partners.values()) / 4
    base = -(KEPT * np.log(KEPT) + (1 - KEPT) * np.log((1 - KEPT) / 3))
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
    found = hm.evaluate(rbm, test)
    print(f"best possible {-entropy():.3f} nats a sequence; positions by themselves {alone:.3f}; the machine {found}")

    # What the machine imagines, not the data, says which positions belong together.
    drawn = hm.exact.sample(rbm, 5000)
    shared = np.triu(mutual_information(units.decode(drawn)), 1)
    strongest = {tuple(int(i) for i in divmod(place, LENGTH)) for place in np.argsort(shared, axis=None)[-STEM:]}
    pairs = {(place, LENGTH - 1 - place) for place in range(STEM)}
    print("the four closest pairs of positions:", *(f"{i + 1}-{j + 1}" for i, j in sorted(strongest)))

    # The first two bases are lost; their partners tell them.
    holes = test.copy()
    holes[:, :8] = np.nan
    completed = units.decode(hm.impute(rbm, holes).values)
    right = float((completed[:, :2] == units.decode(test)[:, :2]).mean())
    print(f"lost bases completed rightly: {right:.1%} (a guess: 25 %)")
    return {"log_likelihood": found.mean, "alone": alone, "pairs": len(strongest & pairs), "right": right}


if __name__ == "__main__":
    main()
