"""The rows that `harmonium train` learns from, and the model that it starts from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import harmonium as hm
from harmonium import _checks
from harmonium.cli.inputs import ModelFile, column_choices, dialect_of, load_model, refuse_other_rows
from harmonium.cli.options import RunOptions, option_name
from harmonium.cli.output import say
from harmonium.errors import InputError


def load_start(run: RunOptions) -> ModelFile | None:
    """The model that the run starts from, if it is not a new one."""
    return None if run.start is None else load_model(run.start)


def load_dataset(run: RunOptions, start: ModelFile | None = None) -> hm.data.Dataset:
    """The rows for training, validation and the test, read as those of the model to start from if there is one."""
    import jax
    import numpy as np

    missing = [part for part in hm.data.PARTS if getattr(run, part) is None]
    asks = next((name for name in ("kinds", "schema", "ignore") if getattr(run, name) is not None), None)
    refuses = next((name for name in ("binarize", "visible_units") if getattr(run, name) is not None), None)
    how: dict[str, Any] = {"dialect": dialect_of(run), "weights": run.weights}
    if start is not None and start.is_of_table:
        refuse_other_rows(run.data, run.binarize)
        dataset = hm.data.load_columns(run.data, hold_out=missing, strict=run.strict, schema=start.schema, **how)
    elif asks is None or (asks == "ignore" and refuses is not None):
        how |= {"ignore": column_choices(run)[1]}
        as_columns = refuses is None and start is None
        kinds: dict[str, Any] = {"stream": asks is None, "missing": True, "columns": as_columns, "strict": run.strict}
        dataset = hm.data.load(run.data, run.binarize, run.seed, missing, **kinds, **how)
        if start is not None:
            _checks.column_order(dataset.columns, start.description["notes"].get("columns"), run.data)
    elif refuses is not None:
        raise InputError(f"{option_name(asks)} goes with columns as they are; leave out {option_name(refuses)}")
    elif run.data.partition(":")[0] in hm.data.SOURCES:
        raise InputError(f"{option_name(asks)} is for the columns of a file, but {run.data} is a named source")
    else:
        dataset = hm.data.load_columns(run.data, *column_choices(run), missing, strict=run.strict, **how)
    del how["weights"]
    how["unseen"] = "error" if run.strict else "missing"
    for part in ("valid", "test"):
        if part not in missing:
            dataset = dataset.replace_part(part, getattr(run, part), run.binarize, run.seed, **how)
    if not isinstance(dataset.train, np.ndarray) and jax.process_count() == 1:
        # Training needs all rows: where they can only be read from front to back, this reads them once.
        dataset = replace(dataset, train=dataset.train.part(0, 1))
    return dataset


def start_model(run: RunOptions, dataset: hm.data.Dataset, start: ModelFile | None = None) -> tuple[hm.RBM, hm.units.Units]:
    """The model to start training from, and visible units fitted to the training rows alone; rows are checked against them."""
    hidden = hm.units.by_name(run.hidden_units, run.hidden, "--hidden-units")
    if start is not None:
        visible = start.rbm.visible
        if dataset.train.shape[1] != visible.size:
            words = f"but {run.data} has {dataset.train.shape[1]:,}"
            raise InputError(f"--start {run.start}: the model has {visible.size:,} visible columns, {words}")
    elif dataset.schema is None:
        visible = hm.units.by_name(run.visible_units or "binary", dataset.train.shape[1], "--visible-units", columns=True)
    else:
        visible = hm.tabular.units_of(dataset.schema)
    rbm = hm.training.initialize(dataset.train, hidden, visible, seed=run.seed, weights=dataset.weights.get("train"))
    for part in ("valid", "test"):
        try:
            rbm.visible.check(getattr(dataset, part), f"{part} data", missing=True)
        except InputError as error:
            if dataset.columns is None or dataset.schema is not None or run.visible_units is not None or start is not None:
                raise
            raise InputError(f"{error}; a column that takes more values: --as 'NAME=ordered:0..2'") from error
    return rbm if start is None else start.rbm, rbm.visible


def say_seen(run: RunOptions, start: ModelFile, dataset: hm.data.Dataset) -> None:
    """Warn of held-out rows that the model to start from may have learned from."""
    notes = start.description["notes"]
    known, settings = ({} if not isinstance(notes.get(name), dict) else notes[name] for name in ("sha256", "settings"))
    digests, refit = dataset.provenance()["sha256"], settings.get("refit", True)
    seen = [part for part in ("valid", "test") if known.get(part) != digests[part] or (part == "valid" and refit)]
    if seen and dataset.entropy is None:
        which = " and ".join({"valid": "validation", "test": "the test"}[part] for part in seen)
        options = " and ".join(f"--{part} FILE" for part in seen)
        say(
            f"warning: rows for {which} may be among those that {run.start} was trained on, and then look likelier than they "
            f"are; to name others: {options}"
        )
