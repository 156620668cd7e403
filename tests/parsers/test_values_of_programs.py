"""What programs print next to the loss: the pace of Caffe, YOLO's memory, spaCy's only loss, means of tests."""

from __future__ import annotations

from runwatch.core.metrics import LOSS, STEP_TIME, VAL_LOSS

from .logs import parse


def test_the_pace_of_caffe():
    lines = []
    for step in range(0, 400, 20):
        pace = " (0.5 iter/s, 40.0s/20 iters)" if step else ""
        lines += [f"Iteration {step}{pace}, loss = {4 - step / 128}", f"Iteration {step}, lr = 0.01"]
    parsed = parse("\n".join(lines).encode() + b"\n")
    assert parsed.format == "caffe"
    assert parsed.column(STEP_TIME).tolist() == [2.0] * 19
    assert len(parsed.column(LOSS)) == 20


def test_the_memory_of_yolo_is_kept_in_bytes():
    rows = []
    for epoch in range(1, 41):
        rows += ["      Epoch    GPU_mem   box_loss   cls_loss  Instances       Size"] * (epoch == 1)
        memory = f"{4 + epoch / 8:.3f}G"
        rows += [
            f"      {epoch}/40     {memory}      1.25      {5 / epoch:.3f}         12        640: 100%|##| 9/9"
        ]
    parsed = parse("\n".join(rows).encode() + b"\n")
    assert parsed.column("GPU_mem").tolist() == [(4 + epoch / 8) * 2**30 for epoch in range(1, 41)]


def test_the_only_loss_of_spacy_is_the_loss():
    head = "E    #       LOSS {}  ENTS_F  SCORE\n---  ------  --------  ------  ------\n"
    rows = "".join(f"  0   {100 * i:5d}     {9 - i / 4:.2f}   40.50    0.41\n" for i in range(12))
    parsed = parse((head.format("PARSER") + rows).encode())
    assert parsed.column(LOSS).tolist() == [round(9 - i / 4, 2) for i in range(12)]


def test_the_validation_of_fairseq_without_a_logger():
    lines = []
    for epoch in range(1, 4):
        for at in range(10, 50, 10):
            step = 40 * (epoch - 1) + at
            lines += [
                f"epoch {epoch:03d}: {at:6d} / 40 loss={5 - step / 64}, ups=4, num_updates={step}, lr=0.001"
            ]
        lines += [
            f"epoch {epoch:03d} | valid on 'valid' subset | loss {4 - epoch / 4} | ppl 9 | num_updates {step}"
        ]
    parsed = parse("\n".join(lines).encode() + b"\n")
    assert parsed.format == "fairseq"
    assert parsed.column(VAL_LOSS, "eval").tolist() == [3.75, 3.5, 3.25]
    assert parsed.column(STEP_TIME).tolist() == [0.25] * 12


def test_the_means_of_a_test_below_the_batches():
    lines = []
    for epoch in range(3):
        lines += [
            f"Epoch: [{epoch}][{at:3d}/40]\tTime  0.512 ( 0.52)\tData  0.016 ( 0.02)\tLoss {5 - at / 64} (5.5)"
            for at in range(0, 40, 10)
        ]
        lines += [f"Test: Loss {4 - epoch / 4} Acc@1 {50 + epoch}.5"]
    parsed = parse("\n".join(lines).encode() + b"\n")
    assert parsed.column(VAL_LOSS, "eval").tolist() == [4.0, 3.75, 3.5]
    assert parsed.column("val/acc1", "eval").tolist() == [50.5, 51.5, 52.5]
