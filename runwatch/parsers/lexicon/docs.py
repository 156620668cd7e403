"""docs/lexicon.md, made of the tables of the lexicon.

python -m runwatch.parsers.lexicon.docs > docs/lexicon.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from runwatch.parsers.lexicon import kinds, parts, units, words

_HEAD = """\
# Names

This page lists what printed names mean, in every kind of log. A name is read as a set of words. Their
order, case and separators do not matter: `val_loss`, `loss/val`, `Validation Loss` and `valLoss` are one
name. Every word must be known: `lr_mult`, `max_grad_norm` and `best_val_loss` are other names and are kept
as printed.

`runwatch formats FILE` shows for each value which words decided its metric. To give another name a
meaning, use `runwatch.toml`; no code is needed:

```toml
[names]
zork = "train/loss"
fwd_bwd = { metric = "perf/step_time", unit = "ms" }
"final score" = { metric = "accuracy", split = "val" }
```

If two names in a record mean the same, the simplest one is the metric (`loss` before `avg_loss`), and
the other keeps its name. `[names]` has the highest priority, then what a format defines, then this page.

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
    yield from ("| metric | role | words | additional words that change nothing |", "|---|---|---|---|")
    for kind in kinds.KINDS:
        yield f"| `{kind.metric}` | {kind.role} | {_listed(kind.cores)} | {_listed(sorted(kind.fillers))} |"
    yield from ("", f"In any name, these also change nothing: {_listed(sorted(kinds.ANY))}.", "")
    yield f"A loss of a kind ({_listed(sorted(kinds.SORTS))}) is the loss if its record has no other."
    errors = _listed(sorted(kinds.ERRORS))
    yield f"The same holds for {errors} if named with `loss` or a part of the data (`train-rmse`, `val l2`)."
    yield "`mse` next to `val_mse` is so too, and other errors likewise, if the record has no other loss."
    yield "It is not a validation loss if the record has a loss of another kind."
    yield "`l_pix` and similar names are losses of a kind."
    yield "A `total_loss` has priority over those, with any text before its slash, and so does `l_total`."
    summed = _listed(sorted(parts.PARTS))
    yield f"A record with the loss of boxes and others of {summed}, but no loss, has their sum as its loss."
    yield "A score whose name begins or ends with a word of validation is its: `acc_val` is `val/acc`."
    yield "A test loss next to a training loss is `val/loss` if its record has no validation loss."
    yield "Test scores next to a loss or score of training are of validation if no name of their record is."
    yield "If a record only has losses of a discriminator and a generator, the generator's is its loss."


def _parts() -> Iterable[str]:
    yield from ("", "## Parts of the data", "", "| part | words |", "|---|---|")
    for part, found in _PARTS:
        yield f"| {part} | {_listed(sorted(word.decode() for word in found))} |"
    yield from ("", f"The column or key with the part of a row is called one of {_listed(words.SPLIT_KEYS)}.")


def _units() -> Iterable[str]:
    yield from ("", "## Units", "")
    yield from ("After a value, or at the end of a name (`step_ms`, `data_s`, `ms_per_step`):", "")
    yield f"- times: {_listed(units.SECONDS)}"
    for metric, counted in units.by_metric().items():
        yield f"- `{metric}`, before `/s`, `per sec` and similar: {_listed(sorted(counted))}"
    yield f"- a processor, after a rate (`tok/s/gpu`): {_listed(sorted(units.DEVICE))}"


if __name__ == "__main__":
    sys.stdout.write(render())
