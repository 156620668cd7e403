"""What any few reports of saves come to, and what directories show of them, is what was found last.

Of most of them a digest is kept. UPDATE_GOLDEN=1 writes tests/golden again. Read the difference before you
commit it.
"""

from __future__ import annotations

import os
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest

from runwatch.core.batch import Event
from runwatch.core.checkpoint import Checkpoint, State
from runwatch.core.fold.saves import FAILED, KIND, MAX_SAVES, Saves, reconcile

GOLDEN = Path(__file__).with_name("golden")
READ, MOST = 8, 400
PATHS = (
    *("", "", "out/m1", "out/m2", "/data/out/m1", "in/m1", "m1", "last.pt", "out/last.pt", "./out/last.pt"),
    *("C:\\x\\out\\m2", "m2/a/b.pt", "m2/a/b/c.pt", "out", "e1.pt", "e3.pt", "other/w.pt", "."),
)


def reported(rng: np.random.Generator, line: int) -> Event:
    """Return what a line may report of a save, of few steps and names."""
    data = {"path": str(rng.choice(PATHS)), "source": str(rng.choice(["", "", "b.log"]))}
    kind, state = KIND, str(rng.choice(["", "begun", "saved"]))
    if rng.random() < 0.1:
        kind, state = str(rng.choice([KIND, "oom"])), FAILED
    for name, share in (("after", 0.6), ("until", 0.3), ("epoch", 0.3)):
        if rng.random() < share:
            data[name] = str(rng.integers(0, 4))
    step = int(rng.integers(0, 4)) if rng.random() < 0.5 else None
    return Event(kind, 100 * line, line, "saved", None, step, {**data, "state": state})


def there(rng: np.random.Generator) -> list[Checkpoint]:
    """Return a few checkpoints that directories show."""
    paths = [str(path) for path in rng.choice(PATHS, int(rng.integers(0, 4)), replace=False)]
    return [
        Checkpoint(
            path,
            path,
            "torch",
            State.COMPLETE,
            step=int(rng.integers(0, 4)) if rng.random() < 0.5 else None,
            epoch=int(rng.integers(0, 4)) if rng.random() < 0.4 else None,
        )
        for path in paths
    ]


def found(rng: np.random.Generator) -> str:
    """Return all that is answered while saves are reported."""
    saves, lines = Saves(), []
    for line in range(1, int(rng.integers(3, 9))):
        event = reported(rng, line)
        lines.append(f"{saves.repeats(event)} {saves.holds(event)}")
        if event.data["state"] == FAILED:
            saves.withdraw(event)
        else:
            lines.append(str(saves.add(event)))
        lines.append(f"{saves.version} {[save.line for save in saves]} {len(saves)}")
    lines += [str([(s.line, s.again) for s in saves.newest(line)]) for line in (None, 2, 4, 6)]
    kept = reconcile(saves, there(rng))
    lines.append(f"{[save.line for save in kept.unseen]} {sorted(kept.steps.items())} {sorted(kept.marks)}")
    return "\n".join(lines)


@pytest.mark.parametrize("part", range(4))
def test_a_few_reports_come_to_what_was_found_last(part):
    texts = []
    for seed in range(part, MOST, 4):
        text = found(np.random.default_rng([seed, 41]))
        texts.append(f"{seed}: {text if seed < READ else md5(text.encode()).hexdigest()[:8]}")
    text = "\n".join([*texts, ""])
    path = GOLDEN / f"short-saves-{part}.txt"
    if "UPDATE_GOLDEN" in os.environ:
        path.write_text(text, encoding="utf-8")
    assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()


def test_the_newest_256_are_kept_and_what_is_forgotten_is_not_looked_for():
    saves = Saves()
    for number in range(MAX_SAVES + 3):
        saves.add(Event(KIND, 0, number, "saved", None, number, {"path": f"out/m{number}"}))
    assert (len(saves), [save.step for save in saves][:2]) == (256, [3, 4])
    assert saves.add(Event(KIND, 0, 999, "saved", None, None, {"path": "out/m2"})).line == 999
