"""What a tail gives of a log to which anything is done is what it gave last: bytes, marks and places.

Of most logs a digest is kept. UPDATE_GOLDEN=1 writes golden again. Read the difference before you commit it.
"""

from __future__ import annotations

import gzip
import os
from hashlib import md5
from pathlib import Path

import msgspec
import numpy as np
import pytest

from runwatch.watcher.sources.tail import Position, Tail

GOLDEN = Path(__file__).with_name("golden")
READ, MOST = 2, 160
"""Logs of which all is kept, and how many there are."""
BEGUN = 1_800_000_000 * 10**9
DONE = (
    *(*("write",) * 6, "part", "late", "late", "create", "create", "shift", "rename", "delete", "replace"),
    *("longer", "truncate", "rewrite", "copy", "copy", "copy", "pack", "pass_time", "pass_time"),
    *(*("poll",) * 4, *("drain",) * 3, "rest", "rest", "kill", "kill", "ask", "ask"),
)


class Log:
    """A log, who writes and rotates it, and the tail that follows it."""

    def __init__(self, home: Path, rng: np.random.Generator) -> None:
        self.path, self.rng = home / "run.log", rng
        self.said: list[str] = []
        self.now, self.clock, self.words = BEGUN, 0.0, 0
        self.open: list[int] = []
        """Descriptors of all logs there ever were; the last is that of the log, if it is there."""
        self.held: list[int] = []
        """Those of copies: no number of a file is given out again."""
        self.files: dict[tuple[int, int], int] = {}
        self.there = self.line_open = False
        self.size = int(rng.choice([9, 9, 40, 400]))
        self.options = {"block": int(rng.choice([8, 64, 1 << 16])), "clock": lambda: self.clock}
        self.tail = Tail(str(self.path), start=int(rng.choice([0, 0, 5])), **self.options)

    def close(self) -> None:
        self.tail.close()
        for descriptor in (*self.open, *self.held):
            os.close(descriptor)

    # What others do

    def age(self, file: int | Path) -> None:
        """Let some time pass, mostly, and give a file that of its last write."""
        self.now += int(self.rng.choice([4_000_000, 4_000_000, 4_000_000, 0, 10**9]))
        os.utime(file, ns=(self.now, self.now))

    def text(self, end: str = "\n") -> bytes:
        self.words += 1
        return f"{self.words:03d}{'.' * (self.size - 4)}{end}".encode()

    def begin(self, path: Path, data: bytes) -> None:
        append = os.O_APPEND if self.rng.random() < 0.7 else 0
        self.open.append(os.open(path, os.O_RDWR | os.O_CREAT | append, 0o600))
        os.write(self.open[-1], data)
        self.age(self.open[-1])

    def create(self) -> None:
        if not self.there:
            self.there = True
            self.begin(self.path, self.text() if self.rng.random() < 0.5 else b"")

    def write(self) -> None:
        if self.there:
            for _ in range(int(self.rng.integers(1, 4))):
                os.write(self.open[-1], self.text())
            self.age(self.open[-1])

    def part(self) -> None:
        if self.there:
            os.write(self.open[-1], self.text(""))
            self.age(self.open[-1])

    def late(self) -> None:
        old = self.open[:-1] if self.there else self.open
        if old:
            descriptor = old[int(self.rng.choice([-1, -1, 0]))]
            os.write(descriptor, self.text(str(self.rng.choice(["\n", "\n", ""]))))
            self.age(descriptor)

    def leave(self) -> None:
        self.there = False
        if self.rng.random() < 0.7:
            self.create()

    def names(self, number: int) -> list[Path]:
        return [path for end in ("", ".gz") if (path := Path(f"{self.path}.{number}{end}")).exists()]

    def make_room(self) -> Path:
        for number in (3, 2, 1):
            for path in self.names(number):
                path.rename(str(path).replace(f".log.{number}", f".log.{number + 1}"))
        return Path(f"{self.path}.1")

    def shift(self) -> None:
        if self.there:
            self.path.rename(self.make_room())
            self.leave()

    def rename(self) -> None:
        if self.there:
            self.path.rename(self.path.with_name(f"old{self.words}"))
            self.leave()

    def delete(self) -> None:
        if self.there:
            self.path.unlink()
            self.leave()

    def replace(self, data: bytes = b"") -> None:
        if self.there:
            new = self.path.with_name("new")
            self.begin(new, data or self.text())
            new.replace(self.path)

    def longer(self) -> None:
        if self.there:
            self.replace(self.path.read_bytes() + (self.text() if self.rng.random() < 0.7 else b""))

    def truncate(self) -> None:
        if self.there:
            os.truncate(self.path, 0)
            if self.rng.random() < 0.5:
                os.write(self.open[-1], self.text())
            self.age(self.open[-1])

    def rewrite(self) -> None:
        if self.there and (data := self.path.read_bytes()):
            at = int(self.rng.choice([0, len(data) // 2, len(data) - 1]))
            with self.path.open("r+b") as file:
                file.seek(at)
                file.write(b"X")
            self.age(self.path)

    def copy(self) -> None:
        if not self.there:
            return
        again, packed = self.rng.random() < 0.3, self.rng.random() < 0.3
        path, data = self.path.with_name("run.log.1") if again else self.make_room(), self.path.read_bytes()
        path = Path(f"{path}.gz") if packed else path
        path.write_bytes(gzip.compress(data, 1, mtime=0) if packed else data)
        self.held.append(os.open(path, os.O_RDONLY))
        if self.rng.random() < 0.3:
            os.utime(path, ns=(self.path.stat().st_mtime_ns,) * 2)
        else:
            self.age(path)
        self.truncate()

    def pack(self) -> None:
        for path in self.names(1)[:1]:
            if path.suffix != ".gz":
                packed = Path(f"{path}.gz")
                packed.write_bytes(gzip.compress(path.read_bytes(), 1, mtime=0))
                self.held.append(os.open(packed, os.O_RDONLY))
                os.utime(packed, ns=(path.stat().st_mtime_ns // 10**9 * 10**9,) * 2)
                path.unlink()

    def pass_time(self) -> None:
        self.clock += float(self.rng.choice([0.1, 3, 5, 600, 601]))

    # What the tail does

    def poll(self) -> bool:
        piece = self.tail.poll()
        if piece is not None:
            self.line_open = not piece.data.endswith(b"\n")
            self.say(piece.data, piece.mark and piece.mark.value, piece.lost)
        return piece is not None

    def drain(self) -> None:
        while self.poll():
            pass

    def rest(self) -> None:
        held = 3 if self.line_open else 0
        self.say("rests", self.tail.rest(held), self.tail.changed(), self.tail.files)
        self.line_open = False

    def kill(self) -> None:
        position = self.tail.position(int(self.rng.choice([0, 0, 3])))
        self.tail.close()
        kept = msgspec.json.decode(msgspec.json.encode(position), type=Position | None)
        self.tail = Tail.resume(str(self.path), kept, **self.options)
        self.line_open = False

    def ask(self) -> None:
        tail = self.tail
        around = tail.around(3, 4) if self.rng.random() < 0.5 else None
        last = tail.last_block(25) if self.rng.random() < 0.5 else None
        self.say(around, last, tail.changed(), [tail.elsewhere(held) for held in (0, 3, 30)])

    def place(self, held: int) -> object:
        """Return a position, with the number that its file has here."""
        position = self.tail.position(held)
        if position is None:
            return None
        identity = position.device, position.inode
        number = self.files.setdefault(identity, len(self.files))
        prints = f"{position.head:x} {position.recent:x}"
        return number, position.offset, prints, position.changed - BEGUN, position.copied

    def say(self, *what: object) -> None:
        self.said.append(" ".join(map(str, what)))

    def happen(self) -> None:
        name = str(self.rng.choice(DONE))
        before = len(self.said)
        getattr(self, name)()
        tail = self.tail
        if len(self.said) > before or name == "kill":
            problem = tail.problem and "problem"
            self.say(
                name, tail.offset, tail.size, tail.backlog, tail.files, problem, self.place(0), self.place(3)
            )


@pytest.mark.parametrize("part", range(8))
def test_a_tail_gives_what_it_gave_last(part, tmp_path) -> None:
    found = []
    for seed in range(part, MOST, 8):
        home = tmp_path / str(seed)
        home.mkdir()
        log = Log(home, np.random.default_rng([seed, 53]))
        log.create()
        try:
            for _ in range(45):
                log.happen()
            for _ in range(2):
                log.drain()
                log.clock += 5
            log.drain()
        finally:
            log.close()
        text = "\n".join(log.said)
        found.append(f"{seed}: {text if seed < READ else md5(text.encode()).hexdigest()[:8]}")
    text = "\n".join([*found, ""])
    path = GOLDEN / f"short-{part}.txt"
    if "UPDATE_GOLDEN" in os.environ:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()
