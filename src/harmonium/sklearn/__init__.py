"""Estimators for scikit-learn, and models from and to its `BernoulliRBM`.

RBMTransformer    features: hidden units given the visible ones; a drop-in for BernoulliRBM
RBMClassifier     p(y | v) by an RBM whose last visible unit is the label
RBMImputer        missing cells from what is known of their row
RBMDensity        log likelihoods, anomalies, draws
"""

from harmonium.sklearn.classifier import RBMClassifier
from harmonium.sklearn.convert import from_bernoulli_rbm, to_bernoulli_rbm
from harmonium.sklearn.density import RBMDensity
from harmonium.sklearn.imputer import RBMImputer
from harmonium.sklearn.transformer import RBMTransformer

__all__ = ["RBMClassifier", "RBMDensity", "RBMImputer", "RBMTransformer", "from_bernoulli_rbm", "to_bernoulli_rbm"]
