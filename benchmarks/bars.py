"""How fast redraws of bars are read, alone and after other lines. A case is a word of its name.

The baseline splits the same bytes into redraws, searches each for the count of its bar, `450/1000`,
and keeps it as two floats. CPU seconds of this process, in blocks as `check` reads them.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks import make_log, rows
from benchmarks.rows import Row
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.check import BLOCK

REDRAWS = 200_000
_PER = 1000
_PLACE = re.compile(rb"(\d[\d.]*)[kMGT]?/(\d[\d.]*)")
_RNG = random.Random(0)


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def tqdm(text: str, done: int, total: int, *, unit: str = "it", postfix: str = "", color: str = "") -> str:
    """Return what tqdm draws."""
    share, rate = done / total, 43 + _RNG.random()
    filled = "#" * int(10 * share) + f"{int(100 * share) % 10}" * (done < total)
    filled = f"\x1b[32m{filled:10}\x1b[0m" if color else f"{filled:10}"
    rest = f"{clock(done / rate)}<{clock((total - done) / rate)}, {rate:.2f}{unit}/s{postfix}"
    return f"\r{text}{share:4.0%}|{filled}| {done}/{total} [{rest}]"


def loss(step: int) -> str:
    return f"{9 / (1 + step / 1000) + 0.01 * _RNG.random():.4f}"


def laps(draw: Callable[[int, int], str], *, head: str = "", end: str = "\n") -> Iterator[str]:
    """Yield a bar of each epoch, until there are enough redraws."""
    for redraw in range(REDRAWS):
        epoch, done = divmod(redraw, _PER)
        if not done and head:
            yield head.format(epoch + 1)
        yield draw(epoch, done + 1)
        if done + 1 == _PER:
            yield end


def training(color: str = "") -> Iterator[str]:
    return laps(
        lambda e, i: tqdm(f"Epoch {e}: ", i, _PER, postfix=f", loss={loss(e * _PER + i)}", color=color)
    )


def evaluation() -> Iterator[str]:
    return laps(lambda e, i: tqdm("Evaluating: ", i, _PER, postfix=f", val_loss={loss(i)}"))


def mapping() -> Iterator[str]:
    return (tqdm("Map (num_proc=8): ", i, REDRAWS, unit=" examples") for i in range(REDRAWS))


def download() -> Iterator[str]:
    for i in range(REDRAWS):
        bar = tqdm("model-00001-of-00002.safetensors: ", i, REDRAWS, unit="MB")
        yield bar.replace(f" {i}/{REDRAWS} ", f" {4.98 * i / REDRAWS:.2f}G/4.98G ")


def undescribed() -> Iterator[str]:
    return (tqdm("", i, REDRAWS) for i in range(REDRAWS))


def pip() -> Iterator[str]:
    for i in range(REDRAWS):
        line = "\u2501" * (40 * i // REDRAWS) + "\u2578"
        speed = f"{20 + _RNG.random():.1f} MB/s eta {clock(i % 999)}"
        yield f"\r     {line:40} {779 * i / REDRAWS:.1f}/779.1 MB {speed}"


def keras() -> Iterator[str]:
    def draw(epoch: int, done: int) -> str:
        line = "=" * (30 * done // _PER) + ">" * (done < _PER)
        return f"\r{done:4}/{_PER} [{line:.<30}] - ETA: {_PER - done}s - loss: {loss(done)} - accuracy: 0.5"

    return laps(draw, head="Epoch {0}/9999\n")


def rich() -> Iterator[str]:
    def draw(epoch: int, done: int) -> str:
        line = "\u2501" * (38 * done // _PER) + "\u2578"
        times = f"0:00:{done % 60:02d} 0:00:01"
        return f"\rEpoch {epoch + 1}/9999 {line:\u2501<40} {done}/{_PER} {times} loss: {loss(done)}"

    return laps(draw)


def alive() -> Iterator[str]:
    def draw(epoch: int, done: int) -> str:
        line, speed = "\u2588" * (40 * done // _PER), f"(~{_PER - done}s, {9 + _RNG.random():.1f}/s)"
        share = 100 * done // _PER
        bar = f"|{line:40}| \u2582\u2584\u2586 {done}/{_PER} [{share}%]"
        return f"\rEpoch {epoch + 1}/9999 {bar} in {done}s {speed} loss: {loss(done)}"

    return laps(draw)


def below() -> Iterator[str]:
    for i in range(0, REDRAWS, 2):
        yield tqdm("shard 0: ", i, REDRAWS) + "\n" + tqdm("shard 1: ", i, REDRAWS) + "\x1b[A"


def ranks() -> Iterator[str]:
    for i in range(REDRAWS // 2):
        bar = tqdm("Training: ", i, REDRAWS // 2, postfix=f", loss={loss(i)}")
        yield f"{bar}\n{bar}\x1b[A"


def among(steps: Iterator[str], bars: Iterator[str]) -> Iterator[str]:
    """Yield a line of steps behind each hundred redraws."""
    for redraw, bar in enumerate(bars):
        yield bar
        if redraw % 100 == 99:
            yield "\n" + next(steps)


def nanochat(count: int = 1000) -> Iterator[str]:
    return (line + "\n" for line in make_log.lines(count))


def keys(count: int = 1000) -> Iterator[str]:
    return (f"trainer: iter={i} objective_loss={loss(i)} gnorm={_RNG.random():.3f}\n" for i in range(count))


def dicts(count: int = 1000) -> Iterator[str]:
    return (f"{{'loss': {loss(i)}, 'grad_norm': 0.5, 'epoch': {i / 1000}}}\n" for i in range(count))


CASES: dict[str, Callable[[], Iterator[str]]] = {
    "training": training,
    "training, colors": lambda: training("green"),
    "nanochat, training": lambda: chain(nanochat(), training()),
    "learned, training": lambda: chain(keys(), training()),
    "dicts, training": lambda: chain(dicts(), training()),
    "nanochat, eval": lambda: chain(nanochat(), evaluation()),
    "nanochat, map": lambda: chain(nanochat(), mapping()),
    "learned, map": lambda: chain(keys(), mapping()),
    "dicts, map": lambda: chain(dicts(), mapping()),
    "map alone": mapping,
    "nanochat, download": lambda: chain(nanochat(), download()),
    "download alone": download,
    "dicts, undescribed": lambda: chain(dicts(), undescribed()),
    "undescribed alone": undescribed,
    "nanochat, pip": lambda: chain(nanochat(), pip()),
    "pip alone": pip,
    "keras": keras,
    "rich": rich,
    "alive-progress": alive,
    "nanochat among map": lambda: among(nanochat(REDRAWS), mapping()),
    "learned among map": lambda: among(keys(REDRAWS), mapping()),
    "nanochat, two below": lambda: chain(nanochat(), below()),
    "ranks below": ranks,
}


def by_regex(data: bytes) -> int:
    """Read with one regex, redraw by redraw."""
    places: list[tuple[float, float]] = []
    for redraw in re.split(rb"[\r\n]", data):
        found = _PLACE.search(redraw)
        if found:
            places.append((float(found[1]), float(found[2])))
    return len(places)


def by_runwatch(data: bytes, size: int) -> None:
    """Read with runwatch, in blocks."""
    parser = StreamParser()
    for begin in range(0, len(data), size):
        parser.feed(data[begin : begin + size])
    parser.flush()


def cpu(work: Callable[..., object], *given: object) -> float:
    begin = time.process_time()
    work(*given)
    return time.process_time() - begin


def measure(names: list[str], quick: bool) -> Iterator[Row]:
    """Measure every case."""
    global REDRAWS  # noqa: PLW0603 - every case asks for it
    REDRAWS = 4_000 if quick else REDRAWS
    by_runwatch("".join(nanochat(9999)).encode(), BLOCK)  # imports
    found = []
    for name, make in CASES.items():
        if names and not any(word in name for word in names):
            continue
        data = "".join(make()).encode()
        base, spent = cpu(by_regex, data), cpu(by_runwatch, data, BLOCK)
        found.append(Row(f"bars: {name}", spent, "a regex per redraw", base))
        yield found[-1]
    yield replace(rows.median("progress bars, CPU, median", found), bar=0.7)
    yield replace(rows.slowest("progress bars, CPU, slowest", found), bar=1.5)


if __name__ == "__main__":
    rows.main(measure)
