"""What names mean, alone and next to others, is what was read last: a change of the lexicon shows what it changes.

UPDATE_GOLDEN=1 writes tests/parsers/golden anew. Read the difference before you commit it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from runwatch.core.metrics import Unit
from runwatch.parsers.lexicon import languages, names, places, records, units, words
from runwatch.parsers.lexicon.kinds import KINDS

GOLDEN = Path(__file__).with_name("golden")
HEADS = ("train_", "val/", "test ", "Eval", "train/val_", "metrics/")
OTHERS = """
loss_val valLoss heldout_loss held-out/loss h_o_loss Training.Loss lr_mult max_grad_norm lr/group0 lr/group1 lr-AdamW
lr-SGD/pg1 FusedAdam DeepSpeedCPUAdam_lr loss/1 loss_1e999 loss_12_3 val_loss_2 val_l1 l2 top1 top-5 acc@5 val_top1 best_loss
final_loss lowest_val_loss trloss valacc MSTestError mserr rmserr cverr te_acc loss_va va l_pix L_g_gan l_d_total_1 val_l_ssim
l_total policies/red/total_loss eval/red/total_loss a/total_loss train/a/b/loss data/loss metrics/train/loss info/learner/x/loss
train/loss/total eval/ eval/x eval_ppl eval-ppl eval.ppl eval/ppl EvalPpl evalPpl evalppl test_x testX dev2 dev_2 val valid
train_samples_per_second train/total_flos timestep lm%loss%value mfu mfu_% bf16_mfu mfu_pct train/mfu_percent tokens/s tok/s/gpu
ktok/s Mtokens_per_sec k%tok/s samples_s images_sec steps/s it/s s/it ms/step ms/iter/gpu sec_per_batch min/step tflops/gpu
tflops_per_s tflop/s/device step_ms data_s iter%time%(ms) forward_ms time_us time speed throughput rate train/speed ips
ce_loss val_ce_loss val_nll nll train_nll l1_loss dice_ce_loss total_mse_loss scaled_loss val_rmse rmse train_mse test_mse cost
objective batch_cost time_cost reader_cost error batch_error recon_error trl kappa_coeff loss_scale loss_time code_loss
dice_coeff map mrr perplexity entropy kl wd gnorm grad_norm/max learning_rate lr_now current_lr the%lr lr%loss rate_lr
episodic_return ep_rew_mean episode_score return fold fold_1 client agent3 training%run val%set epoch_loss e n_epoch round
损失 验证损失 训练%loss 学习率 第 потер Trainingsverlust validierungsgenauigkeit pérdida Perte perte_val 精度 步数 verlust
predict prediction_loss inference train=val tested both_train_val step epoch train/epoch val/epoch loss_best max_lr min_lr
step_us step_usec data_us iter_seconds x_s loss_sec batch_s tok_s toks_s its_sec x x/loss x_losses lossless my_loss aux_loss v_loss t_loss loss_t loss_v ppl v_ppl t_acc
"""
RECORD = """
loss total_loss train/loss train_loss ce_loss mse MSE val_loss val/loss val_mse val%MSE test_loss test_mse val_ce_loss eval/nll
nll l_pix l_total a/total_loss avg_loss loss_avg t_loss v_loss v_mse v_ce_loss rmse val_rmse lr base_lr lr/group0 grad_norm norm
"""
MORE = """
loss,acc,f1,v_loss,v_acc,v_f1 loss,acc,v_loss,v_acc t_loss,t_acc,v_loss,v_acc loss_t,loss_v,acc_v l_t,l_v mse,mae,val_mse,val_mae
mae,val_mae mae,mape,val_mae,val_mape ce_loss,dice_loss ce_loss,dice_loss,total_loss train_ce_loss,ce_loss,test_ce_loss
loss,test_ce_loss,val_nll loss,val_ce_loss,val_nll,val_total_loss test_nll a,v_a,b,v_b,c,v_c loss,v_loss,a,v_a,b,v_b
ce_loss,l_pix,l_total loss,lr,learning_rate,lr_avg step_time,time/iter,batch_time,iter_ms tok/s,tokens_per_sec,tps
"""
UNITS = """s ms us % m min h KiB MiB GiB k K M it/s s/it ms/it tok/s K%tok/s ktok/s samples/s/gpu img/sec x x/s steps/min wps"""
PATHS = """
a/checkpoint-500 ckpt_1200.pt epoch=3-step=4000.ckpt model_007.pth e12 iter_0000500/mp_rank_00/model.pt step12/data.json
global_step800/x 500steps.pt 12-its run/12/model.bin 20000 99 100 model.pt a1.pt ab12 ab-1 shard_3 train_5.pt rank_2.pt
ckpt-5-of-7 x/y/checkpoint-1/a/b/c/d x\\checkpoint-9\\model.safetensors snapshot_12_rank_3.pt weights.05.h5 ep05 state123 123.tar
"""


def plain(word):
    return word.replace("%", " ") if word.strip("%_mfu") else word


def printed() -> Iterator[str]:
    """Yield names: those of each metric with what may be before, behind and between, and others."""
    rows = [(kind, core) for kind in KINDS for core in kind.cores]
    for number, (kind, core) in enumerate(rows):
        name = core.replace(" ", "_")
        fillers = sorted(kind.fillers) or ["x"]
        yield from (name, core.title(), f"avg {core}", f"{name}/0", f"{name}_7")
        yield HEADS[number % len(HEADS)] + name
        yield f"{fillers[number % len(fillers)]}_{name}"
        yield f"{name}{('_ms', '_s', '_min', ' (us)', '_total')[number % 5]}"
        if number % 8 == 0:
            yield from (head + name for head in HEADS)
            yield from (f"{word} {core}" for word in fillers)
    yield from map(plain, OTHERS.split())


def how(unit: Unit | None) -> str:
    """Return what is done to a number."""
    if unit is None:
        return "?"
    return f"*{unit.multiply:g} /{unit.divide:g}{' inverse' * unit.invert}{' share' * (unit.above == 1.0)}"


def shown(found: names.Meaning) -> str:
    said_by = (found.metric, found.role, found.split, how(found.unit), str(found.loose), found.unless)
    return " | ".join((*said_by, found.rule))


def said(name: str) -> str:
    """Return what the words of a name say, for each that says yes."""
    asked = (
        words.is_quality,
        words.is_loss,
        words.is_meaningful,
        words.is_rate,
        words.is_epoch,
        words.is_val,
        words.is_split,
        words.is_return,
        words.distinguishes_runs,
    )
    raw = name.encode()
    return " ".join([each.__name__ for each in asked if each(raw)] + [f"split:{words.split_of(raw)}"])


def of_names() -> Iterator[str]:
    for name in dict.fromkeys(printed()):
        yield f"{name}: {shown(names.meaning(name))} | {said(name)}"
    for suffix in map(plain, UNITS.split()):
        yield f"[{suffix}]: {how(units.of_suffix(suffix))}"
        for metric, name in (
            ("perf/step_time", "t_ms"),
            ("perf/step_time", "time"),
            ("data_time", "a_b_us"),
            ("perf/mfu", "u"),
            ("x", "loss"),
        ):
            yield f"[{suffix}] {metric} {name}: {how(names.unit_of(metric, suffix, name))}"
    for path in PATHS.split():
        yield f"{path}: {places.place_of(path)}"
    for gap in ("损失：", "训练 损失 =", "3 pérdida: ", "l'époque ", "loss ", "un deux trois époque la "):
        raw = gap.encode()
        found = [each and each.groupdict() for each in (languages.named(raw), languages.accented(raw))]
        yield f"{gap}: {found} {languages.translated(raw)!r} {languages.with_ascii_colon(raw)!r}"


def of_records() -> Iterator[str]:
    known = list(map(plain, RECORD.split()))
    every = [*combinations(known, 2), *(tuple(each.split(",")) for each in MORE.split())]
    every += [(*pair, "loss") for pair in combinations(known[4:20], 2)]
    for record in every:
        found = records.columns(record)
        changed = [metric if metric != name else "=" for name, metric in zip(record, found, strict=True)]
        yield f"{', '.join(record)}: {', '.join(changed)} | {records.objective(record)}"


@pytest.mark.parametrize("what", [of_names, of_records], ids=lambda each: each.__name__)
def test_names_mean_what_they_meant(what):
    names.use({})
    path, found = GOLDEN / f"lexicon-{what.__name__}.txt", list(what())
    if "UPDATE_GOLDEN" in os.environ:
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in found), encoding="utf-8")
    assert found == path.read_text(encoding="utf-8").splitlines()
