"""Harmonium: restricted Boltzmann machines, exact where they are small and fast where they are large.

    import harmonium as hm
    rbm = hm.RBM(hm.Binary([0., 0.]), hm.Binary([0., 0.]), [[.5, .5], [.5, .5]])
    hm.exact.log_partition(rbm)

Everything is imported when it is first used, so that `import harmonium` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from harmonium import (
        data,
        diagnostics,
        distributed,
        exact,
        gauge,
        gradients,
        io,
        lecture,
        likelihood,
        model,
        plots,
        samplers,
        sampling,
        sklearn,
        tabular,
        training,
        units,
    )
    from harmonium.errors import DivergenceError, InputError, NoGainWarning
    from harmonium.exact import at_temperature
    from harmonium.functional import (
        energy,
        free_energy,
        hidden_given_visible,
        reconstruct,
        sample_chains,
        visible_given_hidden,
    )
    from harmonium.gradients import cd, centered, from_sampler, pcd
    from harmonium.imputation import impute, log_prob, surprisal
    from harmonium.io import load, load_state, save, save_state
    from harmonium.likelihood import LogLikelihood, bidirectional_ais, evaluate
    from harmonium.model import RBM
    from harmonium.samplers.gibbs import gibbs
    from harmonium.samplers.parallel_tempering import parallel_tempering
    from harmonium.samplers.trajectory_tempering import trajectory_tempering
    from harmonium.sampling import sample
    from harmonium.training import TrainConfig
    from harmonium.training.initialize import initialize
    from harmonium.training.train import TrainState, fit, train
    from harmonium.units import Binary, Categorical, CorrelatedGaussian, DReLU, Gaussian, Mixed, ReLU, Spin

_HOMES = {
    "errors": ("DivergenceError", "InputError", "NoGainWarning"),
    "units": ("Binary", "Categorical", "CorrelatedGaussian", "DReLU", "Gaussian", "Mixed", "ReLU", "Spin"),
    "model": ("RBM",),
    "exact": ("at_temperature",),
    "functional": (
        "energy",
        "free_energy",
        "hidden_given_visible",
        "reconstruct",
        "sample_chains",
        "visible_given_hidden",
    ),
    "imputation": ("impute", "log_prob", "surprisal"),
    "pooling": ("pool",),
    "samplers": ("gibbs", "parallel_tempering", "trajectory_tempering"),
    "sampling": ("sample",),
    "gradients": ("cd", "centered", "from_sampler", "pcd"),
    "likelihood": ("LogLikelihood", "bidirectional_ais", "evaluate"),
    "training": ("TrainConfig", "TrainState", "fit", "initialize", "train"),
    "io": ("load", "load_state", "save", "save_state"),
}
_MODULES = (
    "data",
    "diagnostics",
    "distributed",
    "exact",
    "gauge",
    "gradients",
    "io",
    "lab",
    "lecture",
    "likelihood",
    "model",
    "plots",
    "samplers",
    "sampling",
    "sklearn",
    "tabular",
    "training",
    "units",
)
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "RBM",
    "Binary",
    "Categorical",
    "CorrelatedGaussian",
    "DReLU",
    "DivergenceError",
    "Gaussian",
    "InputError",
    "LogLikelihood",
    "Mixed",
    "NoGainWarning",
    "ReLU",
    "Spin",
    "TrainConfig",
    "TrainState",
    "at_temperature",
    "bidirectional_ais",
    "cd",
    "centered",
    "data",
    "diagnostics",
    "distributed",
    "energy",
    "evaluate",
    "exact",
    "fit",
    "free_energy",
    "from_sampler",
    "gauge",
    "gibbs",
    "gradients",
    "hidden_given_visible",
    "impute",
    "initialize",
    "io",
    "lab",
    "lecture",
    "likelihood",
    "load",
    "load_state",
    "log_prob",
    "model",
    "parallel_tempering",
    "pcd",
    "plots",
    "pool",
    "reconstruct",
    "sample",
    "sample_chains",
    "samplers",
    "sampling",
    "save",
    "save_state",
    "sklearn",
    "surprisal",
    "tabular",
    "train",
    "training",
    "trajectory_tempering",
    "units",
    "visible_given_hidden",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"harmonium.{name}")
    if name in _HOME_OF:
        value = getattr(import_module(f"harmonium.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'harmonium' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
