"""Logs: the same numbers from any pieces and on both paths, in time that grows with the size, whatever it says."""

from __future__ import annotations

import random
import time
from functools import cache
from zlib import crc32

import msgspec

from runwatch.core.batch import Batch
from runwatch.core.text import plain
from runwatch.parsers.formats import builtin
from runwatch.parsers.stream import StreamParser
from runwatch.reports.explain.explain import explain
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.document import document

from ...parsers.fuzzing import EXAMPLES, TEXTS, invented
from ...parsers.structured import read
from ...watcher.test_engine import FAULTY, NOW
from ...watcher.test_frozen import fed
from ..target import Target


@cache
def _texts() -> list[bytes]:
    """One text of each format, and several of them in a row."""
    rng = random.Random(1)
    joined = [b"".join(rng.choice(TEXTS)[:3000] for _ in range(3)) for _ in range(20)]
    return [*(text[:8000] for text in TEXTS), *EXAMPLES, *joined]


def _cuts(data: bytes, most: int = 8) -> list[int]:
    """Return where an input is cut: the same for the same input."""
    rng = random.Random(crc32(data))
    return [rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, most))]


def pieces(data: bytes) -> None:
    """Cut anywhere, and byte by byte around a place, a log says the same, in safe messages; no number is made up."""
    whole = read(data)
    read(data, _cuts(data)).same_as(whole)
    at = _cuts(data)[0]
    read(data, range(max(0, at - 20), min(len(data), at + 20))).same_as(whole)
    parser = StreamParser()
    for batch in (parser.feed(data, tail=50), parser.flush()):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(batch), type=Batch) == batch  # it crosses a pipe
    made_up = invented(data, whole.tables)
    assert not made_up, made_up[:3]


def bulk(data: bytes) -> None:
    """Many lines at once are read with the same bits as line by line."""
    data = (data + b"\n") * (1 + 70_000 // (len(data) + 1))
    read(data, _cuts(data, 4)).same_as(read(data, bulk=False))


def blowup(data: bytes) -> None:
    """Four times the text takes about four times the time: a line's piece repeated, and lines repeated.

    The first byte says how; the middle of the rest is what is repeated.
    """
    how, text = data[:1] or b"\0", data[1:]
    begin, end = sorted((len(text) * how[0] // 512, len(text) * (how[0] * 7 % 256) // 256))
    head, piece, tail = text[:begin], text[begin : max(end, begin + 1)] or b"x", text[max(end, begin + 1) :]
    if how[0] % 3 == 0:
        piece = piece[:40].replace(b"\n", b" ")
    elif how[0] % 3 == 1:
        piece += b"\n"
    small = _seconds(head + piece * (15_000 // len(piece)) + tail)
    if small > 0.15:  # linear takes a few hundredths
        large = _seconds(head + piece * (60_000 // len(piece)) + tail)
        assert large < 9 * small, f"{small:.2f} s, four times the text {large:.2f} s"


def _seconds(data: bytes) -> float:
    begin = time.process_time()
    read(data)
    return time.process_time() - begin


def fold(data: bytes) -> None:
    """What is found of a log, restarted anywhere, is the same, and is safe text."""
    cuts = _cuts(data, 4)
    whole = fed(data, cuts, thawed=False)
    assert fed(data, cuts, thawed=True) == whole
    for text in _strings(msgspec.json.decode(whole[0])):
        for line in text.split("\n"):  # lines that are quoted
            assert plain(line, 1 << 20) == line.rstrip(), repr(line)


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in _strings(item)]
    return [text for item in value for text in _strings(item)] if isinstance(value, list) else []


def explained(data: bytes) -> None:
    """What was read of a log, and why, can be said of any."""
    explain(data, builtin())
    engine = Engine()
    assert document(engine, NOW)


TARGETS = (
    Target("pieces", pieces, _texts, slow=3.0),
    Target("bulk", bulk, _texts, most=6000, slow=10.0),
    Target(
        "blowup",
        blowup,
        lambda: [bytes([i * 37 % 256]) + text[:300] for i, text in enumerate(_texts())],
        most=600,
        slow=10.0,
    ),
    Target("fold", fold, lambda: [text[:6000] for text in (*FAULTY.values(), *_texts())], slow=10.0),
    Target("explain", explained, _texts, slow=3.0),
)
