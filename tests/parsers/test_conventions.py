"""What counts as a step and as a record: the examples of docs/formats.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from .structured import read

DOCS = Path(__file__).parents[2] / "docs" / "formats.md"
LOSS = 9.0


def _lines(line: str, places: list[tuple[int, int]]) -> bytes:
    return "".join(
        line.format(e=epoch, b=batch, loss=LOSS / (i + 1)) for i, (epoch, batch) in enumerate(places)
    ).encode()


LATE = [(epoch, batch) for epoch in (14, 15, 16) for batch in range(50, 501, 50)]
BAR = "\rEpoch {e}/3: 50%|##  | {b}/500 [00:10<00:10, 25.00it/s, loss={loss:.4f}]"


@pytest.mark.parametrize(
    ("said", "line", "places", "first", "last"),
    [
        ("step 120", "step {b} of 600, loss {loss:.4f}\n", [(0, b) for b in range(120, 600, 10)], 120, 590),
        ("6,550", "Epoch {e}/20 [{b}/500] loss {loss:.4f}\n", LATE, 6550, 8000),
        ("step 50", "Epoch {e} batch {b} loss {loss:.4f}\n", LATE, 50, 1500),
        ("step 3", "epoch {e}: loss {loss:.4f}\n", [(e, 0) for e in range(3, 40)], 3, 39),
        ("step 750", BAR, [(e, b) for e in (1, 2, 3) for b in range(0, 501, 25)], 0, 1500),
    ],
)
def test_the_step_is_what_the_docs_say(said, line, places, first, last):
    rows = DOCS.read_text().partition("What counts as a step")[2].split("\n|")
    assert any(said in row for row in rows)
    steps = read(_lines(line, places)).column("step").tolist()
    assert steps[0] == first
    assert steps[-1] == last
