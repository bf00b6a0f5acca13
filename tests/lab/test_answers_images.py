"""Chapter 6 without a browser: the training's worker, and playing with its machine and with any file's."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import optax
import pytest

import harmonium as hm
from harmonium import exact
from harmonium.errors import InputError
from harmonium.lab import worker_frames as frames
from harmonium.lab import worker_handle
from harmonium.lab.answers.images import ANSWERS
from harmonium.lab.ask import Ask
from harmonium.lab.image_machine import CHAINS, STAGES, ImageMachine
from harmonium.lab.pictures import layout, packed, packed_signed

PATIENCE = 90.0


class FakePage:
    """What an answer sees of a page."""

    def __init__(self, model_path=None) -> None:
        self.model_path, self.keep = model_path, {}
        self.pushed: list[dict] = []
        self.came = threading.Condition()

    def push(self, name, payload) -> None:
        assert name == "images.training"
        json.dumps(payload, allow_nan=False, default=float)
        with self.came:
            self.pushed.append(payload)
            self.came.notify_all()

    def ask(self, name, /, **params):
        return ANSWERS[f"images.{name}"](Ask(params, self))

    def wait(self, good, what):
        until = time.monotonic() + PATIENCE
        with self.came:
            while not (self.pushed and good(self.pushed[-1])):
                assert self.came.wait(until - time.monotonic()), f"{what} did not come: {self.pushed[-1:]}"
            return self.pushed[-1]

    def close(self) -> None:
        for value in self.keep.values():
            value.close()


@pytest.fixture
def page():
    page = FakePage()
    yield page
    page.close()


def shades(picture, columns):
    return np.frombuffer(base64.b64decode(picture["bytes"]), dtype=np.uint8).reshape(picture["count"], columns) / 255


def digit(page, number: int) -> str:
    found = page.ask("held_out", first=number)
    np.testing.assert_array_equal(shades(found["digits"], 64)[0], hm.data.load("digits").test[number])
    return "".join("1" if shade else "0" for shade in shades(found["digits"], 64)[0])


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(process: int, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while alive(process) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(process)


# ---- frames and pictures


def test_frames_come_through_whole():
    pipe = io.BytesIO()
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "y": np.zeros((0, 4)), "z": np.array([1, 255], np.uint8)}
    frames.write(pipe, {"event": "state", "step": 3}, arrays)
    frames.write(pipe, {"event": "closed"})
    pipe.seek(0)
    header, found = frames.read(pipe)
    assert header == {"event": "state", "step": 3}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert frames.read(pipe) == ({"event": "closed"}, {})
    assert frames.read(pipe) is None


@pytest.mark.parametrize("cut", [1, 4, 20, -1])
def test_a_frame_cut_short_is_the_end(cut):
    pipe = io.BytesIO()
    frames.write(pipe, {"event": "state"}, {"x": np.ones(5)})
    assert frames.read(io.BytesIO(pipe.getvalue()[:cut])) is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xff\xff\xff",
        (4).to_bytes(4, "big") + b"abcd",
        (2).to_bytes(4, "big") + b"[]",
        *(
            len(text).to_bytes(4, "big") + text
            for text in (b'{"arrays": [["x", "|O8", [1]]]}', b'{"arrays": [["x", "<f8", [1' + 9 * b"0" + b"]]]}", b"{}")
        ),
    ],
)
def test_what_is_no_frame_is_refused(content):
    with pytest.raises(frames.FrameError):
        frames.read(io.BytesIO(content))


def test_pictures_are_bytes():
    np.testing.assert_array_equal(shades(packed(np.array([[0.0, 0.2, 1.0]])), 3) * 255, [[0, 51, 255]])
    signed = packed_signed(np.array([[-2.0, 0.0, 1.0]]))
    np.testing.assert_array_equal(np.rint(shades(signed, 3) * 255), [[1, 128, 192]])
    assert signed["scale"] == 2
    assert packed_signed(np.zeros((1, 2)))["scale"] == 0


@pytest.mark.parametrize(
    ("columns", "stored", "expected"),
    [
        (64, None, (8, 8, "square")),
        (64, [4, 16], (4, 16, "file")),
        (64, [4, 15], (8, 8, "square")),
        (64, "8x8", (8, 8, "square")),
        (64, [8.0, 8.0], (8, 8, "square")),
        (16, [True, 16], (4, 4, "square")),
        (10, None, (3, 4, "grid")),
        (1, None, (1, 1, "square")),
        (2, None, (1, 2, "grid")),
        (5000, None, (71, 71, "grid")),
    ],
)
def test_the_shape_of_a_picture(columns, stored, expected):
    assert layout(columns, stored) == expected
    height, width, _ = expected
    assert height * width >= columns


# ---- training


@pytest.mark.slow
def test_training_starts_improves_pauses_goes_on_and_closes_with_the_exact_likelihood(page):
    view = page.ask("train", hidden=6, rate=0.05, seed=3, pace="full")
    assert (view["run"], view["phase"]) == (1, "starting")
    begun = page.wait(lambda v: v["step"] > 300, "training")
    assert begun["phase"] == "training"
    page.ask("control", do="pause")
    page.wait(lambda v: v["phase"] == "paused", "the pause")
    time.sleep(0.8)
    at = page.ask("look")["training"]["step"]
    time.sleep(0.8)
    assert page.ask("look")["training"]["step"] == at
    page.ask("control", do="play", pace="steady")
    page.wait(lambda v: v["step"] > at, "going on")
    page.ask("control", pace="full")
    page.wait(lambda v: v["step"] > at + 1500, "full speed")
    page.ask("control", do="close")
    done = page.wait(lambda v: v["phase"] == "done", "the closing likelihood")
    process = page.keep["images"].training.process_id
    assert gone(process)

    history = done["history"]
    assert history["step"] == sorted(history["step"])
    assert history["step"][-1] == done["step"]
    values = [x for x in history["valid"] if x is not None]
    assert values[-1] > values[0] + 1
    assert all(x is None for x in history["valid_pseudo"])

    # The same run by the library alone.
    data = hm.data.load("digits")
    start = hm.initialize(data.train, 6, seed=3)
    estimator, ascent = hm.pcd(1, chains=500), optax.sgd(0.05)
    states = hm.train(
        start,
        data.train,
        estimator=estimator,
        optimizer=ascent,
        final_decay=0.0,
        updates=done["step"],
        batch_size=100,
        valid=data.valid,
        seed=3,
    )
    *_, last = states
    shown = page.keep["images"].training.machine
    # Its chains and batches are the same; XLA's sums differ in the last bits, which a chain amplifies.
    np.testing.assert_allclose(shown.weights, last.rbm.weights, atol=0.3)
    closing = done["closing"]
    rbm = hm.RBM(hm.Binary(shown.a), hm.Binary(shown.b), shown.weights)
    assert closing["exact"]
    assert closing["mean"] == closing["lower"] == pytest.approx(exact.log_likelihood(rbm, data.test).mean(), abs=1e-9)
    assert closing["train"] == pytest.approx(exact.log_likelihood(rbm, data.train).mean(), abs=1e-9)
    assert closing["baseline"] == pytest.approx(hm.likelihood.base_rate_log_likelihood(start.visible, data.test))
    gap = history["gap"][-1]
    spaced = data.train[np.linspace(0, len(data.train) - 1, len(data.valid), dtype=int)]
    assert gap == pytest.approx(hm.free_energy(rbm, data.valid).mean() - hm.free_energy(rbm, spaced).mean(), abs=1e-3)
    pictures = done["pictures"]
    np.testing.assert_allclose(
        (np.rint(shades(pictures["filters"], 64) * 255) - 128) / 127 * pictures["filters"]["scale"], shown.weights.T,
        atol=pictures["filters"]["scale"] / 200,
    )  # fmt: skip
    assert set(np.unique(shades(pictures["chains"], 64))) == {0.0, 1.0}
    assert shades(pictures["means"], 64).shape == (24, 64)

    name, content = (page.ask("save")[key] for key in ("name", "data"))
    assert name == "digits-6-hidden.safetensors"
    sent = base64.b64decode(content)
    described = page.ask("upload", name=name, size=len(sent), offset=0, data=content)["file"]
    assert (described["visible"], described["hidden"], described["updates"]) == (64, 6, done["step"])
    assert described["digits"]
    bits = digit(page, 0)
    answers = [page.ask("respond", which=which, v=bits, seed=1) for which in ("training", "file")]
    assert answers[0]["free_energy"] == answers[1]["free_energy"]


@pytest.mark.slow
def test_a_machine_too_large_to_enumerate_has_a_pseudo_likelihood_and_an_interval(page):
    page.ask("train", hidden=40, rate=0.05, seed=0, pace="full")
    view = page.wait(lambda v: v["step"] > 1500 and v["history"]["valid_pseudo"][-1] is not None, "a pseudo-likelihood")
    assert all(x is None for x in view["history"]["valid"])
    values = [x for x in view["history"]["valid_pseudo"] if x is not None]
    assert values[-1] > values[0] + 1
    page.ask("control", do="close")
    page.wait(lambda v: v["phase"] == "evaluating" and v["stage"] and v["stage"]["stage"], "the evaluation")
    page.ask("control", do="skip")
    view = page.wait(lambda v: v["phase"] == "done", "the end")
    assert view["closing"] is None
    assert page.ask("respond", v=digit(page, 5))["log_probability"] is None


@pytest.mark.slow
def test_a_new_run_ends_the_old_one(page):
    page.ask("train", hidden=4, rate=0.05, seed=0, pace="slow")
    page.wait(lambda v: v["phase"] == "training", "training")
    first = page.keep["images"].training
    page.ask("train", hidden=5, rate=0.05, seed=0, pace="slow")
    assert gone(first.process_id)
    view = page.wait(lambda v: v["run"] == 2 and v["phase"] == "training", "the second run")
    assert view["settings"]["hidden"] == 5
    assert len(worker_handle._running) == 1


@pytest.mark.slow
def test_the_worker_ends_with_its_page_and_a_killed_one_is_told(page):
    page.ask("train", hidden=4, rate=0.05, seed=0, pace="full")
    page.wait(lambda v: v["step"] > 10, "training")
    training = page.keep["images"].training
    os.kill(training.process_id, signal.SIGKILL)
    view = page.wait(lambda v: v["phase"] == "failed", "the news")
    assert "ended unexpectedly" in view["problem"]
    assert page.ask("respond", v="0" * 64)["free_energy"] is not None
    page.ask("control", do="play")
    assert page.ask("look")["training"]["phase"] == "failed"
    page.ask("train", hidden=4, rate=0.05, seed=0, pace="full")
    page.wait(lambda v: v["run"] == 2 and v["step"] > 10, "training again")
    process = page.keep["images"].training.process_id
    page.close()
    assert gone(process, 2.0)
    assert not worker_handle._running


SERVER = """
import sys, time
import numpy as np
from harmonium.lab.worker_handle import Training

rows = {part: np.eye(64)[:40] for part in ("train", "valid", "test")}
settings = {"hidden": 4, "rate": 0.05, "seed": 0, "updates": 10**9, "pace": None}
training = Training(1, settings, rows, lambda view: view["step"] > 10 and print(training.process_id, flush=True))
time.sleep(600)
"""


@pytest.mark.slow
def test_the_worker_does_not_outlive_a_killed_server():
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        worker = int(server.stdout.readline())
        assert alive(worker)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    assert gone(worker)


def test_the_worker_is_polite(page):
    page.ask("train", hidden=4, rate=0.05, seed=0, pace="slow")
    page.wait(lambda v: v["phase"] == "training", "training")
    process = page.keep["images"].training.process_id
    assert os.getpriority(os.PRIO_PROCESS, process) >= os.getpriority(os.PRIO_PROCESS, 0) + 5
    assert len(os.sched_getaffinity(process)) == 1


def test_only_so_many_pages_train_at_once(page, monkeypatch):
    monkeypatch.setattr(worker_handle, "MOST_WORKERS", 1)
    page.ask("train", hidden=4, rate=0.05, seed=0, pace="slow")
    other = FakePage()
    with pytest.raises(InputError, match="1 pages are training on this server already"):
        other.ask("train", hidden=4, rate=0.05, seed=0, pace="slow")
    page.close()
    other.ask("train", hidden=4, rate=0.05, seed=0, pace="slow")
    other.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hidden": 3}, "hidden"),
        ({"hidden": 65}, "hidden"),
        ({"hidden": "x"}, "hidden"),
        ({"rate": 0}, "rate"),
        ({"rate": 1e9}, "rate"),
        ({"rate": None}, "rate"),
        ({"seed": -1}, "seed"),
        ({"pace": "warp"}, "pace"),
    ],
)
def test_settings_are_checked(page, wrong, said):
    with pytest.raises(InputError, match=said):
        page.ask("train", **({"hidden": 20, "rate": 0.05, "seed": 0, "pace": "full"} | wrong))
    assert page.ask("look")["training"] is None


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("control", {"do": "play"}, "nothing is being trained"),
        ("respond", {"v": "0" * 64}, "nothing has been trained"),
        ("respond", {"which": "file", "v": "0" * 64}, "no model file"),
        ("complete", {"known": "." * 64}, "nothing has been trained"),
        ("describe", {"which": "other"}, "which"),
        ("save", {}, "nothing has been trained"),
        ("held_out", {"first": -1}, "first"),
        ("held_out", {"first": 0, "count": 25}, "count"),
    ],
)
def test_what_cannot_be_answered_is_told(page, name, params, said):
    with pytest.raises(InputError, match=said):
        page.ask(name, **params)


# ---- playing


def small_machine(visible=9, hidden=3, seed=0) -> hm.RBM:
    random = np.random.default_rng(seed)
    parts = [random.normal(size=shape) for shape in (visible, hidden, (visible, hidden))]
    return hm.RBM(hm.Binary(parts[0]), hm.Binary(parts[1]), parts[2])


def test_a_drawing_is_answered_exactly():
    rbm = small_machine()
    machine = ImageMachine(rbm, "it", {})
    bits = np.array([1, 0, 1, 1, 0, 0, 1, 0, 1.0])
    found = machine.respond(bits, seed=4)
    assert found["free_energy"] == pytest.approx(float(hm.free_energy(rbm, bits)), abs=1e-12)
    assert found["log_probability"] == pytest.approx(float(exact.log_likelihood(rbm, bits)), abs=1e-12)
    np.testing.assert_allclose(found["hidden"], hm.hidden_given_visible(rbm, bits), atol=1e-12)
    expected = hm.reconstruct(rbm, bits, found["draws"], 4)
    np.testing.assert_allclose(shades(found["reconstruction"], 9)[0], expected, atol=0.5001 / 255)
    reference = machine.reference["fantasies"]
    assert found["less_probable"] == {"fantasies": (reference > found["free_energy"]).mean()}
    assert sum(found["histogram"]["shares"]["fantasies"]) == pytest.approx(1)


@pytest.mark.slow
def test_a_completion_keeps_what_is_known_and_has_the_conditional_mean():
    rbm = small_machine(seed=1)
    known = np.array([1, 0, np.nan, np.nan, 1, np.nan, np.nan, 0, np.nan])
    machine = ImageMachine(rbm, "it", {})
    free = np.isnan(known)
    states = exact.all_states(hm.Binary.zeros(9))
    fits = (states[:, ~free] == known[~free]).all(axis=1)
    p = np.exp(exact.log_likelihood(rbm, states[fits]))
    mean = p @ states[fits] / p.sum()
    totals = np.zeros(9)
    repeats = 5
    for seed in range(repeats):
        found = machine.complete(known, 10 * seed)
        assert [stage["sweeps"] for stage in found["stages"]] == list(STAGES)
        for picture in [*(shades(stage["mean"], 9)[0] for stage in found["stages"]), *shades(found["singles"], 9)]:
            np.testing.assert_allclose(picture[~free], known[~free], atol=1e-9)
        totals += shades(found["stages"][-1]["mean"], 9)[0]
    # Five pixels of independent chains each: a false alarm in 10^5 runs at 4.9 standard errors, rounding to bytes aside.
    error = 4.9 * np.sqrt(mean * (1 - mean) / (repeats * CHAINS)) + 0.5 / 255
    assert (np.abs(totals / repeats - mean) < error)[free].all()
    assert machine.complete(known, 3) == machine.complete(known, 3)
    assert machine.complete(known, 3) != machine.complete(known, 4)


@pytest.mark.slow
def test_fantasies_say_how_they_were_drawn():
    exactly = ImageMachine(small_machine(), "it", {}).fantasies(0)
    assert "enumeration" in exactly["how"]
    machine = ImageMachine(small_machine(40, 40), "it", {})
    found = machine.fantasies(0)
    assert "24 Gibbs chains of 500 sweeps" in found["how"]
    assert shades(found["means"], 40).shape == (24, 40)
    assert machine.log_partition is None


@pytest.mark.slow
def test_spin_machines_are_pictures_too():
    binary = small_machine()
    # v = (1 + s) / 2 and h = (1 + t) / 2 put into the energy: the same distribution, written in spins.
    weights = binary.weights / 4
    spin = hm.RBM(
        hm.Spin(binary.visible.bias / 2 + weights.sum(axis=1)), hm.Spin(binary.hidden.bias / 2 + weights.sum(axis=0)), weights
    )
    bits = np.array([1, 0, 1, 1, 0, 0, 1, 0, 1.0])
    one, two = (ImageMachine(rbm, "it", {}).respond(bits, 0) for rbm in (binary, spin))
    assert two["log_probability"] == pytest.approx(one["log_probability"], abs=1e-9)
    np.testing.assert_allclose(one["hidden"], two["hidden"], atol=1e-9)


@pytest.mark.slow
def test_a_machine_of_thousands_of_pixels_is_answered_within_bounds():
    random = np.random.default_rng(0)
    rbm = hm.RBM(hm.Binary(np.zeros(4000)), hm.Binary(np.zeros(1000)), random.normal(size=(4000, 1000)).astype(np.float32))
    machine = ImageMachine(rbm, "it", {})
    found = machine.complete(np.full(4000, np.nan), 0)
    assert [stage["sweeps"] for stage in found["stages"]] == [1, 10]
    for answer in (found, machine.respond(np.zeros(4000), 0), machine.filters(64), machine.fantasies(0)):
        assert len(json.dumps(answer, default=lambda x: x.tolist())) < 1 << 20


# ---- files


def save(rbm, path, notes=None) -> bytes:
    return hm.save(rbm, path, notes=notes).read_bytes()


def send(page, name, content, piece=1000):
    found = None
    for offset in range(0, len(content), piece):
        part = base64.b64encode(content[offset : offset + piece]).decode()
        found = page.ask("upload", name=name, size=len(content), offset=offset, data=part)
    return found


def test_the_file_of_the_command_line_is_there(tmp_path):
    rbm = small_machine(12, 4)
    save(rbm, tmp_path / "twelve.safetensors", {"image_shape": [3, 4], "trained_on": "crosses", "updates": 7})
    page = FakePage(tmp_path / "twelve.safetensors")
    found = page.ask("look")["file"]
    assert found | {"exact": None} == {
        "name": "twelve.safetensors",
        "visible": 12,
        "hidden": 4,
        "visible_kind": "binary",
        "hidden_kind": "binary",
        "height": 3,
        "width": 4,
        "shape_from": "file",
        "trained_on": "crosses",
        "updates": 7,
        "digits": False,
        "exact": None,
    }
    bits = "010011000111"
    answer = page.ask("respond", which="file", v=bits, seed=0)
    assert answer["free_energy"] == pytest.approx(float(hm.free_energy(rbm, [int(c) for c in bits])))
    assert page.ask("filters", which="file")["filters"]["count"] == 4
    assert page.ask("filters", which="file", first=3)["filters"]["count"] == 1
    with pytest.raises(InputError, match="v"):
        page.ask("respond", which="file", v="01")


def test_a_named_file_that_cannot_be_used_is_told(tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"nothing of the kind")
    found = FakePage(path).ask("look")
    assert found["file"] is None
    assert found["file_problem"].startswith("broken.safetensors is damaged or no model file")
    assert "no such model file" in FakePage(tmp_path / "absent").ask("look")["file_problem"]


def test_a_file_comes_in_pieces(page, tmp_path):
    content = save(small_machine(), tmp_path / "m.safetensors")
    found = send(page, "m (1).safetensors", content)["file"]
    assert (found["name"], found["visible"], found["shape_from"]) == ("m (1).safetensors", 9, "square")
    assert send(page, "again", content, piece=1 << 18)["file"]["name"] == "again"


def test_bad_files_are_refused_in_words_and_the_old_one_stays(page, tmp_path):
    from safetensors.numpy import save as serialise

    good = save(small_machine(), tmp_path / "good.safetensors")
    send(page, "good", good)
    foreign = serialise({"weights": np.ones((2, 2))})
    wide = save(hm.RBM(hm.Binary(np.zeros(5001)), hm.Binary(np.zeros(1)), np.zeros((5001, 1))), tmp_path / "wide.safetensors")
    for name, content, said in (
        ("cut", good[:-10], "cut is damaged or no model file"),
        ("text", b"hello", "text is damaged or no model file"),
        ("foreign", foreign, "foreign is a safetensors file, but not one that harmonium wrote"),
        ("wide", wide, "wide has 5,001 visible"),
        ("<b>", b"hello", "_b_ is damaged"),
    ):
        with pytest.raises(InputError, match=said):
            send(page, name, content, piece=1 << 18)
        assert page.ask("look")["file"]["name"] == "good"
    with pytest.raises(InputError, match="harmonium lab huge"):
        page.ask("upload", name="huge", size=17 << 20, offset=0, data="")
    with pytest.raises(InputError, match="arrived damaged"):
        page.ask("upload", name="x", size=9, offset=0, data="?")
    with pytest.raises(InputError, match="do not fit together"):
        page.ask("upload", name="x", size=9, offset=3, data="")
    with pytest.raises(InputError, match="longer than was announced"):
        page.ask("upload", name="x", size=2, offset=0, data=base64.b64encode(b"abc").decode())
    with pytest.raises(InputError, match="must have a name"):
        page.ask("upload", name=3, size=2, offset=0, data="")
    assert page.ask("look")["file"]["name"] == "good"
