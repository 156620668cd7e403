"""Bars that show the mean rate since they began: what their elapsed times say of the steps."""

from __future__ import annotations

import re
from itertools import accumulate
from random import Random

import numpy as np
import pytest

from .logs import parse


def drawn(times, *, every=1, rate=None, epoch=0, begin="\r"):
    """Return the redraws of one bar whose steps take `times` seconds; `rate`: None for the mean."""
    for n, past in enumerate(accumulate(times), 1):
        if n % every and n < len(times):
            continue
        took = past / n if rate is None else rate[n - 1]
        pace = f"{took:5.2f}s/it" if took > 1 else f"{1 / took:5.2f}it/s"
        hours, rest = divmod(int(past), 3600)
        clock = f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"
        yield (
            f"{begin}Epoch {epoch}:  50%|#####     | {n}/{len(times)} [{clock}<01:10, {pace}, "
            f"loss={2 + n % 7 / 8:.3f}, v_num=0]"
        )


@pytest.mark.parametrize(("took", "every"), [(0.125, 4), (0.125, 40), (2.5, 1)])
def test_a_pause_is_no_part_of_the_steps_behind_it(took, every):
    times = [took] * 1200
    times[600] += 400.0  # an evaluation
    text = "".join(drawn(times, every=every)).encode()
    parsed = parse(text)
    found = dict(zip(parsed.column("step"), parsed.column("perf/step_time"), strict=True))
    usual = [found[step] for step in found if not 600 < step < 600 + 12 / took + 2 * every]
    assert np.allclose(usual, took, rtol=0.15)
    assert max(found.values()) > 2 * took  # where the pause is
    parsed.same_as(parse(text, bulk=False))


def test_a_rate_of_few_digits_does_not_count_where_the_time_elapsed_says_more():
    times = [66.0] * 20 + [69.0] * 20  # 0.02it/s, then 0.01it/s
    text = "".join(
        re.sub(r" *([\d.]+)s/it", lambda took: f" {1 / float(took[1]):.2f}it/s", bar) for bar in drawn(times)
    ).encode()
    parsed = parse(text)
    assert np.allclose(parsed.column("perf/step_time")[-39:], times[1:], rtol=0.05)
    parsed.same_as(parse(text, bulk=False))


def test_a_slowdown_is_seen_at_once():
    text = "".join(drawn([0.25] * 800 + [0.75] * 200, every=5)).encode()
    newest = parse(text).column("perf/step_time")[-30:]
    assert np.allclose(newest, 0.75, rtol=0.1)


def test_a_rate_of_the_newest_steps_is_taken_as_it_is():
    times = [0.25] * 400 + [0.5] * 400
    text = "".join(drawn(times, rate=times)).encode()
    assert parse(text).column("perf/step_time")[-300:].tolist() == [0.5] * 300


@pytest.mark.few(2)
@pytest.mark.parametrize("seed", range(6))
def test_stretches_do_not_depend_on_how_the_log_is_cut(seed):
    rng = Random(seed)
    text = ""
    for epoch in range(5):
        times = [
            rng.choice((0.1, 0.3, 1.2)) + (rng.random() < 0.01) * 30 for _ in range(rng.randrange(30, 400))
        ]
        rate = times if seed > 4 and epoch > 2 else None
        for line in drawn(times, every=rng.choice((1, 3)), rate=rate, epoch=epoch, begin=rng.choice("\r\n")):
            text += line * rng.choice((1, 1, 2))
    raw = text.encode()
    parsed = parse(raw)
    for cuts in ([len(raw) // 3], sorted(rng.sample(range(1, len(raw)), 40))):
        parsed.same_as(parse(raw, cuts))
    parsed.same_as(parse(raw, bulk=False))
