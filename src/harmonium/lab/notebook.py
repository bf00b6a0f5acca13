"""The lab in a notebook: `harmonium.lab.widget(rbm)` in Jupyter, marimo or VS Code (the extra `notebook`)."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from harmonium import io, model
from harmonium.errors import InputError
from harmonium.lab import bundle
from harmonium.model import RBM
from harmonium.units import Binary


def widget(rbm: RBM | None = None, temperature: float = 1.0) -> Any:
    """The lab's page with a model in it, as a notebook's widget; `widget.rbm` is the model as it stands there.

    A binary model of at most 5x5 units stands in the chapters' panel. Any larger one is opened in chapter 6, as
    `harmonium lab MODEL` does, and stays as it is.

    Args:
        rbm: by default the lecture's model.
        temperature: from 0.05 to 20.

    Raises:
        InputError: anywidget is not installed, or the model or the temperature cannot be shown.
        OSError: the file in which a larger model goes to the page cannot be written.

    Example:
        >>> import harmonium as hm
        >>> widget = hm.lab.widget(hm.RBM(hm.Binary([0, 0]), hm.Binary([0]), [[1], [2]]))
        >>> widget.rbm.weights
        array([[1.],
               [2.]])
    """
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise InputError('the widget needs anywidget: pip install "harmonium[notebook]"') from error
    if not 0.05 <= temperature <= 20:
        raise InputError(f"temperature must be from 0.05 to 20, but is {temperature!r}")
    given = RBM(Binary(np.zeros(2)), Binary(np.zeros(2)), np.full((2, 2), 0.5)) if rbm is None else model.validate(rbm)
    shown = _panel_state(given)

    class LabWidget(anywidget.AnyWidget):
        _esm = (bundle.STATIC / "widget.js").read_text(encoding="utf-8")
        page = traitlets.Unicode().tag(sync=True)
        state = traitlets.Dict().tag(sync=True)
        file = traitlets.Bytes().tag(sync=True)

        @property
        def rbm(self) -> RBM:
            """The model as it stands on the page."""
            if not shown:
                return given
            machine = self.state["machine"]
            return RBM(Binary(machine["a"]), Binary(machine["b"]), np.array(machine["weights"], np.float64))

    state = {"temperature": float(temperature), **(shown or {"chapter": "images"})}
    with tempfile.TemporaryDirectory() as folder:
        file = b"" if shown else io.save(given, Path(folder) / "model.safetensors").read_bytes()
    return LabWidget(page=bundle.page(), state=state, file=file)


def _panel_state(rbm: RBM) -> dict[str, Any] | None:
    """The page's state with a small model, or None."""
    if not (isinstance(rbm.visible, Binary) and isinstance(rbm.hidden, Binary)) or max(rbm.weights.shape) > 5:
        return None
    parts = {"weights": rbm.weights, "a": rbm.visible.bias, "b": rbm.hidden.bias}
    if max(np.abs(part).max() for part in parts.values()) > 20:
        return None
    machine = {name: np.asarray(part, np.float64).tolist() for name, part in parts.items()}
    clamp = {"v": [None] * rbm.visible.size, "h": [None] * rbm.hidden.size}
    return {"machine": machine, "target": [0] * (rbm.visible.size - 1) + [1], "clamp": clamp}
