"""What a metric's name says: which direction is better, whether it only counts or times."""

import pytest

from runwatch.core import metrics


@pytest.mark.parametrize(
    ("metric", "goal"),
    [
        ("train/loss", "min"), ("val/loss", "min"), ("Train Loss", "min"), ("val/bpb", "min"), ("val_ppl", "min"),
        ("eval/mean_squared_error", "min"), ("val/accuracy", "max"), ("HellaSwag accuracy", "max"), ("reward", "max"),
        ("rollout/ep_rew_mean", "max"), ("train/learning_rate", ""), ("perf/step_time", ""), ("train/loss_scale", ""),
        ("train/grad_norm", ""), ("epoch", ""), ("map_seconds", ""),
        ("val/f1_macro", "max"), ("val/bbox_mAP_50", "max"), ("val/meanIoU", "max"), ("val/Acc@1", "max"),
        ("metrics/mAP50-95(B)", "max"), ("eval/rougeL", "max"), ("rouge-2", "max"), ("val/psnr", "max"),
        ("val/SSIM", "max"), ("val/roc_auc", "max"), ("eval/exact_match", "max"), ("win_rate", "max"),
        ("eval/success_rate", "max"), ("pass@1", "max"), ("critic/rewards/mean", "max"), ("rewards/accuracies", "max"),
        ("perf/mfu", "max"), ("val/r2_score", "max"), ("test_BLEU", "max"), ("top5_acc", "max"),
        ("val/wer", "min"), ("eval/cer", "min"), ("fid50k_full", "min"), ("metrics/fid", "min"), ("top1_err", "min"),
        ("val/perplexity", "min"), ("f1_loss", "min"), ("val/loss_giou_0", "min"), ("error_rate", "min"), ("val/lpips", "min"),
        ("reward_std", ""), ("rewards/margins", ""), ("rewards/rejected", ""), ("ep_len_mean", ""), ("score_time", ""),
        ("loss_weight", ""), ("train/kl", ""), ("top_k", ""), ("top_p", ""), ("forward_pass", ""), ("lr", ""),
    ],
)  # fmt: skip
def test_which_direction_is_better(metric, goal):
    assert metrics.goal(metric) == goal


@pytest.mark.parametrize(
    "name",
    [
        "train/epoch",
        "tokens_seen",
        "num_input_tokens_seen",
        "total_flos",
        "train_runtime",
        "train_samples_per_second",
        "val/runtime",
        "val/steps_per_second",
        "trainer/global_step",
        "consumed_samples",
        "total_tokens",
        "num_params",
        "eta",
        "batch_size",
    ],
)
def test_what_only_counts_or_times(name):
    assert metrics.is_bookkeeping(name)


@pytest.mark.parametrize(
    "name",
    [
        "train/loss",
        "perf/step_time",
        "perf/tokens_per_sec",
        "perf/samples_per_sec",
        "data_time",
        "ep_len_mean",
        "mean_token_accuracy",
        "epoch_time",
        "params_norm",
        "train/learning_rate",
        "val/accuracy",
        "train_loss",
    ],
)
def test_what_is_measured(name):
    assert not metrics.is_bookkeeping(name)
