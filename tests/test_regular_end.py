"""A log at rest that just ends where runs end has probably finished; one that was cut has not."""

from __future__ import annotations

from math import cos, exp, pi

import numpy as np
import pytest

from runwatch.core.block import Samples
from runwatch.core.fold.regular_end import Close
from runwatch.core.series import Series
from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.check import check
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.document import document

NOW = 1.9e9
CRASH = (
    'Traceback (most recent call last):\n  File "t.py", line 3, in <module>\n    main()\nValueError: bad\n'
)


def judged(text: str, cut: int = 1 << 20) -> list[dict]:
    """Return what is said of the runs of a log that is complete, read in pieces of so many bytes."""
    engine, parser = Engine(), StreamParser(catalogue())
    engine.add_source("run", "run", "run.log")
    data = text.encode()
    for at in range(0, len(data), cut):
        engine.fold("run", parser.feed(data[at : at + cut]), written=NOW - 1e6)
    engine.fold("run", parser.flush(), written=NOW - 1e6)
    engine.finish(NOW)
    return document(engine, NOW)["runs"]


def epochs(last: int, total: str = "", *, first: int = 1) -> str:
    """Return a row for each epoch, with an evaluation in it."""
    rows = (
        f"Epoch {at}{total} train_loss={2 * exp(-at / 20) + 0.5:.4f} val_loss={2 * exp(-at / 20) + 0.6:.4f}\n"
        for at in range(first, last + 1)
    )
    return "".join(rows)


def nested(last: int, *, validated: int) -> str:
    """Return epochs of ten rows each; behind the first `validated` of them is an evaluation."""
    out = []
    for epoch in range(1, last + 1):
        out += [
            f"Epoch {epoch} batch {at}/100 loss {3 / epoch + 0.001 * at:.4f}\n" for at in range(10, 101, 10)
        ]
        out += [f"Epoch {epoch} val_loss {3.2 / epoch:.4f}\n"] if epoch <= validated else []
    return "".join(out)


def steps(last: int, *, every: int = 10, decay: int = 0) -> str:
    """Return rows at every so many steps; `decay`: at which step a schedule brings the rate to 0."""
    rows = []
    for at in range(every, last + 1, every):
        rate = 1e-3 * (1 + cos(pi * at / decay)) / 2 if decay else 1e-3
        rows.append(f"iter: {at:06d} - train loss: {3 * exp(-at / 400) + 1:.3f} - lr: {rate:.3e}\n")
    return "".join(rows)


ROUND = "a round number"
PLANNED = "planned epochs are complete"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (epochs(50), ROUND),
        (epochs(49, first=0), ROUND),
        (epochs(200), ROUND),
        (epochs(37), ""),
        (epochs(180), ""),  # a cut log ends in one of ten such epochs
        (epochs(5), ""),
        (epochs(50) + CRASH, ""),
        ("epochs: 37\n" + epochs(37).replace("Epoch", "epoch"), "finished"),  # its length is in its settings
        ("Namespace(num_epochs=360, lr=0.1)\n" + epochs(100), ""),
        (epochs(50, "/100"), ""),
        (steps(1000), ""),
        (steps(100), ""),
        (steps(2000, decay=2000), "learning rate"),
        (steps(1500, decay=2000), ""),
        (steps(500, decay=500), "learning rate"),
        (steps(600, decay=600).replace("lr: 1.000e-03", "lr: 0"), "learning rate"),
    ],
)
def test_a_log_that_just_ends_is_finished_only_where_runs_end(text, why):
    (run,) = judged(text)
    ending = run["ending"] or {"kind": "", "story": "", "reported_by": None}
    if not why:
        assert "probably" not in ending["story"], ending
        assert ending["kind"] not in ("finished", "stopped_early")
        return
    assert run["state"] == ending["kind"] == "finished"
    assert why in ending["story"], ending
    if why != "finished":
        assert ending["story"].startswith("probably finished at step ")
        assert ending["reported_by"] is None
    assert judged(text, 997)[0]["ending"] == run["ending"]


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        ("Test accuracy: 0.91\n", "its last lines say 'Test accuracy: 0.91'"),
        ("2030-01-02 03:04:05 - INFO - Best epoch: 12\n", "its last lines say 'Best epoch: 12'"),
        ("Training took 123 seconds", "'Training took 123 seconds'"),
        ("Model saved to model.pt\nDone.\n", "'Model saved to model.pt'"),
        ("Completed running script\n", "'Completed running script'"),
        ("all 3 experiments have finished\n", "'all 3 experiments have finished'"),
        ("Total runtime: 12.5 s\n", "'Total runtime: 12.5 s'"),
        ("\nreal\t2m3.402s\nuser\t1m2.1s\n", "its last lines say 'real"),
        ("12:00:01 main INFO     Test MRR at step 36: 0.71\n", "'Test MRR at step 36: 0.71'"),
        ("=> reached the maximum number of epochs\n", "'reached the maximum number of epochs'"),
        ("Saving history to h.json\n", "'Saving history to h.json'"),
        (
            "              precision    recall  f1-score   support\n",
            "'precision    recall  f1-score   support'",
        ),
        ("model converged\n", "'model converged'"),
        ("the end.\n", "'the end.'"),
        ("[INFO] Tempo total: 44.1 segundos\n", "'Tempo total: 44.1 segundos'"),
        ("modelo treinado\n", "'modelo treinado'"),
        ("总耗时: 12 分钟\n", "'总耗时: 12 分钟'"),
        ("Completed: 2030-01-02 03:04:05\n", "'Completed: 2030-01-02 03:04:05'"),
        ("model trained: 3 layers\n", ""),
        ("finished 3 of 9\n", ""),
        ("best accuracy so far: 0.81\n", ""),
        ("Test: [ 0/79] time 0.1\n", ""),
        ("run ended unexpectedly\n", ""),
        ("max epochs: 90\n", ""),
        ("loading Test set\n", ""),
        ("Epoch 38 train", ""),
        (CRASH + "Total time: 3 s\n", ""),
    ],
)
def test_words_that_were_never_printed_between_steps_close_a_run(tmp_path, tail, why):
    log = tmp_path / "run.log"

    def story(text: str) -> str:
        log.write_text(text)
        ((_, watched),) = check([str(log)], now=NOW).runs()
        return "" if watched.ending is None else watched.ending.story

    said = story(epochs(37) + tail)
    assert ("probably finished at step 37" in said) == bool(why)
    assert why in said
    assert "probably" not in story(tail + "\n" + epochs(37))
    assert "probably" not in story(epochs(20) + tail + "\n" + epochs(37, first=21) + tail)
    saved = "".join(f"{row}\nepoch: {at} model saved\n" for at, row in enumerate(epochs(37).splitlines(), 1))
    assert ("probably" in story(saved + tail)) == bool(why)
    assert ("probably finished at step 37 of 90, before its end" in story(epochs(37, "/90") + tail)) == bool(
        why
    )


def test_a_log_that_was_written_just_now_may_go_on(tmp_path):
    log = tmp_path / "run.log"
    log.write_text(epochs(50))
    written = log.stat().st_mtime
    for late, state in ((10, "running"), (3600, "finished")):
        (run,) = document(check([str(log)], now=written + late), written + late)["runs"]
        assert run["state"] == state


def test_a_line_of_the_next_epoch_that_does_not_end_shows_that_it_was_cut(tmp_path):
    log = tmp_path / "run.log"
    for tail, state in (("", "finished"), ("Epoch 51 tra", "unknown"), ("Epoch 51 begins\n", "unknown")):
        log.write_text(epochs(50) + tail)
        (run,) = document(check([str(log)], now=NOW), NOW)["runs"]
        assert run["state"] == state, tail


def test_the_newest_epoch_lacks_the_evaluation_that_closed_those_before():
    (whole,), (cut,) = judged(nested(23, validated=23)), judged(nested(23, validated=22))
    assert whole["state"] == "finished"
    assert cut["state"] == "unknown"


def test_a_run_behind_which_another_begins_is_judged_as_well_and_one_that_continues_is_not_over():
    first, second = judged(epochs(30) + epochs(30))
    assert [first["state"], second["state"]] == ["finished", "finished"]
    assert first["ending"]["story"].startswith("probably finished")
    engine, parser = Engine(), StreamParser(catalogue())
    engine.add_source("run", "run", "run.log")
    engine.fold("run", parser.feed(epochs(50).encode()), written=NOW - 1e6)
    engine.finish(NOW)
    ((_, watched),) = engine.runs()
    assert watched.run.probable
    engine.fold("run", parser.feed(epochs(53, first=51).encode()), written=NOW - 1e5)
    assert not watched.run.probable
    assert not watched.run.finished


def test_a_log_that_is_watched_has_not_finished_because_its_epochs_are_a_round_number():
    engine, parser = Engine(), StreamParser(catalogue())
    engine.add_source("run", "run", "run.log")
    engine.fold("run", parser.feed(epochs(50).encode()), live=True, arrival=NOW)
    for late in range(0, 400, 20):
        engine.tick(NOW + late)
    (run,) = document(engine, NOW + 400)["runs"]
    assert run["state"] != "finished"


def test_the_last_line_counts_once_though_it_does_not_end(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("".join(f"step {n}/100 loss {3 - n / 50:.3f}\n" for n in range(1, 31)) + "Test accuracy")
    engine = check([str(log)], now=NOW)
    (source,) = next(iter(engine.groups.values())).sources.values()
    assert [number for number, _ in source.log][-2:] == [30, 31]


@pytest.mark.parametrize(
    ("size", "left", "ends"), [(20, 1, True), (20, 2, False), (300, 3, True), (300, 4, False)]
)
def test_an_epoch_has_ended_where_a_hundredth_of_it_is_left(size, left, ends):
    close = Close({}, 9, 1, 3 * size - left, False, size, 3 * size, 3, 3 * size, evaluated=False, saved=False)
    assert close.reason() == ("all 3 planned epochs are complete" if ends else "")


@pytest.mark.parametrize(
    ("left", "first", "ends"), [(9, 1, True), (10, 1, False), (10, 0, True), (11, 0, False)]
)
def test_an_epoch_has_ended_where_its_next_row_would_be_behind_it(left, first, ends):
    assert (close(first=first, last=300 - left, total=300, epoch_steps=100, planned_epochs=3, stride=10.0,
                  by_epoch=False, records=9).reason() != "") == ends  # fmt: skip


def close(series=None, first=1, last=10, records=None, by_epoch=True, **more):
    records = last - first + 1 if records is None else records
    plans = {"epoch_steps": None, "total": None, "planned_epochs": None, "planned": None, **more}
    return Close(series or {}, records, first, last, by_epoch, evaluated=False, saved=False, **plans)


def test_round_numbers_of_epochs_are_those_that_people_choose():
    found = [last for last in range(1, 2100) if "round" in close(last=last).reason()]
    tens = [10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90]
    hundreds = [10 * number for number in tens]
    assert found == [*tens, *hundreds, 1000, 1200, 1500, 2000]


@pytest.mark.parametrize(
    ("records", "evaluations", "complete"),
    [(12, 12, True), (12, 11, False), (11, 12, False), (13, 13, False)],
)
def test_rows_that_are_all_evaluated_are_epochs(records, evaluations, complete):
    series = Series("val/loss")
    steps = np.arange(1.0, evaluations + 1)
    series.add(Samples(steps, steps, steps, steps))
    found = close({"val/loss": series}, last=12, records=records, by_epoch=False).reason()
    assert found == ("12 epochs are complete, a round number" if complete else "")


@pytest.mark.parametrize(("first", "last", "epochs"), [(0, 9, 10), (1, 10, 10), (2, 11, 0), (0, 10, 0)])
def test_epochs_count_from_zero_or_one(first, last, epochs):
    reason = f"{epochs} epochs are complete, a round number" if epochs else ""
    assert close(first=first, last=last).reason() == reason


@pytest.mark.parametrize(
    ("rates", "decayed"),
    [
        ([1.0] * 18 + [2e-3, 1e-3], True),
        ([1.0] * 18 + [2e-3, 1.1e-3], False),
        ([1.0] * 17 + [2e-3, 1e-3], False),  # 19 rows
        ([1.0] * 18 + [1e-3, 1e-3], False),  # it does not move
        ([1.0] * 18 + [1e-3, 0.0], True),
        ([1.0] * 18 + [1e-3, -1e-3], False),
    ],
)
def test_a_schedule_has_ended_at_a_thousandth_of_its_highest_rate(rates, decayed):
    series, steps = Series("train/learning_rate"), np.arange(1.0, len(rates) + 1)
    series.add(Samples(steps, steps, steps, np.array(rates)))
    found = close({"train/learning_rate": series}, last=37, by_epoch=False).reason()
    assert found == ("its learning rate has come down to nothing" if decayed else "")


@pytest.mark.parametrize(
    ("last", "planned", "says"),
    [(37, None, True), (37, 38, True), (37, 39, False), (37, 10, True), (None, 1, True), (None, 2, False)],
)
def test_closing_words_count_once_all_that_was_planned_is_done(last, planned, says):
    lines = {"before": ["step"] * 20, "behind": ["Done in 5 s"]}
    found = Close({}, 40, 1, last, False, None, None, None, planned, evaluated=False, saved=False, **lines)
    assert found.reason() == ("its last lines say 'Done in 5 s'" if says else "")


@pytest.mark.parametrize(("last", "says"), [(476, True), (475, False), (451, False)])
def test_closing_words_count_once_the_next_row_would_be_behind_the_plan(last, says):
    lines = {"before": ["step"] * 20, "behind": ["Done in 5 s"]}
    kinds = {"evaluated": False, "saved": False, "stride": 25.0}
    found = Close({}, 20, 1, last, False, None, None, None, 500, **kinds, **lines)
    assert found.reason() == ("its last lines say 'Done in 5 s'" if says else "")


@pytest.mark.parametrize("by_epoch", [False, True])
def test_closing_words_count_before_the_end_of_the_plan_where_each_row_is_an_epoch(by_epoch):
    lines = {"before": ["step"] * 20, "behind": ["Done in 5 s"]}
    found = Close({}, 37, 1, 37, by_epoch, None, 90, 90, 90, evaluated=False, saved=False, **lines)
    assert found.reason() == ("its last lines say 'Done in 5 s'" if by_epoch else "")


@pytest.mark.parametrize(
    ("before", "last", "closed", "done"),
    [(4, 4, True, True), (1, 4, True, False), (4, 4, False, False), (4, 3, True, False)],
)
def test_the_last_of_runs_alike_has_come_as_far_as_those_before_it(before, last, closed, done):
    def run(count: int) -> str:
        rows = (
            f"Fitting epoch {at} | loss: {3 / (at + 2):.5f} - accuracy: 0.{at + 6}1\n" for at in range(count)
        )
        return "Model is Net, seed is 0\n" + "".join(rows)

    closes = "Validating epoch 3 | loss: 0.55 - accuracy: 0.83\n"
    newest = judged(before * (run(4) + closes) + run(last) + closes * closed)[-1]
    said = newest["ending"]["story"] if newest["ending"] else ""
    assert (f"it has come as far as the {before} runs before it" in said) == done
