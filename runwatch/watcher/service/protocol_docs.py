"""docs/protocol.md, generated from the messages of the engine.

python -m runwatch.watcher.service.protocol_docs > docs/protocol.md
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from runwatch.alerts.routing.expression import MAX_LENGTH
from runwatch.alerts.routing.silences import MOST_MATCHERS
from runwatch.config.docs import comments
from runwatch.watcher import protocol
from runwatch.watcher.engine.views import views
from runwatch.watcher.service import clients, sockets
from runwatch.watcher.service.watchlist import MAX_PATHS

_HEAD = f"""\
# Protocol

How to talk to a running daemon (`runwatch watch`). The screen, `runwatch status` and the other commands use
nothing else.

- **Where.** A stream socket, `{sockets.NAME}` in the state directory: `$RUNWATCH_STATE`, by default
  `~/.local/state/runwatch`. If that path is longer than {sockets.LONGEST} bytes or its file system
  has no sockets: `/tmp/runwatch-UID/` and the first 16 hexadecimal digits of the SHA-256 of the state
  directory's path, `.sock`. On another machine: `ssh HOST runwatch bridge` carries the same bytes
  through standard input and output.
- **Who.** Only its owner can enter the directory, and the daemon asks the kernel who is at the other end:
  it serves that user and root.
- **Form.** One JSON object per line, UTF-8, ended by `\\n`; the key `type` names the message. At most
  {protocol.MAX_REQUEST >> 20} MiB from a client, {protocol.MAX_LINE >> 20} MiB from the daemon. Missing
  keys have their defaults; both sides must ignore unknown keys.
- **Versions.** The daemon greets with `hello` and its `version`, now {protocol.VERSION}. A client may
  greet too; one with a newer version gets a `failure` and is disconnected. A version defines
  what older clients can read; new keys and new messages do not change it.
- **Answers.** A request may carry an `id`, a whole number that its answer repeats. Answers come in the
  order of requests; frames and lines come between them. An answer of several parts has `"more": true`
  in all but the last. A request that cannot be done is `refused`, and the connection stays open. Other
  input ends it with a `failure`.
- **Pace.** Nothing is queued for a client that does not read. A frame is made when the client has taken the
  one before, a request is read when the answer before was taken, and the newest 1,024 lines are kept.
- **Limits.** A view has {views.MAX_CHARTS} charts at most and {views.MAX_NAMED} runs to compare
  with; otherwise it is `refused`. A chart gets {views.MAX_WIDTH:,} columns at most, all charts of a frame
  together {views.MAX_COLUMNS:,}: if more are requested, each gets its share. {clients.MAX_CLIENTS} clients
  may be connected, {clients.MAX_WATCHING} of them with frames or lines; for one more, the client that was
  silent longest is disconnected. {clients.MAX_HELD >> 20} MiB are kept for all clients. A matcher has
  {MAX_LENGTH:,} characters, a silence {MOST_MATCHERS} matchers; {MAX_PATHS:,} paths are watched.
- **Turns.** Requests, parts of answers and frames are done one at a time, first for the client that used
  least CPU time recently, and take at most half of the engine's time.
- **Numbers.** Times are Unix times in seconds, sizes bytes, shares lie in [0, 1]. NaN and infinities are
  `null`.

With netcat:

```sh
echo '{{"type": "runs"}}' | nc -UN ~/.local/state/runwatch/daemon.sock
```

In Python, with the standard library only:

```python
import json, os, socket

state = os.environ.get("RUNWATCH_STATE") or os.path.expanduser("~/.local/state/runwatch")
daemon = socket.socket(socket.AF_UNIX)
daemon.connect(state + "/daemon.sock")
daemon.sendall(b'{{"type": "runs", "id": 1}}\\n')
for line in daemon.makefile():
    reply = json.loads(line)
    if reply["type"] == "run_list":
        for run in reply["runs"]:
            print(run["name"], run["phase"], run["progress"]["step"], run["loss"])
        if not reply.get("more"):
            break
```

Ids of runs and incidents are made of names and places: they are the same after a restart of the daemon.

<!-- Made by `python -m runwatch.watcher.service.protocol_docs` from the code: change it there. -->
"""


_LEAD = re.compile(r"(Client|Engine)[^:]*: ")
_ANSWER = re.compile(r"Answered by (\w+)")


def _tag(name: str) -> str:
    return str(getattr(protocol, name).__struct_config__.tag)


def render() -> str:
    """Return the whole page."""
    parts = [_HEAD.rstrip(), "\n## From a client"]
    for kind in typing.get_args(protocol.Request):
        if kind is not protocol.Hello:
            parts += _message(kind, f"`{kind.__struct_config__.tag}`")
    parts.append("\n## From the daemon")
    for kind in typing.get_args(protocol.Reply):
        parts += _message(kind, f"`{kind.__struct_config__.tag}`")
    parts.append("\n## Structures")
    for kind in _inside():
        parts += _message(kind, kind.__name__)
    return "\n".join([*parts, ""])


def _inside() -> list[type[msgspec.Struct]]:
    """Return the structs that messages hold, each once."""
    found: dict[type[msgspec.Struct], None] = {}

    def look(kind: Any) -> None:
        for part in (kind, *typing.get_args(kind)):
            if part is not kind:
                look(part)
            elif inspect.isclass(part) and issubclass(part, msgspec.Struct) and part not in found:
                if part.__struct_config__.tag is None:
                    found[part] = None
                for hint in typing.get_type_hints(part).values():
                    look(hint)

    for message in (*typing.get_args(protocol.Request), *typing.get_args(protocol.Reply)):
        look(message)
    return list(found)


def _message(kind: type[msgspec.Struct], title: str) -> Iterator[str]:
    said = _LEAD.sub("", " ".join((inspect.getdoc(kind) or "").split()))
    said = _ANSWER.sub(lambda found: f"Answered by `{_tag(found[1])}`", said[:1].upper() + said[1:])
    yield f"\n### {title}\n\n{said}\n"
    notes = comments(kind)
    hints = typing.get_type_hints(kind)
    rows = [f"| `{name}` | {_kind(hints[name])} | {notes.get(name, '')} |" for name in kind.__struct_fields__]
    if rows:
        yield "\n".join(["| key | kind | meaning |", "|---|---|---|", *rows])


def _kind(hint: Any) -> str:
    """Return in words what JSON a type is."""
    args = typing.get_args(hint)
    if not args:
        words = {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null"}
        return words.get(hint, getattr(hint, "__name__", "any"))
    origin = typing.get_origin(hint)
    if origin is tuple:
        pair = len(args) == 2 and args[1] is not Ellipsis
        return f"[{_kind(args[0])}, {_kind(args[1])}]" if pair else f"list of {_kind(args[0])}"
    if origin is dict:
        return f"{_kind(args[1])} by name" if args[1] is not object else "object"
    return " or ".join(dict.fromkeys(map(_kind, args)))


if __name__ == "__main__":
    sys.stdout.write(render())
