"""Chapter 6, real images: training in a worker process, and playing with the machine it makes or with any file's.

What a page has begun is kept for it in `ask.page.keep["images"]`; all else follows from the question and that. Which machine is
asked about says `which`: `training` or `file`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np

from harmonium.errors import InputError
from harmonium.lab.ask import Ask
from harmonium.lab.image_machine import FANTASIES, MOST_HIDDEN, ImageMachine
from harmonium.lab.image_room import MOST_FILE, Room, digits
from harmonium.lab.pictures import packed

LEAST_UNITS, MOST_UNITS = 4, 64
LEAST_RATE, MOST_RATE = 0.001, 1.0
UPDATES = 20_000
PACES = {"slow": 30.0, "steady": 300.0, "full": None}
"""Updates per second; None: as many as there is time for."""
MOST_PIECE = 1 << 19
"""Characters of one piece of a file."""
PUSH = "images.training"


def look(ask: Ask) -> dict[str, Any]:
    """How things stand on this page: the training and the loaded file, each null where there is none."""
    room = _room(ask)
    return {
        "training": room.training.view() if room.training else None,
        "file": room.file.describe() if room.file else None,
        "file_problem": room.file_problem,
        "most_file": MOST_FILE,
    }


def train(ask: Ask) -> dict[str, Any]:
    """Begin to train; views are pushed as `images.training` from now on. The run that there may be is ended."""
    settings = {
        "hidden": ask.whole("hidden", LEAST_UNITS, MOST_UNITS),
        "rate": ask.number("rate", LEAST_RATE, MOST_RATE),
        "seed": ask.seed(),
        "updates": UPDATES,
        "pace": PACES[ask.choice("pace", tuple(PACES), "steady")],
    }
    return _room(ask).train(settings, lambda view: ask.page.push(PUSH, view)).view()


def control(ask: Ask) -> dict[str, Any]:
    """`do`: play, pause, close (stop and find the closing likelihood) or skip (stop without it). `pace`: a new one, or none."""
    training = _room(ask).training
    if training is None:
        raise InputError("nothing is being trained on this page: press train")
    if "pace" in ask.params:
        training.set_pace(PACES[ask.choice("pace", tuple(PACES))])
    if "do" in ask.params:
        training.command(ask.choice("do", ("play", "pause", "close", "skip")))
    return training.view()


def held_out(ask: Ask) -> dict[str, Any]:
    """Some held-out digits, from number `first` on, as pictures."""
    rows = digits().test
    numbers = (ask.whole("first", 0, 2**31 - 1) + np.arange(ask.whole("count", 1, FANTASIES, 1))) % len(rows)
    return {"first": int(numbers[0]), "of": len(rows), "digits": packed(rows[numbers])}


def describe(ask: Ask) -> dict[str, Any]:
    """What is to be said of a machine, and the shape of its pictures."""
    return _machine(ask).describe()


def filters(ask: Ask) -> dict[str, Any]:
    """The weights of some hidden units, from number `first` on, as pictures."""
    return _machine(ask).filters(ask.whole("first", 0, MOST_HIDDEN, 0))


def fantasies(ask: Ask) -> dict[str, Any]:
    """Pictures drawn from the machine, and how."""
    return _machine(ask).fantasies(ask.seed())


def respond(ask: Ask) -> dict[str, Any]:
    """The machine's answer to the drawing `v`."""
    machine = _machine(ask)
    return machine.respond(ask.bits("v", machine.rbm.visible.size), ask.seed())


def complete(ask: Ask) -> dict[str, Any]:
    """The machine's completion of `known`, one character for each pixel: 0, 1, or a point where it is unknown."""
    machine = _machine(ask)
    known = ask.params.get("known")
    if not isinstance(known, str) or len(known) != machine.rbm.visible.size or set(known) - set("01."):
        raise InputError(f"known must be {machine.rbm.visible.size} characters out of 0, 1 and the point, one for each pixel")
    return {"known": known, **machine.complete(np.array([np.nan if c == "." else float(c) for c in known]), ask.seed())}


def upload(ask: Ask) -> dict[str, Any]:
    """A piece of a model file, in base64, from byte `offset` on; with the last one the file is loaded and described."""
    room = _room(ask)
    name, data = (ask.params.get(key) for key in ("name", "data"))
    if not isinstance(name, str) or not isinstance(data, str) or len(data) > MOST_PIECE:
        raise InputError(f"a piece of a file must have a name and at most {MOST_PIECE:,} characters of base64")
    size = ask.whole("size", 0, 2**53)
    if not room.receive(name, size, ask.whole("offset", 0, MOST_FILE), data):
        return {"file": None}
    assert room.file is not None
    return {"file": room.file.describe()}


def save(ask: Ask) -> dict[str, Any]:
    """The trained machine as a model file that every part of the library can load."""
    name, content = _room(ask).saved()
    return {"name": name, "data": base64.b64encode(content).decode("ascii")}


def _room(ask: Ask) -> Room:
    if "images" not in ask.page.keep:
        ask.page.keep["images"] = Room(ask.page.model_path)
    room = ask.page.keep["images"]
    assert isinstance(room, Room)
    return room


def _machine(ask: Ask) -> ImageMachine:
    return _room(ask).machine(ask.choice("which", ("training", "file"), "training"))


ANSWERS: dict[str, Callable[[Ask], dict[str, Any]]] = {
    f"images.{answer.__name__}": answer
    for answer in (look, train, control, held_out, describe, filters, fantasies, respond, complete, upload, save)
}
