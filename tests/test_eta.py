"""When a run will end: from printed times, with the pauses between its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.fold.run import Run
from runwatch.core.fold.segments import Splitter
from runwatch.core.snapshot import Progress
from runwatch.parsers.log import LogParser

TOTAL = 2000
BEGIN = 20 * 3600
"""Seconds since midnight; training goes on over it."""


def stamp(seconds: float) -> str:
    hours, rest = divmod(seconds % 86_400, 3600)
    return f"{int(hours):02d}:{int(rest) // 60:02d}:{rest % 60:06.3f}"


def lines(
    took: Callable[[int], float], evaluated: int = 0, pause: float = 0.0
) -> tuple[list[str], list[float]]:
    """Return a log, and the time of each step; `took` gives the seconds of a step."""
    now, text, times = float(BEGIN), [], []
    for step in range(1, TOTAL + 1):
        now += took(step)
        text.append(f"{stamp(now)} INFO step {step}/{TOTAL} | loss: {2 + 1 / step:.4f}\n")
        times.append(now)
        if evaluated and step % evaluated == 0:
            now += pause
            text.append(f"{stamp(now)} INFO step {step} | val loss: {2.5 + 1 / step:.4f}\n")
    return text, times


def after(text: list[str], size: int = 1 << 20) -> Run:
    """Return the run of a log that is read in pieces of so many bytes."""
    parser, splitter, run = LogParser(), Splitter(), Run("run", "run")
    data = "".join(text).encode()
    pieces = [parser.feed(data[at : at + size]) for at in range(0, len(data), size)]
    for batch in (*pieces, parser.flush()):
        for segment in splitter.split(batch):
            run.fold(segment.block)
    return run


def at(text: list[str], step: int) -> list[str]:
    """Return the log until that step is printed."""
    end = next(i for i, line in enumerate(text) if f"step {step}/" in line)
    return text[: end + 1]


def close(progress: Progress, truth: float, share: float) -> bool:
    return progress.eta_seconds is not None and abs(progress.eta_seconds - truth) <= share * truth


def test_a_pause_that_does_not_come_back_is_forgotten():
    text, times = lines(lambda step: 414.0 if step == 400 else 3.0)
    for step in (410, 500, 1500):
        assert close(after(at(text, step)).progress(), times[-1] - times[step - 1], 0.01)


def test_evaluations_will_come_again_also_after_the_first():
    text, times = lines(lambda _: 2.0, evaluated=250, pause=100.0)
    for step in (260, 510, 1010, 1760):
        assert close(after(at(text, step)).progress(), times[-1] - times[step - 1], 0.02)


def test_pauses_at_a_steady_distance_come_again_though_nothing_says_what_they_are():
    text, times = lines(lambda step: 62.0 if step % 50 == 0 else 2.0)
    assert close(after(at(text, 310)).progress(), times[-1] - times[309], 0.03)


def test_pauses_that_ended_do_not_come_again():
    text, times = lines(lambda step: 9.0 if 20 < step < 30 else 1.0)
    assert close(after(at(text, 400)).progress(), times[-1] - times[399], 0.02)


def test_a_new_pace_is_known_within_tens_of_steps():
    text, times = lines(lambda step: 3.0 if step < 600 else 1.0)
    assert close(after(at(text, 640)).progress(), times[-1] - times[639], 0.1)


@settings(max_examples=20)
@given(st.integers(20, 5000), st.sampled_from([70, 193, 194, 700, 1900]))
def test_it_is_the_same_however_the_bytes_are_cut(size: int, step: int):
    text, _ = lines(lambda step: 40.0 if step % 90 == 0 else 1 + step % 7 / 10, evaluated=300, pause=33.0)
    assert after(at(text, step), size).progress() == after(at(text, step)).progress()


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [3000, 1 << 20])
def test_clocks_without_a_date_continue_for_days(size: int):
    text, times = lines(lambda step: 300.0 if step < 1200 else 100.0)
    assert close(after(at(text, 1500), size).progress(), times[-1] - times[1499], 0.01)


def test_it_says_how_sure_it_is_and_what_it_goes_by():
    steady, _ = lines(lambda _: 2.0)
    noisy, _ = lines(lambda step: 2.0 if step // 100 % 2 else 3.0)
    sure, unsure = (after(at(text, 700)).progress() for text in (steady, noisy))
    assert sure.eta_source == unsure.eta_source == "the times of its lines"
    assert sure.eta_spread is not None
    assert unsure.eta_spread is not None
    assert sure.eta_spread < 0.03 * (sure.eta_seconds or 0)
    assert unsure.eta_spread > 0.1 * (unsure.eta_seconds or 0)


def arrive(run: Run, moments: Iterator[tuple[int, float]]) -> None:
    """Let steps come, one line at a time."""
    parser, splitter = LogParser(), Splitter()
    for step, time in moments:
        batch = parser.feed(f"step {step:05d}/05000 (0.22%) | loss: 2.3 | lrm: 1.00 |\n".encode())
        for segment in splitter.split(batch, live=True, arrival=time):
            run.fold(segment.block)


@pytest.mark.parametrize("gap", [0.0, 900.0])
def test_without_printed_times_arrivals_count(gap: float):
    run = Run("run", "run")
    arrive(run, ((step, 1e9 + 2.5 * step + gap * (step > 200)) for step in range(1, 300)))
    progress = run.progress()
    assert close(progress, 2.5 * (5000 - 299), 0.01)
    assert progress.eta_source == "when its lines came"


def test_what_came_while_nobody_watched_says_nothing_of_the_pace():
    run = Run("run", "run")
    arrive(run, ((step, 1e9) for step in range(1, 200)))
    assert run.progress().eta_seconds is None
