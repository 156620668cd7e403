"""Tables of home-made loops: which column is the step, and which the loss."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL, TRAIN

from .logs import parse
from .test_home_made import LOSSES, VALS, N


@pytest.mark.parametrize(
    "name", ["it", "n_iter", "Step", "ITER", "Round", "ep", "Epochs(/40)", "epoch (of 40)"]
)
def test_a_table_counts_by_any_name(name):
    rows = "".join(f"{i + 1},{loss},0.1\n" for i, loss in enumerate(LOSSES))
    parsed = parse(f"{name},loss,lr\n{rows}".encode())
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    "head",
    [
        *("Episode,Score,Total_Reward,Epsilon", "Episode,Length,Avg agent reward,Steps"),
        "generation,best_fitness,avg_fitness,nodes",
        "generation,phase,prey_best_fitness,nodes",
    ],
)
def test_a_table_of_episodes_needs_no_loss(head):
    rows = "".join(f"{i},{i * 7 % 5},{loss},0.5\n" for i, loss in enumerate(LOSSES))
    parsed = parse(f"{head}\n{rows}".encode())
    assert len(parsed.column("step")) == N


def test_steps_next_to_episodes_are_those_of_all():
    rows = "".join(f"{100 * i},{i}.5,{1140 * i}\n" for i in range(1, N))
    parsed = parse(f"episodes,mean 100 episode reward,steps\n{rows}".encode())
    assert parsed.column("step").tolist() == [1140 * i for i in range(1, N)]


def test_the_only_loss_of_a_table_is_the_loss():
    rows = "".join(f"{i},{loss},0.5\n" for i, loss in enumerate(LOSSES))
    assert parse(f"epoch,data_loss,r2\n{rows}".encode()).column("train/loss").tolist() == LOSSES


def test_a_table_of_losses_may_have_a_time_and_no_step():
    rows = "".join(
        f"{loss}, 0.5, {val}, 0.{i}\n" for i, (loss, val) in enumerate(zip(LOSSES, VALS, strict=True))
    )
    parsed = parse(f"train_loss, train_acc, val_loss, time\n{rows}".encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


def test_a_rule_of_dashes_may_be_below_the_header():
    rows = "".join(f"{i:<6}{loss} \n" for i, loss in enumerate(LOSSES))
    parsed = parse(f"Epochs     Error\n-----------------\n{rows}".encode())
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("Error").tolist() == LOSSES


def test_a_column_may_draw_what_another_shows():
    marks = ["▁", "▅", "?", "", "█▏", "**"]
    rows = "".join(f"{i:6}  {i + 5:6}s  {loss:8}  {marks[i % 6]}\n" for i, loss in enumerate(LOSSES))
    parsed = parse(f"  step  elapsed      loss  spark\n{rows}".encode())
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_a_data_frame_may_be_printed_into_a_log():
    rows = "".join(f"{i},{x},0.5,{y},0.4\n" for i, (x, y) in enumerate(zip(LOSSES, VALS, strict=True)))
    preamble = "".join(f"layer_{name} (Dense)   (None, 40)\n" for name in "abcdefghijkl")
    parsed = parse(f"{preamble}\n,loss,acc,val_loss,val_acc\n{rows}".encode())
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


def test_the_steps_of_an_episode_are_no_place():
    rows = "".join(f"{i + 1},{loss},{i * 7 % 5 + 100}\n" for i, loss in enumerate(LOSSES))
    parsed = parse(f"episode,reward,steps\n{rows}".encode())
    assert parsed.column("step").tolist() == list(range(1, N + 1))


@pytest.mark.parametrize("head", ["epoch,train,val", "Epoch,Train,Valid", "epoch,loss,val"])
def test_the_losses_of_a_table_may_be_called_by_their_part_of_the_data(head):
    rows = "".join(f"{i},{x},{y}\n" for i, (x, y) in enumerate(zip(LOSSES, VALS, strict=True)))
    parsed = parse(f"{head}\n{rows}".encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


@pytest.mark.parametrize("head", ["epoch,train,test", "epoch,train,val_acc", "iter,total", "epoch,count"])
def test_other_tables_of_an_epoch_show_no_loss(head):
    rows = "".join(f"{i},{x},{y}\n" for i, (x, y) in enumerate(zip(LOSSES, VALS, strict=True)))
    assert not len(parse(f"{head}\n{rows}".encode()).column("train/loss"))


def test_a_total_is_the_only_loss_of_a_table_of_epochs():
    rows = "".join(f"{i},{x},0.5\n" for i, x in enumerate(LOSSES))
    assert parse(f"epoch,total,lr\n{rows}".encode()).column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("row", ["  {i:5d}   {x:.4f}   {y:.4f}   2.5s", "| {i} | {x:.4f} | {y:.4f} | 2.5s |"])
def test_the_columns_of_a_printed_table_may_be_called_by_their_part_of_the_data(row):
    head = "  Epoch    Train     Val      Time" if row[0] == " " else "| epoch | loss | val | time |"
    rows = [row.format(i=i, x=x, y=y) for i, (x, y) in enumerate(zip(LOSSES, VALS, strict=True))]
    parsed = parse("\n".join(["-" * 40, head, "-" * 40, *rows, ""]).encode())
    assert parsed.column("train/loss").tolist() == [round(x, 4) for x in LOSSES]
    assert parsed.column("val/loss").tolist() == [round(x, 4) for x in VALS]


def test_a_table_of_tensors():
    cell = "\"tensor({}, device='cuda:0', grad_fn=<DivBackward0>)\""
    rows = "".join(
        f'{i},{cell.format(x)},"tensor({y})"\n' for i, (x, y) in enumerate(zip(LOSSES, VALS, strict=True))
    )
    parsed = parse(f"Epoch,Train_loss,Val_loss\n{rows}".encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS


SKORCH = (
    "  epoch    roc_auc    train_loss    valid_acc    valid_loss    cp     dur\n"
    "-------  ---------  ------------  -----------  ------------  ----  ------\n",
    "{:7}     \x1b[36m0.7500\x1b[0m        \x1b[32m{:.4f}\x1b[0m       0.5000        0.7500     {}  0.0125\n",
)
FASTAI = (
    "epoch     train_loss  valid_loss  accuracy  time    \n"
    "Epoch 1/2 : |##------| 25.00% [5/20 00:00<00:00... 0.5000]\r",
    "{:<10}{:<12.4f}0.750000    0.875000  00:01    {} \n",
)


@pytest.mark.parametrize("table", [SKORCH, FASTAI], ids=["skorch", "fastai"])
@pytest.mark.parametrize("rows", [1, 2, N])
def test_a_table_with_a_row_per_epoch_is_read_from_the_first_one_on(table, rows):
    head, row = table
    marks = ["+" if table is SKORCH and i % 2 else " " for i in range(rows)]
    parsed = parse((head + "".join(row.format(i, LOSSES[i], marks[i]) for i in range(rows))).encode())
    assert parsed.column("step").tolist() == list(range(rows))
    assert parsed.column("train/loss").tolist() == LOSSES[:rows]
    assert set(parsed.column("val/loss").tolist()) == {0.75}
    if table is SKORCH:
        assert set(parsed.column("perf/step_time").tolist()) == {0.0125}


@pytest.mark.parametrize("logger", ["", "2030-01-02 03:04:05 [INFO]: "])
def test_a_table_of_batches_within_epochs_shows_where_both_end(logger):
    lines = [f"{logger}   Epoch    Batch      box     conf    total     time"]
    for i, loss in enumerate(LOSSES):
        if i % 5 == 0:
            lines += ["dataset summary", f"Extracting {i}/438, # of instances {7 * i}, time 3.50 sec."]
        lines.append(f"{logger}  {i // 5}/5   {i % 5 * 40}/200   0.125   0.25   {loss}   59.5")
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist() == [i // 5 * 200 + i % 5 * 40 for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("total").tolist()[-1] == 6 * 200  # `5/5` is the sixth


@pytest.mark.parametrize("head", ["Class   Batch   count   total", "Batch   Size   Images   total"])
def test_a_table_that_counts_no_epochs_and_shows_no_score_is_none(head):
    rows = "".join(f"{i}   {i}/200   {i}.5   0.5\n" for i in range(N))
    assert parse(f"{head}\n{rows}".encode()).format is None


@pytest.mark.parametrize(
    "head", ["step,actor_loss,critic_loss", "step   d_loss   g_loss", "step\tDisc Loss\tGen Loss"]
)
def test_the_first_of_several_losses_of_a_table_stands_for_training_but_no_judges(head):
    cells = ("{loss}", "0.5") if "actor" in head else ("0.5", "{loss}")
    gap = "," if "," in head else "\t" if "\t" in head else "   "
    rows = "".join(f"{i}{gap}{gap.join(cells).format(loss=loss)}\n" for i, loss in enumerate(LOSSES))
    assert parse(f"{head}\n{rows}".encode()).column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (
            '"Run","Run ID","metric","step","timestamp","value"',
            '"bold-swan","0a1b","{name}","{i}","19000000{i:05d}","{value}"',
        ),
        ("step,metric,value", "{i},{name},{value}"),
        ("name,step,value,wall_time", "{name},{i},{value},1900000000.5"),
    ],
)
def test_a_table_may_have_a_metric_a_row(head, row):
    series = {"train_loss": LOSSES, "lr": [0.5] * N, "val_loss": VALS}
    rows = [
        row.format(name=name, i=i, value=value) for name, of in series.items() for i, value in enumerate(of)
    ]
    parsed = parse("\n".join([head, *rows, ""]).encode())
    assert parsed.column("step", TRAIN).tolist() == list(range(N))
    assert parsed.column("train/loss", TRAIN).tolist() == LOSSES
    assert parsed.column("train/learning_rate", EVAL).tolist() == [0.5] * N
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_other_tables_with_a_value_a_row_are_none():
    rows = "".join(f"price,{i},{loss}\n" for i, loss in enumerate(LOSSES))
    assert not parse(f"name,step,value\n{rows}".encode()).tables


@pytest.mark.parametrize("head", ["step,value", "Wall time,Step,Value"])
def test_a_series_whose_name_is_that_of_its_file_is_a_loss_if_it_falls(head):
    before = "1900000000.5," if "time" in head else ""
    rows = "".join(f"{before}{10 * i},{loss}\n" for i, loss in enumerate(LOSSES))
    parsed = parse(f"{head}\n{rows}".encode())
    assert parsed.column("step").tolist() == [10 * i for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("time").tolist() == ([1.9e9 + 0.5] * N if before else [])
    grows = "".join(f"{before}{10 * i},{4 - loss:.4f}\n" for i, loss in enumerate(LOSSES))
    assert not parse(f"{head}\n{grows}".encode()).column("train/loss").size


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("loss,supervised_loss,time", "{loss},0.5,2030-01-02 03:04:05"),
        ("timestamp,loss,lr", "2030-01-02T03:04:05,{loss},0.001"),
    ],
)
def test_a_table_of_losses_may_have_dates_and_no_step(head, row):
    rows = "".join(f"{row.format(loss=loss)}\n" for loss in LOSSES)
    assert parse(f"{head}\n{rows}".encode()).column("train/loss").tolist() == LOSSES


def test_the_header_of_a_box_may_take_several_lines_and_its_cells_may_be_empty():
    lines = [
        "|=================================================|",
        "|  Epoch  |  Iteration  |  Mini-batch  |  Validation  |",
        "|         |             |     Loss     |     Loss     |",
        "|=================================================|",
    ]
    for i, (loss, val) in enumerate(zip(LOSSES, VALS, strict=True)):
        lines.append(f"| {i // 10 + 1:7d} | {i + 1:11d} | {loss:12.4f} | {val if i % 5 == 0 else '':12} |")
    parsed = parse("\n".join([*lines, ""]).encode())
    assert sorted(parsed.column("step").tolist()) == [i + 1 for i in range(N)]
    assert sorted(parsed.column("train/loss").tolist(), reverse=True) == LOSSES
    assert parsed.column("val/loss").tolist() == VALS[::5]


@pytest.mark.parametrize(
    ("group", "names", "row"),
    [
        ("       | Train | Valid", "Epoch |  Loss |  Loss | Time", "{:5}│  {}│  {}│  2.56"),
        (
            "             |------ VALID ------|----- TRAIN -----|------|",
            "lr     epoch | loss   top-1      | loss   top-1    | time |",
            "0.0001 {:5}  | {v}  80.5       | {t}  76.5     |  0 hr 06 min  |",
        ),
    ],
)
@pytest.mark.parametrize("rule", ["", "       |---------------|---------------|\n"])
def test_a_row_above_the_names_may_say_which_part_of_the_data_they_are_of(group, names, row, rule):
    rows = [
        row.format(n, (90 - n) / 100, (95 - n) / 100, t=(90 - n) / 100, v=(95 - n) / 100) for n in range(20)
    ]
    rows = [f"---- Start validation ----\n{row}\n" for row in rows]
    text = "\n".join([group, rule + names, "-" * 40, *rows, ""]).encode()
    parsed = parse(text)
    parse(text, [100, 333, 700]).same_as(parsed)
    parse(text, bulk=False).same_as(parsed)
    assert parsed.column("step").tolist() == list(range(20))
    assert parsed.column("train/loss").tolist() == [(90 - n) / 100 for n in range(20)]
    assert parsed.column("val/loss").tolist() == [(95 - n) / 100 for n in range(20)]


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("dset  epoch      mcost      wacc", "{part:5} {n:<6d} {x:9.4f}   82.5"),
        ("Dataset\tEpoch\tLoss\tF1", "{part}\t{n}\t{x}\t0.5"),
        ("split,epoch,loss,f1", "{part},{n},{x},0.5"),
    ],
)
def test_a_column_may_say_which_part_of_the_data_a_row_is_of(head, row):
    rows = [
        f"{row.format(part=part, n=n + 1, x=values[n])}\n"
        for n in range(N)
        for part, values in (("train", LOSSES), ("dev", VALS))
    ]
    text = "".join([f"{head}\n", *rows]).encode()
    parsed = parse(text)
    parse(text, [90, 400, 700]).same_as(parsed)
    parse(text, bulk=False).same_as(parsed)
    assert parsed.column("step").tolist() == [n + 1 for n in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_scores_whose_rows_name_the_part_of_the_data_are_of_training_without_a_loss():
    rows = "".join(f"{part}\t{n}\t0.{n + 10}\t0.5\n" for n in range(N) for part in ("train", "dev"))
    parsed = parse(f"Dataset\tEpoch\tF1\tAccuracy\n{rows}".encode())
    assert parsed.column("step").tolist() == list(range(N))
    other = "".join(f"{name}\t{n}\t0.{n + 10}\t0.5\n" for n in range(N) for name in ("mnist", "cifar"))
    assert parse(f"Dataset\tEpoch\tF1\tAccuracy\n{other}".encode()).format is None


def test_a_header_may_be_a_comment_as_numpy_writes_it():
    rows = "".join(f"{99 - n:.6e},{n * 1000:.6e},{n:.6e}\n" for n in range(1, N))
    parsed = parse(f"# Exploration %,Timestep,Rewards\n{rows}".encode())
    assert parsed.column("step").tolist() == [n * 1000 for n in range(1, N)]
    assert parsed.column("Rewards").tolist() == list(range(1, N))


def test_a_launch_of_one_row_may_precede_the_next_one():
    row = "0.0001   {n}.0   {n}.0   {x}   0.5\n"
    head = "lr       iter    epoch   loss    top-1\n"
    launches = [[0], [0, 1], range(20)]
    text = "".join(head + "".join(row.format(n=n, x=LOSSES[n]) for n in rows) for rows in launches)
    parsed = parse(text.encode())
    assert parsed.column("train/loss").tolist() == [LOSSES[n] for rows in launches for n in rows]


@pytest.mark.parametrize("bar", ["|", "│", "┃", "║"])
@pytest.mark.parametrize("headed", [True, False])
def test_a_box_of_an_epoch_may_be_drawn(bar, headed):
    rows = [
        f"{bar} {name:<10} {bar} {value:<8} {bar}\n"
        for n in range(N)
        for name, value in (
            ("epoch", n + 1),
            ("train_loss", LOSSES[n]),
            ("odd", 0.5),
            ("val_loss", VALS[n]),
        )
    ]
    if headed:
        rows = [f"Epoch {n // 4 + 1}/{N}\n" if n % 4 == 0 else row for n, row in enumerate(rows)]
    text = ("layer (linear)  some shape\n" * 40 + "".join(rows)).encode()
    parsed = parse(text)
    parse(text, range(90, len(text), 611)).same_as(parsed)
    parse(text, bulk=False).same_as(parsed)
    assert parsed.column("step").tolist() == [n + 1 for n in range(N)]
    assert parsed.column("train/loss", "").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_a_step_within_the_epoch_is_not_that_of_the_run():
    rows = "".join(f"{i // 10},{i % 10},{i},{loss},0.1\n" for i, loss in enumerate(LOSSES))
    parsed = parse(f"epoch,step,global_step,loss,lr\n{rows}".encode())
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("train/epoch").tolist() == [i // 10 for i in range(N)]


@pytest.mark.parametrize("name", ["data_loss_rate,data_loss_rate_std", "latency,training_time_hours"])
def test_a_table_of_what_methods_reached_is_no_training(name):
    rows = "".join(f"{100 + i % 3},{loss},{loss}\n" for i, loss in enumerate(LOSSES))
    assert parse(f"episodes,{name}\n{rows}".encode()).format is None


def test_no_policy_is_trained_for_its_entropy():
    rows = "".join(f"{i},-0.5,{loss},0.25\n" for i, loss in enumerate(LOSSES))
    parsed = parse(f"epoch,loss_entropy,loss_objective,loss_aux\n{rows}".encode())
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("val", [True, False])
def test_a_column_of_any_name_counts_rows_with_both_losses(val):
    head = "Model version,Images seen,Time [s],Loss (Training),Loss (Validation),Accuracy (Training)"
    held = VALS if val else [""] * N  # a cell may stay empty
    rows = "".join(
        f"{i + 1},{64000 + 128 * i},{9.5 * i},{loss},{other},0.5\n"
        for i, (loss, other) in enumerate(zip(LOSSES, held, strict=True))
    )
    parsed = parse(f"{head}\n{rows}".encode())
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == (VALS if val else [])


@pytest.mark.parametrize("ruled", ["│", "┃", "|"])
def test_groups_of_columns_may_be_drawn_and_rows_end_with_a_time(ruled):
    head = f"  Ep {ruled}  TrainLoss   Tr_MAE {ruled}    ValLoss {ruled}      LR    Took\n"
    rows = "".join(
        f"  {i + 1:>2} {ruled}   {loss:.6f} 0.125000 {ruled}   {val:.6f} {ruled}  1.0e-05    18s  (18.5s)\n"
        + "     [BEST] saved to best.pt\n" * (i % 2)
        for i, (loss, val) in enumerate(zip(LOSSES[:9], VALS, strict=False))
    )
    parsed = parse((head + "-" * 60 + "\n" + rows).encode())
    assert parsed.column("step").tolist() == [i + 1 for i in range(9)]
    assert parsed.column("train/loss").tolist() == LOSSES[:9]
    assert parsed.column("val/loss").tolist() == VALS[:9]


@pytest.mark.parametrize(
    "name", ["num_tokens", "num_samples", "images_seen", "n_sequences", "total_tokens_seen"]
)
def test_what_is_consumed_places_a_row_by_any_name(name):
    rows = "".join(f"| {64 * i + 64} | {loss} | 41 |\n" for i, loss in enumerate(LOSSES))
    parsed = parse(f"| {name} | train loss | mfu % |\n|---:|---:|---:|\n{rows}".encode())
    assert parsed.column("step").tolist() == [64 * i + 64 for i in range(N)]
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("gap", ["—", "-", " "])
def test_cells_of_a_drawn_box_may_have_units_or_be_empty(gap):
    vals = [str(val) if i % 3 == 2 else gap for i, val in enumerate(VALS)]
    rows = "".join(
        f"│ {i} │ {loss} │ 32.5k tokens/sec │ {val} │\n"
        for i, (loss, val) in enumerate(zip(LOSSES, vals, strict=True))
    )
    head = "┌───┬───┬───┬───┐\n│ epoch │ loss │ speed │ val loss │\n├───┼───┼───┼───┤\n"
    parsed = parse((head + rows).encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert set(parsed.column("perf/tokens_per_sec").tolist()) == {32_500.0}
    assert parsed.column("val/loss").tolist() == VALS[2::3]


def test_the_last_cell_between_bars_may_be_empty():
    notes = ["* best" if i % 5 == 0 else "" for i in range(N)]
    rows = "".join(
        f"  {i + 1}/30 | {loss} | {note}\n" for i, (loss, note) in enumerate(zip(LOSSES, notes, strict=True))
    )
    parsed = parse(f"  Epoch | Train Loss | Status\n---------------\n{rows}".encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]


@pytest.mark.parametrize("rule", ["", "-----------------"])
def test_names_and_values_with_a_bar_between_are_a_record(rule):
    lines = [
        f"step       | {i * 20}\nTrain loss | {loss}\ntok/s      | 31.5k\n{rule}"
        for i, loss in enumerate(LOSSES)
    ]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist() == [i * 20 for i in range(N)]
    assert parsed.column("train/loss", EVAL).tolist() == LOSSES


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("| done | loss | acc |", "| {far}% | {loss} | - |\n"),
        ("| progress | loss | val loss |", "| {far}% | {loss} | - |\n"),
        ("| pct | lr | loss |", "| {far}% | 0.1 | {loss} |\n"),
    ],
)
def test_rows_that_say_only_how_far_training_is_are_in_order(head, row):
    rows = "".join(row.format(far=i // 2, loss=loss) for i, loss in enumerate(LOSSES))
    parsed = parse(f"{head}\n|---|---|---|\n{rows}".encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert len(parsed.column("step")) == 0


@pytest.mark.parametrize("place", ["samples {}/1920", "tokens: {}/1920"])
def test_what_was_consumed_may_be_between_a_name_and_its_value(place):
    lines = [
        f"train/loss ({place.format(64 * i + 64)}): {loss}\ntrain/lr ({place.format(64 * i + 64)}): 0.001\n"
        for i, loss in enumerate(LOSSES)
    ]
    parsed = parse("".join(lines).encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("step").tolist() == [64 * i + 64 for i in range(N)]
    assert parsed.column("total").tolist() == [1920] * N


def test_what_was_consumed_is_no_part_of_the_name_behind_it():
    lines = [
        f"{64 * i} tokens train/loss {loss}\n{64 * i} tokens opt/lr 0.{i:02}\n"
        for i, loss in enumerate(LOSSES)
    ]
    parsed = parse("".join(lines).encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("train/learning_rate", EVAL).tolist() == [i / 100 for i in range(N)]
