"""Which number of a home-made line is its place: amounts, runs and folds are none, unknown names may be one."""

from __future__ import annotations

import pytest

from .logs import parse

EPOCHS = range(1, 31)
BATCHES = [(epoch, batch) for epoch in range(1, 7) for batch in range(50, 501, 50)]


def _loss(i: int) -> float:
    return round(9 / i, 4)


def _read(lines: list[str]) -> tuple[list[float], list[float]]:
    parsed = parse("\n".join(lines).encode() + b"\n", formats=())
    return parsed.column("step").tolist(), parsed.column("train/loss").tolist()


OF_EPOCHS = {
    "memory": "Epoch: {e}, Loss: {l}, GPU Memory: {m}/8192 MiB, GPU Utilization: 38%",
    "ram": "Epoch {e} | RAM {m}/64 GB | loss {l}",
    "watts": "epoch={e} power {m}/300 W loss={l}",
    "right answers": "Epoch {e}: loss {l} correct: {m}/9000",
    "run": "curve GP Run 2/8, Epoch {e}/2000, Training Loss (NLML): {l}",
    "fold": "Fold 3 Epoch {e} loss: {l} acc: 0.5",
    "trial": "[Trial 2/4][Epoch {e}/30] train_loss {l} val_loss 0.5",
    "seed": "seed=7 step={e} loss={l}",
    "dotted": "---Epoch.{e} Train Overall Log-Loss per event: {l}. ",
    "name before": "Loss epoch {e} | train {l} | test 0.5",
    "partner": "[nb.py:45] INFO - Epoch   {e}, trlast = {l}, val = 0.5",
    "fit": "epoch {e:3d} fit {l} val 0.5",
    "arrow": "=====>>>>>[{e}] Train Loss: {l}  Train ACC: 0.5",
}


@pytest.mark.parametrize("name", OF_EPOCHS)
def test_the_epoch_is_the_place(name):
    lines = [OF_EPOCHS[name].format(e=e, l=_loss(e), m=6000 + e) for e in EPOCHS]
    assert _read(lines) == (list(EPOCHS), [_loss(e) for e in EPOCHS])


UNKNOWN = {
    "two in brackets": "[{e}] [data:{b}] loss: {l}",
    "samples": "({e}) samples {b} loss {l}",
    "within an epoch": "[epoch {e}] data {b}: loss {l}",
    "number sign": "10:00:00 [INFO ] [{e}/6] #{b} clf_loss: 0.5, total_loss:{l}",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_grows_within_a_slower_counter_is_the_place(name):
    lines = [UNKNOWN[name].format(e=e, b=b, l=_loss(e + b)) for e, b in BATCHES]
    assert _read(lines) == ([500 * (e - 1) + b for e, b in BATCHES], [_loss(e + b) for e, b in BATCHES])


@pytest.mark.parametrize(
    "printed", ["games: {0} | loss: {1}", "images seen {0}, cost={1}", "pass {0} loss {1}"]
)
def test_what_grows_is_the_place_whatever_it_is_called(printed):
    lines = [printed.format(10 * e, _loss(e)) for e in EPOCHS]
    assert _read(lines) == ([10 * e for e in EPOCHS], [_loss(e) for e in EPOCHS])


def test_what_stays_is_no_place():
    assert _read([f"size 128 loss {_loss(e)}" for e in EPOCHS])[0] == []


def test_epochs_that_show_validation_begin_again_and_batches_continue():
    turns = [(turn, i) for turn in range(3) for i in range(1, 11)]
    lines = [f"{i}/10 | accuracy: 0.5 | loss: {_loss(i)} | val_accuracy: 0.4" for _, i in turns]
    assert _read(lines)[0] == [i for _, i in turns]
    lines = [f"{i}/10 | loss: {_loss(10 * turn + i)}" for turn, i in turns]
    assert _read(lines)[0] == [10 * turn + i for turn, i in turns]


def test_a_counter_with_two_lines_an_epoch():
    turns = [(turn, at) for turn in range(8) for at in (128, 131200)]
    lines = [f"loss: {_loss(turn + 1)}  [{at:6d}/184490]" for turn, at in turns]
    assert _read(lines)[0] == [184490 * turn + at for turn, at in turns]


@pytest.mark.parametrize(
    "parts",
    [
        ("INFO Training average {}_loss at step {}: 0.5", "INFO Training average loss at step {}: {}"),
        ("step {1} {0}_loss: 0.5", "step {} loss: {}"),
        ("[{1}] {0} loss: 0.5", "[{}] total loss: {}"),
    ],
)
def test_the_plain_loss_means_its_parts_on_other_lines(parts):
    part, whole = parts
    lines = [
        x for e in EPOCHS for x in (part.format("box", e), whole.format(e, _loss(e)), part.format("kl", e))
    ]
    assert _read(lines) == (list(EPOCHS), [_loss(e) for e in EPOCHS])


@pytest.mark.parametrize("printed", ["Epoch: {} | Batch: {} | Loss: {}", "epoch {} batch {} loss {}"])
def test_a_record_behind_a_line_that_was_not_ended(printed):
    text = "".join(
        printed.format(e, b, _loss(e + b))
        + (f"\nEpoch: {e} | Valid: 0.75 | Test: 0.76" if b == 500 else "\n")
        for e, b in BATCHES
    )
    assert _read([text])[1] == [_loss(e + b) for e, b in BATCHES]


def test_a_tag_of_the_logger_is_no_word_of_the_record():
    lines = [f"[test] main.py[line:31] INFO: Epoch {e:04d} | Loss: {_loss(e)} | best 0.1" for e in (1, 2, 3)]
    lines += [f"[INFO] ## Epoch {e:04d} | Loss: {_loss(e)} | best 0.1" for e in EPOCHS]
    assert len(_read(lines)[0]) == 33


def test_a_stage_before_another_has_a_counter_of_its_own():
    lines = [f"Epoch {100 * e}: Total Loss: {_loss(e)} | PDE: 0.1 | LR: 0.1" for e in range(1, 9)]
    lines += [f"L-BFGS Step {e}: Total Loss: {_loss(e)} | PDE: 0.1" for e in EPOCHS]
    assert _read(lines)[0] == [100 * e for e in range(1, 9)] + list(EPOCHS)


def test_the_last_of_numbered_stages_may_be_called_so():
    rows = [
        f"Pre-training layer {k}, epoch {i}, cost  0.{i + 1}" for k in ("0", "1", "final") for i in range(40)
    ]
    rows += [f"Pre-training layer average, epoch {i}, cost  0.5" for i in range(40)]
    parsed = parse("\n".join([*rows, ""]).encode())
    assert parsed.column("step").tolist() == [*range(40)] * 3


def test_a_heading_that_shows_how_many_epochs_there_will_be():
    lines = [
        f"Epoch {e}/40 - Level: 2\n  made 10 of 10\n  Epoch {e}: loss={_loss(e)}, gap=2.5" for e in EPOCHS
    ]
    parsed = parse("\n".join(lines).encode() + b"\n", formats=())
    assert parsed.column("train/loss").tolist() == [_loss(e) for e in EPOCHS]
    assert (parsed.column("step").tolist(), set(parsed.column("total").tolist())) == (list(EPOCHS), {40})


def test_values_whose_names_end_with_a_number():
    line = "Epoch{e} [{b}/500] Stage 0 = {l:.4f}({l:.4f})\tStage 1 = {m:.4f}({m:.4f})"
    lines = [line.format(e=e, b=b, l=e + b / 100, m=b / 100) for e, b in BATCHES]
    parsed = parse("\n".join(lines).encode() + b"\n", formats=())
    assert parsed.column("step").tolist() == [(e - 1) * 500 + b for e, b in BATCHES]
    assert parsed.column("Stage 0").tolist() == [round(e + b / 100, 4) for e, b in BATCHES]


def test_returns_of_episodes_that_no_line_counts():
    lines = [f"2030-01-02 03:04:05,678 DQN INFO episodic returns: {e % 7 + 9}" for e in EPOCHS]
    parsed = parse("\n".join(lines).encode() + b"\n", formats=())
    assert parsed.column("episodic returns").tolist() == [e % 7 + 9 for e in EPOCHS]
    assert len(parsed.column("step")) == 0


def test_the_scale_of_a_loss_is_no_loss():
    line = "02:29:{e:02d}: train iter: {e} loss_net: {l} loss_scale: 32768.0 norm: 1.5 seconds: 4.25"
    lines = [line.format(e=e, l=_loss(e)) for e in EPOCHS]
    assert _read(lines) == (list(EPOCHS), [_loss(e) for e in EPOCHS])


def test_scores_of_validation_that_look_like_code():
    lines = [
        f"====>[{e}] Train Loss: {_loss(e)}\nVal Acc = {e / 100:.5f}\nmodel has been saved" for e in EPOCHS
    ]
    parsed = parse("\n".join(lines).encode() + b"\n", formats=())
    assert parsed.column("val/Acc", "eval").tolist() == [e / 100 for e in EPOCHS]


@pytest.mark.parametrize(
    "heading",
    [
        "**** Epoch {i} ({i}/30) ****",
        "progress  epoch {i}  step {i}  image/sec 10.1  remaining 10m",
        "Epoch {i}/30 took 12.5s, 120.5 samples/s",
    ],
)
def test_a_heading_may_show_its_place_twice_and_how_fast_training_is(heading):
    block = f"{heading}\nTraining loss {{x}}\nModel quality: 0.5\n"
    text = "".join(block.format(i=i, x=9 / i) for i in range(1, 31))
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == list(range(1, 31))
    assert parsed.column("train/loss", "").tolist() == [9 / i for i in range(1, 31)]


def test_a_heading_with_a_score_is_none():
    block = "Epoch {i} ({i}/30) precision 0.5\nTraining loss {x}\n"
    text = "".join(block.format(i=i, x=9 / i) for i in range(1, 31))
    assert not parse(text.encode()).column("train/loss", "eval").size


@pytest.mark.parametrize(
    "summary", ["Epoch {e} loss: 0.75", "Finished epoch {e}, mean loss 0.75, took 12.5s"]
)
def test_the_summary_of_an_epoch_ends_it_where_its_batches_show_none(summary):
    lines = []
    for e in range(1, 9):
        lines += [f"Batch {20 * b} loss: {9 / (5 * e + b):.4f}" for b in range(1, 6)]
        lines.append(summary.format(e=e))
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist() == [100 * e + 20 * b for e in range(8) for b in range(1, 6)]
    assert parsed.column("train/loss").tolist() == [
        round(9 / (5 * e + b), 4) for e in range(1, 9) for b in range(1, 6)
    ]


def test_the_summary_of_an_epoch_says_how_many_there_will_be():
    lines = []
    for e in range(8):
        lines += [f"Batch {20 * b}/100, loss {9 / (5 * e + b):.4f}" for b in range(1, 6)]
        lines.append(f"Epoch {e}/30, mean loss 0.75")
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist()[-1] == 800
    assert parsed.column("total").tolist()[-1] == 3000


def test_a_line_with_both_parts_of_the_data_is_about_the_epoch_above_it():
    lines = []
    for e in range(1, 9):
        lines += [f"EPOCH {e}:", *(f"  batch {20 * b} loss: {9 / (5 * e + b):.4f}" for b in range(1, 6))]
        lines.append(f"LOSS train 0.5{e} valid 0.6{e}")
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("step").tolist()[-1] == 800
    assert parsed.column("val/loss", "eval").tolist() == [float(f"0.6{e}") for e in range(1, 9)]


def test_a_value_behind_train_and_a_place_is_the_loss():
    lines = []
    for e in range(8):
        lines += [f"08/01 10:00:00 AM epoch {e} lr 2.5e-02"]
        lines += [
            f"08/01 10:00:00 AM train {b * 50:03d} {9 / (5 * e + b + 1):.6e} 40.125 60.125" for b in range(5)
        ]
        lines += [
            f"08/01 10:00:00 AM valid {b * 50:03d} {9 / (5 * e + b + 1):.6e} 40.125 60.125" for b in range(2)
        ]
    parsed = parse("\n".join([*lines, ""]).encode())
    assert parsed.column("train/loss").tolist() == [float(f"{9 / (i + 1):.6e}") for i in range(40)]
    steps = parsed.column("step").tolist()
    assert steps == sorted(steps)


@pytest.mark.parametrize("length", ["Steps", "episode steps", "length"])
def test_how_long_an_episode_was_is_no_place(length):
    text = "".join(
        f"Episode {i}, {length}: {100 + 9 * i - 40 * (i % 12 == 9)}, Score: {i * 7 % 11}.5\n"
        for i in range(60)
    )
    assert parse(text.encode()).column("step").tolist() == list(range(60))


@pytest.mark.parametrize("line", ["    [Ep {} B {}] loss=0.{}", "Ep {} B {} | loss 0.{}"])
def test_a_letter_between_two_places_is_no_unit(line):
    text = "".join(line.format(e, b, 900 - b) + "\n" for e in (1, 2, 3) for b in (50, 100, 150, 200))
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == [50.0 * n for n in range(1, 13)]
    assert parsed.column("train/epoch").tolist() == [1.0] * 4 + [2.0] * 4 + [3.0] * 4
