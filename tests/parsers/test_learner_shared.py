"""What many home-made loops have in common, and the learner once took for something else."""

from __future__ import annotations

from .logs import parse


def _losses(count: int = 30) -> list[float]:
    return [round(3 / (i + 1) + 0.25, 4) for i in range(count)]


def test_a_step_may_be_reported_on_several_lines():
    lines = []
    for i, loss in enumerate(_losses()):
        lines.append(f"Epoch {i} trained with loss: {loss}, and dice score 0.5. The running time is 6.5.")
        lines.append(f"Epoch {i} evaluated with loss: 9.5, and dice score: 0.5. The running time is 0.5.")
        lines.append(f"Last model saved at epoch: {i}")
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == list(range(30))
    assert parsed.column("train/loss").tolist() == _losses()


def test_losses_of_one_step_may_be_on_lines_of_one_kind():
    lines = [
        f"Epoch: {i:04d} avg_loss_{which}: {loss} time: 9.5s"
        for i, loss in enumerate(_losses())
        for which in ("tgt", "src", "all")
    ]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == [i for i in range(30) for _ in range(3)]


def test_a_step_that_rises_too_seldom_counts_nothing():
    text = "".join(f"step {i // 10}: loss {loss}\n" for i, loss in enumerate(_losses(90)))
    assert "step" not in [name for _, _, names in parse(text.encode(), formats=()).tables for name in names]


def test_a_name_does_not_begin_in_the_sentence_before():
    lines = [
        f"Epoch {i + 1} completed. Loss: {loss}, Clip Loss: 9.5, MSE Loss: 2250655648.5"
        for i, loss in enumerate(_losses())
    ]
    assert parse("\n".join(lines).encode(), formats=()).column("train/loss").tolist() == _losses()
    short = "".join(f"epoch {i}: Valid. loss 9.5, Train. loss {loss}\n" for i, loss in enumerate(_losses()))
    parsed = parse(short.encode(), formats=())
    assert parsed.column("train/loss").tolist() == _losses()
    assert parsed.column("val/loss").tolist() == [9.5] * 30


def test_a_sentence_about_a_step_is_no_record_of_another_stage():
    lines = [f"step {10 * i:6d} | loss {loss} | best 0.2 | 5.5s" for i, loss in enumerate(_losses())]
    lines.append("Target loss 0.099999 reached at step 294, loss=0.094433")
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == [10.0 * i for i in range(30)]


def test_a_rate_that_leads_a_line_is_no_step():
    lines = []
    for i, loss in enumerate(_losses()):
        lines += [f"Epoch: {i + 1}, global_step={100 * i}", "Sampling new architecture"]
        lines += [f"SPS: {1000 + 5 * i}, pg_loss={loss}, v_loss=1.5"]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("step").tolist() == [100.0 * i for i in range(30)]


def test_losses_under_a_header_that_counts_nothing():
    rows = [f"{loss}\t0.25\t0.5\t\n" for loss in _losses()]
    parsed = parse(("total loss\tscore loss\tborder loss\t\n" + "".join(rows)).encode(), formats=())
    assert parsed.column("train/loss").tolist() == _losses()
    assert parsed.column("border loss").tolist() == [0.5] * 30
    few = parse(("total loss\tscore loss\tborder loss\t\n" + "".join(rows[:8])).encode(), formats=())
    assert few.format is None
    counts = "".join(f"{i}\t4\t5\t\n" for i in range(30))
    assert parse(b"total loss\tscore loss\tborder loss\t\n" + counts.encode(), formats=()).format is None


def test_the_only_loss_of_validation_is_that():
    lines = [
        f"epoch={i}: train_epoch_loss=tensor({loss}, device='cuda:0') eval_epoch_loss=tensor(9.5, device='cuda:0')"
        for i, loss in enumerate(_losses())
    ]
    parsed = parse("\n".join(lines).encode(), formats=())
    assert parsed.column("train/loss").tolist() == _losses()
    assert parsed.column("val/loss").tolist() == [9.5] * 30


def test_over_how_many_a_mean_is_counts_nothing():
    text = "".join(
        f"{run} | Episode {100 * i:6d} | Avg reward (last 100): {loss:+} | Steps: {i * i * 7 % 11}\n"
        for run in ("slow", "fast")
        for i, loss in enumerate(_losses())
    )
    parsed = parse(text.encode(), formats=())
    assert parsed.column("step").tolist() == [100.0 * i for i in range(30)] * 2
    assert parsed.column("Avg reward").tolist() == _losses() * 2
    bare = "".join(f"Epoch ({i}): loss {loss}\n" for i, loss in enumerate(_losses()))
    assert parse(bare.encode(), formats=()).column("step").tolist() == list(range(30))
