"""docs/lexicon.md, made of the tables of the lexicon.

python -m runwatch.parsers.lexicon.docs > docs/lexicon.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from runwatch.parsers.lexicon import names, units, words

_HEAD = """\
# Names

What printed names mean, in every kind of log. A name is read by its words, whatever their order, their case
and what stands between them: `val_loss`, `loss/val`, `Validation Loss` and `valLoss` are one name. Every word
has to be known: `lr_mult`, `max_grad_norm` and `best_val_loss` are names of their own and stay as printed.

`runwatch formats FILE` shows of each value which words told its metric. A name that is not here gets its
meaning in `runwatch.toml`, without code:

```toml
[names]
zork = "train/loss"
fwd_bwd = { metric = "perf/step_time", unit = "ms" }
"final score" = { metric = "accuracy", split = "val" }
```

Of two names in a record that mean the same, the plainest one is the metric (`loss` before `avg_loss`), and
the other keeps its name. What a format says itself goes before this page, and `[names]` before both.

<!-- Made by `python -m runwatch.parsers.lexicon.docs` from the code: change it there. -->
"""
_PARTS = (("training", words.TRAIN), ("validation", words.VAL - words.TEST), ("test", words.TEST))


def render() -> str:
    """Return the whole page."""
    return "\n".join([*_HEAD.splitlines(), *_metrics(), *_parts(), *_units(), ""])


def _listed(found: Iterable[str]) -> str:
    return ", ".join(f"`{one}`" for one in found)


def _metrics() -> Iterable[str]:
    yield from ("", "## Metrics", "")
    yield from ("| metric | role | words | words beside them that change nothing |", "|---|---|---|---|")
    for kind in names.KINDS:
        yield f"| `{kind.metric}` | {kind.role} | {_listed(kind.cores)} | {_listed(sorted(kind.beside))} |"
    yield from ("", f"In any name these change nothing either: {_listed(sorted(names.ANY))}.", "")
    yield f"A loss of one kind ({_listed(sorted(names.SORTS))}) is the loss if its record names no other."
    errors = _listed(sorted(names.ERRORS))
    yield f"So is one of {errors} that is named with a part of the data (`train-rmse`, `valid_0's l2`)."
    yield "It is none of validation beside a loss of another kind. `l_pix` and its like are losses of a kind."
    yield "A `total_loss` goes before those, whatever stands before its slash, and so does `l_total`."
    yield "A loss of test data beside that of training is `val/loss` if its record names none of validation."


def _parts() -> Iterable[str]:
    yield from ("", "## Parts of the data", "", "| part | words |", "|---|---|")
    for part, found in _PARTS:
        yield f"| {part} | {_listed(sorted(word.decode() for word in found))} |"
    yield from (
        "",
        "A column or key that tells the part of a row is called `split`, `mode`, `phase`, `stage`, `set`,",
    )
    yield "`subset`, `dataset`, `type`, `_type`, `part` or `kind`."


def _units() -> Iterable[str]:
    yield from ("", "## Units", "")
    yield from ("Behind a value, or at the end of a name (`step_ms`, `data_s`, `ms_per_step`):", "")
    yield f"- times: {_listed(units.SECONDS)}"
    for metric, counted in units.by_metric().items():
        yield f"- `{metric}`, before `/s`, `per sec` and the like: {_listed(sorted(counted))}"
    yield f"- a processor, behind a rate (`tok/s/gpu`): {_listed(sorted(units.DEVICE))}"


if __name__ == "__main__":
    sys.stdout.write(render())
