"""How to train: what the options give, and the rest from the data and the model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmonium.data import Dataset
    from harmonium.model import RBM
    from harmonium.training import TrainConfig

NAMES = {
    "estimator": "estimator",
    "rate": "learning_rate",
    "momentum": "momentum",
    "batch": "batch_size",
    "chains": "chains",
    "l1": "l1",
    "cooldown": "final_decay",
    "average": "average",
    "minutes": "minutes",
    "updates": "updates",
    "epochs": "epochs",
    "patience": "early_stopping",
    "horizon": "total_updates",
    "brake": "early_decay",
}
"""Settings by the options that give them."""


def settings_of(options: argparse.Namespace, dataset: Dataset, rbm: RBM, devices: int) -> TrainConfig:
    """The run's settings, written back into the options, so that the run is on record."""
    from harmonium.training import TrainConfig

    given: dict[str, Any] = {setting: getattr(options, option) for option, setting in NAMES.items()}
    if given["early_decay"] is not None:
        given["early_decay"] = tuple(given["early_decay"])
    if options.not_centered:
        given["centered"] = False
    if options.precision != "auto":
        given["bfloat16"] = options.precision == "bf16"
    if dataset.entropy is not None and given["l1"] is None:
        given["l1"] = 0.0  # the rows are the distribution itself: there is nothing to overfit
    config = TrainConfig.derive(len(dataset.train), rbm, devices=devices, held_out=True, **given)
    for option, setting in NAMES.items():
        setattr(options, option, getattr(config, setting))
    options.precision = "bf16" if config.bfloat16 else "float32"
    return config
