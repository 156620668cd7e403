"""What runs are called: the shortest names that distinguish them.

A run is called after the part of its path that says most: its file, or the directory of the experiment
where the file has a name that any run has (`train.log`, `slurm-123.out`, `logs/stdout.txt`). A name is kept
while it is this run's alone: when another run could be called so, it is made longer, and never shorter
again. So names do not depend on the order in which runs appear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_COMMON = frozenset(
    re.findall(
        "[a-z]+",
        "attempt checkpoint checkpoints ckpt ckpts console csv debug dev err error errors event events"
        " history latest lightning log logs main metrics mlruns models node nohup offline out output"
        " outputs progress rank result results run runs runwatch scalars slurm state std stderr stdout tb"
        " tensorboard tfevents tmp train trainer training version wandb weights worker",
    )
)
"""Words of names that any run has."""
_WORD = re.compile(r"[^\W\d_]+")
_WANDB = re.compile(r"(?:offline-)?run-(?:\d{8}_\d{6}-)?(?P<id>[^/]+?)(?:\.wandb)?")
_ENDING = re.compile(r"(?<=[^.])\.(?:log|out|err|txt|wandb)$")
"""What a name is without."""
_KIND = re.compile(r"(?<=[^.])\.(?:log|out|err|txt|jsonl?|csv|tsv)$")
"""What makes a name no less common."""
_USERS = frozenset({"home", "Users", "scratch", "root", "tmp"})
"""Top directories whose own directories are those of people, or of nothing in particular."""
_SCHEME = "://"


def candidates(path: str, title: str = "") -> Iterator[str]:
    """Yield the names that a run at an absolute path may have, the shortest first, the whole path last.

    `title` is what a tracker or the scheduler calls it: it says more than a path that ends in a common name.
    """
    parts = _parts(path)
    at = _most_specific(parts)
    here = list(_of_path(parts, at)) if parts else []
    if title and not is_specific(path):
        yield title
        yield from (f"{title} ({name})" for name in here)
    yield from here
    yield path


def is_specific(path: str) -> bool:
    """Return whether the file's own name, or the directory's that a path leads to, is no common one."""
    last = path.rpartition("/")[2]
    return bool(last) and not _common(last)


def has_specific_part(path: str) -> bool:
    """Return whether any part of a path is worth a name."""
    parts = _parts(path)
    return bool(parts) and not _common(parts[_most_specific(parts)])


def folder(path: str) -> str:
    """Return the directory above the part of a path that a run is called after; "" if it has none."""
    scheme, mark, _ = path.rpartition(_SCHEME)
    parts = _parts(path)
    above = "/".join(parts[: _most_specific(parts)])
    return f"{scheme}{mark}{above}" if mark else f"/{above}" if path.startswith("/") else above


def names(paths: Sequence[str]) -> list[str]:
    """Return the name of each of some runs, by their paths."""
    book = RunNames()
    for path in paths:
        book.add(path, path)
    return [book.name(path) for path in paths]


class RunNames:
    """The names of all runs that are known."""

    def __init__(self) -> None:
        self._ways: dict[str, list[str]] = {}
        """Run -> the names it may have, the shortest first."""
        self._claims: dict[str, set[str]] = {}
        """Name -> the runs that may have it."""
        self._at: dict[str, int] = {}
        """Run -> place of its name among those it may have."""

    def name(self, run: str) -> str:
        """Return what a run is called."""
        return self._ways[run][self._at[run]]

    def add(self, run: str, path: str, given: str = "", title: str = "") -> dict[str, str]:
        """Take in a run, or what is newly known of it; return the new names of the runs whose names change.

        `given` is the name that it has already, and keeps if it can.
        """
        self.drop(run)
        ways = list(dict.fromkeys(candidates(path, title)))
        if given and given not in ways:
            ways.insert(0, given)
        ways.append(run)  # another may be found at the same path
        self._ways[run] = ways
        self._at[run] = ways.index(given) if given else 0
        touched = {run}
        for way in ways:
            claims = self._claims.setdefault(way, set())
            claims.add(run)
            if len(claims) == 2:  # of more, all have other names by now
                touched |= claims
        return self._lengthened(touched, run)

    def drop(self, run: str) -> None:
        """Forget a run. Others keep their names."""
        for way in self._ways.pop(run, ()):
            self._claims[way].discard(run)
        self._at.pop(run, None)

    def _lengthened(self, touched: set[str], new: str) -> dict[str, str]:
        changed: dict[str, str] = {}
        for run in touched:
            ways, before = self._ways[run], self._at[run]
            at = before
            while at < len(ways) - 1 and len(self._claims[ways[at]]) > 1:
                at += 1
            self._at[run] = at
            if at != before or run == new:
                changed[run] = ways[at]
        return changed


def _parts(path: str) -> list[str]:
    """Return the parts of a path, or of an address without its scheme."""
    return [part for part in path.rpartition(_SCHEME)[2].split("/") if part]


def _of_path(parts: Sequence[str], at: int) -> Iterator[str]:
    below = [_plain(part) for part in parts[at + 1 :]]
    for start in range(at, max(-1, at - 6), -1):
        head = "/".join([*parts[start:at], _plain(parts[at])])
        yield head
        if start == at:  # run001.log among others of its directory
            yield from filter(_numbered, below[-1:] if not parts[-1].endswith(".wandb") else ())
        if below:
            yield from (f"{head}/{_plain(part)}" for part in filter(_numbered, parts[at + 1 :]))
            yield "/".join([head, *below])
        if parts[-1] != _plain(parts[-1]):
            yield "/".join([*parts[start:at], *parts[at:]])


def _most_specific(parts: Sequence[str]) -> int:
    """Return the place of the part that says most: the last that is no common name, else the last."""
    for at in range(len(parts) - 1, -1, -1):
        person = at == 1 and parts[0] in _USERS
        if not person and not (at == 0 and parts[0] in _USERS) and not _common(parts[at]):
            return at
    return len(parts) - 1


def _common(part: str) -> bool:
    """Return whether any run may have a file or directory of that name."""
    if part.endswith(".wandb") or (_WANDB.fullmatch(part) and re.match(r"(?:offline-)?run-\d{8}_", part)):
        return True
    return all(word.lower() in _COMMON for word in _WORD.findall(_KIND.sub("", part)))


def _numbered(part: str) -> bool:
    return any(map(str.isdigit, part))


def _plain(part: str) -> str:
    """Return a part without what says nothing: a file's ending, W&B's words around its id."""
    found = _WANDB.fullmatch(part) if part.endswith(".wandb") or part.count("_") else None
    return found["id"] if found is not None else _ENDING.sub("", part) or part
