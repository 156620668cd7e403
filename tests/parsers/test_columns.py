"""CSV and TSV logs with a header."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.batch import EVAL
from runwatch.parsers.log import LogParser
from runwatch.parsers.stream import StreamParser

from .logs import parse
from .structured import metrics_csv, read

LONG = metrics_csv(800)


@given(st.lists(st.integers(0, len(LONG)), max_size=8), st.booleans())
@settings(max_examples=30, deadline=None)
def test_chunking_does_not_matter(cuts, bulk):
    read(LONG, cuts, bulk=bulk).same_as(read(LONG))


CELL = st.sampled_from(
    ["", "1", "2.5", "nan", "x", "1_0", '"', '"a,b"', " ", "step", "loss", "-", "\x00", "1e999"]
)


@given(st.lists(st.lists(CELL, max_size=5).map(",".join), max_size=20), st.data())
@settings(max_examples=150, deadline=None)
def test_any_table_in_any_pieces(rows, data):
    text = "\n".join(["step,loss,lr", *rows]).encode()
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=5))
    read(text, cuts).same_as(read(text))


@given(st.binary(max_size=200))
def test_no_bytes_raise(data):
    read(b"step,loss\n1,2\n" + data)
    read(data.replace(b" ", b","))


def test_sparse_rows_of_lightning():
    parsed = read(
        b"epoch,step,train_loss_step,train_loss_epoch,val_loss,lr-AdamW\n0,49,7.5,,,\n0,99,nan,,,0.1\n0,99,,,4.5,\n0,99,,6.5,,\n"
    )
    assert parsed.format == "lightning-metrics-csv"
    assert parsed.column("step").tolist() == [49, 99, 99, 99]
    assert parsed.column("train/loss")[0] == 7.5
    assert math.isnan(parsed.column("train/loss")[1])
    assert parsed.column("val/loss").tolist() == [4.5]
    assert parsed.column("train_loss_epoch").tolist() == [6.5]


def test_the_mean_of_an_epoch_is_the_loss_where_that_of_a_step_has_no_column():
    parsed = read(
        b"epoch,step,test_loss,train_acc_epoch,train_loss_epoch,val_loss\n"
        b"0,9,,,,4.5\n0,9,,0.5,6.5,\n1,19,,,,3.5\n1,19,,0.5,5.5,\n2,20,4.0,,,\n"
    )
    assert parsed.column("train/loss").tolist() == [6.5, 5.5]
    assert parsed.column("val/loss").tolist() == [4.5, 3.5]


def test_steps_of_an_epoch_next_to_those_of_the_run():
    rows = b"".join(b"%d,%d,%d,0.%d\n" % (n // 10 + 1, n % 10 * 5, n * 5, 90 - n) for n in range(30))
    parsed = read(b"epoch,step,global_step,loss\n" + rows)
    assert parsed.column("step").tolist() == [5 * n for n in range(30)]
    assert parsed.column("train/loss").tolist() == [(90 - n) / 100 for n in range(30)]


@pytest.mark.parametrize(
    "header", [b",time_per_epoch,train_loss,val_acc", b"Unnamed: 0,seconds time,train,valid"]
)
def test_the_index_of_a_data_frame_counts(header):
    parsed = read(header + b"\n" + b"".join(b"%d,2.5,0.%d,0.5\n" % (n, 90 - n) for n in range(30)))
    assert parsed.column("step").tolist() == list(range(30))
    assert parsed.column("train/loss").tolist() == [(90 - n) / 100 for n in range(30)]


def test_a_mean_loss_may_be_called_so_in_french():
    parsed = read(b"epoch,loss_moyenne\n" + b"".join(b"%d,0.%d\n" % (n, 90 - n) for n in range(30)))
    assert parsed.column("train/loss").tolist() == [(90 - n) / 100 for n in range(30)]


def test_the_batches_of_a_validation_are_no_steps_of_lightning():
    counted = b"".join(b",%d,,,0.75\n" % n for n in range(9999, 10099))
    table = b"lr-Adam,step,train_loss_step,epoch,val_loss_step\n"
    trained = b"".join(b",%d,0.%d,0,\n" % (50 * n + 49, 60 - n) for n in range(30))
    parsed = read(table + trained + counted)
    assert parsed.format == "lightning-metrics-csv"
    assert parsed.column("step").tolist() == [50 * n + 49 for n in range(30)]


def test_the_loss_of_adversaries_in_a_table_is_that_of_the_generator():
    rows = b"".join(b"%d,0,-0.%d,1.%d\n" % (n, n + 10, n + 10) for n in range(30))
    parsed = read(b"step,epoch,train_disc_loss,train_gen_loss\n" + rows)
    assert parsed.column("train/loss").tolist() == parsed.column("train_gen_loss").tolist()


def test_lightning_steps_of_a_metric_called_loss():
    parsed = read(
        b"epoch,loss_epoch,loss_step,lr-AdamW,step,val_loss\n,,,0.5,49,\n0,,2.5,,49,\n0,3.5,,,99,4.5\n"
    )
    assert parsed.format == "lightning-metrics-csv"
    assert parsed.column("train/loss").tolist() == [2.5]
    assert parsed.column("loss_epoch").tolist() == [3.5]


@pytest.mark.parametrize(("steps", "placed"), [(True, [10, 30]), (False, [1, 2])])
def test_the_last_row_of_a_history_of_the_hugging_face_trainer_sums_it_up(steps, placed):
    rows = [
        "loss,epoch,eval_loss,train_runtime,train_loss,total_flos",
        "2.5,1.0,,,,",
        ",1.0,3.5,,,",
        "1.5,2.0,,,,",
        ",2.0,,90.5,2.0,9e9",
    ]
    if steps:
        rows = [f"{10 * i or 'step'},{row}" for i, row in enumerate(rows)]
    parsed = read("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == placed
    assert parsed.column("train/loss").tolist() == [2.5, 1.5]
    assert parsed.column("val/loss", EVAL).tolist() == [3.5]
    assert [event.kind for event in parsed.events] == ["finished"]
    assert {name for _, _, names in parsed.tables for name in names if name.startswith("val/")} == {
        "val/loss"
    }


def test_rows_of_a_callback_that_logs_the_rate_are_no_records():
    rows = "".join(f"{i / 1000},{50 * i},,\n,{50 * i},{9 / i},0\n" for i in range(1, 5))
    parsed = read(f"lr-Adam,step,train_loss,epoch\n{rows}".encode())
    assert parsed.column("step").tolist() == [50, 100, 150, 200]
    assert parsed.column("train/learning_rate", EVAL).tolist() == [0.001, 0.002, 0.003, 0.004]


def test_a_table_of_lightning_may_begin_with_validation():
    rows = "".join(f"{i},{8 * i - 1},,{i}.5\n{i},{8 * i},{9 / i},\n" for i in range(1, 5))
    parsed = read(f"epoch,step,train/loss,val/reward\n{rows}".encode())
    assert parsed.format == "lightning-metrics-csv"
    assert parsed.column("step").tolist() == [8, 16, 24, 32]


@pytest.mark.parametrize("bulk", [True, False])
def test_cells_between_commas_and_tabs(bulk):
    rows = "".join(f"{i}\t,{9 / i}\t{1 / i}\t,{i}.5\n" for i in range(1, 40))
    parsed = read(f"Step\t,loss\t,epsilon\t,time\n{rows}".encode(), bulk=bulk)
    assert parsed.column("step").tolist() == list(range(1, 40))
    assert parsed.column("train/loss").tolist() == [9 / i for i in range(1, 40)]
    assert parsed.column("epsilon").tolist() == [1 / i for i in range(1, 40)]


def test_a_column_i_is_the_step():
    assert read(b"i,loss,kl\n0,2.5,1\n512,2.25,1\n").column("step").tolist() == [0, 512]


def test_sb3_progress():
    parsed = read(b"rollout/ep_rew_mean,time/total_timesteps,train/loss\n-5.5,2048,\n,4096,0.5\n")
    assert parsed.format == "sb3-progress-csv"
    assert parsed.column("step").tolist() == [2048, 4096]
    assert parsed.column("train/loss").tolist() == [0.5]


def test_sb3_monitor_counts_episodes_and_survives_a_relaunch():
    head = b'#{"t_start": 1.5, "env_id": "X-v1"}\nr,l,t\n'
    parsed = read(head + b"7.5,11,0.5\n8.5,15,0.6\n" + head + b"9.5,12,0.1\n")
    assert parsed.format == "sb3-monitor-csv"
    assert parsed.column("step").tolist() == [1, 2, 3]
    assert parsed.column("episode_reward").tolist() == [7.5, 8.5, 9.5]


def test_yolo_with_padded_header():
    parsed = read(b"   epoch,   train/box_loss,  val/box_loss,  x/lr0\n   0,  1.5,  2.5,  0.1\n")
    assert parsed.format == "yolo-results-csv"
    assert parsed.column("step").tolist() == [0]
    assert parsed.column("train/box_loss").tolist() == [1.5]
    assert parsed.column("train/learning_rate").tolist() == [0.1]


def test_flair_marks_absent_values():
    parsed = read(b"EPOCH\tTIMESTAMP\tTRAIN_LOSS\tDEV_LOSS\n1\t12:33:21\t0.5\t_\n2\t12:40:00\t0.4\t0.6\n")
    assert parsed.format == "csv"
    assert parsed.column("train/loss").tolist() == [0.5, 0.4]
    assert parsed.column("val/loss").tolist() == [0.6]


def test_a_row_with_a_separator_too_many():
    head = b"EPOCH\tTIMESTAMP\tLEARNING_RATE\tTRAIN_LOSS\tTRAIN_ACCURACY\tDEV_LOSS\n"
    parsed = read(head + b"0\t19:56:16\t0.1\t19.5\t\t_\t15.5\n1\t19:58:14\t0.1\t12.5\t\t_\t11.5\n")
    assert parsed.format == "csv"
    assert parsed.column("train/loss").tolist() == [19.5, 12.5]
    assert parsed.column("val/loss").tolist() == [15.5, 11.5]
    assert read(b"step,loss\n1,2.5,3.5\n2,1.5,0.5\n").format is None  # which one it is, nobody knows


def test_tables_of_openai_baselines():
    parsed = read(b"AI_return,rollout/return,total/steps,train/loss_critic\n-5.5,-5.5,2000,\n,4.5,4000,0.5\n")
    assert parsed.format == "sb3-progress-csv"
    assert parsed.column("step").tolist() == [2000, 4000]
    assert parsed.column("train/loss_critic").tolist() == [0.5]


@pytest.mark.parametrize(
    ("head", "metric"),
    [
        ("episode,episode time,episode_reward", "episode_reward"),
        ("Episode,Seconds,Mean Reward", "Mean Reward"),
        ("Epoch,Train Acc,Train Loss", "train/loss"),
        ("frame,value,episode_reward", "episode_reward"),
        ("timesteps,epoch,loss", "train/loss"),
        ("TotalEnvInteracts,Epoch,AverageEpRet", "AverageEpRet"),
        ("TimestepsSoFar,EpisodesSoFar,EpRewMean", "EpRewMean"),
        ("steps,% time spent exploring,mean 100 episode reward", "mean 100 episode reward"),
    ],
)
def test_heads_as_people_write_them(head, metric):
    parsed = read(f"{head}\n0,0.5,168.0\n1,0.5,84.0\n".encode())
    assert parsed.format == "csv"
    assert parsed.column("step").tolist() == [0, 1]
    assert parsed.column(metric).tolist() == [168.0, 84.0]


def test_catboost():
    parsed = read(b"iter\tRMSE\n0\t3.5\n1\t2.5\n")
    assert parsed.format == "catboost-tsv"
    assert parsed.column("train/loss").tolist() == [3.5, 2.5]
    assert read(b"iter\tPassed\tRemaining\n0\t12\t50\n").format is None


@pytest.mark.parametrize("separator", [",", "\t"])
def test_any_table_with_a_step_and_a_loss(separator):
    rows = [["", "global_step", "loss", "lr"], ["0", "10", "1.5", "0.1"], ["1", "20", "1_5", "0.1"]]
    parsed = read("\r\n".join(separator.join(row) for row in rows).encode())
    assert parsed.format == "csv"
    assert parsed.column("step").tolist() == [10, 20]
    assert parsed.column("train/loss").tolist() == [1.5]


def test_the_index_of_a_data_frame_is_the_step_where_nothing_else_counts():
    rows = "".join(f"{i},{1 / (i + 1)},0.5,{2 / (i + 1)}\n" for i in range(9))
    parsed = parse(f",loss,accuracy,val_loss\n{rows}".encode())
    assert parsed.column("step").tolist() == list(range(9))
    assert len(parsed.column("train/loss")) == len(parsed.column("val/loss")) == 9
    assert not parse(f",loss,price,volume\n{rows}".encode()).tables


def test_a_new_header_is_taken_and_a_cut_row_is_not():
    parsed = read(b"step,loss\n1,2.5\nstep,loss,lr\n2,1.5,0.1\n3,0.\n")
    assert parsed.column("train/loss").tolist() == [2.5, 1.5]


def test_the_middle_of_a_table_is_read_once_its_beginning_was_shown():
    for settled in (None, "csv"):
        parser = StreamParser(start=1000, first_line=90, settled=settled)
        parser.prime(b"# by hand\nstep,loss\n1,9.5\n2,8.5\n")
        (table,) = parser.feed(b"90,2.5\n91,1.5\n").tables
        assert table.column("train/loss").tolist() == [2.5, 1.5]
        assert table.column("line").tolist() == [90, 91]


def test_its_beginning_may_be_in_a_containers_log():
    def wrapped(line: str) -> bytes:
        return b'{"log":"%s\\n","stream":"stdout","time":"2030-01-02T03:04:05Z"}\n' % line.encode()

    parser = StreamParser(start=1000, first_line=90, settled="csv")
    parser.prime(wrapped("step,loss") + wrapped("1,9.5"))
    (table,) = parser.feed(wrapped("90,2.5") + wrapped("91,1.5")).tables
    assert table.column("train/loss").tolist() == [2.5, 1.5]


@pytest.mark.parametrize(
    "text",
    [
        b"name,age\nx,3\n",
        b"epoch,name,weight_loss\n1,a,2\n",
        b"frame,x,y\n1,2,3\n",
        b"timestep,reputation,report\n1,2,3\n",
        b"date,steps,calories\n1,2,3\n",
        b"step,loss,step\n1,2,3\n",
        b"1,2,3\n4,5,6\n",
        b"hello, this is a step, and a loss\n1,2,3\n",
        b"noise\n" * 20 + b"step,loss\n1,2\n",
    ],
)
def test_other_tables_are_declined(text):
    assert read(text).format is None


def table(rows: int, separator: str = ",") -> bytes:
    """Rows of many kinds: alike for a while, then mixed, with words, a quote, an underscore, headers, a cut."""
    rng = random.Random(5)
    out = ["note", "step,loss,host,lr,val_loss,"]
    for i in range(rows):
        kind = rng.random() if (i // 200) % 2 else 1.0
        cells = [str(i), repr(rng.random()), "node", f"{rng.random() * 1e-4:.3e}", "", ""]
        if kind < 0.02:
            cells[1] = rng.choice(["nan", "inf", "-inf", "-1.5e-4", "1_0", "word", ""])
        elif kind < 0.04:
            cells[2] = rng.choice(["12", "nan", "node_1", '"a,b"', ""])
        elif kind < 0.3:
            cells[1], cells[4] = "", repr(rng.random())
        elif kind < 0.31:
            cells = cells[:3]
        elif kind < 0.32:
            cells = ["step", "loss", "host", "lr", "val_loss", ""]
        elif kind < 0.33:
            cells = ["\x1b[1m" + str(i), *cells[1:]]
        out.append(",".join(cells))
    return ("\n".join(out) + "\n").replace(",", separator).encode()


TABLES = {
    "one odd cell": b"step,loss\n"
    + b"".join(b"%d,%s\n" % (i, {300: b"1_0", 600: b'"2.5"'}.get(i, b"1.5")) for i in range(900)),
    "csv": table(1500),
    "tsv": table(600, "\t"),
    "crlf": table(600).replace(b"\n", b"\r\n"),
    "sparse": metrics_csv(600),
    "episodes": b'#{"t_start": 1.5, "env_id": "Hopper-v3"}\nr,l,t\n'
    + b"".join(b"%d.5,%d,%d.25\n" % (i % 90, i % 7, i) for i in range(600)),
}


@given(st.sampled_from(sorted(TABLES)), st.data())
@settings(max_examples=25, deadline=None)
def test_rows_taken_together_are_those_taken_one_by_one(name, data):
    text = TABLES[name]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=5))
    parse(text, cuts).same_as(parse(text, bulk=False))


def test_rows_are_really_taken_together():
    parser = LogParser()
    parser.feed(TABLES["csv"])
    matcher = parser._pipeline.candidates.tables[0]
    assert len(matcher._plans) > 1


@pytest.mark.parametrize(
    "head",
    [
        "stage,step,total,pde,bc_sides",
        "stage,step,total,kl,recon",
        "run,Epoch,Avg Train loss,Avg Eval loss,Learn rate",
        "run,epoch,Average Training Loss,Average Validation Loss,time",
    ],
)
def test_a_loss_by_another_name(head):
    rows = "".join(f"adam,{i},{5 / i},0.5,0.25\n" for i in range(1, 30))
    parsed = parse(f"{head}\n{rows}".encode())
    assert parsed.format == "csv"
    assert parsed.column("train/loss").tolist() == [5 / i for i in range(1, 30)]


@pytest.mark.parametrize(
    "head", ["day,step,total,distance", "id,iteration,total,price", "a,epoch,total,data"]
)
def test_other_totals_are_no_losses(head):
    rows = "".join(f"x,{i},{5 / i},0.5\n" for i in range(1, 30))
    assert parse(f"{head}\n{rows}".encode()).format is None


@pytest.mark.parametrize(
    ("column", "training", "validation"),
    [("train", "True", "False"), ("is_training", "true", "false"), ("split", "train", "val")],
)
@pytest.mark.parametrize("bulk", [True, False])
def test_a_column_says_which_part_of_the_data_a_row_is_of(column, training, validation, bulk):
    rows = [
        f"{e},7,{part},{3 / e + (part == validation)},0.{e}"
        for e in range(1, 9)
        for part in (training, validation)
    ]
    parsed = read("\n".join([f"epoch,seed,{column},loss,accuracy", *rows, ""]).encode(), bulk=bulk)
    assert parsed.column("step").tolist() == [*range(1, 9)]
    assert parsed.column("train/loss").tolist() == [3 / e for e in range(1, 9)]
    assert parsed.column("val/loss", EVAL).tolist() == [3 / e + 1 for e in range(1, 9)]


def test_a_column_called_train_that_holds_numbers_says_nothing_of_its_rows():
    parsed = read(b"epoch,train,loss\n" + b"".join(b"%d,0.5,%d.5\n" % (e, e) for e in range(1, 9)))
    assert parsed.column("train/loss").tolist() == [e + 0.5 for e in range(1, 9)]
