"""What loggers and launchers put before lines, and lines to put it before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

RECORDS = 24
DATED = "2030-01-02 03:{m:02d}:{s:02d}"
ZONED = "2030-01-02T03:{m:02d}:{s:02d}"


@dataclass(frozen=True)
class Envelope:
    """How a line of one rank looks in a log: `{r}` is its rank, `{m}` and `{s}` the time, `{line}` the rest."""

    text: str
    timed: bool = False
    escaped: bool = False
    """Whether the line stands in a JSON string."""

    @property
    def ranked(self) -> bool:
        """Whether it tells the rank."""
        return "{r}" in self.text

    def put(self, line: str, rank: int, second: int) -> str:
        """Return a line behind this."""
        if self.escaped:
            line = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        fields = {
            "r": str(rank),
            "m": f"{second // 60:02d}",
            "s": f"{second % 60:02d}",
            "line": line,
            "t": str(1893553200 + second),
        }
        text = self.text
        for name, value in fields.items():
            text = text.replace("{" + name + ":02d}", value).replace("{" + name + "}", value)
        return text


LAUNCHERS = {
    "torchrun": Envelope("[rank{r}]:{line}"),
    "torchrun spaced": Envelope("[rank{r}]: {line}"),
    "tee": Envelope("[default{r}]:{line}"),
    "srun": Envelope("{r}: {line}"),
    "srun padded": Envelope(" {r}: {line}"),
    "mpirun": Envelope("[1,{r}]<stdout>:{line}"),
    "mpirun spaced": Envelope("[1,{r}]<stderr>: {line}"),
    "bracketed": Envelope("[{r}]: {line}"),
    "said": Envelope("[rank: {r}] {line}"),
    "Rank": Envelope("[Rank {r}] {line}"),
    "plain rank": Envelope("rank {r}: {line}"),
    "rank in parentheses": Envelope("(rank {r}) {line}"),
    "rank in angles": Envelope("<rank={r}> {line}"),
    "pid": Envelope("[pid 4242] {line}"),
    "RANK=": Envelope("[RANK={r}] {line}"),
}
LOGGERS = {
    "ray": Envelope("(RayTrainWorker pid=4242, ip=10.0.0.1) {line}"),
    "ray plain": Envelope("(train_fn pid=4242) {line}"),
    "clearml": Envelope("{t}678 worker-1:gpu0,1 INFO {line}"),
    "compose": Envelope("trainer-1  | {line}"),
    "pdsh": Envelope("worker-0: {line}"),
    "address": Envelope("10.0.0.4: {line}"),
    "python": Envelope(DATED + ",678 - trainer - INFO - {line}", timed=True),
    "python plain": Envelope("INFO:trainer:{line}"),
    "loguru": Envelope(DATED + ".678 | INFO     | train:main:42 - {line}", timed=True),
    "glog": Envelope("I0102 03:{m:02d}:{s:02d}.678901 140245 train.py:42] {line}", timed=True),
    "syslog": Envelope("Jan  2 03:{m:02d}:{s:02d} node17 python[4242]: {line}", timed=True),
    "rfc 5424": Envelope("<14>1 " + ZONED + ".678Z node17 train 4242 - - {line}", timed=True),
    "journald": Envelope(ZONED + "+0000 node17 python3[4242]: {line}", timed=True),
    "kubernetes": Envelope(ZONED + ".678901234Z stdout F {line}", timed=True),
    "iso": Envelope(ZONED + "Z {line}", timed=True),
    "deepspeed": Envelope("[" + DATED + ",678] [INFO] [logging.py:96:log_dist] {line}", timed=True),
    "accelerate": Envelope(
        DATED.replace("2030-", "").replace("-", "/") + " - INFO - __main__ - {line}", timed=True
    ),
    "hydra": Envelope("[" + DATED + ",678][__main__][INFO] - {line}", timed=True),
    "clock": Envelope("[03:{m:02d}:{s:02d}] {line}", timed=True),
    "docker json": Envelope(
        '{"log":"{line}\\n","stream":"stdout","time":"' + ZONED + '.678901234Z"}', timed=True, escaped=True
    ),
    "docker json, spaced": Envelope(
        '{"log": "{line}\\n", "stream": "stdout", "time": "' + ZONED + '.678901234Z"}',
        timed=True,
        escaped=True,
    ),
    "journald json": Envelope(
        '{"__CURSOR":"s=1;i={s}","__REALTIME_TIMESTAMP":"{t}000000","_HOSTNAME":"node17",'
        '"PRIORITY":"6","SYSLOG_IDENTIFIER":"python3","_PID":"4242","MESSAGE":"{line}"}',
        timed=True,
        escaped=True,
    ),
    "PointGroup": Envelope("[" + DATED + ",125  INFO  train.py  line 42  31337]  {line}", timed=True),
}
PAIRS = {
    f"{outer} + {inner}": Envelope(
        first.text.replace("{line}", then.text), first.timed or then.timed, first.escaped
    )
    for outer, inner, first, then in (
        (outer, inner, ({**LAUNCHERS, **LOGGERS})[outer], ({**LAUNCHERS, **LOGGERS})[inner])
        for outer, inner in (
            ("kubernetes", "torchrun"),
            ("compose", "torchrun"),
            ("pdsh", "tee"),
            ("docker json", "tee"),
            ("docker json", "python"),
            ("iso", "torchrun"),
            ("tee", "deepspeed"),
            ("srun", "python"),
            ("mpirun", "glog"),
            ("ray", "python"),
            ("python", "Rank"),
            ("torchrun", "hydra"),
        )
    )
}
ENVELOPES = {**LAUNCHERS, **LOGGERS, **PAIRS}


def _each(line: Callable[[int, float], str]) -> list[str]:
    return [line(step, round(4.5 - step / 64, 4)) for step in range(1, RECORDS + 1)]


def _bar(step: int, loss: float) -> str:
    return f"Epoch 1: {100 * step // RECORDS:3d}%|{'#' * 9}| {step}/{RECORDS} [00:{step:02d}<00:59,  1.00it/s, loss={loss}]"


def _epochs(epochs: int) -> Iterable[str]:
    for epoch in range(1, epochs + 1):
        yield f"Epoch {epoch}/{epochs}"
        for done in (1, 2, 3):
            yield f"{done}/3 [{'=' * 10 * done + '.' * (30 - 10 * done)}] - 9s 10ms/step - loss: {4.5 - epoch / 16}"


CARRIERS = {
    "nanochat": _each(lambda n, x: f"step {n:05d}/05568 (0.22%) | loss: {x:.6f} | dt: 997.50ms"),
    "nanogpt": _each(lambda n, x: f"iter {n}: loss {x:.4f}, time 39015.50ms, mfu 6.95%"),
    "dict": _each(lambda n, x: f"{{'loss': {x}, 'grad_norm': 1.5, 'learning_rate': 1e-05, 'epoch': {n / 100:.2f}}}"),
    "json": _each(lambda n, x: f'{{"step": {n}, "loss": {x}, "lr": 0.0001}}'),
    "pairs": _each(lambda n, x: f"step={n} loss={x:.4f} lr=1.000e-04"),
    "sentence": _each(lambda n, x: f"Epoch {1 + n // 17} Batch {n % 17} Loss {x:.4f}"),
    "xgboost": _each(lambda n, x: f"[{n}]\ttrain-logloss:{x:.5f}\tval-logloss:{x + 1:.5f}"),
    "catboost": _each(lambda n, x: f"{n}:\tlearn: {x:.7f}\ttotal: 12ms\tremaining: 1.2s"),
    "keras": list(_epochs(5)),
    "tqdm": _each(_bar),
    "csv": ["step,loss,lr", *_each(lambda n, x: f"{n},{x},0.0001")],
    "box": [
        text
        for n in range(1, 9)
        for text in (
            "-" * 34, f"| loss            | {4.5 - n / 16:<12} |", f"| total_timesteps | {n * 2048:<12} |", "-" * 34
        )
    ],
    "traceback": [
        "Traceback (most recent call last):",
        '  File "train.py", line 9, in <module>',
        "    main()",
        "ValueError: bad shard",
    ],
}  # fmt: skip


def one(envelope: Envelope, lines: Iterable[str], rank: int = 3) -> bytes:
    """A log in which one rank wrote these lines."""
    return "".join(envelope.put(line, rank, n) + "\n" for n, line in enumerate(lines)).encode()


def two(envelope: Envelope, lines: Iterable[str], others: Iterable[str]) -> bytes:
    """A log of ranks 0 and 1, whose lines take turns."""
    return "".join(
        envelope.put(line, rank, n) + "\n"
        for n, (first, second) in enumerate(zip(lines, others, strict=True))
        for rank, line in ((1, second), (0, first))
    ).encode()
