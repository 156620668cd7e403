"""Formats that users describe: templates, guarded expressions, and what is refused at load."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.config.loader import read
from runwatch.core.errors import ConfigError
from runwatch.parsers.formats import catalogue, troubles
from runwatch.parsers.formats.user import PatternError, build
from runwatch.parsers.log import LogParser

from .logs import Parsed

TRAIN = "it {step}/{total} loss={loss} lr={lr} took {dt}"


def parse(text: bytes, own, cuts=(), *, bulk: bool = True) -> Parsed:
    parser, parsed, start = LogParser((own, *catalogue()), bulk=bulk), Parsed(), 0
    for cut in [*sorted(cuts), len(text)]:
        parsed.add(parser.feed(text[start:cut]))
        start = cut
    parsed.add(parser.flush())
    return parsed


def lines(count: int) -> bytes:
    return b"".join(
        b"[12:00:%02d] it   %d/900  loss=%.4f lr=%.2e took %d.5ms\nnoise %d\n"
        % (i % 60, i, 9 / (i + 1), 1e-4, i, i)
        for i in range(count)
    )


def test_a_template():
    parsed = parse(lines(5), build("mine", train=TRAIN, units={"dt": "ms"}))
    assert parsed.format == "mine"
    assert parsed.column("step").tolist() == [0, 1, 2, 3, 4]
    assert parsed.column("total").tolist() == [900] * 5
    assert parsed.column("train/loss")[:2].tolist() == [9, 4.5]
    assert parsed.column("perf/step_time")[2] == 2.5 / 1000


def test_names_and_ignored_numbers():
    own = build(
        "mine",
        train="s{step} {_} l {l}",
        eval="test {top1} at {step}",
        names={"l": "train/loss", "top1": "val/acc"},
    )
    parsed = parse(b"s1 77 l 2.5\ns2 78 l nan\ntest 50.5 at 2\n", own)
    assert parsed.column("train/loss")[0] == 2.5
    assert parsed.column("step").tolist() == [1, 2]
    assert parsed.column("val/acc", "eval").tolist() == [50.5]


def test_own_formats_go_first():
    own = build("mine", train="step {step}/{total} ({_}%) | loss: {mine}")
    parsed = parse(b"step 1/9 (1.00%) | loss: 1.0\n", own)
    assert (parsed.format, parsed.column("mine").tolist()) == ("mine", [1.0])


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_chunking_and_bulk_do_not_matter(data):
    own = data.draw(
        st.sampled_from(
            [
                build("mine", train=TRAIN),
                build("mine", regex=r"it +(?P<step>[1-9]\d*)/\S+ +loss=(?P<loss>[\d.]+)"),
            ]
        )
    )
    text = lines(800)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    parse(text, own, cuts).same_as(parse(text, own, bulk=False))


def test_an_expression_with_an_optional_field():
    own = build("mine", regex=r"^(?P<step>\d+): (?P<loss>[\w.]+)(?: lr (?P<lr>\S+))?")
    parsed = parse(b"1: 2.5\n2: 2.0 lr 1e-4\n3: none lr 1\n4: nan\n", own)
    assert parsed.column("step").tolist() == [1, 2, 4]
    assert parsed.column("train/learning_rate").tolist() == [1e-4]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "either train or regex"),
        ({"train": "it {step} loss {loss}", "regex": "(?P<loss>.)"}, "either train or regex"),
        ({"train": "it {step}"}, "no field is a metric"),
        ({"train": "it {step}{loss}"}, "next to each other"),
        ({"train": "it {step} {loss} {loss}"}, "appears twice"),
        ({"train": "it {step loss {loss}"}, "a brace"),
        ({"train": "{loss} {train_loss}"}, "same metric"),
        ({"regex": "(?P<loss>"}, "not a regular expression"),
        ({"regex": r"(\d+)"}, "no named group"),
        ({"regex": r"(?P<loss>(\d+)+)$"}, "repeated group"),
        ({"regex": r"(?:a|a)*(?P<loss>\d)"}, "repeated group"),
        ({"regex": r"(?:(?:\w|x)y{2,})+(?P<loss>\d)"}, "repeated group"),
        ({"regex": r"(?P<loss>\d+)=(?P=loss)"}, "repeated group"),
        ({"train": "it {step} l {loss}", "units": {"step": "k"}}, "without a unit"),
        ({"train": "l {loss}", "names": {"loss": " "}}, "is no name for 'loss'"),
        ({"train": "l {loss}", "names": {"loss": "time"}}, "'time' is no name for 'loss'"),
        ({"train": "l {loss}", "units": {"dt": "ms"}}, "no field 'dt'"),
        ({"train": "l {loss}", "units": {"loss": "parsec"}}, "unknown unit"),
        ({"train": "l {loss}", "names": {"x": "y"}}, "no field 'x'"),
    ],
)
def test_what_is_refused(keys, message):
    with pytest.raises(PatternError, match=message):
        build("mine", **keys)


@pytest.mark.parametrize(
    "regex",
    [
        r"step (?P<step>\d+) .*loss[=:] *(?P<loss>[-+.\w]+)",
        r"\[(?P<step>\d+)(?:/(?P<total>\d+))?\] (?P<loss>\d+\.\d{4})",
        r"(?P<loss>[\d(|+*]+) (?:a|b) \(x\)+",
    ],
)
def test_ordinary_expressions_are_taken(regex):
    build("mine", regex=regex)


def test_a_time_in_a_line_is_no_clock():
    own = build("mine", train="it {step} loss {loss} time {time} line {line}")
    parsed = parse(b"12:30:00 it 1 loss 2.5 time 0.25 line 7\n", own)
    assert not {0.25, 7.0} & {*parsed.column("time").tolist()}
    assert parsed.column("printed/time").tolist() == [0.25]


def test_a_template_is_fast_on_hard_lines():
    (matcher,) = build("mine", train="{a} {_} {b} {c} end {d}").matchers
    for seed in (b"1 ", b"1,111", b"1e5 ", b"-", b"1    "):
        begun = time.process_time()
        matcher.match(seed * 15000)
        assert time.process_time() - begun < 3


def test_the_configuration(tmp_path):
    path = tmp_path / "runwatch.toml"
    path.write_text(
        '[[formats]]\nname = "mine"\ntrain = "it {step} l={l}"\nunits = {l = "k"}\nnames = {l = "train/loss"}\n'
    )
    (own,) = read(path).formats
    assert parse(b"it 3 l=2\n", own.build()).column("train/loss").tolist() == [2000]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[formats]]\ntrain = 'x {loss}'", "a format needs a name: runwatch.toml:1"),
        ("[[formats]]\nname = 'a'\ntrain = 'l {l}'\n[[formats]]\nname = 'b'\nregex = '('", "not a regular expression: runwatch.toml:6"),
        ("[[formats]]\nname = 'a'\nregex = 'it (?\t)'", "runwatch.toml:3: unknown extension ?  "),
        ("[[formats]]\nname = 'a'\n\ntrian = 'x'", "unknown name 'trian': runwatch.toml:4: did you mean 'train'?"),
        ("[[formats]]\nname = 'a'\ntrain = 'l {l}'\n[[formats]]\nname = 'a'\ntrain = 'm {l}'", "two formats are called 'a': runwatch.toml:5"),
        ("[[formats]]\nname = 3", "formats.name must be text in quotes, not this number: runwatch.toml:2"),
        ("[[formats]]\nname = 'a'\ntrain = 'l {l}'\nunits = {l = 3}", "formats.units must be names with text"),
        ("[formats]\nname = 'a'", "formats must be sections with doubled brackets, [[formats]], not a section: runwatch.toml:1"),
    ],
)  # fmt: skip
def test_errors_show_their_line(tmp_path, text, message):
    path = tmp_path / "runwatch.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert message in str(caught.value).replace(f"{tmp_path}/", "")


HARD = r"(?P<loss>\d) .*[p][q].*[r][s].*[t][u].*[v][w]z"
"""Nothing tells beforehand that it is slow on HARD_LINE, which would take it hours."""
HARD_LINE = b"1 " + b"pq" * 250 + b"rs" * 250 + b"tu" * 250 + b"vw" * 250


def test_an_expression_that_takes_too_long_on_a_line_is_off_for_that_log_and_said_to_be():
    own = build("hard", regex=HARD)
    one, other = own.fresh().matchers[0], own.fresh().matchers[0]
    good = b"1 pqrstuvwz"
    assert one.match(good) is not None
    assert one.match(HARD_LINE) is None
    assert one.match(good) is None  # it is off
    assert other.match(good) is not None  # there is nothing wrong with the other log
    assert any("format 'hard' takes too long" in trouble for trouble in troubles())


def test_lines_that_are_a_little_slow_add_up():
    own = build("slow", regex=HARD).matchers[0]
    line = b"1 " + b"pq" * 60 + b"rs" * 60 + b"tu" * 60 + b"vw" * 60
    for _ in range(1000):
        own.match(line)
    assert own.match(b"1 pqrstuvwz") is None


def test_no_line_is_slow_for_a_template():
    own = build("mine", train="it {step} {a} {b} {c} {_} {d} end").matchers[0]
    for stretch in (b" " * 300, b"\t" * 300, b"1" * 300, b" 1 " * 100, b"1." * 150, b"it 1 1 1 " * 40):
        assert own.match(b"it" + (stretch + b"1") * 6) is None
    assert own.match(b"it  1   2 3\t4    5 6 end") is not None
