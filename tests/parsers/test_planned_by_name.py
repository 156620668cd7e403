"""How many steps or epochs are planned, where a number next to the counter says so by its name."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from .logs import Parsed, parse

ROWS = 40
CARRIERS: dict[str, Callable[[dict[str, object]], str]] = {
    "logfmt": lambda row: "level=info event=progress " + " ".join(f"{k}={v}" for k, v in row.items()),
    "dict": str,
    "dict behind a word": lambda row: f"train | {row}",
    "JSON": json.dumps,
    "CSV": lambda row: ",".join(map(str, row.values())),
}


def written(carrier: str, rows: list[dict[str, object]]) -> Parsed:
    head = ",".join(rows[0]) + "\n" if carrier == "CSV" else ""
    return parse((head + "".join(f"{CARRIERS[carrier](row)}\n" for row in rows)).encode())


def rows(place: Callable[[int], dict[str, object]]) -> list[dict[str, object]]:
    return [{**place(i), "loss": round(4.0 - i / 16, 4), "lr": 0.002} for i in range(1, ROWS + 1)]


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize(
    ("counter", "end"),
    [
        ("samples_seen", "total_samples"),
        ("n_images", "total_images"),
        ("consumed_tokens", "total_tokens"),
        ("global_step", "max_train_steps"),
        ("ep", "n_epochs"),
    ],
)
def test_the_end_of_a_counter(carrier, counter, end):
    parsed = written(carrier, rows(lambda i: {counter: 32 * i, end: 6400}))
    assert parsed.column("step").tolist() == [32 * i for i in range(1, ROWS + 1)]
    assert set(parsed.column("total").tolist()) == {6400}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_epochs_of_a_counter_within_each(carrier):
    parsed = written(
        carrier,
        rows(lambda i: {"ep": (i - 1) // 10 + 1, "epochs": 5, "it": 3 * ((i - 1) % 10), "num_batches": 30}),
    )
    assert parsed.column("step").tolist() == [3 * (i - 1) for i in range(1, ROWS + 1)]
    assert set(parsed.column("total").tolist()) == {150}


def test_a_number_that_grows_is_no_end():
    parsed = written("logfmt", rows(lambda i: {"step": i, "total_steps": 100 * i}))
    assert parsed.column("step").tolist() == [*range(1, ROWS + 1)]
    assert not any("total" in names for _, _, names in parsed.tables)
