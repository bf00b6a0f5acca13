"""The classification RBM: the last visible unit is the label, and p(y | v) is exact.

    p(y | v) = exp(d_y + sum_j softplus(b_j + U_yj + S_j)) / (the same, summed over the classes),   S_j = sum_i w_ij v_i

The label is one categorical unit of C columns, the last of the visible layer. Its rows of the weights are U `[C, H]`, its bias
is d `[C]`. This is an RBM like any other, so it can be sampled, imputed, evaluated and stored. The gradients here are
estimators like those of `harmonium.gradients`; they differ in which units of the negative term follow the model.

References: H. Larochelle and Y. Bengio, "Classification using discriminative restricted Boltzmann machines", ICML 2008;
H. Larochelle, M. Mandel, R. Pascanu and Y. Bengio, "Learning algorithms for the classification restricted Boltzmann machine",
JMLR 13 (2012), sections 3 and 4.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float, Real

from harmonium import _checks, model
from harmonium._types import Array, Key
from harmonium.errors import InputError
from harmonium.gradients.estimator import Estimator, Terms, factors_of, subtract
from harmonium.model import RBM
from harmonium.random import uniform

Rows = Float[Array, "rows visible"]
Weights = Real[Array, " rows"] | None


def log_probabilities(rbm: RBM, v: Float[Array, "*rows known"], classes: int) -> Float[Array, "*rows classes"]:
    """ln p(y | v) of every class y (nats).

    Args:
        v: the columns before the label's.
        classes: C, the number of the label's columns.
    """
    return jax.nn.log_softmax(_log_joint(rbm, _inputs(rbm, v, classes), classes))


def _inputs(rbm: RBM, v: Float[Array, "*rows known"], classes: int) -> Float[Array, "*rows classes hidden"]:
    """The inputs of the hidden units with each class."""
    return model.product(v, rbm.weights[:-classes])[..., None, :] + rbm.weights[-classes:]


def _log_joint(rbm: RBM, inputs: Float[Array, "*rows classes hidden"], classes: int) -> Float[Array, "*rows classes"]:
    """ln p(v, y) up to a term without y."""
    return rbm.visible.bias[-classes:] + rbm.hidden.log_normalizer(inputs)


def discriminative(classes: int, dropout: float = 0.0) -> Estimator:
    """The exact gradient of the mean ln p(y | v).

    The negative term holds the columns before the label at the data too, and only y follows the model: it needs no chain.

    Args:
        classes: C, the number of the label's columns.
        dropout: fraction of the other cells that are set to 0 at each update, chosen anew each time, with the others
            divided by what is left: a regularizer. The gradient is then unbiased for the mean over such rows.

    Reference (dropout): N. Srivastava et al., JMLR 15 (2014), section 4.
    """
    return _discriminative(_checks.integer(classes, "classes", 2), _below_one(dropout))


def _below_one(dropout: float) -> float:
    if _checks.fraction(dropout, "dropout") == 1:
        raise InputError("dropout must be below 1, or nothing of a row would be left")
    return float(dropout)


@cache
def _discriminative(classes: int, dropout: float) -> Estimator:
    def gradient(key: Key, rbm: RBM, state: tuple[()], v: Rows, weights: Weights = None) -> tuple[RBM, tuple[()], Terms]:
        known, label = v[:, :-classes], v[:, -classes:]
        if dropout:
            known = known * (uniform(key, known.shape, known.dtype) >= dropout) / (1 - dropout)
        inputs = _inputs(rbm, known, classes)
        # Of each pair of a row and a class: 1 for the row's own, minus p(y | v).
        weight = (label - jax.nn.softmax(_log_joint(rbm, inputs, classes))) / len(v)
        factors = factors_of(weights)
        weight = weight if factors is None else weight * factors[:, None]
        pairs = weight[..., None] * rbm.hidden.mean(inputs)
        of_weights = jnp.concatenate([model.product(known.T, jnp.sum(pairs, axis=1)), jnp.sum(pairs, axis=0)])
        hidden = jax.tree.map(lambda leaf: jnp.tensordot(weight, leaf, 2), rbm.hidden.moments(inputs))
        zeros = jax.tree.map(jnp.zeros_like, rbm.visible)
        visible = zeros.add_field(jnp.concatenate([jnp.zeros(known.shape[1], weight.dtype), jnp.sum(weight, axis=0)]))
        slope = RBM(visible, hidden, of_weights)
        row = jnp.concatenate([known, label], axis=1)
        positive = model.statistics(rbm, row, model.hidden_inputs(rbm, row), factors)
        return slope, state, Terms(positive, subtract(positive, slope))

    return Estimator(lambda _key, _rbm: (), gradient)


def hybrid(generative: Estimator, classes: int, alpha: float, dropout: float = 0.0) -> Estimator:
    """The gradient of the mean of ln p(y | v) + alpha ln p(v, y).

    Args:
        generative: estimates the gradient of the second part.
        alpha: above zero.
        classes, dropout: as in `discriminative`.
    """
    _checks.instance(generative, Estimator, "generative", "an estimator such as harmonium.pcd()")
    alpha = _checks.in_float32(_checks.positive(alpha, "alpha"), "alpha")
    return _hybrid(generative, _checks.integer(classes, "classes", 2), alpha, _below_one(dropout))


@cache
def _hybrid(generative: Estimator, classes: int, alpha: float, dropout: float) -> Estimator:
    conditional = _discriminative(classes, dropout)

    def gradient(key: Key, rbm: RBM, state: Any, v: Rows, *weights: Weights) -> tuple[RBM, Any, Terms]:
        own_key, other_key = jax.random.split(key)
        first, _, given = conditional.gradient(own_key, rbm, (), v, *weights)
        second, state, joint = generative.gradient(other_key, rbm, state, v, *weights)
        # Not the difference of the terms: where nobody asks for those, they are not computed.
        slope, positive, negative = (
            jax.tree.map(lambda d, g: d + alpha * g, *parts)
            for parts in ((first, second), (given.positive, joint.positive), (given.negative, joint.negative))
        )
        return slope, state, Terms(positive, negative)

    return Estimator(generative.init, gradient)
