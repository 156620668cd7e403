"""Records of home-made loops on several lines, a value a line, and tables behind text that all lines share."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL

from .logs import parse

N = 30
LOSSES = [round(3 / (i + 1), 4) for i in range(N)]
STEPS = [5 * (i + 1) for i in range(N)]


def _text(line: str, head: str = "") -> bytes:
    """Return lines, or groups of lines, below others."""
    rows = (
        line.format(s=s, loss=loss, val=f"{loss + 0.25:.4f}") for s, loss in zip(STEPS, LOSSES, strict=True)
    )
    return (head + "".join(rows)).encode()


@pytest.mark.parametrize(
    ("item", "name", "value"),
    [
        ("gradient_l2 = 1.25", "gradient_l2", 1.25),
        ("grad_l2 = 1.25", "train/grad_norm", 1.25),
        ("data_wait      12.5 ms", "data_time", 0.0125),
        ("clipsPerSec: 410.0", "perf/samples_per_sec", 410.0),
        ("learn rate -> 2.5e-04", "train/learning_rate", 2.5e-4),
        ("tok_sec: 5,120", "perf/tokens_per_sec", 5120.0),
        ("peak_ram_mb: 1024", "peak_ram_mb", 1024.0),
        ("L_val = 0.75", "val/loss", 0.75),
    ],
)
def test_lines_of_a_block_are_read_by_their_names(item, name, value):
    parsed = parse(_text("# step {s}\n  loss = {loss}\n  " + item + "\n"))
    columns = [*parsed.column(name, EVAL), *parsed.column(name)]
    assert set(columns) == {value} if name != "gradient_l2" else columns == []
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES


@pytest.mark.parametrize(
    "heading", ["--- {s}: ---", "{s:06d}", "({s})", "{s} of 900:", "({s}/900):", "- itr: {s}", "- gstep: {s}"]
)
def test_a_number_alone_heads_a_block(heading):
    parsed = parse(_text(heading + "\n  train loss: {loss}\n  it/s: 4.5\n\n"))
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES


def test_blocks_of_two_ranks():
    rows = "{s}/900\n- cost: {loss}\n- it/s: 4.5\n".splitlines()
    text = _text("".join(f"[1,{rank}]<stdout>:{row}\n" for row in rows for rank in (0, 1)))
    assert parse(text).column("step").tolist()[::2] == STEPS


@pytest.mark.parametrize(
    "line",
    [
        "loss {loss} {s}\nstep_time 0.25 {s}\n",
        "step={s} tag=time per iteration (ms) value=250.0\nstep={s} tag=loss value={loss}\n",
    ],
)
def test_a_value_a_line(line):
    parsed = parse(_text(line))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert {*parsed.column("perf/step_time", EVAL).tolist()} == {0.25}
    assert parsed.column("step").tolist() == STEPS


@pytest.mark.parametrize("lead", ["* ", "runner: ", "📉 ", "box7:99 ", "Loop[3] ", "[run7] "])
@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("n_iter  loss    val_loss\n", "{s:<6}  {loss:<6}  {val}\n"),
        (
            "updates | train_loss |  val_loss\n--------+------------+----------\n",
            "{s:>7} | {loss:>10} |  {val}\n",
        ),
        ("| step | tokens |   loss | val_loss |\n", "| {s:>4} | {s}000 | {loss:>6} |   {val} |\n"),
    ],
)
def test_a_table_behind_what_all_its_lines_share(lead, head, row):
    text = _text(row, "Start training\n" + head)
    parsed = parse(b"".join(lead.encode() + line + b"\n" for line in text.splitlines()))
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == [float(f"{loss + 0.25:.4f}") for loss in LOSSES]


@pytest.mark.parametrize("envelope", ["INFO ", "web-1  | ", "node07: ", "1700000000000 "])
def test_the_rows_of_a_table_are_behind_the_envelope_of_its_header(envelope):
    text = _text("{s:>8} | {loss:>6}\n", "examples |   loss\n")
    parsed = parse(b"".join(envelope.encode() + line + b"\n" for line in text.splitlines()))
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("step;|g|;objective;used_mem\n", "{s};1.5;{loss};9.5GB\n"),
        ("Ep;i;cost\n", "1;{s};{loss}\n"),
        ("┃ step ┃ loss ┃ iter time ┃\n", "│ {s} │ {loss} │ 0.25 s │\n"),
        ("┃ tokens_seen ┃ updates ┃ loss ┃\n", "│ {s}0 │ {s} │ {loss} │\n"),
    ],
)
def test_columns_of_lists_and_boxes(head, row):
    parsed = parse(_text(row, head))
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES


def test_cells_of_a_box_have_units_and_names_of_any_script():
    rule = "-" * 30 + "\n"
    box = (
        rule
        + "| total_steps_done | {s} |\n| Verlust | {loss} |\n| iter time | 250 ms |\n| 学习率 | 0.5 |\n"
        + rule
    )
    parsed = parse(_text(box))
    assert parsed.column("step").tolist() == STEPS
    assert {*parsed.column("perf/step_time").tolist()} == {0.25}
    assert {*parsed.column("train/learning_rate").tolist()} == {0.5}


@pytest.mark.parametrize(
    "line",
    [
        "[{s}] tokens=0.5M loss {loss}\n",
        "[{s} samples], loss {loss}\n",
        '{{"Examples": {s}, "xent": {loss}, "lr": 0.5}}\n',
        "[runner] {s:06d} | loss: {loss}\n",
    ],
)
def test_where_a_record_is(line):
    parsed = parse(_text(line))
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    "below",
    [
        "val_loss @ {s}: {val}",
        "📉 *** va_loss: {val} | va_acc: 0.5 ***",
        "📉 val_objective={val}",
        "[runner] Validation:\n[runner]  - loss: {val}",
    ],
)
def test_a_validation_next_to_records_with_a_lead(below):
    lead = below[: below.index(" ") + 1] if below[0] in "[📉" else ""
    loss = "objective" if "objective" in below else "loss"
    parsed = parse(_text(f"{lead}step {{s}} {loss} {{loss}}\n{below}\n"))
    assert parsed.column("val/loss", EVAL).tolist() == [float(f"{loss + 0.25:.4f}") for loss in LOSSES]


def test_an_error_of_validation_that_comes_late_is_the_loss_if_the_records_show_the_same():
    rows = (
        _text("{{'step': {s}, 'mse': {loss}}}\n").decode()
        + "{'step': 150, 'val_mse': 0.75, 'val_mae': 0.5}\n"
    )
    assert parse(rows.encode()).column("val/loss", EVAL).tolist() == [0.75]


def test_memory_with_its_unit_in_json():
    rows = _text('{{"step": {s}, "loss": {loss}, "ram": "2GB"}}\n')
    assert {*parse(rows).column("ram").tolist()} == {2.0 * 2**30}


def test_headings_and_lists_of_tasks():
    rows = _text("0: step {s} loss {loss}\n0: - val loss: {val}\n1: step {s} loss 9.0\n1: - val loss: 9.0\n")
    parsed = parse(rows)
    assert parsed.column("val/loss", EVAL).tolist()[::2] == [float(f"{loss + 0.25:.4f}") for loss in LOSSES]


@pytest.mark.parametrize("lead", ["[run] ", "📉 ", "> ", "Loop: "])
def test_a_box_of_names_and_values_behind_any_text(lead):
    text = _text("+-----+\n| itr | {s} |\n| |g| | 1.5 |\n| cost | {loss} |\n+-----+\n", "Start training\n")
    parsed = parse(b"".join(lead.encode() + line + b"\n" for line in text.splitlines()))
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES


def test_sections_behind_a_tag_with_a_number():
    text = _text("- gstep: {s}\n  train:\n    loss: {loss}\n  dev:\n    loss: {val}\n")
    parsed = parse(b"".join(b"[run7] " + line + b"\n" for line in text.splitlines()))
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == [float(f"{loss + 0.25:.4f}") for loss in LOSSES]


@pytest.mark.parametrize(
    "line", ["E1B{s}: [loss={loss}] [lr=0.5]\n", "e{s:04d} | <Train loss={loss}> <lr=0.5>\n"]
)
def test_places_by_letter_are_no_hosts(line):
    parsed = parse(_text(line))
    assert parsed.column("step").tolist() == STEPS
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    "line",
    [
        '{{"Epoch": 1.5, "n_iter": {s}, "loss": {loss}}}\n',
        '{{"epoch": 1, "i": {s}, "train": {{"loss": {loss}}}}}\n',
    ],
)
def test_short_names_of_steps_in_json(line):
    assert parse(_text(line)).column("step").tolist() == STEPS


def test_a_loop_with_the_columns_of_yolo_and_a_step_is_another():
    parsed = parse(_text("1,{s},{loss},0.5\n", "epoch,it,train/loss,val/loss\n"))
    assert parsed.format == "csv"
    assert parsed.column("step").tolist() == STEPS


def test_rates_with_their_unit_in_a_text():
    parsed = parse(_text('it: {s}/900, {{"cost": {loss}, "speed": "320 tok/s", "note": "seed 3"}}\n'))
    assert {*parsed.column("perf/tokens_per_sec").tolist()} == {320.0}


def test_numbers_and_scores_are_no_training():
    assert parse(_text("{s}\n  score = {loss}\n")).format is None


@pytest.mark.parametrize(
    ("record", "below"),
    [
        ("epoch {s}/900: cost: {loss}", "Validation Results:\n - loss: {val}"),
        ("iter {s}:\n - cost: {loss}", " - dev loss: {val}"),
    ],
)
def test_names_and_headings_behind_the_time_of_a_syslog_are_no_process(record, below):
    text = _text(f"{record}\n{below}\n", "Start training\n")
    parsed = parse(b"".join(b"May 05 10:11:12 " + line + b"\n" for line in text.splitlines()))
    assert parsed.column("step").tolist() == STEPS
    assert [*parsed.column("train/loss"), *parsed.column("train/loss", EVAL)] == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == [float(f"{loss + 0.25:.4f}") for loss in LOSSES]


def test_a_time_next_to_that_of_a_step_is_not_that_of_a_step():
    parsed = parse(_text("iter:{s}, loss:{loss}, time:10.5, batch time (ms):250.0\n"))
    assert {*parsed.column("perf/step_time").tolist()} == {0.25}


def test_what_ended_with_a_loss_is_not_its_name():
    assert (
        parse(_text("Epoch {s} of 900 ended with train_nll {loss}\n")).column("train/loss").tolist() == LOSSES
    )


def test_a_step_and_a_colon_before_rates_are_no_rank():
    assert parse(_text("[ Info: {s}: loss={loss}, steps/s=4.5\n")).column("step").tolist() == STEPS
