"""What others write whole: trackers' records, checkpoints and the files next to them, compressed logs, a log's file."""

from __future__ import annotations

import gzip
import random
from contextlib import suppress
from functools import cache
from zlib import crc32

from runwatch.core.errors import SourceError
from runwatch.core.text import plain
from runwatch.parsers.framing.record_files import FRAMINGS, LevelDbLog
from runwatch.watcher.checkpoints.contents import Inside, inspect
from runwatch.watcher.checkpoints.directory import CheckpointSource
from runwatch.watcher.layouts import contents
from runwatch.watcher.layouts.signatures import Whole
from runwatch.watcher.sources import files
from runwatch.watcher.sources.compressed import blocks as decompressed
from runwatch.watcher.sources.sidecars import SidecarSource

from ...checkpoints import made
from ...parsers.fuzzing import NASTY
from ...parsers.logs import nanochat
from ...parsers.structured import read, trainer_state
from ...parsers.trackers import blocks, event_file, tfrecord, wandb_log
from ...watcher.tail.test_property import AnyLog
from ..target import Target, new_folder

# -- records of W&B and TensorBoard ------------------------------------------------------------------


def records(data: bytes) -> None:
    """Whatever the records are, pieces do not matter. The first byte says if they are framed here, and how.

    So that changes are not all caught by a checksum.
    """
    kind = FRAMINGS[data[0] % 2] if data else LevelDbLog
    text = data[1:]
    if data[:1] and data[0] & 2:
        parts = []
        while text:
            size = int.from_bytes(text[:2], "little")
            parts.append(text[2 : 2 + size])
            text = text[2 + size :]
        text = blocks(parts) if kind is LevelDbLog else b"".join(map(tfrecord, parts))
    whole = read(text)
    rng = random.Random(crc32(data))
    read(text, [rng.randrange(len(text) + 1) for _ in range(rng.randrange(1, 6))]).same_as(whole)
    read(text, bulk=False).same_as(whole)


@cache
def _records() -> list[bytes]:
    found = []
    for number, text in enumerate((wandb_log(12, code=1), event_file(12))):
        found.append(bytes([number]) + text)
        parts = FRAMINGS[number]().feed(text).records.data
        found.append(bytes([number | 2]) + b"".join(len(part).to_bytes(2, "little") + part for part in parts))
    return found


# -- checkpoints -------------------------------------------------------------------------------------

_NAMES = (
    "model_000010.pt", "model.safetensors", "meta_000010.json", "trainer_state.json", "training_args.json",
    "config.json", "hparams.yaml", "model.safetensors.index.json", ".metadata", "__0_0.distcp",
    "manifest.ocdbt", "arrays.npz", "weights.h5", "report.md", "run_manifest.json", "training_metrics.json",
    "optim_000010_rank0.pt", "flax.msgpack", "latest", "config.yaml",
)  # fmt: skip
_NEXT = b"\xffFILE"


def checkpoints(data: bytes) -> None:
    """Any files under the names that mean something: judged, never an error, and all text is safe.

    A file that is whole is not when it is cut.
    """
    with new_folder() as folder:
        top = folder / "checkpoint-10"
        top.mkdir()
        for part in data.split(_NEXT)[:6]:
            name, text = _NAMES[(part[0] if part else 0) % len(_NAMES)], part[1:]
            (top / name).write_bytes(text)
            (folder / name).write_bytes(text)
            _cut(name, text)
        found = inspect(str(top), files.walk(str(top)), Inside())
        words = [*found.settings, *found.settings.values(), *found.metrics]
        words += [verdict.reason for verdict in found.verdicts.values()]
        look = CheckpointSource(str(folder)).look(2e9)
        words += [word for checkpoint in look.changes for word in (checkpoint.reason, *checkpoint.metrics)]
        for directory in (folder, top):
            beside = SidecarSource(str(directory)).look()
            words += [word for facts in beside.facts.values() for pair in facts.items() for word in pair]
        for word in words:
            assert plain(word, 1 << 20) == word.rstrip(), word


def _cut(name: str, text: bytes) -> None:
    def check(text: bytes) -> Whole:
        return contents.check(name, len(text), lambda at, size: text[at : at + size]).whole

    sealed = name.endswith((".pt", ".safetensors", ".npz"))
    if sealed and check(text) is Whole.YES:
        assert check(text[: crc32(text) % len(text)]) is not Whole.YES


@cache
def _checkpoints() -> list[bytes]:
    index = b'{"metadata": {}, "weight_map": {"a": "model-00001.safetensors", "b": "x.bin"}}'
    settings = b'{"lr": 0.1, "name": "x", "nested": {"depth": [1, 2, {"a": null}]}, "api_key": "s"}'
    yaml = b"lr:\n  value: 0.1\n  desc: x\nlist:\n- 1\n- two\nmodel: !tag &a 'b' # c\n"
    report = b"# Run\n- loss: 2.5\n| a | b |\n|---|---|\n| x | 1 |\n"
    texts = (
        made.archive(512), made.tensors(128), b'{"step": 10, "val_bpb": 0.9, "model_config": {"n": 2}}',
        trainer_state(4), settings, settings, yaml, index, made.metadata({"__0_0.distcp": 512}), made.shard(512),
        b"\x0c\xdb\x3a\x2a" + (64).to_bytes(8, "little") + bytes(52), made.archive(256),
        b"\x89HDF\r\n\x1a\n" + bytes(120), report, settings, b'{"steps": [1, 2], "train_loss": [3.1, 2.9]}',
        made.LEGACY, b"\x82\xa1a\x01\xa1b\x02", b"global_step10", yaml,
    )  # fmt: skip
    whole = [bytes([number]) + text for number, text in enumerate(texts)]
    return [*whole, _NEXT.join(whole[:6]), _NEXT.join(whole[7:12])]


# -- logs as files -----------------------------------------------------------------------------------


def compressed(data: bytes) -> None:
    """A compressed file that is cut or damaged gives what precedes the damage, and one error."""
    with new_folder() as folder:
        path = folder / "run.log.gz"
        path.write_bytes(data)
        with suppress(OSError, SourceError):
            for block in decompressed(str(path), 1 << 16):
                assert 0 < len(block) <= 1 << 16


def _compressed() -> list[bytes]:
    import bz2
    import lzma

    text = nanochat(40)
    return [gzip.compress(text), bz2.compress(text), lzma.compress(text), gzip.compress(text) * 2, text]


class _Choice:
    """Draws what a byte says."""

    def __init__(self, number: int) -> None:
        self._number = number

    def of(self, most: int) -> int:
        self._number, found = divmod(self._number, most)
        return found

    def flag(self) -> bool:
        return bool(self.of(2))


def tail(data: bytes) -> None:
    """A byte is an operation on a log's file, or a look: what was to be read is delivered once, in order."""
    log = AnyLog()
    try:
        for byte in data[:200]:
            choice = _Choice(byte)
            _operate(log, choice.of(12), choice)
            log.nothing_is_delivered_twice()
            log.every_file_is_in_order()
    except BaseException:
        log.owed.clear()
        raise
    finally:
        log.teardown()


def _operate(log: AnyLog, operation: int, choice: _Choice) -> None:
    if operation < 2:
        log.poll() if operation else log.drain()
    elif operation == 2:
        log.time_passes((0.1, 3.0, 5.0)[choice.of(3)])
    elif operation < 5 and log.old:
        log._write(
            log.old[choice.of(len(log.old)) if len(log.old) < 4 else -1], 1 + choice.of(3), choice.flag()
        )
    elif log.current is None:
        log.create(choice.flag())
    elif operation < 8:
        log._write(log.current, 1 + choice.of(5), choice.flag())
    elif operation == 8:
        log.rename_away()
    elif operation == 9:
        log.replace(choice.flag()) if choice.flag() else log.delete()
    elif operation == 10:
        log.truncate()
    else:
        log.copytruncate(choice.flag(), choice.flag(), choice.flag())


def _operations() -> list[bytes]:
    rng = random.Random(3)
    return [bytes(rng.randrange(256) for _ in range(60)) for _ in range(40)]


TARGETS = (
    Target("records", records, _records, most=20_000, slow=3.0),
    Target(
        "checkpoints",
        checkpoints,
        _checkpoints,
        words=(*NASTY, _NEXT, *(bytes([i]) for i in range(len(_NAMES)))),
    ),
    Target("compressed", compressed, _compressed),
    Target("tail", tail, _operations, words=[bytes([i]) for i in range(256)], most=200, slow=5.0),
)
