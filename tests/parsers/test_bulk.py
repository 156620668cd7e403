"""What the bulk path reads many at a time is what the matchers read line by line."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.events.milestones import MILESTONES
from runwatch.parsers.events.trouble import TROUBLE
from runwatch.parsers.log import LogParser

from .logs import hf, parse

OTHERS = (
    b"",
    b"SPS: 1234\n",
    b"Evaluating the policy\n",
    b"Saving model to out/model_10.pt\n",
    b"Traceback (most recent call last):\n  File 'x'\nValueError: no\n",
    b" 10%|#    | 1/10 [00:01<00:09,  1.00it/s]\r 20%|##   | 2/10 [00:02<00:08,  1.00it/s]\n",
    b"eval_episode=3, episodic_return=[7.5]\n",
)


def episodes(begin: int, end: int, *, seed: int = 0) -> bytes:
    """Lines of a weak format among others."""
    rng = random.Random(seed)
    return b"".join(
        b"global_step=%d, episodic_return=[%d.%d]\n" % (i, rng.randrange(300), rng.randrange(10))
        + (rng.choice(OTHERS) if rng.random() < 0.1 else b"")
        for i in range(begin, end)
    )


@settings(max_examples=12, deadline=None)
@given(st.integers(400, 1500), st.booleans(), st.data())
def test_a_weak_format_in_bulk(records, taken, data):
    text = episodes(0, records) + (hf(3) if taken else b"") + episodes(records, 2 * records)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=3))
    parse(text, cuts).same_as(parse(text, bulk=False))


def test_a_weak_format_gives_way_within_a_block():
    text = episodes(0, 450) + hf(3) + episodes(450, 900)
    parsed = parse(text)
    assert parsed.format == "hf-trainer"
    assert len(parsed.column("train/loss")) == 3
    parsed.same_as(parse(text, bulk=False))


def test_the_bulk_path_reads_a_weak_format_before_it_is_sure(monkeypatch):
    parser = LogParser()
    parser.feed(episodes(0, 40))
    read = []
    monkeypatch.setattr(parser._pipeline, "read", lambda line, *rest: read.append(line) or False)
    parser.feed(b"global_step=7, episodic_return=[1.5]\n" * 1000)
    assert len(read) < 100


ODD = ("-0", "-0.0", "+1.5", "1e400", "01.5", ".5", "5.", "nan", "-inf", "1_000", "True", "None", "1,234.5")
STAMPS = (
    "",
    "[rank3]: ",
    "2030-01-02 23:59:{:02d},678 - train - INFO - ",
    "2030-01-02T23:{:02d}:07+0100 ",
    "[{:02d}:07:11] loss: ",
    "e1{:02d} ",
)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_dicts_in_bulk(data):
    rng = random.Random(data.draw(st.integers(0, 1000)))
    quote = data.draw(st.sampled_from(["", "'"]))
    stamps = data.draw(st.lists(st.sampled_from(STAMPS), min_size=1, max_size=3))
    odd = data.draw(st.lists(st.sampled_from(ODD), max_size=3))
    names = ["loss", "rewards/a1", "rewards/a2", "epoch"]
    lines = []
    for row in range(900):
        values = [repr(rng.random() * 10 ** rng.randrange(-8, 3)) for _ in names]
        if odd and rng.random() < 0.02:
            values[rng.randrange(4)] = rng.choice(odd)
        if rng.random() < 0.02:
            names[1], names[2] = names[2], names[1]
        body = ", ".join(
            f"'{name}': {quote}{value}{quote}" for name, value in zip(names, values, strict=True)
        )
        line = rng.choice(stamps).format(row % 60) + "{" + body + "}"
        lines.append(f"\x1b[32m{line}\x1b[0m" if rng.random() < 0.05 else line)
    text = "\n".join(lines).encode() + b"\n"
    parse(text).same_as(parse(text, bulk=False))


SPOILT = (
    "{'loss5': , 'epoch': 0.5, 'x9': 1.0}",
    "{'losse': 1.5, 'poch': 0.5, 'x9': 1.0}",
    "{'loss': 1.5, 'epoch': 0.5, 'x8': 1.0}",
    "{'loss': 1.5, 'epoch': e5, 'x9': 1.0}",
    "{'loss': 1.5e, 'epoch': 0.5, 'x9': 1.0}",
    "{'loss': -0, 'epoch': 0.5, 'x9': 1.0}",
    "5{'loss': 1.5, 'epoch': 0.5, 'x9': 1.0}",
    "{'loss': 1.5, 'epoch': 0.5, 'x9': 1.0}5",
    "{'loss': 1.5, 5'epoch': 0.5, 'x9': 1.0}",
    "{'loss': 1.5, 'epoch': 0.5, 'x9': 1.0} {'loss': 7.5, 'epoch': 0.5, 'x9': 1.0}",
    "{'loss': 1.5, 'epoch': 0.5, 'x9': \x1b[1m1.0}",
    "{'loss': 1.5, 'epoch': 0.5, 'x9': 1.%s}" % ("0" * 70_000),
)


@pytest.mark.few(1)
@pytest.mark.parametrize("around", ["{}\n", "\x1b[32m{}\x1b[39m\n", "[rank0]:{}\r\n", "01:02:07 INFO {}\n"])
@pytest.mark.parametrize(("small", "name"), [pytest.param(1e-3, "y", marks=pytest.mark.deep), (1e-7, "x9")])
def test_one_spoilt_dict_among_many(around, small, name):
    whole = [f"{{'loss': {small * i!r}, 'epoch': {i / 7!r}, 'x9': -1.5}}" for i in range(1, 400)]
    for spoilt in SPOILT:
        lines = [*whole[:300], spoilt, *whole[300:]]
        text = "".join(around.format(line.replace("x9", name)) for line in lines).encode()
        parse(text).same_as(parse(text, bulk=False))


def test_a_dict_right_behind_a_bar_shows_both():
    line = "\r {}%|##   | {}/3000 [1:31:33<29:26:36, 1.92it/s]{{'loss': 1.{}, 'learning_rate': 1e-05, 'epoch': 0.5}}\n"
    text = "".join(line.format(i // 30, i, i) for i in range(1, 3000)).encode()
    parsed = parse(text)
    assert parsed.column("step", "bar").tolist() == list(range(1, 3000))
    assert len(parsed.column("train/loss")) == 2999
    assert not len(parsed.column("time"))
    parsed.same_as(parse(text, bulk=False))


def test_the_time_before_a_dict_is_read_in_bulk_too():
    line = "2030-01-02 03:04:{:02d},500 - INFO - {{'loss': 1.{}, 'epoch': 0.5}}\n"
    parsed = parse("".join(line.format(i % 60, i) for i in range(2000)).encode())
    times = parsed.column("time")
    assert len(times) == 2000
    assert times[1] - times[0] == 1.0


MLLOG = [
    {"key": "eval_accuracy", "value": 0.25, "metadata": {"file": "a.py", "lineno": 3, "epoch_num": 2}},
    {"key": "eval_accuracy", "value": 0.5, "metadata": {"samples_count": 4096, "tags": [1, {"a": 2}]}},
    {"key": "train_loss", "value": "0.75", "metadata": {"step_num": 7}},
    {"key": "tracked_stats", "value": {"throughput": 10.5, "loss": 2}, "metadata": {"step_num": 7}},
    {"key": "eval_accuracy", "value": None, "metadata": {"step_num": 7}},
    {"key": "eval_accuracy", "value": 0.5, "metadata": {"step_num": "x"}},
    {"key": "epoch_start", "value": 3, "metadata": {"epoch_num": 2}},
    {"key": "run_stop", "value": None, "metadata": {"status": "success"}},
]


@pytest.mark.few(1)
@pytest.mark.parametrize("prefix", ["", "[rank2]: ", "0: "])
def test_mlperf_in_bulk(prefix):
    rng = random.Random(1)
    lines = [f"{prefix}:::MLLOG {json.dumps(rng.choice(MLLOG[:-1]) | {'time_ms': i})}" for i in range(3000)]
    text = "\n".join([*lines, f":::MLLOG {json.dumps(MLLOG[-1])}", ""]).encode()
    parsed = parse(text)
    assert parsed.format == "mlperf-mllog"
    parsed.same_as(parse(text, bulk=False))


def test_objects_with_lists_are_one_a_line():
    good = b'{"step": 1, "loss": 2.0, "seen": [{}]}\n'
    split = b'{"step": 1, "loss": 2.0, "seen": [{}\n,{}]}\n{"step": 1, "loss": 3.0, "seen": []},{"step": 2}\n'
    text = good * 1500 + split + good * 10
    parsed = parse(text)
    assert len(parsed.column("step")) == 1510
    parsed.same_as(parse(text, bulk=False))


@pytest.mark.parametrize("table", [TROUBLE, MILESTONES])
def test_no_needle_hides_another(table):
    needles = sorted({needle for sign in table.all for needle in sign.needles})
    for one in needles:
        for other in needles:
            assert one is other or one not in other
            assert not any(one.endswith(other[:size]) for size in range(5, min(len(one), len(other))))


HEAD = b"      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n"
BAR = b"100%|##########| 9/9 [00:02<00:00,  4.00it/s]"
ODD_ROWS = (
    b"     12/999      4.25G      1.1 2      1.250      1.375         12        640: " + BAR,
    b"     12/999      4.25G      1.125    1.250        1.375         12        640: " + BAR,
    b"     12/999      4.25G      1.12512.25012345      1.375         12        640: " + BAR,
    b"     12/999      4.25G      1.125      1.250      1.375         12        640:" + BAR,
    b"     12/999      4.25G      1.125      1.250      1.375         12        640: "
    + BAR
    + b"Saving model to out/m.pt: [x]",
    b"     12/999      4.25G      1.125      1.250      1.375         12        640:",
    b"     12/999      4.25G      1.125      1.250",
    b"\x1b[K     12/999      4.25G      1.125      1.250      1.375         12        640: " + BAR,
    b"2026-11-21 09:00:00,123 - data - INFO - shard [3] of 9 opened, 53,248 rows",
)


@pytest.mark.few(3)
@pytest.mark.parametrize("share", [0, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_rows_of_words_that_are_not_aligned(seed, share):
    rng, lines = random.Random(seed), []
    for epoch in range(1, 900):
        losses = b"".join(b"%11.4g" % (rng.random() * 10 ** rng.randrange(-5, 5)) for _ in range(3))
        lines.append(b"%11s%11s%s%11d%11d: %s" % (b"%d/999" % epoch, b"4.25G", losses, epoch, 640, BAR))
        if rng.random() < share:
            lines.append(rng.choice(ODD_ROWS))
    text = HEAD + b"\n".join(lines) + b"\n"
    parsed = parse(text)
    assert parsed.format == "yolo"
    parsed.same_as(parse(text, bulk=False))


@pytest.mark.few(1)
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.deep) for n in range(2, 8))])
def test_lines_in_several_colors(seed):
    rng = random.Random(seed)
    colours = (b"", b"\x1b[32m", b"\x1b[1m\x1b[32m", b"\x1b[38;5;214m", b"\0", b"\x1b[0m", b"^C")
    usual = rng.choice(colours)
    lines = []
    for step in range(1500):
        before = usual if rng.random() < 0.97 else rng.choice(colours)
        other = rng.choice((b"step by step", b"Saving model to out/model_10.pt", b"\x1b", b"\x1b[32m"))
        lines.append(before + b"step %05d/09999 | loss: %.6f | dt: %d.00ms" % (step, rng.random(), step % 90))
        if rng.random() < 0.05:
            lines.append(rng.choice(colours) + other)
    text = b"\n".join(lines) + b"\n"
    parsed = parse(text)
    assert len(parsed.column("train/loss")) == 1500
    parsed.same_as(parse(text, bulk=False))


@pytest.mark.parametrize("around", ["{}", "\x1b[32m{}\x1b[39m"])
def test_other_lines_in_colors(around):
    others = (
        "step by step\x1b[0m",
        "Saving model to out/model_1.pt",
        "Sav\x1b[1ming model to out/model_2.pt",
        "\x1b[1mSav\x1b[0ming model to out/model_3.pt\x1b[0m\x1b[K",
        "it\x1b[35mer 7: loss 1.5, time 9.00ms, mfu 3.00%",
        "\x1b[K\0iter 8: loss 1.5, time 9.00ms, mfu 3.00%",
    )
    lines = [f"iter {i}: loss {9 - i / 1000:.4f}, time 95.00ms, mfu 3.00%" for i in range(2000)]
    for at in range(1000, 1990):
        if at % 11 == 0:
            lines[at] = others[at % len(others)]
    text = "".join(around.format(line) + "\n" for line in lines).encode()
    parsed = parse(text)
    assert parsed.format == "nanogpt"
    assert sum(event.kind == "checkpoint" for event in parsed.events) == 45
    parsed.same_as(parse(text, bulk=False))


def test_a_color_within_what_a_line_begins_with():
    """Loggers colour the word and leave the brackets: no line of this format holds a needle."""
    lines = [f"[train] iter {i}: loss {9 - i / 1000:.4f} 9500 ms/iter\n" for i in range(2000)]
    lines[1500] = lines[1500].replace("train", "\x1b[32mtrain\x1b[39m")
    lines[1700] = lines[1700].replace("[", "[\0")
    parsed = parse("".join(lines).encode())
    assert parsed.column("step").tolist() == list(range(2000))


def test_results_of_yolo_are_the_same_in_bulk():
    rng = random.Random(0)

    def row(epoch: int) -> str:
        values = [rng.choice([rng.random(), rng.random() / 1e5, 0, 1, 640, float("nan")]) for _ in range(11)]
        losses, measures = ("".join(f"{value:10.4g}" for value in part) for part in (values[:4], values[4:]))
        tail = rng.choice(["", "", "", " ", " 0.5"])
        return f"{epoch:6d}/2999 {rng.choice([0, 3.25, 12.5]):8.3g}G{losses}{rng.randrange(99):10d}       640{measures}{tail}\n"

    text = "".join(map(row, range(3000))).encode()
    parsed = parse(text)
    parsed.same_as(parse(text, bulk=False))
    assert parsed.format == "yolo-results-txt"
    assert len(parsed.column("val/mAP50")) > 2000
