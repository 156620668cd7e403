"""What programs print as a run ends or breaks: the best round once more, a traceback behind a bar."""

from __future__ import annotations

import pytest

from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser

from .logs import hf, parse


def rounds(count: int) -> bytes:
    return b"".join(b"[%d]\ttraining's l2: 0.%04d\tvalid's l2: 0.%04d\n" % (i, i, i) for i in range(1, count))


BEST = b"[3]\ttraining's l2: 0.0003\tvalid's l2: 0.0003\n"


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        (b"Early stopping, best iteration is:\n", "early_stop"),
        (b"Did not meet early stopping. Best iteration is:\n", "over"),
    ],
)
@pytest.mark.parametrize("count", [9, 300])
@pytest.mark.parametrize("bulk", [False, True])
def test_lightgbm_shows_its_best_round_twice_and_it_counts_once(words, ends, count, bulk):
    text = rounds(count) + words + BEST
    parsed = parse(text, bulk=bulk)
    assert parsed.column("step").tolist() == list(range(1, count))
    assert [event.kind for event in parsed.events] == [ends]
    for cut in (len(text) - len(BEST), len(text) - len(BEST) - len(words), len(text) - 5):
        parse(text, [cut], bulk=bulk).same_as(parsed)
    assert parse(text + rounds(9), bulk=bulk).column("step").tolist()[count - 1 :] == list(range(1, 9))


def test_older_xgboost_shows_its_best_round_twice_too():
    text = b"".join(b"[%d]\tvalidation_0-rmse:0.%d\n" % (i, i) for i in range(9))
    parsed = parse(text + b"Stopping. Best iteration:\n[3]\tvalidation_0-rmse:0.3\n\n")
    assert (parsed.column("step").tolist(), [e.kind for e in parsed.events]) == ([*range(9)], ["early_stop"])


@pytest.mark.parametrize(
    "bar",
    [
        b"\r 4/32 \xe2\x94\x81\xe2\x94\x81\xe2\x94\x81\xe2\x94\x81 0s 23ms/step - loss: 0.4977",
        b"\rloss 0.5 (40%)",
    ],
)
@pytest.mark.parametrize("epochs", [3, 900])
def test_a_traceback_behind_a_bar_that_was_not_ended(bar, epochs):
    reported = [b"Epoch %d/900\n32/32 - 2s - 9ms/step - loss: 0.5\n" % epoch for epoch in range(1, epochs)]
    text = (
        b"".join(reported)
        + bar
        + b'Traceback (most recent call last):\n  File "a.py", line 1\nRuntimeError: bad batch\n'
    )
    (event,) = parse(text).events
    assert (event.kind, event.title) == ("traceback", "RuntimeError: bad batch")
    assert 'File "a.py"' in event.data["frames"]


def test_words_about_a_traceback_begin_none():
    assert parse(b"the log said 'Traceback (most recent call last):\nKeyError: 1\n").events == []


@pytest.mark.parametrize("caught", [b"KeyError: Caught KeyError", b"cv2.error: Caught error"])
def test_what_a_worker_raised_is_reported_as_it_was_raised_there(caught):
    text = (
        b"Traceback (most recent call last):\n  File a\n" + caught + b" in DataLoader worker process 0.\n"
        b"Original Traceback (most recent call last):\n  File b\nKeyError: 'input_ids'\n\n\r 15%|#  | 9/60 [00:02<00:12,  3.93it/s]\n"
    )
    (event,) = parse(text).events
    assert event.title == "KeyError: 'input_ids'"
    assert "DataLoader worker process 0" in event.data["frames"]


@pytest.mark.parametrize("rows", [10, 900])
def test_a_trainer_that_counts_tokens_shows_its_time_with_each_step(rows):
    """transformers 5 prints it in every dict when `include_num_input_tokens_seen` is set."""
    text = hf(rows).replace(b"{'loss'", b"{'train_runtime': 1.5, 'num_input_tokens_seen': 32, 'loss'")
    parsed = parse(text)
    assert (parsed.format, len(parsed.column("train/loss"))) == ("hf-trainer", rows)
    assert [event.kind for event in parsed.events] == ["finished"]


def test_litgpt_shows_its_end():
    text = (
        b"Epoch 1 | iter 80 step 40 | loss train: 4.358, val: 4.310 | iter time: 1.26 ms (step) remaining time: 0:00:00\n"
        b"Validating ...\nFinal evaluation | val loss: 4.308 | val ppl: 74.291\n"
        b"----------------------------------------\n| Performance\n| - Training Time : 5.16 s\n"
    )
    parsed = parse(text)
    assert parsed.column("val/loss", "eval").tolist() == [4.308]
    assert "over" in [event.kind for event in parsed.events]


def test_timm_shows_its_end():
    text = (
        b"Train: 0 [   1/8 ( 14%)]  Loss:  0.561 (0.561)  Time: 0.113s,   35.34/s  (0.113s,   35.34/s)  LR: 1.0e-05\n"
        b"*** Best metric: 100.0 (epoch 2)\n--result\n[\n"
    )
    assert [event.kind for event in parse(text).events] == ["over"]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"Early stop at epoch 31", "early_stop"),
        (b"12:00:01 Early Stopping at Epoch 31", "early_stop"),
        (b"INFO - Early stopping: acc has not improved for 7 evaluations (7/7)", "early_stop"),
        (b"Early-stopping due to a flat curve", "early_stop"),
        (b"early stopping, best acc: 0.5", "early_stop"),
        (b">>> Early stopping (patience=7)", "early_stop"),
        (b"Early stopping is triggered", "early_stop"),
        (b"Stopping early!", "early_stop"),
        (b"No improvement for 7 epochs -> early stopping", "early_stop"),
        (b"dev_f1 didn't improve for 7 epochs, terminating the run.", "early_stop"),
        (b"Patience exhausted. Stopping training now", "early_stop"),
        (b"learning rate too small - quitting training!", "early_stop"),
        (b"LR is below min_lr, stopping", "early_stop"),
        (b"Stopped training: no further improvement", "early_stop"),
        ("连续 7 轮没有提升，触发早停".encode(), "early_stop"),
        ("Parada antecipada na época 31".encode(), "early_stop"),
        (b"Stopped early at step 310", "early_stop"),
        ("Early stopping en la época 31".encode(), "early_stop"),
        ("EARLY STOPPING на эпохе 5".encode(), "early_stop"),
        (b"[INFO] Early stopping na epoch 12 (melhor: epoch 7)", "early_stop"),
        ("Early stopping à l'époque 12".encode(), "early_stop"),
        (b"Early stopping nach Epoche 7", "early_stop"),
        (b"=== Pre-training complete. Model saved to a.pt ===", "over"),
        (b"Training finished! Best model saved in run/a.pt", "over"),
        (b"Epoch 3: training finished. Model saved to a.pt", "checkpoint"),
        (b"Client 3 training complete, model saved to a.pt", "checkpoint"),
        ("EARLY STOPPING на эпохе 31".encode(), "early_stop"),
        (b"Early stopping na epoka 31 (best: 24)", "early_stop"),
        ("Early stopping à l'époque 31".encode(), "early_stop"),
        (b"Validation score didn't improve for 7 epochs. Training stops.", "early_stop"),
        (b"Epoch training done. Model saved to a.pt", "checkpoint"),
        (b"EarlyStopping: stop training.", "early_stop"),
        (b"Loss has converged, stopping.", "early_stop"),
        (b"Target F1 of 0.8 reached; terminating the run", "early_stop"),
        (b"reached target accuracy -> stop", "early_stop"),
        (b"Curve has plateaued, ending training", "early_stop"),
        (b"INFO:tensorflow:Loss for final step: 0.31.", "over"),
        (b"Done with the training.", "over"),
        (b"Train is over", "over"),
        (b"train finished!", "over"),
        (b"Training over.", "over"),
        (b"Training job has been completed successfully", "over"),
        (b"Entrenamiento finalizado en 12 s", "over"),
        ("Treinamento concluído!".encode(), "over"),
        ("=== Entraînement terminé ===".encode(), "over"),
        (b"Training abgeschlossen", "over"),
        ("Обучение завершено.".encode(), "over"),
        ("모델 학습이 완료되었습니다".encode(), "over"),
        ("学習完了".encode(), "over"),
    ],
)
def test_sentences_that_show_an_end(line, kind):
    assert [(event.kind, event.line) for event in parse(b"noise\n" + line + b"\n").events] == [(kind, 2)]


@pytest.mark.parametrize(
    "line",
    [
        b"Early stopping patience: 10",
        b"Early stopping: no improvement (3/10)",
        b"Early stopping: no improvement, 3 out of 10",
        b"Early stopping criterion: loss",
        b"Early stopping triggered if the loss does not fall",
        b"Early stopping on val_loss, patience 10",
        b"Early stopping counter: 5",
        b"learning rate too small, reducing patience instead",
        b"no improvement for 3 epochs",
        b"No improvement for 3 epochs, reducing the learning rate",
        b"No improvement, stop counter 3",
        b"Patience reached, halving lr",
        b"Stop training if there is no improvement",
        b"Will stop training after 10 epochs without improvement",
        b"val_loss did not improve from 0.5",
        b"Target of 0.8 for the accuracy",
        b"Solver converged in 12 iterations",
        b"has not converged, stopping",
        b"Finished training dataset 0. Progress: 1/1",
        "早停耐心值: 10".encode(),
        b"Parada temprana: 10",
        "Early stopping: paciencia en épocas 10".encode(),
        b"Training over the whole set",
        b"train finished, now testing",
        b"Epoch 3: Train done.",
        b"Finish training epoch 3",
        "Época 3: entrenamiento completado".encode(),
        b"Pre-Training abgeschlossen",
        "эпоха 3: обучение завершено".encode(),
        b"rt_sigaction(SIGSEGV, {SIG_DFL, [], 0}, NULL, 8) = 0",  # a trace of system calls
    ],
)
def test_sentences_that_show_none(line):
    assert [event.kind for event in parse(line + b"\n").events if event.kind != "facts"] == []


def test_the_signal_below_the_head_of_a_summary_is_the_event():
    text = (
        b"C++ Traceback (most recent call last):\n-----\n0   acme::Run()\n\n----------\nError Message Summary:\n"
        b"----------\nFatalError: `Termination signal` is detected by the operating system.\n"
    )
    for size in (1, 20, 4096):
        parser = StreamParser(catalogue())
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        events = [e for b in (*map(parser.feed, pieces), parser.flush()) for e in b.events]
        assert [(event.kind, event.line) for event in events if event.kind != "traceback"] == [("signal", 8)]


@pytest.mark.parametrize(
    ("raised", "kinds"),
    [
        (b"SystemExit: 0", []),
        (b"SystemExit", []),
        (b"tensorflow.errors_impl.UnknownError: SystemExit: 0", []),
        (b"SystemExit: 2", ["traceback"]),
        (b"SystemExit: no data", ["traceback"]),
    ],
)
def test_a_program_that_ends_itself_without_an_error_has_not_crashed(raised, kinds):
    text = (
        b'Traceback (most recent call last):\n  File "t.py", line 3, in <module>\n    go()\n' + raised + b"\n"
    )
    assert [event.kind for event in parse(text).events] == kinds


def test_a_limit_that_is_reached_is_a_fact():
    ended, fact = parse(b"noise\n`Trainer.fit` stopped: `max_steps=30` reached.\n").events
    assert (ended.kind, fact.kind, fact.data) == ("finished", "facts", {"reached/max_steps": "30"})
    (event,) = parse(b"noise\n`Trainer.fit` stopped: `max_time` reached.\n").events
    assert event.kind == "finished"


@pytest.mark.parametrize("rows", [3, 900])
def test_an_interrupt_echoed_behind_a_line_is_found(rows):
    text = b"".join(b"epoch %d loss %.4f\n" % (i, 2 / i) for i in range(1, rows))
    for echo in (b"epoch %d loss 0.01^C\n" % rows, b"^C\n"):
        assert [event.kind for event in parse(text + echo).events] == ["signal"]


def test_what_a_message_announces_with_a_colon_is_on_the_next_lines():
    panic = b"thread 'main' panicked at src/tensor.rs:1447:13:\nshapes differ:\n  [2, 3] and [3, 3]\nbye\n"
    cuda = b"[CUDA ERROR] at file train.cu:754:\nmisaligned address\n"
    hydra = b"Error executing job with overrides: ['lr=3']\nacme.errors.NoKey: Key 'lrr' is missing\n\nbye\n"
    target = b"Error executing job with overrides: []\nError in call to target 'acme.Net':\nKeyError('lrr')\nkey: net\n"
    matlab = b"Error using acme.layer (line 3)\nNo space in the array.\nError in train\n"
    paddle = (
        b"Error Message Summary:\n------------\nNotFoundError: \n\nNo such file.\n  [Hint: read it]\n\nbye\n"
    )
    for text, title in (
        (panic, "thread 'main' panicked at src/tensor.rs:1447:13: shapes differ: [2, 3] and [3, 3]"),
        (cuda, "[CUDA ERROR] at file train.cu:754: misaligned address"),
        (panic.split(b"\n")[0], "thread 'main' panicked at src/tensor.rs:1447:13:"),
        (hydra, "Error executing job with overrides: ['lr=3'] acme.errors.NoKey: Key 'lrr' is missing"),
        (cuda.replace(b"misaligned address", b"Segmentation fault"), "[CUDA ERROR] at file train.cu:754:"),
        (
            target,
            "Error executing job with overrides: [] Error in call to target 'acme.Net': KeyError('lrr')",
        ),
        (matlab, "Error using acme.layer (line 3) No space in the array."),
        (paddle, "Error Message Summary: NotFoundError: No such file. [Hint: read it]"),
    ):
        for size in (1, 20, 4096):
            parser = StreamParser(catalogue())
            pieces = [text[at : at + size] for at in range(0, len(text), size)]
            events = [e for b in (*map(parser.feed, pieces), parser.flush()) for e in b.events]
            assert events[0].title == title
            assert events[0].line == 1
