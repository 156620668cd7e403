"""What lines print whose names say little: bare numbers, errors, durations, counters among other words."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwatch.parsers.inference.fields import fields
from runwatch.parsers.lexicon.counters import counter_of
from runwatch.parsers.lexicon.records import columns

from .logs import parse

CURVE = [round(2.5 * math.exp(-i / 12) + 0.3, 4) for i in range(40)]
OTHER = [round(value + 0.125, 4) for value in CURVE]


def _text(line: str) -> bytes:
    rows = zip(CURVE, OTHER, strict=True)
    return "".join(line.format(i=i, x=x, y=y) + "\n" for i, (x, y) in enumerate(rows)).encode()


def test_a_file_of_numbers_that_fall_as_a_loss_does_is_one_of_losses():
    assert parse(_text("{x}")).column("train/loss").tolist() == CURVE
    mixed = CURVE.copy()
    random.Random(5).shuffle(mixed)
    assert parse("\n".join(map(str, mixed)).encode()).format is None
    assert parse("\n".join(map(str, reversed(CURVE))).encode()).format is None
    assert parse(_text("{x}\nstep back")).format is None


def test_such_numbers_may_be_below_headings_of_epochs():
    losses = [round(6.5 * math.exp(-i / 90) + 0.3, 4) for i in range(300)]
    lines = [f"Epoch {i // 100}\n{loss}" if i % 100 == 0 else f"{loss}" for i, loss in enumerate(losses)]
    assert parse("\n".join(lines).encode()).column("train/loss").tolist() == losses
    often = [f"Epoch {i}\n{loss}\n{loss}" for i, loss in enumerate(losses)]
    assert not parse("\n".join(often).encode()).column("train/loss").size


def test_of_many_such_numbers_the_first_count_too():
    losses = [round(6.5 * math.exp(-i / 900) + 0.3, 5) for i in range(3000)]
    assert parse("\n".join(map(str, losses)).encode()).column("train/loss").tolist() == losses


ROWS = [
    "{i},{x},{y}",
    "{i}, {x}, {y},",
    "{i} {x}",
    "({i}, {x}, {y})",
    "{i};{x}",
    "{i}\t{x}\t{y}\t{y}\t0.5\t-1.5",
]


@pytest.mark.parametrize("row", ROWS)
def test_rows_without_a_header(row):
    parsed = parse(_text(row))
    assert parsed.column("step").tolist() == [*range(40)]
    assert parsed.column("train/loss").tolist() == CURVE
    assert parse(_text(row.replace("{x}", "{i}.5"))).format is None


@pytest.mark.parametrize(
    "place", ["epoch :{i} ->", "epoch :{i} -->", "epoch :{i} =>", "epoch :{i} ==>", "#epoch[{i}]:"]
)
def test_a_value_behind_a_place_and_a_sign(place):
    parsed = parse(_text(place + " {x}"))
    assert parsed.column("step").tolist() == [*range(40)]
    assert parsed.column("train/loss").tolist() == CURVE


def test_rows_below_names_that_are_none_of_training_are_no_records():
    assert parse(b"day,price,volume\n" + _text("{i},{x},{y}")).format is None


@pytest.mark.parametrize(
    "head",
    ["#epoch train_loss val_loss", "epoch train_loss val_loss", "2d_loss\t3d_loss\t", "epoch\t2d_loss"],
)
def test_a_header_in_the_first_line(head):
    names = head.strip("#\t").split()
    row = "\t".join(["{i}" if name == "epoch" else "{x}" if "val" not in name else "{y}" for name in names])
    parsed = parse(head.encode() + b"\n" + _text(row if "\t" in head else row.replace("\t", " ")))
    assert parsed.column("train/loss").tolist() == CURVE
    assert "val_loss" not in names or parsed.column("val/loss").tolist() == OTHER


@pytest.mark.parametrize("name", ["Error", "err", "J", "Total energy", "avg error"])
def test_an_error_is_the_loss_where_it_is_all_that_falls(name):
    assert parse(_text("iteration {i} " + name + ": {x}")).column("train/loss").tolist() == CURVE
    for other in ("iteration {i} " + name + ": {x}%", "iteration {i} " + name + ": {x}, accuracy: {y}"):
        assert not any("train/loss" in names for _, _, names in parse(_text(other)).tables)


def test_an_l_next_to_its_parts_is_the_loss():
    line = "[ep 0 step {i:5} t= 6s vram= 7181MB] L={x}  D=0.1029  PSNR= 9.88"
    parsed = parse(_text(line))
    assert parsed.column("step").tolist() == [*range(40)]
    assert parsed.column("train/loss").tolist() == CURVE
    assert parse(_text(line + " D_loss={y}")).column("train/loss").tolist() == OTHER


@pytest.mark.parametrize("place", ["loss of iteraction {i}:", "train loss in iteratn {i}: "])
def test_an_iteration_may_be_misspelled(place):
    parsed = parse(_text(f"{place}{{x}}"))
    assert parsed.column("step").tolist() == [*range(40)]
    assert parsed.column("train/loss").tolist() == CURVE


@pytest.mark.parametrize(("head", "size"), [("training error", 100), ("error\t", 1000)])
def test_a_column_of_errors_that_are_no_shares_is_one_of_losses(head, size):
    column = "".join(f" {size * x:.4f}\t\n" for x in CURVE)
    parsed = parse(f"{head}\n{column}".encode())
    assert parsed.column("train/loss").tolist() == [float(f"{size * x:.4f}") for x in CURVE]
    shares = "".join(f"{x}\n" for x in CURVE)
    assert parse(f"{head}\n{shares}".encode()).column("train/loss").size == 0


DURATIONS = [
    *(
        "15h 56min 54s 632ms",
        "1h 2m 3s",
        "0h  5m  1s",
        "2 hours, 5 minutes and 3.5 seconds",
        "1 day, 2 hours",
    ),
    "1d 3h 5m",
]


@pytest.mark.parametrize("duration", DURATIONS)
def test_a_time_in_several_units_is_no_value(duration):
    line = f"time: {duration}, remaining: {duration}, batch: 20/90, loss: 0.5".encode()
    assert [(f.name, line[f.start : f.end]) for f in fields(line)] == [(b"batch", b"20"), (b"loss", b"0.5")]
    assert "perf/step_time" not in columns(["batch", "loss"])


def test_how_long_an_episode_lasts_is_no_time_of_a_step():
    names = ["Ep", "Dur", "Rew", "Loss"]
    assert columns(names) == ["Ep", "Dur", "Rew", "train/loss"]
    assert columns(["step", "dur", "loss"])[1] == "perf/step_time"
    parsed = parse(_text("Episode {i}: reward {y}, loss {x}, time 3.5"))
    assert not any("perf/step_time" in names for _, _, names in parsed.tables)


@pytest.mark.parametrize(
    "name",
    ["Current Epoch", "epoch_num", "Epoch Number", "Train Epoch", "epoch_idx", "this epoch", "Epoch #"],
)
def test_a_counter_among_words_that_change_nothing(name):
    assert counter_of(name) == "epoch"
    parsed = parse(f"{name},Train MAE,Val MAE\n".encode() + _text("{i},{x},{y}"))
    assert parsed.column("step").tolist() == [*range(40)]
    assert parsed.column("train/loss").tolist() == CURVE


@pytest.mark.parametrize("name", ["num_epochs", "max_epoch", "total_steps", "best_epoch", "epochs_left"])
def test_what_is_planned_or_repeated_is_no_counter(name):
    assert counter_of(name) not in ("epoch", "step")


@given(
    st.lists(st.sampled_from(["current ", "train_", "the "]), max_size=3).map("".join),
    st.sampled_from(["", "_idx", " no"]),
)
def test_words_around_a_counter_never_matter(before, behind):
    assert counter_of(f"{before}step{behind}".title()) == "step"


def test_a_dict_with_both_losses_is_a_record():
    parsed = parse(_text("{{'epoch': {i}, 'train_loss': {x}, 'val_loss': {y}}}"))
    assert parsed.column("step").tolist() == [*range(40)]
    assert parsed.column("train/loss").tolist() == CURVE
    assert parsed.column("val/loss").tolist() == OTHER
    assert (
        parse(_text("epoch {i} train np.float64({x}) val np.float64({y})")).column("val/loss").tolist()
        == OTHER
    )


def test_a_step_of_the_run_counts_before_one_of_an_epoch():
    rows = "".join(
        f'{{"step": {i % 10}, "global_step": {i}, "epoch": {i // 10}, "loss": {x}}}\n'
        for i, x in enumerate(CURVE)
    )
    assert parse(rows.encode()).column("step").tolist() == [*range(40)]


def test_what_is_saved_opens_no_section_of_validation():
    parsed = parse(
        _text("Training [===   ] {i}/40 | loss={x} | val_loss={y}\nSaved validation checkpoint at step {i}")
    )
    assert parsed.column("train/loss").tolist() == CURVE
    assert parsed.column("val/loss").tolist() == OTHER


def test_a_loss_may_be_named_before_a_comma():
    parsed = parse(_text("Iter: {i}    training-loss, overall: {x}    training-loss, cls: {y}"))
    assert parsed.column("train/loss").tolist() == CURVE


@pytest.mark.parametrize("sign", [" - ", ": ", " = ", "=", " -> "])
def test_signs_between_a_loss_and_its_value(sign):
    parsed = parse(_text(f"Epoch {{i}} - Train Loss{sign}{{x}} - Val Loss{sign}{{y}}"))
    assert parsed.column("train/loss").tolist() == CURVE
    assert parsed.column("val/loss").tolist() == OTHER


def test_values_may_be_listed_behind_their_names():
    parsed = parse(_text("Epoch {i} [train loss, val loss]: [{x}, {y}], 0"))
    assert parsed.column("train/loss").tolist() == CURVE
    assert parsed.column("val/loss").tolist() == OTHER


def test_bars_of_two_adversaries_that_letters_name():
    bar = "\rEpoch 0: {0}%|{1:10}| {0}/100 [00:01<00:09,  9.50it/s, D={2}, G={3}]"
    text = "".join(
        bar.format(i + 1, "#" * (i // 10), y, x) for i, (x, y) in enumerate(zip(CURVE, OTHER, strict=True))
    )
    parsed = parse(text.encode() + b"\n")
    assert parsed.column("G").tolist() == CURVE
    assert parsed.column("D").tolist() == OTHER
    assert parse(text.replace(", G=", ", H=").encode() + b"\n").format is None


def test_bars_of_the_whole_training_say_where_it_is():
    bar = "Training Progress: {0}%|{1:10}| {0}/100 [00:01<00:09,  9.50s/it]\n"
    parsed = parse("".join(bar.format(i, "#" * (i // 10)) for i in range(30)).encode())
    assert parsed.column("step", "bar").tolist() == [*range(30)]
    assert not parse(
        "".join(bar.replace("Training", "Download").format(i, "") for i in range(30)).encode()
    ).tables
