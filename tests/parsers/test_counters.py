"""What a step counts is told, updates before what they consume; records that are dated have a time."""

from __future__ import annotations

import pytest

from runwatch.parsers.stream import StreamParser

from .logs import parse
from .structured import lines, read


@pytest.mark.parametrize(
    ("counters", "key"),
    [
        ({"epoch": 1.5, "iteration": 500, "global_step": 62, "consumed_samples": 4000}, "global_step"),
        ({"epoch": 1.5, "iteration": 500, "tokens_seen": 1 << 20}, "iteration"),
        ({"epoch": 1, "num_updates": 62, "consumed_tokens": 1 << 20}, "num_updates"),
        ({"epoch": 1.5, "consumed_samples": 4000}, "consumed_samples"),
        ({"epoch": 1.5, "tokens_seen": 1 << 20}, "tokens_seen"),
        ({"epoch": 3}, "epoch"),
    ],
)
def test_the_finest_counter_is_the_step(counters, key):
    records = [{**{k: v * n for k, v in counters.items()}, "loss": 2.5, "lr": 1e-4} for n in range(1, 9)]
    parsed = read(lines(*records))
    assert parsed.column("step").tolist() == [counters[key] * n for n in range(1, 9)]


def printed(text: str) -> str | None:
    """Return what the log calls its step."""
    from runwatch.parsers.stream import StreamParser

    parser = StreamParser()
    batches = (parser.feed(text.encode()), parser.flush())
    return {name: of for batch in batches for name, of in batch.printed.items()}.get("step")


@pytest.mark.parametrize(
    ("text", "counter"),
    [
        ("".join(f'{{"epoch": {i}, "loss": 2.5}}\n' for i in range(9)), "epoch"),
        ("".join(f'{{"step": {i}, "loss": 2.5}}\n' for i in range(9)), None),
        (
            '2030-01-02 03:04:05 | INFO | train_inner | {"epoch": 1, "loss": "2.5", "num_updates": "3"}\n',
            "num_updates",
        ),
        ("Epoch 1/2\n9/9 [==============================] - 5s 3ms/step - loss: 2.5\nEpoch 2/2\n", "epoch"),
        ("step 3/9 (1.00%) | loss: 2.5\n", None),
    ],
)
def test_what_the_step_counts_is_reported(text, counter):
    assert printed(text) == counter


@pytest.mark.parametrize("scale", [1, 1000])
@pytest.mark.parametrize("key", ["_timestamp", "timestamp", "wall_time"])
def test_a_record_that_is_dated_has_a_time_in_seconds(key, scale):
    rows = [{"step": i, "loss": 2.5, key: scale * (1893553445.25 + i)} for i in range(2000)]
    table = "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows), ""])
    for data in (lines(*rows), table.encode()):
        parsed = read(data)
        assert parsed.column("time").tolist() == [1893553445.25 + i for i in range(2000)]
        parsed.same_as(read(data, [100], bulk=False))


@pytest.mark.parametrize(
    ("field", "metric", "value"),
    [
        ("dt: 997.40ms", "perf/step_time", 0.9974),
        ("step_time: 0.5", "perf/step_time", 0.5),
        ("elapsed time per iteration (ms): 250.0", "perf/step_time", 0.25),
        ("tok/sec: 1,051,311", "perf/tokens_per_sec", 1051311),
        ("tokens_per_second_per_gpu: 9500.5", "perf/tokens_per_sec", 9500.5),
        ("samples/sec: 12.5", "perf/samples_per_sec", 12.5),
        ("mfu: 62.5", "perf/mfu", 0.625),
        ("mfu: 0.625", "perf/mfu", 0.625),
        ("mfu: 1.0", "perf/mfu", 1.0),
        ("mfu: 0.625%", "perf/mfu", 0.00625),
        ("bf16_mfu: 0.625", "perf/mfu", 0.00625),
        ("bf16_mfu: 62.5%", "perf/mfu", 0.625),
        ("grad norm: 1.25", "train/grad_norm", 1.25),
        ("gradient_norm: 1.25", "train/grad_norm", 1.25),
        ("val loss: 1.25", "val/loss", 1.25),
    ],
)
def test_names_become_canonical_in_our_units(field, metric, value):
    lines = "".join(f"iteration {n}/9 | loss: 2.5 | {field}\n" for n in range(9))
    assert parse(lines.encode()).column(metric).tolist() == pytest.approx([value] * 9)


def test_nanochat_prints_per_cent_also_below_one():
    lines = "".join(
        f"step {n}/9 (1.00%) | loss: 2.5 | mfu: {mfu}\n" for n, mfu in enumerate(["0.58", "36.20"])
    )
    assert parse(lines.encode()).column("perf/mfu").tolist() == [0.58 / 100, 36.20 / 100]


MFUS = (
    [f"{0.25 + n / 100:.2f}" for n in range(60)]
    + ["1.0", "1.25"]
    + [f"{20 + n / 100:.2f}" for n in range(900)]
)


def test_a_share_is_read_by_its_value_alone_in_text_and_in_json():
    text = "".join(f"iteration {n}/9000 | loss: 2.5 | mfu: {mfu}\n" for n, mfu in enumerate(MFUS))
    lines = "".join(f'{{"step": {n}, "loss": 2.5, "mfu": {mfu}}}\n' for n, mfu in enumerate(MFUS))
    for whole in (text.encode(), lines.encode()):
        for cut in (0, 100, 10_000):
            parser = StreamParser()
            batches = [parser.feed(whole[:cut]), parser.feed(whole[cut:]), parser.flush()]
            reported = [v for b in batches for t in b.tables for v in t.column("perf/mfu").tolist()]
            assert reported == [float(m) if float(m) <= 1 else float(m) / 100 for m in MFUS]


def test_updates_next_to_the_epoch_are_the_step():
    text = "".join(f"epoch: {n} | nupdates: {n * 350} | loss: {9 - n / 8}\n" for n in range(1, 17))
    parsed = parse(text.encode())
    assert parsed.column("step").tolist() == [350 * n for n in range(1, 17)]
