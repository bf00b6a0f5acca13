"""The engine of chapter 6 beside the library: the digits, sampling, training, ln Z."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from scipy.stats import binom

import harmonium as hm
from harmonium import exact
from tests.lab import node

PRELUDE = """
import { createRbm } from "lab/engine/rbm.js";
import { Gibbs, BitProducts, bitOf } from "lab/engine/bits.js";
import { keyOf, derive } from "lab/engine/random.js";
import { logPartition } from "lab/engine/table.js";
const rbmOf = ({ V, H, theta }) => createRbm(V, H, Float64Array.from(theta));
"""


def given(rbm: hm.RBM) -> dict:
    parts = (rbm.weights, rbm.visible.bias, rbm.hidden.bias)
    return {"V": rbm.visible.size, "H": rbm.hidden.size, "theta": [float(x) for part in parts for x in np.ravel(part)]}


def machine(visible: int, hidden: int, scale: float = 1.0, seed: int = 0) -> hm.RBM:
    draw = np.random.default_rng(seed)
    a, b, weights = (scale * draw.normal(size=shape) for shape in (visible, hidden, (visible, hidden)))
    return hm.RBM(hm.Binary(a), hm.Binary(b), weights)


def test_the_digits_are_the_librarys():
    found = node.run(
        'import { digits } from "lab/engine/digits.js"; answer(Object.entries(digits()).map(([p, r]) => [p, [...r]]));'
    )
    data = hm.data.load("digits")
    for part, rows in found:
        np.testing.assert_array_equal(np.reshape(rows, (-1, 64)), getattr(data, part), part)


# Sizes with every remainder of the groups of bits, in small tables and in large ones.
@pytest.mark.parametrize("size", [(1, 1), (6, 7), (13, 5), (64, 20), (301, 250)])
def test_sums_and_products_of_bits_are_matrix_products(size):
    rbm = machine(*size)
    draw = np.random.default_rng(1)
    v, h = (draw.integers(0, 2, (9, n)) for n in size)
    values = draw.normal(size=(9, size[1]))
    script = """
    const gibbs = new Gibbs(rbmOf(given.rbm));
    const [v, h] = [Uint8Array.from(given.v), Uint8Array.from(given.h)];
    const products = new BitProducts(given.rbm.V, given.rbm.H);
    const out = new Float64Array(given.rbm.V * given.rbm.H);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 9; n++) products.add(v, n * given.rbm.V, Float64Array.from(given.values[n]));
      products.take(out);
    }
    answer([gibbs.hiddenInputs(v), gibbs.visibleInputs(h), gibbs.freeEnergies(v), out].map((x) => [...x]));
    """
    found = node.run(
        PRELUDE + script, {"rbm": given(rbm), "v": v.ravel().tolist(), "h": h.ravel().tolist(), "values": values.tolist()}
    )
    expected = (v @ rbm.weights + rbm.hidden.bias, h @ rbm.weights.T + rbm.visible.bias, hm.free_energy(rbm, v), v.T @ values)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, np.ravel(other), rtol=1e-12, atol=1e-12)


def test_a_coin_falls_as_the_sigmoid_says():
    script = """
    const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
    const near = (s) => [s * (1 - 1e-12), s * (1 + 1e-12), s - 1e-3, s + 1e-3, 0, 0.5];
    const xs = [];
    for (let x = -40; x < 40; x += 0.0137) xs.push(x);
    xs.push(-16, 16, 16.1, 0, -0, 1 / 32, -1000, 1000, Infinity, -Infinity);
    answer(xs.every((x) => near(sigmoid(x)).every((u) => bitOf(u, x) === (u < sigmoid(x) ? 1 : 0))));
    """
    assert node.run(PRELUDE + script)


@pytest.mark.parametrize("size", [(64, 20), (12, 70), (2, 9)])
@pytest.mark.parametrize("scale", [0.3, 200.0])
def test_ln_z_is_the_librarys(size, scale):
    rbm = machine(*size, scale)
    found = node.run(PRELUDE + "answer(logPartition(rbmOf(given)));", given(rbm))
    assert found == pytest.approx(exact.log_partition(rbm), rel=1e-12)


def test_chains_stay_exact_and_keep_what_is_clamped():
    """Each state of v as often as its probability says after sweeps from exact draws, and again with v_2 clamped."""
    rbm, count = machine(5, 3, seed=3), 40_000
    states = exact.all_states(rbm.visible)
    p = np.exp(exact.log_likelihood(rbm, states))
    drawn = states[np.random.default_rng(0).choice(len(states), count, p=p / p.sum())]
    script = """
    const gibbs = new Gibbs(rbmOf(given.rbm));
    answer([null, Uint8Array.from([1, 1, 0, 1, 1])].map((free, run) => {
      const v = Uint8Array.from(given.v);
      if (free) for (let k = 2; k < v.length; k += 5) v[k] = 1;
      const h = new Uint8Array((v.length / 5) * 3);
      for (let n = 0; n < given.sweeps[run]; n++) {
        gibbs.sampleHidden(v, h, derive(keyOf(run), 2 * n));
        gibbs.sampleVisible(h, v, derive(keyOf(run), 2 * n + 1), free ?? undefined);
      }
      const counts = new Array(32).fill(0);
      for (let row = 0; row < v.length; row += 5) counts[parseInt(v.subarray(row, row + 5).join(""), 2)]++;
      return counts;
    }));
    """
    free, clamped = node.run(PRELUDE + script, {"rbm": given(rbm), "v": drawn.astype(int).ravel().tolist(), "sweeps": [3, 300]})
    given_one = np.where(states[:, 2] == 1, p, 0)
    for counts, distribution in ((free, p / p.sum()), (clamped, given_one / given_one.sum())):
        # 64 two-sided tests: a false alarm in 10^4 runs.
        tail = 1e-4 / 128
        low, high = binom.ppf(tail, count, distribution), binom.ppf(1 - tail, count, distribution)
        assert ((np.array(counts) >= low) & (np.array(counts) <= high)).all()
        assert np.array(counts)[distribution == 0].sum() == 0


def test_an_update_is_a_step_along_the_gradient_and_the_average_is_the_librarys():
    script = """
    import { DigitsTraining } from "lab/engine/digits-training.js";
    const training = new DigitsTraining(3, 0.05, 7);
    const steps = [];
    for (let n = 0; n < 100; n++) {
      const before = [...training.iterate.theta];
      training.update();
      const batch = [...training.order.subarray(training.next - 100, training.next)];
      const [v, h] = n === 99 ? [[...training.v], [...training.h]] : [null, null];
      steps.push({ before, batch, v, h, after: [...training.iterate.theta], average: [...training.average.theta] });
    }
    answer(steps);
    """
    steps = node.run(PRELUDE + script)
    data = hm.data.load("digits").train
    start = hm.initialize(data, 3)
    np.testing.assert_allclose(steps[0]["before"][192:256], start.visible.bias, rtol=1e-12)
    assert np.std(steps[0]["before"][:192]) == pytest.approx(0.01, rel=0.25)
    assert not np.any(steps[0]["before"][256:])

    def statistics(theta: np.ndarray, v: np.ndarray) -> np.ndarray:
        h = 1 / (1 + np.exp(-(v @ theta[:192].reshape(64, 3) + theta[256:])))
        return np.concatenate([(v.T @ h).ravel(), v.sum(axis=0), h.sum(axis=0)]) / len(v)

    last = steps[-1]
    before, v = np.array(last["before"]), np.reshape(last["v"], (500, 64))
    expected = before + 0.05 * (statistics(before, data[last["batch"]]) - statistics(before, v))
    np.testing.assert_allclose(last["after"], expected, rtol=1e-10, atol=1e-13)
    assert set(last["h"]) == {0, 1}

    average = np.array(steps[0]["before"])
    for n, step in enumerate(steps):
        stride = 1 if n < 64 else 8
        if n % stride == 0:
            average += (np.array(step["after"]) - average) / (1 + 0.1 * n / stride)
        np.testing.assert_allclose(step["average"], average, rtol=1e-10, atol=1e-14)
    # An epoch of 14 batches shows no row twice.
    rows = [row for step in steps[14:28] for row in step["batch"]]
    assert len(set(rows)) == 1400


BRACKET = """
import { bracketLogPartition } from "lab/engine/annealing.js";
import { digits } from "lab/engine/digits.js";
answer(given.seeds.map((seed) => {
  const work = bracketLogPartition(rbmOf(given.rbm), Uint8Array.from(given.rows), keyOf(seed));
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}));
"""


@pytest.mark.slow
def test_the_bracket_of_ln_z_holds_the_exact_value():
    """Intervals are the union of five of 95 %; ten models that each miss it by chance at most once in forty."""
    missed = 0
    for seed in range(10):
        rbm = machine(16, 14, 0.3 + 0.1 * seed, seed)
        rows = exact.sample(rbm, 50, seed).astype(int).ravel().tolist()
        (found,) = node.run(PRELUDE + BRACKET, {"rbm": given(rbm), "rows": rows, "seeds": [seed]})
        expected = exact.log_partition(rbm)
        assert found["lower"] <= found["value"] <= found["upper"]
        assert found["upper"] - found["lower"] < 1.0
        missed += not found["lower"] <= expected <= found["upper"]
    # More than two of ten at 1/40 each: once in 600 runs.
    assert missed <= 2


@pytest.mark.parametrize("extra", [0.0, 1.0])
def test_a_mode_that_no_run_comes_to_is_told(extra):
    """Two deep modes far apart, of which the rows show one; the other is as deep, or ten nats deeper."""
    half = np.repeat([1, -1], [9, 10])
    weights = 3.0 * np.outer(half, half)
    bias = -weights.sum(axis=1) / 2
    rbm = hm.RBM(hm.Binary(bias + extra * (half < 0)), hm.Binary(bias), weights)
    rows = np.tile((half + 1) // 2, (50, 1)).ravel().tolist()
    (found,) = node.run(PRELUDE + BRACKET, {"rbm": given(rbm), "rows": rows, "seeds": [0]})
    assert not found["converged"]
    assert found["lower"] - 1e-9 <= exact.log_partition(rbm) <= found["upper"]


ANSWERS = """
import { openModel, respond, dream } from "lab/answers/images.js";
const bytes = new Uint8Array(Buffer.from(given.file, "base64"));
"""


def stored(rbm: hm.RBM, folder, **notes: object) -> str:
    return base64.b64encode(hm.save(rbm, folder / "m.safetensors", overwrite=True, notes=notes).read_bytes()).decode()


@pytest.mark.parametrize("spins", [False, True])
def test_a_drawing_is_answered_with_the_librarys_figures(tmp_path, spins):
    rbm = machine(12, 4)
    if spins:
        rbm = hm.RBM(hm.Spin(rbm.visible.bias), hm.Spin(rbm.hidden.bias), rbm.weights)
    bits = np.array([1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1])
    script = PRELUDE + ANSWERS + 'answer([openModel("m", bytes), respond("file", given.bits, 4)]);'
    file = stored(rbm, tmp_path, image_shape=[3, 4], trained_on="crosses", updates=7)
    described, found = node.run(script, {"file": file, "bits": "".join(map(str, bits))})
    filters = described.pop("filters")
    kind = "spin" if spins else "binary"
    assert described == {
        "name": "m", "visible": 12, "hidden": 4, "kinds": [kind, kind], "height": 3, "width": 4, "shapeFrom": "file",
        "digits": False, "trainedOn": "crosses", "updates": 7,
    }  # fmt: skip
    weights = 4 * rbm.weights if spins else rbm.weights
    assert filters["scale"] == pytest.approx(np.abs(weights).max())
    shown = (np.array(list(filters["bytes"].values())) - 128) / 127 * filters["scale"]
    np.testing.assert_allclose(shown.reshape(4, 12), weights.T, atol=filters["scale"] / 250)
    v = 2 * bits - 1 if spins else bits
    assert found["freeEnergy"] == pytest.approx(float(hm.free_energy(rbm, v)), abs=1e-12)
    assert found["logProbability"] == pytest.approx(float(exact.log_likelihood(rbm, v)), abs=1e-12)
    hidden = hm.hidden_given_visible(rbm, v)
    np.testing.assert_allclose(found["hidden"], (hidden + 1) / 2 if spins else hidden, atol=1e-12)
    # The mean over 200 draws of h, in 255 steps: off by five standard errors once in 10^5 runs, for twelve pixels.
    expected = hm.reconstruct(rbm, v, 100_000, 0)
    shades = np.array(list(found["reconstruction"]["bytes"].values())) / 255
    np.testing.assert_allclose(shades, (expected + 1) / 2 if spins else expected, atol=5 * 0.5 / np.sqrt(200) + 0.01)
    assert sum(found["histogram"]["shares"]["fantasies"]) == pytest.approx(1)
    assert 0 <= found["lessProbable"]["fantasies"] <= 1


def test_a_completion_keeps_what_is_known_and_has_the_conditional_mean(tmp_path):
    rbm = machine(9, 3, seed=1)
    known = "10..1..0."
    free = np.array([c == "." for c in known])
    states = exact.all_states(rbm.visible)
    states = states[(states[:, ~free] == [int(c) for c in known if c != "."]).all(axis=1)]
    p = np.exp(exact.log_likelihood(rbm, states))
    mean = p @ states / p.sum()
    script = """
    openModel("m", bytes);
    const run = (seed) => {
      for (;;) {
        const found = dream("x", "file", given.known, seed, 1000);
        if (found.sweeps === 1000) return found;
      }
    };
    const plain = (pictures) => [...pictures.bytes].map((x) => x / 255);
    const found = [0, 1, 2, 3, 4, 0].map(run);
    answer(found.map(({ chains, stages, samples }) => {
      return { chains, stages: stages.map((s) => [s.sweeps, plain(s.mean)]), samples: plain(samples) };
    }));
    """
    runs = node.run(PRELUDE + ANSWERS + script, {"file": stored(rbm, tmp_path), "known": known})
    assert runs[0] == runs[5] != runs[1]
    pixels = np.array([0 if c == "." else int(c) for c in known])
    for run in runs:
        assert [sweeps for sweeps, _ in run["stages"]] == [1, 10, 100, 1000]
        for picture in [*(picture for _, picture in run["stages"]), *np.reshape(run["samples"], (24, 9))]:
            np.testing.assert_array_equal(np.array(picture)[~free], pixels[~free])
    total = np.mean([run["stages"][-1][1] for run in runs[:5]], axis=0)
    # Five pixels of independent chains each: a false alarm in 10^5 runs at 4.9 standard errors, rounding to bytes aside.
    error = 4.9 * np.sqrt(mean * (1 - mean) / (5 * runs[0]["chains"])) + 0.5 / 255
    assert (np.abs(total - mean) < error)[free].all()


@pytest.mark.parametrize(
    ("pixels", "stored_shape", "expected"),
    [
        (64, None, (8, 8, "square")),
        (64, [4, 16], (4, 16, "file")),
        (64, [4, 15], (8, 8, "square")),
        (64, "8x8", (8, 8, "square")),
        (64, [8.5, 8], (8, 8, "square")),
        (16, [True, 16], (4, 4, "square")),
        (10, None, (3, 4, "grid")),
        (1, None, (1, 1, "square")),
        (2, None, (1, 2, "grid")),
        (5000, None, (71, 71, "grid")),
    ],
)
def test_the_shape_of_a_picture(pixels, stored_shape, expected):
    script = 'import { layoutOf } from "lab/answers/image-model.js"; answer(layoutOf(given[0], given[1]));'
    found = node.run(script, [pixels, stored_shape])
    assert (found["height"], found["width"], found["shapeFrom"]) == expected
    assert found["height"] * found["width"] >= pixels


def test_the_machine_trained_beforehand_is_a_model_file_of_the_digits(tmp_path):
    text = node.run('import { PRETRAINED } from "lab/engine/pretrained.js"; answer(PRETRAINED);')
    path = tmp_path / "m.safetensors"
    path.write_bytes(base64.b64decode(text))
    rbm, _, header = hm.io.load_with_header(path)
    assert header["notes"]["trained_on"] == "digits"
    assert exact.log_likelihood(rbm, hm.data.load("digits").test).mean() == pytest.approx(-17.741, abs=5e-4)


COURSE = """
import { beginTraining, advanceTraining, saveModel } from "lab/answers/images.js";
let view = beginTraining(given.settings);
const until = (order, stop) => {
  view = advanceTraining(order, given.most ?? Infinity);
  while (!stop()) view = advanceTraining("", given.most ?? Infinity);
};
until("", () => view.step >= given.updates || view.phase !== "training");
const pause = [advanceTraining("pause", Infinity), advanceTraining("", Infinity)];
const paused = [...pause.map(({ step }) => step), pause[1].phase];
if (view.phase !== "failed") until("close", () => view.phase === "done");
const { pictures, ...rest } = view;
answer({ ...rest, paused, file: Buffer.from(saveModel().bytes).toString("base64") });
"""


def course(hidden: int, updates: int, rate: float = 0.05, **more: object) -> dict:
    return node.run(COURSE, {"settings": {"hidden": hidden, "rate": rate, "seed": 3}, "updates": updates, **more}, 600)


def test_a_training_closes_with_the_exact_likelihood_and_its_file_is_the_librarys(tmp_path):
    found = course(6, 600)
    assert found["paused"][0] == found["paused"][1] == found["step"]
    assert found["paused"][2] == "paused"
    path = tmp_path / "m.safetensors"
    path.write_bytes(base64.b64decode(found["file"]))
    rbm, base_rate, header = hm.io.load_with_header(path)
    assert header["notes"]["updates"] == found["step"]
    data = hm.data.load("digits")
    closing, history = found["closing"], found["history"]
    assert closing["exact"]
    assert closing["mean"] == closing["lower"] == pytest.approx(exact.log_likelihood(rbm, data.test).mean(), abs=1e-9)
    assert closing["train"] == pytest.approx(exact.log_likelihood(rbm, data.train).mean(), abs=1e-9)
    assert closing["baseline"] == pytest.approx(hm.likelihood.base_rate_log_likelihood(base_rate, data.test), abs=1e-9)
    some = data.train[np.linspace(0, len(data.train) - 1, len(data.valid)).astype(int)]
    assert history["step"][-1] == found["step"]
    assert history["valid"][-1] == pytest.approx(exact.log_likelihood(rbm, data.valid).mean(), abs=1e-9)
    assert history["train"][-1] == pytest.approx(exact.log_likelihood(rbm, some).mean(), abs=1e-9)
    gap = hm.free_energy(rbm, data.valid).mean() - hm.free_energy(rbm, some).mean()
    assert history["gap"][-1] == pytest.approx(gap, abs=1e-9)
    assert course(6, 5, most=1)["history"]["valid"][0] == history["valid"][0]


@pytest.mark.slow
def test_a_larger_machine_is_followed_by_its_pseudo_likelihood_and_closes_with_an_interval(tmp_path):
    found = course(30, 40)
    path = tmp_path / "m.safetensors"
    path.write_bytes(base64.b64decode(found["file"]))
    rbm, data = hm.load(path), hm.data.load("digits")
    expected = hm.likelihood.pseudo_log_likelihood(rbm, data.valid).mean()
    assert not found["exact"]
    assert found["history"]["valid"][-1] == pytest.approx(expected, abs=1e-9)
    closing = found["closing"]
    assert closing["lower"] < closing["mean"] < closing["upper"] < closing["lower"] + 1


def test_a_training_out_of_bounds_stops_in_words():
    found = course(4, 10**6, rate=1e6)
    assert found["phase"] == "failed"
    assert "begin again with a lower learning rate" in found["problem"]


@pytest.mark.slow
def test_the_page_trains_as_well_as_the_command():
    """The bound is 0.3 nat below `harmonium train digits`, which reaches -17.74 to -17.65."""
    found = course(20, 10_000, 0.1)
    assert found["step"] == 10_000
    assert found["closing"]["mean"] > -17.741 - 0.3
