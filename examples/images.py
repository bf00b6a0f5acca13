"""Pictures of digits: features, labels, and hidden halves.

python examples/images.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from harmonium.sklearn import RBMClassifier, RBMImputer, RBMTransformer


def main(n_iter: int = 100, pictures: int = 450) -> dict[str, float]:
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x / 16, y, random_state=0)

    features = make_pipeline(RBMTransformer(100, n_iter=n_iter, random_state=0), LogisticRegression(C=10, max_iter=1000)).fit(
        x_train, y_train
    )
    classifier = RBMClassifier(100, n_iter=n_iter, random_state=0).fit(x_train, y_train)
    scores = {"features": features.score(x_test, y_test), "classifier": classifier.score(x_test, y_test)}
    print(f"features and logistic regression: {scores['features']:.1%} right; p(y | v): {scores['classifier']:.1%} right")

    # The lower half of each picture is hidden, and the imputer fills it.
    black = (x > 7).astype(float)
    train, test = train_test_split(black, test_size=pictures, random_state=0)
    hidden = test.copy()
    hidden[:, 32:] = np.nan
    filled = RBMImputer(100, n_iter=n_iter, random_state=0).fit(train).transform(hidden)
    scores["filled"] = float(((filled > 0.5) == (test > 0.5))[:, 32:].mean())
    print(f"hidden pixels filled rightly: {scores['filled']:.1%}")
    print(as_text(test[0], filled[0] > 0.5))
    return scores


def as_text(*pictures: np.ndarray) -> str:
    """Pictures of 8 x 8 pixels side by side."""
    lines = []
    for row in range(8):
        lines.append("   ".join("".join("##" if one[8 * row + column] else " ." for column in range(8)) for one in pictures))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
