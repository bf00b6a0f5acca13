"""A trained `BernoulliRBM` as a model, and a model as a `BernoulliRBM`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import BernoulliRBM
from sklearn.utils.validation import check_is_fitted

from harmonium import _checks, model
from harmonium.errors import InputError
from harmonium.model import RBM
from harmonium.units import Binary


def from_bernoulli_rbm(estimator: BernoulliRBM) -> RBM:
    """The model that a fitted `sklearn.neural_network.BernoulliRBM` has learned, in its own precision.

    Its `components_ [H, V]` are the weights transposed, its intercepts the biases; the energy is the same, so
    `estimator.score_samples` and everything else that rests on it can be compared.

    Args:
        estimator: a fitted `BernoulliRBM`.

    Raises:
        InputError: no BernoulliRBM, or one that has not been fitted.

    Example:
        >>> import numpy as np
        >>> from sklearn.neural_network import BernoulliRBM
        >>> from harmonium.sklearn import from_bernoulli_rbm
        >>> fitted = BernoulliRBM(n_components=2, n_iter=1, random_state=0).fit(np.eye(4))
        >>> from_bernoulli_rbm(fitted).weights.shape
        (4, 2)
    """
    _checks.instance(estimator, BernoulliRBM, "estimator", "a sklearn.neural_network.BernoulliRBM")
    try:
        check_is_fitted(estimator, ["components_", "intercept_visible_", "intercept_hidden_"])
    except NotFittedError as error:
        raise InputError("estimator must be fitted first: call its fit or partial_fit") from error
    visible, hidden = (Binary(np.array(getattr(estimator, f"intercept_{layer}_"))) for layer in ("visible", "hidden"))
    return model.validate(RBM(visible, hidden, np.array(estimator.components_.T)))


def to_bernoulli_rbm(rbm: RBM, **parameters: Any) -> BernoulliRBM:
    """A fitted `BernoulliRBM` with the model's parameters, from which its methods and `partial_fit` go on.

    Args:
        rbm: of binary units.
        parameters: of the estimator's constructor, such as `learning_rate`, except `n_components`.

    Raises:
        InputError: other units, or `n_components` among the parameters.

    Example:
        >>> import harmonium as hm
        >>> from harmonium.sklearn import to_bernoulli_rbm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0]), [[1], [2]])
        >>> to_bernoulli_rbm(rbm).components_
        array([[1., 2.]])
    """
    if not (isinstance(model.validate(rbm).visible, Binary) and isinstance(rbm.hidden, Binary)):
        raise InputError(f"a BernoulliRBM has binary units, but this model is {rbm!r}")
    if "n_components" in parameters:
        raise InputError("n_components is the model's number of hidden units and cannot be given")
    estimator = BernoulliRBM(n_components=rbm.hidden.size, **parameters)
    estimator.components_ = np.array(rbm.weights.T)
    estimator.intercept_visible_, estimator.intercept_hidden_ = np.array(rbm.visible.bias), np.array(rbm.hidden.bias)
    # What fit and partial_fit leave besides: the persistent chains, and what is known of the columns.
    estimator.h_samples_ = np.zeros((estimator.batch_size, rbm.hidden.size), dtype=estimator.components_.dtype)
    estimator.n_features_in_ = rbm.visible.size
    estimator._n_features_out = rbm.hidden.size
    return estimator
