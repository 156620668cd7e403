import sys

import numpy as np
import pytest

from runwatch.demo import corpus
from runwatch.demo.model import AdamW, Model, ModelShape, norm


@pytest.fixture
def small() -> Model:
    return Model(
        ModelShape(context=3, width=4, hidden=5, vocabulary=11), np.random.default_rng(3), np.float64
    )


@pytest.fixture
def windows() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 11, (9, 4), np.uint8)


@pytest.mark.parametrize("name", ["embed", "mix", "mix_bias", "out", "out_bias"])
def test_every_derivative_is_what_finite_differences_say(small, windows, name):
    _, gradient = small.gradient(windows)
    parameter = small.parameters[name]
    for index in np.ndindex(parameter.shape):
        kept = parameter[index]
        parameter[index] = kept + 1e-5
        above = small.loss(windows)
        parameter[index] = kept - 1e-5
        below = small.loss(windows)
        parameter[index] = kept
        assert gradient[name][index] == pytest.approx((above - below) / 2e-5, rel=1e-5, abs=1e-8)


def test_gradient_reports_the_loss(small, windows):
    assert small.gradient(windows)[0] == small.loss(windows)


def test_an_untrained_model_knows_nothing():
    model = Model(ModelShape(), np.random.default_rng(0))
    windows = np.lib.stride_tricks.sliding_window_view(corpus.split()[0][:2000], 17)
    assert model.loss(windows) == pytest.approx(np.log(128), rel=0.02)


def test_the_first_adamw_step_moves_each_number_by_the_learning_rate(small):
    optimizer = AdamW(small.parameters, rate=0.1, decay=0.0)
    before = small.parameters["out_bias"].copy()
    gradient = {name: np.full_like(value, -7.0) for name, value in small.parameters.items()}
    optimizer.step(gradient, multiplier=0.5)
    np.testing.assert_allclose(small.parameters["out_bias"] - before, 0.05, rtol=1e-6)


def test_weight_decay_shrinks_matrices_and_leaves_biases(small):
    optimizer = AdamW(small.parameters, rate=0.1, decay=0.5)
    small.parameters["out_bias"] += 1.0
    mix = small.parameters["mix"].copy()
    optimizer.step({name: np.zeros_like(value) for name, value in small.parameters.items()}, multiplier=1.0)
    np.testing.assert_allclose(small.parameters["mix"], 0.95 * mix)
    assert (small.parameters["out_bias"] == 1.0).all()


def test_norm_is_the_length_of_the_whole_gradient():
    assert norm({"a": np.array([3.0]), "b": np.array([[0.0, 4.0]])}) == 5.0


def test_the_text_is_ascii_long_enough_and_the_same_each_time():
    training, held_out = corpus.split()
    assert max(training.max(), held_out.max()) < corpus.VOCABULARY
    assert len(training) > 50_000
    assert len(held_out) > 2_000
    assert corpus.text() == corpus.text()


def test_a_python_without_pydoc_topics_reads_builtin_docstrings(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    assert len(corpus.text()) > 30_000
    assert b"Return" in corpus.text()
