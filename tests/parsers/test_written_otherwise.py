"""The same numbers as other programs write them: tables, blocks, envelopes and names of every kind."""

from __future__ import annotations

import pytest

from runwatch.core.metrics import (
    DATA_TIME,
    GRAD_NORM,
    LEARNING_RATE,
    LOSS,
    MFU,
    SAMPLES_PER_SEC,
    STEP_TIME,
    VAL_LOSS,
)
from runwatch.core.metrics import TOKENS_PER_SEC as TOKENS
from runwatch.parsers.envelope.header import opened
from runwatch.parsers.lexicon.counters import ANY, counter_of, place_of
from runwatch.parsers.lexicon.names import canonical, meaning

from .logs import Parsed, parse

LOSSES = [round(4.0 - step / 20, 4) for step in range(1, 41)]


def read(*lines: str) -> Parsed:
    return parse("".join(f"{line}\n" for line in lines).encode())


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("opt_step", "step"),
        ("trainer/global_step", "step"),
        ("globalStep", "step"),
        ("itr", "iteration"),
        ("ep", "epoch"),
        ("epoch_idx", "epoch"),
        ("total_steps_done", "step"),
        ("num_epoch", "num_epoch"),
        ("max_steps", "max_steps"),
        ("warmup_step", "warmup_step"),
    ],
)
def test_what_a_name_counts(name, counted):
    assert counter_of(name) == counted


def test_the_name_that_places_a_record():
    assert place_of(["epoch", "opt_step", "loss"]) == "opt_step"
    assert place_of(["tokens_seen", "gstep"], ANY) == "gstep"
    assert place_of(["loss", "lr"]) is None


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("gn", GRAD_NORM),
        ("||g||", GRAD_NORM),
        ("|grad|", GRAD_NORM),
        ("pre_clip_grad_norm", GRAD_NORM),
        ("ips", SAMPLES_PER_SEC),
        ("graphs/s", SAMPLES_PER_SEC),
        ("img_sec", SAMPLES_PER_SEC),
        ("t_step", STEP_TIME),
        ("load_time", DATA_TIME),
        ("Lernrate", LEARNING_RATE),
    ],
)
def test_names(name, metric):
    assert canonical(name) == metric


def test_losses_of_an_epoch_and_by_their_letter():
    assert meaning("train_epoch_loss").unless == LOSS
    assert (canonical("L_train"), canonical("L_val")) == (LOSS, VAL_LOSS)


@pytest.mark.parametrize(
    "counter", ["global_step", "GlobalStep", "n_tokens", "examples_seen", "optimizer_step"]
)
@pytest.mark.parametrize(
    "row",
    [
        "| {} | {} | {} |",
        "{} | {} | {}",
        "{};{};{}",
        "│ {} │ {} │ {} │",
        "{}\t{}\t{}",
        "{:>16}  {:>12}  {:>14}",
    ],
)
def test_tables_whose_first_column_counts(row, counter):
    rows = [row.format(8 * step, f"{loss:.4f}", f"{210 + step % 3}.5") for step, loss in enumerate(LOSSES, 1)]
    parsed = read(row.format(counter, "Train Loss", "Step Time (ms)"), *rows)
    assert parsed.column("step").tolist() == [8.0 * step for step in range(1, 41)]
    assert parsed.column(LOSS).tolist() == LOSSES
    assert parsed.column(STEP_TIME).tolist()[0] == 0.2115


@pytest.mark.parametrize("epoch", ["epoch", "ep", "epoch_num", "current_epoch"])
@pytest.mark.parametrize("batch", ["mb", "itr", "batch_id"])
def test_tables_of_batches_within_epochs(epoch, batch):
    rows = [f"| {1 + at // 20} | {1 + at % 20} | {loss} |" for at, loss in enumerate(LOSSES)]
    parsed = read(f"| {epoch} | {batch} | loss |", "|---|---|---|", *rows)
    assert parsed.column("step").tolist() == [float(step) for step in range(1, 41)]
    assert parsed.column("train/epoch").tolist() == [1 + at // 20 for at in range(40)]


def test_cells_with_units():
    rows = [f"| {step} | {loss} | 45.5k | 212.5ms | 530.0 images/s |" for step, loss in enumerate(LOSSES)]
    parsed = read("| step | loss | tok/s | dt | throughput |", *rows)
    assert parsed.column(STEP_TIME).tolist() == [0.2125] * 40
    assert parsed.column(TOKENS).tolist() == [45500.0] * 40
    assert parsed.column(LOSS).tolist() == LOSSES


def test_headers_in_other_scripts():
    rows = [f"| {step} | {loss} | 0.001 |" for step, loss in enumerate(LOSSES)]
    assert read("| 步数 | 损失 | 学习率 |".replace("步数", "step"), *rows).column(LOSS).tolist() == LOSSES
    rows = [f"{step},{loss},0.001" for step, loss in enumerate(LOSSES)]
    assert read("step,损失,||g||", *rows).column(LOSS).tolist() == LOSSES


def test_the_columns_of_a_record_that_place_it():
    rows = [
        f'{{"ep": {1 + at // 20}, "itr": {1 + at % 20}, "loss": {loss}}}' for at, loss in enumerate(LOSSES)
    ]
    assert read(*rows).column("step").tolist() == [float(step) for step in range(1, 41)]


@pytest.mark.parametrize(
    "place",
    ["E{}B{}", "e{:02d} b{:04d}", "[e{} b{}]", "Ep{} It{}", "ep{}/it{}", "e{} s{}", "E{:02d}/B{:03d}"],
)
def test_places_by_letters(place):
    rows = [f"{place.format(1 + at // 20, 1 + at % 20)} | loss {loss}" for at, loss in enumerate(LOSSES)]
    parsed = read(*rows)
    assert parsed.column(LOSS).tolist() == LOSSES
    assert parsed.column("step").tolist() == [float(step) for step in range(1, 41)]


def test_arrows_norms_and_per_cent():
    parsed = read(
        *(
            f"iter {s}, loss → {loss}, ||g|| → 1.25, mfu% → 41.5, speed → 45.5k tok/s"
            for s, loss in enumerate(LOSSES)
        )
    )
    assert parsed.column(LOSS).tolist() == LOSSES
    assert parsed.column(GRAD_NORM).tolist() == [1.25] * 40
    assert parsed.column(MFU).tolist() == [0.415] * 40
    assert parsed.column(TOKENS).tolist() == [45500.0] * 40


@pytest.mark.parametrize("item", ["  {}: {}", "{} = {}", "├─ {}: {}", "{:<24} {}", "* {} -> {}"])
def test_the_pace_below_a_heading(item):
    lines = []
    for epoch, loss in enumerate(LOSSES, 1):
        pairs = [("loss", loss), ("Grad Norm", 1.25), ("sec_per_step", 0.25), ("tokens per second", "45,600")]
        lines += [f"Epoch {epoch}/50", *(item.format(*pair) for pair in pairs)]
    parsed = read(*lines)
    assert parsed.column(LOSS, "eval").tolist() == LOSSES or parsed.column(LOSS).tolist() == LOSSES
    shown = {name for _, _, names in parsed.tables for name in names}
    assert {GRAD_NORM, STEP_TIME, TOKENS} <= shown


def test_a_section_that_comes_late():
    lines = []
    for step, loss in enumerate(LOSSES, 1):
        lines += [f"- step: {step}", "  train:", f"    loss: {loss}", "    lr: 1e-3"]
        lines += ["  val:", f"    loss: {loss + 0.5:.4f}"] if step % 10 == 0 else []
    parsed = read(*lines)
    assert parsed.column("val/loss", "eval").tolist() == [loss + 0.5 for loss in LOSSES[9::10]]


def test_validation_as_an_assignment():
    lines = []
    for step, loss in enumerate(LOSSES, 1):
        lines += [f"step {step} loss {loss} grad_norm 1.5"]
        lines += [f"Epoch {step // 10} results:", f"  val_loss = {loss:.4f}"] if step % 10 == 0 else []
    assert read(*lines).column(VAL_LOSS, "eval").tolist() == LOSSES[9::10]


@pytest.mark.parametrize(
    "before",
    [
        "Mar 05 09:12:44 ",
        "[ 33164.161] ",
        "[412s] ",
        "+412.5s ",
        "1772701964.161 ",
        "1772701964161 ",
        "INFO: ",
        "[INFO] ",
        "info: ",
        "INFO     ",
        "[ Info: ",
        "INFO[1964] ",
        "INFO [2026-03-05 09:12:44] ",
        "I, [2026-03-05T09:12:44.161456 #1234]  INFO -- : ",
        "[2026-03-05T09:12:44Z INFO  trainer] ",
        "2026-03-05T09:12:44.161456Z  INFO trainer::train: ",
        "2026-03-05T09:12:44.161Z\tINFO\tcmd/main.go:42\t",
        "2026-03-05 09:12:44 [info     ] ",
        "05.03.2026 09:12:44 ",
        "20260305-09:12:44 ",
        "[20260305_091244] ",
        "[pod/trainer-0/main] ",
        "[1,mpirank:0,algo-1]<stdout>:",
        "[GPU0] ",
        "(proc 0) ",
        "2026-06-11 18:40:02\t",
        "2026-06-11 18:40:02.5170|INFO|Fit|",
        "[2026-06-11 18:40:02.517] [fitter] [info] ",
        "fit-2  | ",
        "INFO - ",
    ],
)
def test_envelopes(before):
    for message in ("loss: 2.25", "Validation"):
        found = opened(f"{before}{message}".encode())
        assert found is not None
        assert f"{before}{message}"[found.end :].strip() == message


def test_rows_of_boxes_behind_times():
    row = b"2026-03-05T09:12:44 | 3 | 2.5 |"
    found = opened(row)
    assert found is not None
    assert row[found.end :] == b"| 3 | 2.5 |"
    assert opened(b"2026-03-05T09:12:44 | 3 | 2.5") is None  # a date in the first column


@pytest.mark.parametrize("before", ["* ", "• ", "[4123] ", "trainer: ", "📈 ", "train.py:88: "])
@pytest.mark.parametrize("bar", ["|", "│"])
def test_boxes_behind_any_text(before, bar):
    rows = [f"{before}{bar} {step} {bar} {loss} {bar} 0.5 {bar}" for step, loss in enumerate(LOSSES, 1)]
    parsed = read(f"{before}{bar} epoch {bar} loss {bar} lr {bar}", f"{before}{bar}---{bar}---{bar}", *rows)
    assert parsed.column("step").tolist() == [float(step) for step in range(1, 41)]
    assert parsed.column(LOSS).tolist() == LOSSES


@pytest.mark.parametrize("place", ["[{}] ", "(iter {}) ", "it {} ", "2% {}/400 ", "E{} "])
@pytest.mark.parametrize("item", ["{}: {}", "{} = {}", "{} {}"])
def test_one_value_a_line_behind_its_place(place, item):
    pairs = [("cross_entropy", "{}"), ("grad_norm", 1.25), ("images/s", 525.0), ("Lernrate", "2e-4")]
    lines = []
    for step, loss in enumerate(LOSSES, 1):
        shown = [item.format(name, value).format(loss) for name, value in pairs]
        lines += [place.format(step) + each for each in shown]
    parsed = read(*lines)
    assert parsed.column(LOSS).tolist() == LOSSES
    named = {name for _, _, names in parsed.tables for name in names}
    if place != "(iter {}) ":  # brackets hide it where no loss is behind them
        assert {GRAD_NORM, SAMPLES_PER_SEC, LEARNING_RATE} <= named


def test_values_behind_their_tags():
    lines = []
    for step, loss in enumerate(LOSSES, 1):
        lines += [f"step={step} tag=loss value={loss}", f"step={step} tag=learning rate value=2e-4"]
    parsed = read(*lines)
    assert parsed.column(LOSS).tolist() == LOSSES
    assert LEARNING_RATE in {name for _, _, names in parsed.tables for name in names}


@pytest.mark.parametrize("counter", ["samples_seen", "globalStep", "current_epoch", "n_iter"])
def test_tables_of_losses_and_scores(counter):
    rows = [f"| {8 * step} | {loss} | 0.{step:03} | 1.25 |" for step, loss in enumerate(LOSSES, 1)]
    parsed = read(f"| {counter} | loss | acc | grad/norm |", "|---|---|---|---|", *rows)
    assert parsed.column("step").tolist() == [8.0 * step for step in range(1, 41)]
    assert parsed.column(LOSS).tolist() == LOSSES


@pytest.mark.parametrize(
    "row",
    [
        "{0},{1},212.5ms,45.5k,530.0 images/s,41.5%",
        "│ {0} │ {1} │ 212.5ms │ 45.5k │ 530.0 images/s │ 41.5% │",
        '{{"step": {0}, "loss": {1}, "step_time": "212.5ms", "tok/s": "45.5k", "throughput": '
        '"530.0 images/s", "mfu": "41.5%"}}',
    ],
)
def test_units_in_cells(row):
    head = {
        ",": "step,loss,step_time,tok/s,throughput,mfu",
        "│": "│ step │ loss │ step_time │ tok/s │ throughput │ mfu │",
    }
    rows = [row.format(step, loss) for step, loss in enumerate(LOSSES)]
    parsed = read(*([head["│" if row[0] == "│" else ","]] if row[:2] != "{{" else []), *rows)
    assert parsed.column(LOSS).tolist() == LOSSES
    shown = {STEP_TIME: 0.2125, TOKENS: 45500.0, SAMPLES_PER_SEC: 530.0, MFU: 0.415}
    for metric, value in shown.items():
        assert parsed.column(metric).tolist() == pytest.approx([value] * 40)


@pytest.mark.parametrize("place", ["1/3\t{}/40", "1\t{}"])
def test_empty_cells_between_tabs(place):
    rows = [
        f"{place.format(step)}\t{loss}\t45,600\t" + "1.5" * (step % 10 == 0)
        for step, loss in enumerate(LOSSES, 1)
    ]
    parsed = read("epoch\tbatch\tloss\ttok/s\tval_loss", *rows)
    assert parsed.column(LOSS).tolist() == LOSSES
    assert parsed.column(TOKENS).tolist() == [45600.0] * 40


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"2026-06-11 18:40:02 | | 8 | 2.5 |", b"| 8 | 2.5 |"),
        (b"06-11 18:40:02 INFO | step | loss |", b"| step | loss |"),
        (b"2026-06-11T18:40:02.517+02:00 8    2.5    0.01", None),  # a date in the first column
        (b"top-5  | 0.75 | 0.5 |", None),
    ],
)
def test_where_rows_begin(row, message):
    found = opened(row)
    assert (None if found is None else row[found.end :]) == message


def test_rows_behind_times_below_a_header_behind_one():
    rows = [f"2026-06-11T18:40:02.5+02:00 {n:<6}  {loss:.4f}  0.0100" for n, loss in enumerate(LOSSES)]
    parsed = read("2026-06-11T18:40:01.5+02:00 update  bce     lr", *rows)
    assert parsed.column(LOSS).tolist() == LOSSES
    assert parsed.column("step").tolist() == [float(step) for step in range(40)]


def test_rows_of_two_ranks():
    lines = ["step | loss | lr", *(f"{step} | {loss} | 0.01" for step, loss in enumerate(LOSSES))]
    parsed = read(*(f"[rank{rank}]: {line}" for line in lines for rank in range(2)))
    assert parsed.column(LOSS).tolist()[::2] == LOSSES


@pytest.mark.parametrize("counter", ["samples_seen", "opt_step"])
def test_the_first_of_many_columns_counts(counter):
    rows = [f"{8 * step} | {loss} | 0.5 | 0.01" for step, loss in enumerate(LOSSES)]
    assert read("Training", f"{counter} | xent | acc | lr", *rows).column(LOSS).tolist() == LOSSES


@pytest.mark.parametrize("before", ["[77] ", "• "])
def test_boxes_of_names_with_numbers_behind_any_text(before):
    rows = [f"{before}| {step} | {loss} | 0.5 |" for step, loss in enumerate(LOSSES, 1)]
    parsed = read(f"{before}+---+---+---+", f"{before}| ep | xent | acc1 |", f"{before}+---+---+---+", *rows)
    assert parsed.column(LOSS).tolist() == LOSSES


@pytest.mark.parametrize("before", ["", "[fit] * ", "web_3    | "])
def test_all_that_is_below_a_step_of_an_epoch(before):
    lines = []
    for step, loss in enumerate(LOSSES, 1):
        lines += [f"update {step} (epoch {step // 10})", f"loss: {loss}", "grad_norm: 1.5"]
        lines += ["step_time: 0.25", "gpu_mem: 11.5GB"]
    parsed = read(*(before + line for line in lines))
    shown = {name for _, _, names in parsed.tables for name in names}
    assert {LOSS, GRAD_NORM, STEP_TIME, "gpu_mem"} <= shown


def test_the_error_of_held_out_data_on_a_line_of_its_own():
    lines = []
    for step, loss in enumerate(LOSSES, 1):
        lines += [f"step {step} mse {loss} lr 0.01"] + [f"val_mse={loss}"] * (step % 10 == 0)
    assert read(*lines).column(VAL_LOSS, "eval").tolist() == LOSSES[9::10]


@pytest.mark.parametrize("heading", ["==== Progress: {}/40 ====", "{}% {}/40:"])
def test_blocks_below_a_count_of_all(heading):
    lines = []
    for step, loss in enumerate(LOSSES, 1):
        counts = (step * 100 // 40, step) if heading.count("{}") > 1 else (step,)
        lines += [heading.format(*counts), f"INFO \ttotal_bce    {loss}", "INFO \tlr     0.01"]
    parsed = read(*lines)
    assert parsed.column("step").tolist() == [float(step) for step in range(1, 41)]
    assert parsed.column(LOSS, "eval").tolist() == LOSSES


@pytest.mark.parametrize(
    "name", ["grad norm", "tokens per second", "throughput", "mfu", "gpu memory", "speed"]
)
def test_what_a_block_shows_of_its_pace_is_read_in_any_pieces(name):
    """While no format is known, whole blocks of a log pass a sieve."""
    noise = "".join(f"worker {i} handled a request in {i}.5 units\n" for i in range(4000))
    rows = "".join(f"Epoch {i}/50\nloss: {loss}\n{name}: 3.25\n" for i, loss in enumerate(LOSSES, 1))
    text = f"{noise}{rows}".encode()
    whole, pieces = parse(text), parse(text, range(0, len(text), 97))
    whole.same_as(pieces)
    assert parse(text).column(LOSS).tolist() == LOSSES
