"""A run is compared with the one that the configuration names."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.config.loader import read
from runwatch.watcher.engine.check import check


def write(path, factor, steps=1500, seed=0):
    rng = np.random.default_rng(seed)
    step = np.arange(1, steps + 1)
    loss = (1.5 + 8 / (1 + step / 50)) * np.exp(0.02 * rng.normal(size=steps)) * factor(step)
    path.write_text(
        "".join(
            f'{{"step": {n}, "total_steps": 3000, "loss": {value:.5f}}}\n'
            for n, value in zip(step, loss, strict=True)
        )
    )


@pytest.fixture
def missing():
    return []


@pytest.fixture
def found(tmp_path, missing):
    def compare(factor, reference="base.jsonl", steps=1500):
        write(tmp_path / "base.jsonl", lambda step: 1.0, 3000, seed=1)
        write(tmp_path / "new.jsonl", factor, steps)
        (tmp_path / "runwatch.toml").write_text(f'[[runs]]\nmatch = "new*"\nreference = "{reference}"\n')
        rules = read(tmp_path / "runwatch.toml").ruleset()
        engine = check([str(tmp_path / name) for name in ("new.jsonl", "base.jsonl")], rules, now=4e9)
        missing[:] = engine.troubles
        rows = [row for _, watched in engine.runs() for row in watched.incidents.every()]
        return [(row.severity, row.title) for row in rows if row.rule == "behind_reference"]

    return compare


def test_a_smooth_curve_that_is_too_high_is_reported(found):
    (reported,) = found(lambda step: 1 + 0.3 * np.minimum(1, step / 1000))
    assert reported == ("critical", "loss is 30% above that of base.jsonl at step 1,500")
    ((severity, title),) = found(lambda step: 1.12)
    assert severity == "warning"
    assert title.startswith("loss is 12% above")


def test_a_run_as_good_as_its_reference_is_left_alone(found):
    assert found(lambda step: 1.0) == []
    assert found(lambda step: 0.8) == []
    assert found(lambda step: 1.5, steps=150) == [], "it has only begun"


def test_without_the_reference_next_to_it_nothing_is_compared_and_that_is_reported(found, missing):
    assert found(lambda step: 1.5, "elsewhere") == []
    assert missing == ["there is no run 'elsewhere' to compare new.jsonl with"]
    assert found(lambda step: 1.5, "new.jsonl") == []
