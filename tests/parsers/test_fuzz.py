"""Whatever bytes come: nothing raises, nothing hangs, and no number is made up.

Real-looking logs of every format with bytes deleted, doubled, replaced, inserted
and spliced, and random bytes. RUNWATCH_FUZZ=100 runs a hundred times as many.
"""

from __future__ import annotations

import contextlib
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runwatch.core.errors import SourceError
from runwatch.parsers.formats import builtin
from runwatch.parsers.lexicon.names import meaning
from runwatch.reports.explain.explain import explain
from runwatch.watcher.engine.check import check
from runwatch.watcher.engine.views.document import document

from .fuzzing import EXAMPLES, NASTY, TEXTS, invented, logs, numbers
from .structured import read

TIMES = int(os.environ.get("RUNWATCH_FUZZ", "1"))


def fuzz(examples: int) -> settings:
    """Return settings for so many examples, or a multiple of them where asked for."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    return settings(max_examples=examples * TIMES, deadline=None, suppress_health_check=slow)


@given(logs())
@fuzz(200)
def test_no_number_is_made_up(text):
    assert invented(text, read(text).tables) == []


@pytest.mark.few(60)
@pytest.mark.parametrize("text", TEXTS)
def test_no_number_of_a_real_log_is_made_up(text):
    parsed = read(text)
    assert parsed.tables
    assert invented(text, parsed.tables) == []


@given(st.binary(max_size=400) | st.lists(st.sampled_from(NASTY), max_size=40).map(b"".join))
@fuzz(120)
def test_no_number_of_random_bytes_is_made_up(text):
    assert invented(text, read(text).tables) == []


@given(logs(), st.data())
@fuzz(100)
def test_pieces_do_not_matter(text, data):
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    read(text, cuts).same_as(read(text))


@given(logs(changes=4), st.data())
@fuzz(12)
def test_the_bulk_path_reads_the_same(text, data):
    text = (text + b"\n") * (1 + 70_000 // (len(text) + 1))
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=3))
    read(text, cuts).same_as(read(text, bulk=False))


@given(logs())
@fuzz(40)
def test_check_and_formats_take_anything(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzz.log"
    path.write_bytes(text)
    explain(text, builtin())
    try:
        engine = check([str(path)])
    except SourceError:  # declined
        return
    held = numbers(
        text if text[:2] not in (b"\xff\xfe", b"\xfe\xff") else text.decode("utf-16", "replace").encode()
    )
    for _, watched in engine.runs():
        for name, series in watched.run.series.items():
            if " + " in watched.run.printed.get(name, ""):
                continue  # a sum
            summary = series.summary
            for value in (summary.first, summary.last, summary.minimum, summary.maximum):
                assert value is None or value != value or value in held, (name, value)


@given(
    st.sampled_from([*EXAMPLES, b""]),
    st.floats(0, 1),
    st.sampled_from([n for n in NASTY if len(n) < 60 and b"\n" not in n]) | st.binary(min_size=1, max_size=3),
)
@fuzz(40)
def test_no_long_line_takes_long(line, place, piece):
    """Four times the length may take a little more than four times the work, and never sixteen times."""
    at = int(place * len(line))
    begin = time.process_time()
    read(line[:at] + piece * (60_000 // len(piece)) + line[at:])
    assert time.process_time() - begin < 4.0  # linear takes a few hundredths, quadratic minutes


def test_the_oracle_shows_numbers_from_parts_of_them():
    held = numbers(b"step 12/400 loss: 1,234.5 lr=-1e-5 dt 997.40ms, 3-5 v1.2.3 \x1b[31m9\x1b[0m.5")
    assert {12, 400, 1234.5, -1e-5, 997.4, 0.9974, 3, 5, 9.5} <= held
    assert not {1, 2, 4, 40, 234.5, 1e-5, 997, 1.2, 2.3, 31, 0.5} & held
    assert numbers(b"loss nan") != numbers(b"nano")
    assert 1.5 not in numbers("loss ١.٥".encode())


@pytest.mark.parametrize(
    "line",
    [
        b"step 3/9 (1.00%) | loss: INFO - saving | dt: 2.00ms",
        b"step 3/9 (1.00%) | loss: nano | dt: 2.00ms",
        b"step 3/9 (1.00%) | loss: 1,051,31 | dt: 2.00ms",
        b"step   3/9 | loss 1..25 (+0.10z)| norm 1.5 (-0.20z)| lr 2.50e-05 | 512.25 ms | 31.0% bf16 MFU | 9 tok/s",
        b"step   3/9 | loss 1e-5.25 (+0.10z)| norm 1.5 (-0.20z)| lr 2.50e-05 | 512.25 ms | 31.0% bf16 MFU | 9 tok/s",
    ],
)
def test_numbers_that_were_once_made_up(line):
    assert len(read(line + b"\n").column("train/loss")) == 0


@pytest.mark.parametrize(
    "line",
    [
        b"{'\x8a\x90ss': '2.125', 'epoch': '0.25'}",  # a name that is no text
        b"step 3 | loss %s : 1.5" % (b"9" * 400),  # a number in a name that has no float
    ],
)
def test_lines_that_once_raised(line):
    read((line + b"\n") * 3)
    meaning(f"loss {'9' * 400}")


def test_a_number_cut_in_a_dict_is_no_shorter_one():
    parsed = read(b"{'loss': 0.8, 'learning_rate':1,234,567 0.00025, 'epoch': 0.5}\n")
    assert not len(parsed.column("train/learning_rate"))


@pytest.mark.parametrize(
    "line",
    [
        b"Epoch 0:  25%|##5       | 5/20 [00:10<00:30,  2,234,567.61s/it, loss=2.125]",
        b"Epoch N:  25%|##5       | 5/20 [00:10<00:30,  2.00s/it, loss=2.125]",
        b"Epoch 0:  25%|##5       | N/20 [00:10<00:30,  2.00s/it, loss=2.125]",
        b"Epoch 0:  25%|##5       | 5/N [00:10<00:30,  2.00s/it, loss=2.125]",
        b"Epoch 1/N:  25%|##5       | 5/20 [00:10<00:30,  2.00s/it, loss=2.125]",
        b"Rank N | 3/N (1.00%)",
        b"[rankN]: step:  N  loss:  1.5  grad_norm:  1.5",
        b'{"current_steps": N, "total_steps": N, "loss": N, "lr": 5e-05, "epoch": 0.1}',
        b"step N/N (50.00%) | loss: N | dt: 2.00ms",
    ],
)
@pytest.mark.deep
def test_numbers_of_thousands_of_digits_harm_nothing(tmp_path, line):
    for digits in (20, 400, 5000):
        text = (line.replace(b"N", b"9" * digits) + b"\n") * 20
        read(text).same_as(read(text, bulk=False))
        (tmp_path / "x.log").write_bytes(text)
        explain(text, builtin())
        with contextlib.suppress(SourceError):
            document(check([str(tmp_path / "x.log")]), 0.0)
