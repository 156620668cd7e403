"""Scores of held-out data in home-made loops: below headings, on lines of their own, of test data alone."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL

from .logs import parse
from .test_home_made_values import LOSSES, VALS, N, _lines


@pytest.mark.parametrize("head", ["Validating...", "Eval begin...", "--- Start evaluation ---"])
@pytest.mark.parametrize(
    "line", ["Epoch {0} [{1}/{2}] loss: {3}\n", "epoch {0} batch {1}/{2} loss {3} lr 0.1\n"]
)
def test_batches_below_a_heading_of_validation_that_count_to_another_end(head, line):
    text, train, val = "", [], []
    for epoch in range(1, 7):
        for batch in range(1, 31):
            train.append(3 / epoch + batch / 100)
            text += line.format(epoch, batch, 30, train[-1])
        text += head + "\n"
        for batch in range(1, 6):
            val.append(4 / epoch + batch / 100)
            text += line.format(epoch, batch, 5, val[-1])
    parsed = parse(text.encode(), [1000, 2500])
    assert parsed.column("train/loss").tolist() == train
    assert parsed.column("step").tolist() == list(range(1, 181))
    assert parsed.column("val/loss", EVAL).tolist() == val


def test_batches_below_a_heading_that_nothing_is_validated_below_are_of_training():
    text = "".join(
        f"Epoch {epoch} [{batch}/{30 + 10 * (epoch > 3)}] loss: {3 / epoch}\n"
        + "Validating...\n" * (batch == 30)
        for epoch in range(1, 7)
        for batch in range(1, 31)
    )
    assert len(parse(text.encode()).column("train/loss")) == 180


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ("epoch {i} train loss: {loss} test acc: {val}", "val/acc"),
        ("epoch {i}, loss {loss}, train acc 0.5, test accuracy {val}", "val/accuracy"),
        ("Epoch: {i}, Loss: {loss}, Train: 0.5, Val: {val}, Test: 0.75", "val/score"),
        ("Epoch: {i}, Loss: {loss}, Train: 0.5, Test: {val}", "val/score"),
    ],
)
def test_scores_of_the_only_held_out_data_are_of_validation(line, metric):
    parsed = parse(_lines(f"{line}\n"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column(metric).tolist() == VALS


@pytest.mark.parametrize(
    "said", ["the loss on the validation set is", "loss on the val data:", "Loss for dev set ="]
)
def test_a_score_is_of_the_part_of_the_data_that_it_was_measured_on(said):
    parsed = parse(
        _lines(f"After epoch {{i}}, the training loss is {{loss}}.\nAfter epoch {{i}}, {said} {{val}}.\n")
    )
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_scores_of_test_data_keep_their_name_next_to_those_of_validation():
    parsed = parse(_lines("epoch {i} loss: {loss} val acc: {val} test acc: 0.5\n"))
    assert parsed.column("val/acc").tolist() == VALS
    assert parsed.column("test acc").tolist() == [0.5] * len(VALS)


def test_scores_of_test_data_on_lines_of_their_own_are_of_validation():
    parsed = parse(_lines("epoch {i} train loss: {loss}\nTest accuracy: {val}\n"))
    assert parsed.column("val/accuracy", "eval").tolist() == VALS


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ("Epoch #{step}: test_reward: {val}, best_reward: 1.5 in #1", "val/reward"),
        (
            "epoch:{step}, time: 12.5(s), valid (NDCG@10: {val}, HR@10: 0.7), test (NDCG@10: 0.5, HR@10: 0.6)",
            "val/NDCG@10",
        ),
    ],
)
def test_epochs_may_show_nothing_but_how_good_they_were_on_held_out_data(line, metric):
    parsed = parse(_lines(f"{line}\n"))
    assert parsed.column("step").tolist() == list(range(1, N + 1))
    assert parsed.column(metric).tolist() == VALS


def test_a_share_of_validation_that_is_done_is_no_loss():
    parsed = parse(_lines("=== epoch {step} ===\ntrain: 100%, loss {loss}\nvalid: 100%, loss {val}\n"))
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_the_only_loss_of_held_out_data_is_that_of_validation_whatever_it_is_called():
    line = "Epoch {step} phase {split} loss {x} acc 0.5\n"
    train = line.replace("{split}", "train").replace("{x}", "{loss}")
    parsed = parse(_lines(train + line.replace("{split}", "val").replace("{x}", "{val}")))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


@pytest.mark.parametrize("heading", ["{} measures:", "{}:", "{} set results", "*** {} metrics ***"])
def test_the_same_names_below_headings_of_parts_of_the_data(heading):
    block = "Epoch {i}\n" + heading.format("Training") + "\n  loss = {loss}, accuracy = 0.{acc}\n"
    parsed = parse(_lines(block + heading.format("Validation") + "\n  accuracy = 0.{acc}5, F1 = 0.25\n"))
    assert parsed.column("accuracy").tolist() == [float(f"0.{i + 10}") for i in range(N)]
    assert parsed.column("val/accuracy", EVAL).tolist() == [float(f"0.{i + 10}5") for i in range(N)]


@pytest.mark.parametrize(
    "heading", ["Evaluating Dev", "Running validation", "--- Evaluating on the test set ---"]
)
@pytest.mark.parametrize("above", ["", "Epoch {step}/20\n", "Training\n"])
def test_a_line_like_that_of_training_below_a_heading_of_validation(heading, above):
    line = "Epoch: {step}, Avg_loss: {%s}, Acc: 0.{acc}\n"
    parsed = parse(_lines(above + line % "loss" + heading + "\n" + line % "val"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_epochs_of_many_lines_continue_below_a_heading_that_nothing_is_below():
    batches = "".join("Epoch: {step}, loss: {loss}\n" for _ in range(5))
    parsed = parse(_lines(batches + "Evaluating...\n" + batches))
    assert len(parsed.column("train/loss")) == 10 * len(LOSSES)


def test_scores_below_a_heading_with_the_epoch_below_one_of_validation():
    batches = (
        "Epoch: {step}, Progress: 8/16;50%, Loss: {loss}\nEpoch: {step}, Progress: 16/16;100%, Loss: {loss}\n"
    )
    below = "Evaluating Epoch Performance...\nEpoch {step} performance metrics:\nAccuracy: 0.{acc}\n"
    parsed = parse(_lines(batches + below))
    assert parsed.column("val/Accuracy", EVAL).tolist() == [float(f"0.{i + 10}") for i in range(N)]


def test_scores_of_a_part_of_the_data_by_their_letters():
    parsed = parse(_lines("Epoch {step} | Train L:{loss} A:0.5 | Val L:{val} A:0.{acc}\n"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == VALS
    assert parsed.column("val/acc").tolist() == [float(f"0.{i + 10}") for i in range(N)]


def test_a_test_is_one_whatever_the_form_of_its_word():
    of = "Average {}ing {} {} - epoch {{step}}/20\n".format
    parsed = parse(
        _lines(
            of("Train", "loss", "{loss}") + of("Test", "loss", "{val}") + of("Test", "accuracy", "0.{acc}")
        )
    )
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS
    assert len(parsed.column("val/Average accuracy", EVAL)) + len(parsed.column("val/accuracy", EVAL)) == N


def test_a_total_that_is_a_count_is_no_loss():
    parsed = parse(_lines("epoch {step}  loss(bits/w)={loss}  total=12  -> 0.4x  (10.5s)\n"))
    assert parsed.column("train/loss").tolist() == LOSSES


def test_the_heading_of_an_epoch_may_be_right_behind_a_bar_of_epochs():
    line = "epoch {step}\nTrain Loss: {loss}, Acc: 50%\nVal Loss: {val}, Acc: 0.{acc}\n\r 5%|#   | {step}/99 [00:05<01:00, 9.09s/it]"
    parsed = parse(_lines(line))
    assert parsed.column("step").tolist() == [*range(1, N + 1)]
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_few_epochs_with_a_score_of_retrieval():
    lines = "".join(
        f"Epoch  {e}  loss={9 - e / 10}  NDCG@10=0.{e}  HR@10=0.{e + 9}\n" for e in range(10, 60, 10)
    )
    parsed = parse(("".join(f"Users {i}: 9\n" for i in range(12)) + lines + "item [0.5]\n" * 30).encode())
    assert parsed.column("step").tolist() == [10, 20, 30, 40, 50]


@pytest.mark.parametrize(
    "line",
    [
        "Iteration {step} [12.5 s]: HR = 0.{acc}5, NDCG = 0.{acc}, loss = {loss} [1.5 s]\n",
        "epoch {step} loss {loss}\n  HR@10: 0.{acc}5  NDCG@10: 0.{acc}\n",
        "Epoch {step}/99 - bpr_loss: {loss} - recall@20: 0.{acc}5 - ndcg@20: 0.{acc}\n",
    ],
)
def test_scores_of_retrieval_are_of_held_out_data(line):
    parsed = parse(_lines(line))
    assert parsed.column("train/loss").tolist() == LOSSES
    ndcg = next(name for _, _, names, *_ in parsed.tables for name in names if "ndcg" in name.lower())
    assert ndcg.startswith("val/")
    assert parsed.column(ndcg, "").tolist() == [float(f"0.{i + 10}") for i in range(N)]


def test_scores_of_retrieval_of_training_stay_their_own():
    parsed = parse(_lines("epoch {step} loss {loss} train ndcg@5 0.{acc}\n"))
    assert parsed.column("train ndcg@5").tolist() == [float(f"0.{i + 10}") for i in range(N)]


@pytest.mark.parametrize("below", ["  -> validation : perte = {val}", "avaliação | perda = {val} | EM 50.5"])
def test_a_validation_in_other_words_below_each_epoch(below):
    parsed = parse(_lines("Époque {step}/40 : perte = {loss}\n" + below + "\n"))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS


def test_an_evaluation_on_data_that_was_held_out_below_the_end_of_each_epoch():
    lines = "Epoch {i} training complete\nCost on training data: {loss}\nCost on evaluation data: {val}\n"
    assert parse(_lines(lines)).column("val/loss", EVAL).tolist() == VALS


def test_candidates_of_a_search_are_no_steps():
    text = "".join(
        f"[CV {i % 3 + 1}/3] END ....C=0.{i}, kernel=rbf;, score=0.{i + 50} total time=   0.5s\n"
        for i in range(30)
    )
    assert not parse(text.encode()).tables


def test_a_game_that_was_lost_shows_no_loss():
    text = "".join(
        f"game {i}: {('win', 'loss')[i % 3 == 0]} in {40 - i} moves, score {i}\n" for i in range(30)
    )
    assert not parse(text.encode()).tables


def test_events_say_which_part_of_the_data_they_are_of():
    line = '{{"event": "%s", "round": {step}, "loss": {%s}}}\n'
    parsed = parse(_lines(line % ("client_update", "loss") + line % ("server_eval", "val")))
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss", EVAL).tolist() == VALS
