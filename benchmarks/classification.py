"""Classification: MNIST by the three objectives, and scikit-learn's digits example with another RBM.

Published, MNIST, 50,000 training rows (H. Larochelle and Y. Bengio, ICML 2008, table 1): generative 3.39 %, discriminative
1.81 %, hybrid 1.28 % of 10,000 test rows.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from scipy.ndimage import convolve
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import minmax_scale

from benchmarks import here
from harmonium.sklearn import RBMClassifier, RBMTransformer

VALIDATION, HIDDEN = 10_000, 1000
OBJECTIVES = ("hybrid", "discriminative", "generative")


def main(folder: Path | None, minutes: float, objectives: tuple[str, ...] = OBJECTIVES) -> str:
    text = "Digits, the protocol of scikit-learn's example `plot_rbm_logistic_classification`:\n\n" + digits()
    return text if folder is None else text + "\n\nMNIST:\n\n" + mnist(folder, minutes, objectives)


def mnist(folder: Path, minutes: float, objectives: tuple[str, ...]) -> str:
    """The hybrid objective for `minutes`, the other two for a third of that each."""
    archive = np.load(folder / "mnist_60k.npz")
    x, y = archive["train_x"].reshape(-1, 784).astype(np.float32) / 255, archive["train_y"]
    train, valid = slice(0, len(x) - VALIDATION), slice(len(x) - VALIDATION, None)
    test = archive["test_x"].reshape(-1, 784).astype(np.float32) / 255
    lines = []
    for objective in objectives:
        fraction = 1 if objective == "hybrid" else 1 / 3
        model = RBMClassifier(HIDDEN, objective=objective, minutes=fraction * minutes, random_state=0)
        begun = time.monotonic()
        model.fit(x[train], y[train])
        seconds = time.monotonic() - begun
        errors = [100 * (1 - model.score(*part)) for part in ((x[valid], y[valid]), (test, archive["test_y"]))]
        lines.append([objective, f"{seconds:,.0f}", *(f"{error:.2f} %" for error in errors)])
        print(*lines[-1], flush=True)
    return here.table([f"objective, {HIDDEN} hidden units", "seconds", "validation error", "test error"], lines)


def digits() -> str:
    x, y = nudged(*load_digits(return_X_y=True))
    x = minmax_scale(x, feature_range=(0, 1))
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
    logistic = {"solver": "newton-cg"}  # the example stops it early, at a tol of 1, which newer releases reach at once
    contenders = {
        "logistic regression on pixels": LogisticRegression(C=100.0, **logistic),
        "BernoulliRBM features (100), logistic regression": make_pipeline(
            BernoulliRBM(100, learning_rate=0.06, n_iter=10, random_state=0), LogisticRegression(C=6000, **logistic)
        ),
        "RBMTransformer features (100), logistic regression": make_pipeline(
            RBMTransformer(100, random_state=0), LogisticRegression(C=6000, **logistic)
        ),
        "RBMClassifier (100), discriminative": RBMClassifier(100, objective="discriminative", random_state=0),
        "RBMClassifier (100), hybrid": RBMClassifier(100, random_state=0),
        "RBMClassifier (500), hybrid": RBMClassifier(500, random_state=0),
    }
    lines = []
    for name, model in contenders.items():
        begun = time.monotonic()
        model.fit(x_train, y_train)
        seconds = time.monotonic() - begun
        lines.append([name, f"{seconds:.1f}", f"{100 * model.score(x_test, y_test):.2f} %"])
        print(*lines[-1], flush=True)
    return here.table(["", "seconds", "accuracy"], lines)


def nudged(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The digits and each of them moved by one pixel to the left, right, up and down, as in that example."""
    directions = [(1, 0), (1, 2), (0, 1), (2, 1)]
    moved = [x]
    for row, column in directions:
        kernel = np.zeros((3, 3))
        kernel[row, column] = 1
        moved.append(np.stack([convolve(image.reshape(8, 8), kernel, mode="constant").ravel() for image in x]))
    return np.concatenate(moved), np.tile(y, 5)
