"""What printed names mean, the same in every kind of log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.config.formats import use_names
from runwatch.config.loader import read
from runwatch.core.errors import ConfigError
from runwatch.core.metrics import (
    DATA_TIME,
    GRAD_NORM,
    LEARNING_RATE,
    LOSS,
    MFU,
    SAMPLES_PER_SEC,
    STEP_TIME,
    TOKENS_PER_SEC,
    VAL_LOSS,
)
from runwatch.parsers.lexicon import docs
from runwatch.parsers.lexicon.names import canonical, meaning, use
from runwatch.parsers.lexicon.records import columns
from tests.parsers.logs import parse

SPELLINGS = {
    LOSS: """loss|[Epoch] loss|train_loss|Train Loss|training loss|Training Loss|Loss/train|train/loss|trainLoss|avg_loss|loss_avg
        |running_loss|total_loss|loss/total|lm loss|lm_loss|mean_loss|batch_loss|tr_loss|smoothed_loss|train_loss_avg
        |Training_Loss|TRAIN_LOSS|loss_train|trn_loss|cur_loss|reduced_loss|step_loss|overall_loss|train.loss
        |global_loss|losses|loss (avg)|mean loss|avr_loss|train_avg_loss|trloss|metrics/loss|loss_step|ema_loss
        |current loss|train-loss|iter_loss""",
    VAL_LOSS: """val_loss|loss/val|loss_val|Validation Loss|valid.loss|valLoss|heldout_loss|held_out_loss|dev_loss
        |eval/loss|eval_loss|avg_val_loss|valid_loss|validation_loss|val/loss|Val Loss|Eval Loss|Dev loss
        |validation/loss|holdout_loss|loss_valid|loss_eval|eval loss|vl_loss|ValLoss|vali_loss|loss/dev|mean_val_loss
        |valid/avg_loss|val_loss_epoch|Validation set loss|held-out loss|valloss|VAL_LOSS|evaluation loss|val-loss
        |Valid Loss|val.loss|total_val_loss|dev/loss""",
    LEARNING_RATE: """lr|LR|learning_rate|learning rate|Learning Rate|lr-AdamW|lr-SGD|optimizer/lr|lr_0|learning-rate
        |lr/group0|base_lr|LearningRate|current_lr|optim/lr|train/lr|param_group_0/lr|lrate|train_lr|cur_lr|opt/lr
        |learningRate|scheduler/lr|lr_adamw|last_lr|lr-Adam/pg1|schedule/lr|TrainLR|learn_rate|learningrate|lr/pg0
        |charts/lr|taux d'apprentissage|tasa_de_aprendizaje|taxa de aprendizado|öğrenme oranı|opt_lr|lr_group_0|optimizer_lr|current learning rate|new lr|the learning rate|lr-RMSprop|sched/lr|avg_lr""",
    GRAD_NORM: """grad_norm|grad-norm|grdn|gnorm|total_grad_norm|optim/grad_norm|gradient norm|grad_norm_l2|GradNorm
        |global_grad_norm|norm|grad norm|Grad Norm|gradient_norm|train/grad_norm|grad/norm|gradnorm|grads_norm
        |l2_grad_norm|grad_global_norm|gradNorm|avg_grad_norm|grad_norm_total|g_norm|total_norm|norm/grad|global_norm
        |grad_2.0_norm_total|l2_norm/grad/global|gradients/global_norm|train/gnorm|Gradient Norm|gradient-norm
        |grads/l2|gradient_l2|norme du gradient|norma del gradiente|梯度范数|GRAD_NORM|grad.norm|global gradient norm|gradients_norm|optimizer/grad_norm|norm_grad|mean_grad_norm""",
    STEP_TIME: """step_time|iter_time|step_ms|ms_per_step|iter_ms|ms/iter|updt_s|sec/step|step_time_s|steps_per_sec
        |it/s|iters/s|time_per_step|dt_ms|dt|batch_time|s/it|sec_per_step|iter_time_ms|steps/s|step_time_ms|time/step
        |batch_ms|secs_per_step|step_sec|it_per_s|iterations_per_second|ms/step|step_s|seconds_per_step|s/step
        |batches_per_sec|step_duration|time per step|iteration_time|s_per_it|step time (ms)|train_step_timing in s
        |ups|timing/iter|time/iters_per_sec|time/sec_per_batch|每步耗时|timers/step_ms|elapsed time per iteration (ms)|perf/step_time_ms|update_s""",
    DATA_TIME: """data_time|data_ms|data_s|dataload_ms|data_load_time|dataloader_time|data_wait_ms|data_sec|dataload_s
        |data_loading_time|data time|time/data|Data Time|data time (ms)|data_time_s|data_wait_time|data_wait
        |data_fetch_time|data_fetch_ms|dataloader_ms|dataloader_s|dataloading_time|dataloading_ms|data_loader_time
        |data_load_ms|data_loading_s|time_data|timing/data_ms|perf/data_time|train/data_time|avg_data_time
        |Data loading|loader wait|batch_fetch_ms|timing/data|dataloader_wait|data_prep_time|data_prep_ms|DataTime|dataTime|data-time|data.time|data load time|data loading time|mean data time""",
    TOKENS_PER_SEC: """tokens_per_sec|tok_per_s|tokens_per_s|toks/s|wps|tok/s|tokens/s|tokens_per_second|tps|tok/sec
        |toks_per_sec|tokens/sec|throughput/tokens_per_sec|tokens/s/gpu|tokens_s|words_per_sec|perf/tok_per_sec
        |Tokens/sec|tok_s|tgs|tokens per second|tok_per_sec|train/tokens_per_sec|tokens_per_second_per_gpu|tok/s/gpu
        |tokens/sec/gpu|ktok/s|k tok/s|Mtok/s|words/s|tokens per sec|tokPerSec|tokensPerSecond|avg_tok_per_s
        |throughput (tok/s)|tokens/second|toks_per_s|tok_per_second|tokens_per_sec_per_device|global_tokens_per_sec""",
    SAMPLES_PER_SEC: """samples_per_sec|samples/s|examples/s|seq/s|imgs/s|images_per_sec|ex/s|samples_per_second|img/s
        |examples_per_second|sequences/sec|imgs_per_s|samples_s|sents/s|images/sec|throughput/samples_per_sec
        |samples/sec|images/s|samples per second|img/sec|sample/s|example/sec|seqs/s|seq_per_sec|sequences_per_second
        |sentences/s|images_per_second|samples/s/gpu|samples/second|samplesPerSec|avg_samples_per_sec|clips/s
        |train/samples_per_sec|perf/samples_per_sec|instances/s|instances_per_sec|speed (samples/s)|imgs_s|imgs/sec
        |Samples/Sec|img_per_s|样本/秒""",
    MFU: "mfu|MFU|mfu_pct|MFU (%)|mfu(%)|bf16_mfu|mfu_percent|throughput/device/mfu|perf/mfu|avg_mfu|train/mfu|mean mfu"
    "|Model FLOPs utilization|model flops util|mfu [%]",
}  # fmt: skip
NAMES = {metric: [name.strip() for name in text.split("|")] for metric, text in SPELLINGS.items()}
OTHERS = """lr_mult|loss_scale|grad_norm_clip|max_grad_norm|val_step|time_left|test_time|best_val_loss|value_loss|min_lr
    |time/iterations|time_step|train_samples_per_second|lr_decay|weight_norm|loss_0|train_val_loss|clip_grad_norm
    |grad_norm_max|batch_size|val_acc|data|time|step_avg|loss_weight|lr_scale|norm_loss|tokens|samples|policy_loss
    |test_loss|lr_warmup_steps|box_loss|fps|step|eta|forward_ms|max_lr|epoch_time|grad_norm/layer1|param_norm|time/loss|timing/lr"""


@pytest.mark.parametrize(("metric", "name"), [(m, n) for m, names in NAMES.items() for n in names])
def test_every_spelling_is_the_metric(metric, name):
    assert canonical(name) == metric


@pytest.mark.parametrize("name", [name.strip() for name in OTHERS.split("|")])
def test_what_only_looks_alike_is_not_taken(name):
    assert canonical(name) not in NAMES


@pytest.mark.parametrize(
    ("name", "printed", "stored"),
    [("step_ms", 46.0, 0.046), ("steps_per_sec", 4.0, 0.25), ("data_s", 0.5, 0.5), ("ktok/s", 2.0, 2000.0)],
)
def test_units_are_in_names(name, printed, stored):
    assert meaning(name).unit.apply(printed) == stored


def test_of_two_names_of_one_meaning_the_plainest_counts():
    assert columns(["avg_loss", "loss", "base_lr", "lr"]) == ["avg_loss", LOSS, "base_lr", LEARNING_RATE]
    assert columns(["loss_smooth", "loss_total"]) == ["loss_smooth", LOSS]
    assert columns(["ce_loss", "kl_loss"]) == ["ce_loss", "kl_loss"]
    assert columns(["ce_loss", "lr"]) == [LOSS, LEARNING_RATE]
    assert columns(["loss", "test_loss"]) == [LOSS, VAL_LOSS]
    assert columns(["loss", "val_loss", "test_loss"]) == [LOSS, VAL_LOSS, "test_loss"]


# -- the same run in every carrier -------------------------------------------------------------------

ROWS = [(10 * i, round(4.0 - 0.07 * i, 3), round(2.5 + 0.013 * (i % 5), 4)) for i in range(1, 25)]


def _delimited(separator, ends="", rule=""):
    def write(name):
        head = [separator.join(("step", "loss", name)), *([rule] if rule else [])]
        rows = [separator.join(map(str, row)) for row in ROWS]
        return "".join(f"{ends}{row}{ends[::-1]}\n" for row in (*head, *rows))

    return write


def _lines(form):
    return lambda name: "".join(f"{form(step, loss, name, value)}\n" for step, loss, value in ROWS)


CARRIERS = {
    "plain": _lines(lambda s, x, n, v: f"step: {s} | loss: {x} | {n}: {v}"),
    "logged": _lines(lambda s, x, n, v: f"2030-01-02 03:04:05,678 - INFO - step={s}, loss={x}, {n}={v}"),
    "json": _lines(lambda s, x, n, v: json.dumps({"step": s, "loss": x, n: v})),
    "dict": _lines(lambda s, x, n, v: repr({"step": s, "loss": x, n: v})),
    "csv": _delimited(","),
    "tsv": _delimited("\t"),
    "markdown": _delimited(" | ", "| ", "--- | --- | ---"),
}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_name_means_the_same_in_every_carrier(data):
    metric = data.draw(st.sampled_from([m for m in NAMES if m not in (LOSS, MFU)]))
    name = data.draw(st.sampled_from(NAMES[metric]))
    carrier = data.draw(st.sampled_from(sorted(CARRIERS)))
    parsed = parse(CARRIERS[carrier](name).encode())
    expected = [meaning(name).unit.apply(value) for _, _, value in ROWS]
    assert parsed.column(metric).tolist() == expected, (carrier, name)
    assert parsed.column("train/loss").tolist() == [loss for _, loss, _ in ROWS]


@pytest.mark.parametrize("column", ["split", "set", "type", "phase", "mode", "stage", "subset"])
@pytest.mark.parametrize("word", ["val", "validation", "dev", "test", "heldout"])
def test_rows_of_a_split_column_are_of_that_part(column, word):
    rows = "".join(f"{i},train,{9 / i:.3f}\n{i},{word},{8 / i:.3f}\n" for i in range(1, 13))
    parsed = parse(f"step,{column},loss\n{rows}".encode())
    assert len(parsed.column("train/loss")) == 12
    assert len(parsed.column("val/loss", "eval")) == 12
    lines = "".join(
        json.dumps({"step": i, column: part, "loss": x / i}) + "\n"
        for i in range(1, 13)
        for part, x in (("train", 9), (word, 8))
    )
    parsed = parse(lines.encode())
    assert len(parsed.column("train/loss")) == len(parsed.column("val/loss", "eval")) == 12


# -- the user's own names ----------------------------------------------------------------------------

OWN = """
[names]
zork = "train/loss"
fwd_bwd = { metric = "perf/step_time", unit = "ms" }
"final score" = { metric = "accuracy", split = "val" }
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "runwatch.toml").write_text(OWN)
    use_names(read(tmp_path / "runwatch.toml").names)
    yield tmp_path
    use({})


@pytest.mark.parametrize("carrier", ["plain", "json", "csv", "markdown"])
def test_names_of_the_user_go_before_all_others(own, carrier):
    text = CARRIERS[carrier]("fwd_bwd").replace("loss", "ZORK")
    parsed = parse(text.encode())
    assert parsed.column("train/loss").tolist() == [loss for _, loss, _ in ROWS]
    assert parsed.column("perf/step_time").tolist() == [value / 1e3 for _, _, value in ROWS]
    assert meaning("final score").metric == "val/accuracy"


def test_formats_says_which_rule_read_a_name(own, capsys):
    from runwatch.cli.commands.formats import command

    (own / "x.log").write_text(CARRIERS["plain"]("learning-rate").replace("loss", "zork"))
    command.callback(str(own / "x.log"), as_json=False, config=str(own / "runwatch.toml"))
    printed = capsys.readouterr().out
    assert "([names])" in printed
    assert "(learning rate: learning rate)" in printed


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("x = { metric = 'loss', unit = 'parsec' }", "unknown unit 'parsec'"),
        ("x = { metric = 'loss', split = 'foo' }", "unknown split 'foo'"),
        ("x = 'step'", "'step' is no metric"),
        ("x = ''", "'' is no metric"),
        ("x = 5", "names.x must be"),
        ("x = { metrik = 'loss' }", "metrik"),
    ],
)
def test_wrong_names_are_reported_with_their_line(tmp_path, line, what):
    (tmp_path / "runwatch.toml").write_text(f"[names]\n{line}\n")
    with pytest.raises(ConfigError, match=what) as error:
        read(tmp_path / "runwatch.toml")
    assert "runwatch.toml:2" in str(error.value)


def test_the_page_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "lexicon.md"
    assert page.read_text() == docs.render(), "python -m runwatch.parsers.lexicon.docs > docs/lexicon.md"
