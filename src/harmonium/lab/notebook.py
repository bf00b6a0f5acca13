"""The lab in a notebook: `harmonium.lab.widget(rbm)` in Jupyter or marimo, through anywidget (the extra `notebook`)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from harmonium import io, model
from harmonium.errors import InputError
from harmonium.lab import ask, bundle, connection
from harmonium.model import RBM
from harmonium.units import Binary

Message = dict[str, Any]


def widget(rbm: RBM | None = None, temperature: float = 1.0) -> Any:
    """The lab's page with a machine in it, as a notebook's widget; `widget.rbm` is the machine as it stands there.

    A binary machine of at most 5x5 units stands in the chapters' panel. Any larger one is played with in chapter 6, as
    `harmonium lab MODEL` does.

    Args:
        rbm: by default the lecture's machine. temperature: from 0.05 to 20.

    Raises:
        InputError: anywidget is not installed, or the machine or the temperature cannot be shown.
    """
    try:
        import anywidget  # noqa: F401
    except ImportError as error:
        raise InputError('the widget needs anywidget: pip install "harmonium[notebook]"') from error
    if not ask.COLDEST <= temperature <= ask.HOTTEST:
        raise InputError(f"temperature must be from {ask.COLDEST:g} to {ask.HOTTEST:g}, but is {temperature!r}")
    state: Message = {"temperature": float(temperature)}
    if rbm is None:
        return _lab_widget()(state=state)
    state |= _in_panel(model.validate(rbm)) or {"chapter": "images"}
    made = _lab_widget()(state=state)
    if "machine" not in state:
        made.page.keep["file"] = folder = _Folder()
        made.page.model_path = folder.path / "model.safetensors"
        io.save(rbm, made.page.model_path)
    return made


def _in_panel(rbm: RBM) -> Message | None:
    """The state that holds a small machine, or None."""
    if not (isinstance(rbm.visible, Binary) and isinstance(rbm.hidden, Binary)):
        return None
    visible, hidden = rbm.weights.shape
    parts = [np.asarray(part, np.float64) for part in (rbm.weights, rbm.visible.bias, rbm.hidden.bias)]
    largest = max(np.abs(part).max() for part in parts)
    if any(size > most for size, most in zip((visible, hidden), ask.MOST_UNITS, strict=True)) or largest > ask.LARGEST:
        return None
    weights, a, b = (part.tolist() for part in parts)
    clamp = {"v": [None] * visible, "h": [None] * hidden}
    return {"machine": {"weights": weights, "a": a, "b": b}, "target": [0] * (visible - 1) + [1], "clamp": clamp}


class _Folder:
    """A folder for as long as the page is there."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="harmonium-")
        self.path = Path(self._folder.name)

    def close(self) -> None:
        self._folder.cleanup()


class NotebookPage:
    """The `Page` that answers see when the page is a widget."""

    def __init__(self, send: Any) -> None:
        self.keep: dict[str, Any] = {}
        self.model_path: Path | None = None
        self._send = send

    def push(self, name: str, payload: Message) -> None:
        self._send({"text": connection.encode({"push": name, **payload})})

    def receive(self, text: Any) -> None:
        """Answer one message."""
        try:
            answer = connection.answer(connection.parse(text), self)
        except InputError as error:
            answer = connection.encode({"id": connection.rough_id(text), "error": str(error)})
        self._send({"text": answer})


def _lab_widget() -> Any:
    """The widget's class; made here, because anywidget is an extra."""
    import anywidget
    import traitlets

    class LabWidget(anywidget.AnyWidget):
        _esm = bundle.script()
        _css = bundle.styles()
        state = traitlets.Dict().tag(sync=True)

        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.page = NotebookPage(self.send)
            self.on_msg(lambda _widget, content, _buffers: self.page.receive(content.get("text")))

        @property
        def rbm(self) -> RBM:
            """The machine as it stands on the page."""
            shown = self.state["machine"]
            return RBM(Binary(shown["a"]), Binary(shown["b"]), np.array(shown["weights"], np.float64))

        def close(self) -> None:
            connection.close_all(self.page.keep)
            super().close()

    return LabWidget
