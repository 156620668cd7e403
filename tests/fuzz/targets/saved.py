"""What we wrote ourselves and read again: the state of a daemon, recordings; and what users write: settings."""

from __future__ import annotations

import pickletools
import random
import sqlite3
import zlib
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

import msgspec

from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.config import loader
from runwatch.config.sections import Config
from runwatch.core import sample
from runwatch.core.errors import ConfigError, SourceError
from runwatch.core.text import plain
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.ingest import wire
from runwatch.watcher.persistence import frozen
from runwatch.watcher.persistence.keeper import Keeper
from runwatch.watcher.persistence.store import FILE, Store, past_runs
from runwatch.watcher.recordings import entries
from runwatch.watcher.recordings.file import HEAD
from runwatch.watcher.replay.opening import opened
from runwatch.watcher.replay.player import Player

from ...parsers.fuzzing import NASTY
from ...watcher.test_engine import NOW, log
from ...watcher.test_frozen import body
from ...watcher.test_store import change, group
from ..target import Target, new_folder

# -- the state ---------------------------------------------------------------------------------------


def state(data: bytes) -> None:
    """A kept group is restored or refused. The first byte says what is not as it was; checksums are made to fit."""
    text, whole = data[1:], msgspec.msgpack.decode(zlib.decompress(_body()[4:]), type=frozen._Body)
    how = data[0] % 4 if data else 0
    if how == 1:
        whole = msgspec.structs.replace(whole, group=text)
    elif how == 2:
        rules = [msgspec.structs.replace(rule, state=text) for rule in whole.runs[0]]
        whole = msgspec.structs.replace(whole, runs=[rules])
    elif how == 3:
        with suppress(ValueError, msgspec.MsgspecError, zlib.error):
            whole = msgspec.msgpack.decode(zlib.decompress(text), type=frozen._Body)
    if _makes_room(whole.group) or any(_makes_room(rule.state or b"") for run in whole.runs for rule in run):
        return
    made = text if how == 3 else zlib.compress(msgspec.msgpack.encode(whole))
    sealed = text if how == 0 else zlib.crc32(made).to_bytes(4, "little") + made
    with suppress(frozen.NotRestoredError):
        frozen.thaw(sealed, Ruleset())


def _makes_room(text: bytes) -> bool:
    """Whether a pickle numbers an object so high that room for millions is made: the file is the user's own."""
    with suppress(Exception):
        return any(
            code.name == "LONG_BINPUT" and number > 1 << 20 for code, number, _ in pickletools.genops(text)
        )
    return False


@cache
def _body() -> bytes:
    return body()


def _states() -> list[bytes]:
    whole = msgspec.msgpack.decode(zlib.decompress(_body()[4:]), type=frozen._Body)
    rules = [rule.state for rule in whole.runs[0] if rule.state]
    return [b"\0" + _body(), b"\1" + whole.group, b"\3" + _body()[4:], *(b"\2" + rule for rule in rules[:12])]


def store(data: bytes) -> None:
    """Any bytes as the file of a state, or as what one of its rows holds: it is read, or set aside and begun again.

    The first byte says which.
    """
    with new_folder() as folder:
        tables = ("groups", "sources", "changes", "silences", "incidents", "runs", "meta")
        table = data[0] if data else 0
        if table < len(tables):
            _fill(folder)
            with sqlite3.connect(folder / FILE) as db:
                column = "value" if tables[table] == "meta" else "body"
                db.execute(f"UPDATE {tables[table]} SET {column} = ?", (data[1:],))
            db.close()
        else:
            (folder / FILE).write_bytes(data[1:])
        said: list[str] = []
        kept = Store(folder, said.append, now=lambda: NOW)
        engine = Engine()
        Keeper(kept, engine, said.append).restore([b"/runs"], NOW)
        kept.incidents(["g#1"])
        kept.sweep()
        kept.commit([group()], [change()])
        past_runs(folder)
        kept.close()
        for line in said:
            assert plain(line) == line, line


def _fill(folder: Path) -> None:
    kept = Store(folder, now=lambda: NOW)
    kept.commit([group()], [change()], roots=[b"/runs"])
    from runwatch.alerts.routing.silences import silence

    kept.put_silence(silence(("run=x",), 3600.0, now=NOW))
    kept.close()


@cache
def _stores() -> list[bytes]:
    with new_folder() as folder:
        _fill(folder)
        whole = (folder / FILE).read_bytes()
        with sqlite3.connect(folder / FILE) as db:
            rows = [
                bytes([number]) + bytes(db.execute(f"SELECT {column} FROM {name}").fetchone()[0])
                for number, (name, column) in enumerate(
                    (
                        ("groups", "body"),
                        ("sources", "body"),
                        ("changes", "body"),
                        ("silences", "body"),
                        ("incidents", "body"),
                    )
                )
            ]
        db.close()
    return [b"\xff" + whole, *rows, b"\6[]", b"\0" + _body()]


# -- recordings --------------------------------------------------------------------------------------


def recording(data: bytes) -> None:
    """A recording plays, or says that it is damaged. The first byte says if it is compressed here."""
    text = data[1:] if not data or data[0] % 2 else HEAD + zlib.compress(data[1:])
    with new_folder() as folder:
        path = folder / "watch.rec"
        path.write_bytes(text)
        (folder / "run.log").write_bytes(log(40))
        with suppress(SourceError), closing(Player(opened(str(path), Config(), None), Ruleset())) as player:
            player.advance(player.session.last)


def _recordings() -> list[bytes]:
    at = entries.bits(NOW)
    opening = wire.Opened("/x/run.log", "run", b"/x/run.log", 0)
    machine = sample.Sample(NOW, {"cpu": 0.5})
    made = [
        entries.Began(at, entries.VERSION, "runwatch", None), entries.Took(9, opening),
        entries.Lines(99, 0, 2000, True, False, 0, 5), entries.Sampled(9, "/x/run.log", machine),
        entries.Changed(9, 0, {0: 0.25}), entries.Ticked(9, ("/x/run.log",)), entries.Jumped(9, 2.0), entries.Took(9, wire.Beat()),
    ]  # fmt: skip
    bodies = [entries.encode(entry) for entry in made]
    plain_text = b"".join(_length(len(each)) + each for each in bodies)
    return [
        b"\0" + plain_text,
        b"\1" + HEAD + zlib.compress(plain_text),
        *(b"\0" + _length(len(each)) + each for each in bodies),
    ]


def _length(number: int) -> bytes:
    return bytes([number & 127 | 128, number >> 7]) if number > 127 else bytes([number])


# -- settings ----------------------------------------------------------------------------------------

_EXAMPLE = Path(__file__).parents[3] / "examples" / "runwatch.toml"


def configuration(data: bytes) -> None:
    """Any bytes as runwatch.toml: a configuration that can be used, or an error of one line."""
    with new_folder() as folder:
        path = folder / "runwatch.toml"
        path.write_bytes(data)
        said = ""
        try:
            config = loader.read(path)
            config.ruleset()
            for own in config.formats:
                own.build()
        except ConfigError as error:
            said = str(error)
        assert plain(said, 1 << 16) == said, said


@cache
def _configurations() -> list[bytes]:
    text = _EXAMPLE.read_bytes()
    bare = b"\n".join(line.removeprefix(b"# ") for line in text.splitlines())
    sections = [b"[" + part for part in bare.split(b"\n[") if part]
    rng = random.Random(4)
    extra = (
        b"[[formats]]\nname = 'mine'\npattern = 'it {step} of {total} loss {train/loss}'\n",
        b"[[formats]]\nname = 'mine'\nregex = 'it (?P<step>\\d+) loss (?P<loss>\\S+)'\n",
        b"[rules.mine]\nmetric = 'train/loss'\nabove = 3.5\nfor_steps = 4\n",
        b"[channels.hook]\ntype = 'webhook'\nurl = { env = 'X' }\n",
        b"[[routing.routes]]\nmatch = ['severity=critical', 'run=~a.*']\nchannels = ['slack']\ncontinue = true\n",
        b"[[maintenance]]\nweekly = 'sat,sun 22:00-06:00'\nmatch = ['run=x']\n",
        b"[[runs]]\nmatch = 'exp-*'\n[runs.rules.hang]\nfactor = 3\n",
        b"[names]\nmy_loss = 'train/loss'\n[messages]\ntitle = '{run}: {title}'\n",
        b"[metrics]\nlisten = '127.0.0.1:9100'\notlp = 'http://c:4318'\n",
    )
    return [text, *sections[:60], *extra, *(b"".join(rng.sample(extra, 3)) for _ in range(6))]


_SETTINGS = (
    *NASTY, b"= nan", b"= inf", b"= -1", b"= 1e999", b"= true", b"= []", b"= {}", b"= ['']", b"= 2030-01-01", b"= 00:00:00",
    b"= 9223372036854775808", b"= ''", b'= "\\u0000"', b"[[", b"]]", b"[rules.", b"= 'a' \n", b"{step}", b"(?P<", b"(a+)+", b"{n,", b"\\",
)  # fmt: skip

TARGETS = (
    Target("state", state, _states, most=40_000, slow=3.0),
    Target("store", store, _stores, most=200_000, slow=3.0),
    Target("recording", recording, _recordings, slow=3.0),
    Target("configuration", configuration, _configurations, words=_SETTINGS, most=4000, slow=5.0),
)
