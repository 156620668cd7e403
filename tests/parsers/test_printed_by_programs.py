"""What widely used programs print in ways that no other file of tests has: made up, as their code prints it."""

from __future__ import annotations

import pytest

from runwatch.core.batch import EVAL

from .logs import Parsed, parse

N = 30
LOSSES = [round(4.0 / (i + 1), 4) for i in range(N)]
SCORES = [round(i / N + 0.005, 4) for i in range(N)]


def read(text: str) -> Parsed:
    """What is read of N times some lines, however they arrive."""
    rows = (
        text.format(i=i, n=i + 1, hundreds=100 * (i + 1), loss=LOSSES[i], score=SCORES[i]) for i in range(N)
    )
    data = "".join(rows).encode()
    parsed = parse(data)
    parse(data, range(7, len(data), 311)).same_as(parsed)
    parse(data, bulk=False).same_as(parsed)
    return parsed


def test_matlabs_header_takes_two_rows_and_names_the_parts_of_the_data():
    head = (
        "|  Epoch  |  Iteration  |  Time Elapsed  |  Mini-batch  |  Validation  |  Mini-batch  |  Validation  |\n"
        "|         |             |   (hh:mm:ss)   |   Accuracy   |   Accuracy   |     Loss     |     Loss     |\n"
    )
    rows = "".join(
        f"|       1 | {50 * i + 1:11} |       00:00:{i:02} |       50.10% |      {100 * score:6.2f}% | {loss:12} "
        f"| {loss + 1:12.4f} |\n"
        for i, (loss, score) in enumerate(zip(LOSSES, SCORES, strict=True))
    )
    parsed = parse((head + rows).encode())
    assert parsed.column("train/loss").tolist() == LOSSES
    assert parsed.column("val/loss").tolist() == [round(loss + 1, 4) for loss in LOSSES]
    assert parsed.column("step").tolist() == [50 * i + 1 for i in range(N)]


def test_simpletuners_bar_spans_the_run():
    parsed = read("\rEpoch 1/10, Steps:  12%|#  | {n}/1000 [00:09<05:00,  1.52s/it, step_loss={loss}]")
    assert parsed.column("step").tolist() == [i + 1 for i in range(N)]
    assert set(parsed.column("total").tolist()) == {1000}


@pytest.mark.parametrize(
    "bar",
    [
        "\repoch 1 iter {n}: train loss {loss}. lr 6.0e-04:  2%|  | {n}/5000 [00:09<05:00,  1.52s/it]",  # minGPT
        "\rEpochs:  12%|#  | {n}/5000 [00:09<05:00,  1.52s/it, t_loss={loss}, i_acc=0.5]",  # Rasa
        "\rTrain epoch 0/2 (Cur. train loss: {loss}):  12%|#  | {n}/5000 [00:09<05:00,  1.52s/it]",  # FARM
    ],
)
def test_the_loss_of_a_bar_may_end_a_sentence_or_be_called_a_total_in_short(bar):
    assert read(bar).column("train/loss").tolist() == LOSSES


def test_not_each_test_behind_a_number_is_catboosts():
    assert read("{n}: test {score}\n").format != "catboost"
    assert read("{n}: learn: {loss} test: {score}\n").format == "catboost"


def test_a_number_of_a_set_of_held_out_data_is_no_part_of_the_name_of_its_score():
    parsed = read("epoch {i:<3d}| loss: {loss:<7.4f} | val_0_auc: {score:<7.4f} |  0:00:01s\n")  # TabNet
    assert parsed.column("val/auc").tolist() == SCORES


def test_steps_that_lead_a_line_place_it_and_not_its_episode():
    parsed = read(
        "  {n}00/5000: episode: {n}, duration: 1.2s, episode reward: -9.5, loss: {loss}\n"
    )  # Keras-RL
    assert parsed.column("step").tolist() == [100 * (i + 1) for i in range(N)]
    assert set(parsed.column("total").tolist()) == {5000}


def test_an_indented_line_may_be_of_a_validation_in_brackets():
    parsed = read("Epoch {n}/30 [train]  loss {loss}\n             [valid]  loss {score}\n")
    assert parsed.column("val/loss", EVAL).tolist() == SCORES


def test_an_evaluation_of_returns_is_a_score_and_no_loss():
    line = "Total T: {hundreds} Episode Num: {n} Episode T: 100 Reward: {score}\n"
    parsed = read(line + "---------\nEvaluation over 10 episodes: {score}\n")  # TD3
    assert parsed.column("val/score", EVAL).tolist() == SCORES


def test_where_nothing_but_evaluations_is_printed_they_are_read():
    parsed = read("Time steps: {hundreds}\nEvaluation over 10 episodes: {score} , D4RL score: 9.5\n")  # CORL
    assert parsed.column("step").tolist() == [100 * (i + 1) for i in range(N)]
    assert parsed.column("val/score", EVAL).tolist() == SCORES


def test_a_sentence_of_a_validation_next_to_bars():
    bar = "\rEpoch: {i}/500. Total loss: {loss}: 12%|#  | {n}/50 [00:09<05:00,  1.52s/it]\n"
    line = "Val. Epoch: {i}/500. Classification loss: 0.25. Regression loss: 0.5. Total loss: {score}\n"
    assert read(bar + line).column("val/loss", EVAL).tolist() == SCORES  # EfficientDet


def test_a_score_next_to_its_best_is_of_an_evaluation_though_both_are_placed():
    batches = "".join(f"{b}/9, train_loss: {{loss}}{b}\n" for b in range(1, 10))
    line = (
        "current epoch: {n} current mean dice: {score} best mean dice: 0.5 at epoch: 1\n"  # MONAI's tutorials
    )
    parsed = read("epoch {n}/30\n" + batches + "epoch {n} average loss: {loss}\n" + line)
    assert parsed.column("val/current mean dice", EVAL).tolist() == SCORES


def test_a_loss_next_to_its_best_may_be_the_mean_of_the_batches():
    batches = "".join(f"{b}/9, train_loss: {{loss}}{b}\n" for b in range(1, 10))
    parsed = read("epoch {n}/30\n" + batches + "current epoch: {n} mean loss: {loss} best mean loss: 0.5\n")
    assert not any(name.startswith("val/") for _, _, names in parsed.tables for name in names)


def test_the_epoch_of_a_dict_that_is_named_by_its_part_of_the_data_is_the_step():
    line = "train: {{'epoch': {i}, 'loss': {loss}, 'lr': 0.01}}\nval: {{'epoch': {i}, 'loss': {score}, 'lr': 0}}\n"
    parsed = read(line)  # GraphGym
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("val/loss", EVAL).tolist() == SCORES


@pytest.mark.parametrize(
    ("head", "row", "name"),
    [
        (
            "gen\tnevals\tavg    \tstd    \tmin\tmax\n",
            "{i}  \t50    \t{score}\t0.5234\t0  \t0.1\n",
            "avg",
        ),  # DEAP
        ("Generation,Max,Mean\n", "{i},{score},0.5\n", "Max"),
        ("Generation, Best, Average\n", "{i}, 0.5, {score}\n", "Average"),
    ],
)
def test_generations_are_known_by_the_statistics_of_their_fitness(head, row, name):
    rows = "".join(row.format(i=i, score=score) for i, score in enumerate(SCORES))
    parsed = parse((head + rows).encode())
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column(name).tolist() == SCORES


def test_a_score_of_test_data_of_all_clients_is_of_held_out_data():
    parsed = read("[ROUND {n}/30]\n  global train loss {loss}, global test acc {score}\n")
    assert parsed.column("val/acc").tolist() == SCORES


def test_paddleseg_needs_no_format_of_its_own():
    parsed = read(
        "2030-01-02 03:04:05 [INFO]\t[TRAIN] epoch: 1, iter: {hundreds}/9000, loss: {loss}, lr: 0.009999, "
        "batch_cost: 1.5, reader_cost: 0.125, ips: 1.25 samples/sec | ETA 34:13:14\n"
        "2030-01-02 03:04:06 [INFO]\t[EVAL] #Images: 500 mIoU: {score} Acc: 0.7500 Kappa: 0.5 \n"
    )
    assert parsed.column("step").tolist() == [100 * (i + 1) for i in range(N)]
    assert set(parsed.column("total").tolist()) == {9000}
    assert parsed.column("train/loss").tolist() == LOSSES
    assert set(parsed.column("perf/step_time").tolist()) == {1.5}
    assert set(parsed.column("perf/samples_per_sec").tolist()) == {1.25}
    assert parsed.column("val/mIoU", EVAL).tolist() == SCORES


def test_the_loss_of_a_generator_that_is_printed_alone_is_the_loss():
    parsed = read("epoch id: 0, batch step: {i}, g_loss: {loss}\n")  # PaddlePaddle's CycleGAN
    assert parsed.column("step").tolist() == list(range(N))
    assert parsed.column("train/loss").tolist() == LOSSES


@pytest.mark.parametrize("name", ["val_loss", "val/accuracy"])
def test_lightnings_checkpoints_place_what_early_stopping_prints_too(name):
    parsed = read(
        f"Metric {name} improved by 0.125 >= min_delta = 0.0. New best score: {{score}}\n"
        f"Epoch {{i}}, global step {{hundreds}}: '{name}' reached {{score:.5f}} (best {{score:.5f}}), saving model "
        f"to '/runs/epoch={{i}}.ckpt' as top 1\n"
    )
    assert parsed.column("step").tolist() == [100 * (i + 1) for i in range(N)]
    assert parsed.column(name.replace("_", "/")).tolist() == SCORES
