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
        exact,
        gauge,
        gradients,
        likelihood,
        mesh,
        model,
        plots,
        samplers,
        sklearn,
        storage,
        tables,
        training,
        units,
    )
    from harmonium.checks import InputError
    from harmonium.completion import complete, score, surprise
    from harmonium.face import (
        at_temperature,
        energy,
        free_energy,
        hidden_given_visible,
        reconstruct,
        run,
        sample,
        visible_given_hidden,
    )
    from harmonium.gradients import cd, centred, pcd, persistent
    from harmonium.likelihood import Likelihood, evaluate
    from harmonium.likelihood.bracket import bracket
    from harmonium.model import RBM
    from harmonium.samplers.gibbs import gibbs
    from harmonium.samplers.tempering import tempering
    from harmonium.samplers.trajectory import trajectory
    from harmonium.storage import load, load_state, save, save_state
    from harmonium.training import DivergenceError, TrainState, initial, train
    from harmonium.units import Binary, Categorical, DReLU, Gaussian, Mixed, ReLU, Spin

_HOMES = {
    "InputError": "checks",
    "Binary": "units",
    "Categorical": "units",
    "DReLU": "units",
    "Gaussian": "units",
    "Mixed": "units",
    "ReLU": "units",
    "Spin": "units",
    "RBM": "model",
    "at_temperature": "face",
    "energy": "face",
    "free_energy": "face",
    "hidden_given_visible": "face",
    "visible_given_hidden": "face",
    "sample": "face",
    "reconstruct": "face",
    "run": "face",
    "complete": "completion",
    "score": "completion",
    "surprise": "completion",
    "gibbs": "samplers",
    "tempering": "samplers",
    "trajectory": "samplers",
    "cd": "gradients",
    "centred": "gradients",
    "pcd": "gradients",
    "persistent": "gradients",
    "Likelihood": "likelihood",
    "bracket": "likelihood",
    "evaluate": "likelihood",
    "initial": "training",
    "train": "training",
    "TrainState": "training",
    "DivergenceError": "training",
    "save": "storage",
    "load": "storage",
    "save_state": "storage",
    "load_state": "storage",
}
_MODULES = (
    "data",
    "diagnostics",
    "exact",
    "gauge",
    "gradients",
    "lab",
    "likelihood",
    "mesh",
    "model",
    "plots",
    "samplers",
    "sklearn",
    "storage",
    "tables",
    "training",
    "units",
)

__all__ = [
    "RBM",
    "Binary",
    "Categorical",
    "DReLU",
    "DivergenceError",
    "Gaussian",
    "InputError",
    "Likelihood",
    "Mixed",
    "ReLU",
    "Spin",
    "TrainState",
    "at_temperature",
    "bracket",
    "cd",
    "centred",
    "complete",
    "data",
    "diagnostics",
    "energy",
    "evaluate",
    "exact",
    "free_energy",
    "gauge",
    "gibbs",
    "gradients",
    "hidden_given_visible",
    "initial",
    "lab",
    "likelihood",
    "load",
    "load_state",
    "mesh",
    "model",
    "pcd",
    "persistent",
    "plots",
    "reconstruct",
    "run",
    "sample",
    "samplers",
    "save",
    "save_state",
    "score",
    "sklearn",
    "storage",
    "surprise",
    "tables",
    "tempering",
    "train",
    "training",
    "trajectory",
    "units",
    "visible_given_hidden",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"harmonium.{name}")
    if name in _HOMES:
        value = getattr(import_module(f"harmonium.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'harmonium' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
