"""Which files belong to the same run, by where they are and what they are called. Pure: no I/O.

Launchers write one log per rank, schedulers one for standard error next to one
for standard output, trackers their own files below the run's directory.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from runwatch.core import text
from runwatch.core.batch import NODE
from runwatch.watcher.sources.member import DIRECTORY, LOG, METRICS, ORDER, TENSORBOARD, WANDB, Member
from runwatch.watcher.sources.neighbors import File, Neighbors, Unit

_TORCHRUN = re.compile(
    r"(?P<top>.*)/(?P<launch>[^/]+)/attempt_(?P<attempt>\d+)/(?P<rank>\d+)/(?:stdout|stderr)\.log"
)
_WORD = r"(?:global_?|local_?)?(?:rank|proc|process|task|worker|workerlog|device|gpu)"
_IN_NAME = re.compile(
    rf"(?P<top>.*/)(?P<stem>(?:[^/]*?[._-])??)(?:node[._-]?(?P<node>\d+)[._-])?{_WORD}[._-]?(?P<rank>\d+)"
    r"(?:[._-]?of[._-]?\d+)?(?P<rest>(?:[._-](?:stdout|stderr|out|err|log|txt))*)",
    re.IGNORECASE,
)
_IN_FOLDER = re.compile(
    rf"(?P<top>.*/)(?:node[._-]?(?P<node>\d+)/)?{_WORD}[._-]?(?P<rank>\d+)/(?P<rest>[^/]+)", re.IGNORECASE
)
_NODE_ABOVE = re.compile(r"(?P<top>.*/)node[._-]?(?P<node>\d+)/", re.IGNORECASE)
_NUMBERED = re.compile(r"(?P<top>.*/)(?P<stem>[^/]*(?:log|out|err|txt))\.(?P<rank>\d+)(?P<rest>)")
"""log.0, log.1, ...: ranks, unless there is a `log` next to them, whose rotated files they then are."""
_TASKS = re.compile(r"(?P<top>.*/)(?P<stem>[^/]*?\d{4,})_(?P<rank>\d+)(?P<rest>\.(?:out|log|err|txt))")
"""JOB_0.out, JOB_1.out, ...: tasks of a SLURM job (`--output=%j_%t.out`), if no array (`slurm-JOB_0.out`)."""
_STREAM = re.compile(r"(?P<stem>.*?)[._-]?(?:(?P<word>stdout|stderr|out|err)(?:\.(?:log|txt))?|(?P<end>log))")
_ERRORS = {"err", "stderr"}
_PART = re.compile(
    r"(.+)/(?:logs?|tb|tensorboard(?:_logs)?|tb_logs|events?|csv_logs|metrics|stdout|lightning_logs|mlruns|wandb|runs"
    r"|checkpoints?|ckpts?|[a-z]+_checkpoints|weights|models?|version_\d+|(?:offline-)?run-\d{8}_\d{6}-[^/]+)"
    r"|(.+/runs)/[^/]+(?=$)"
)
"""Directories below that of the run."""
_INSIDE = re.compile(r"checkpoints?|ckpts?|[a-z]+_checkpoints|weights|models?")
"""Those that only one run has: what is next to them is of the same run."""
_TOGETHER = 60.0
"""Seconds by which the last words of one run's sources may lie apart."""
_ELSEWHEN = 600.0
"""Seconds from which on they are those of different runs."""
_DAY = 86_400.0


NAMES = {
    LOG: ("log", "logs"),
    WANDB: ("W&B run", "W&B runs"),
    TENSORBOARD: ("TensorBoard run", "TensorBoard runs"),
    METRICS: ("set of metrics files", "sets of metrics files"),
    DIRECTORY: ("directory", "directories"),
}


def members(
    files: Sequence[File],
    *,
    searched: bool = False,
    note: Callable[[str], object] = lambda said: None,
) -> dict[str, Member]:
    """Return path -> member for the files to read, in the order to read them.

    Of a directory that was searched, trackers and files of metrics are given to the
    one log they are next to or below; where several could be meant, they are left
    out, since the logs say the same, and `note` is reported.
    """
    logs = _log_units([file for file in files if file.kind == LOG], searched=searched)
    others = [file for file in files if file.kind != LOG]
    found = (
        _join(logs, others, note) if searched else [*logs, *(_alone(file.path, (file,)) for file in others)]
    )
    out: dict[str, Member] = {}
    for unit in found:
        out.update(sorted(unit.members.items(), key=lambda item: (item[1].place(), item[0])))
    return out


def title(group: str) -> str:
    """Return what names a group, from its id: the path without the part that distinguishes its files."""
    shown = group.rstrip("/*")
    return shown.rstrip("._-") or group


def named_by(path: str, member: Member) -> str:
    """Return the path that names a run: an event file's own name says nothing, that of its directory does."""
    if member.group:
        return title(member.group)
    return os.path.dirname(path) if member.kind == TENSORBOARD else path


# -- logs --------------------------------------------------------------------------------------------


def _log_units(files: Sequence[File], *, searched: bool) -> list[Unit]:
    grouped: dict[str, list[tuple[File, Member]]] = defaultdict(list)
    paths = {file.path for file in files}
    nodes, streams = _nodes(files), _streams(paths)
    for file in files:
        member = _of_torchrun(file.path, nodes) or _of_rank(file.path, paths) or streams.get(file.path)
        grouped[member.group if member else file.path].append((file, member or Member()))
    _give_ranks_to_their_run(grouped)
    if searched:
        _give_errors_to_their_run(grouped)
    units = []
    for group, found in grouped.items():
        alone = len(found) == 1
        reported = {file.path: Member() if alone else member for file, member in found}
        home = group.rstrip("*") if "*" in group else group
        units.append(Unit(_home(os.path.dirname(home)), tuple(file for file, _ in found), reported))
    return units


def _give_ranks_to_their_run(grouped: dict[str, list[tuple[File, Member]]]) -> None:
    """Put logs of ranks under the one other log of their directory: `train.log` next to `rank0.log`, ..."""
    homes: dict[str, list[str]] = defaultdict(list)
    for name in grouped:
        homes[os.path.dirname(name)].append(name)
    for group in [name for name in grouped if name.endswith("/*") and len(grouped[name]) > 1]:
        present = ((name, grouped[name][0]) for name in homes[os.path.dirname(group)] if name in grouped)
        nearby = [name for name, (first, member) in present if member == Member() and first.has_records]
        if len(nearby) == 1:
            run = nearby[0]
            ranks = [(file, _regroup(member, run)) for file, member in grouped.pop(group)]
            grouped[run] = [(grouped[run][0][0], Member(run, why="the log next to its ranks")), *ranks]


def _give_errors_to_their_run(grouped: dict[str, list[tuple[File, Member]]]) -> None:
    """Put a bare `stderr.log` under the one other log of its directory, or under those of ranks."""
    homes: dict[str, list[str]] = defaultdict(list)
    for name in grouped:
        homes[os.path.dirname(name)].append(name)
    for nearby in homes.values():
        errors = [name for name in nearby if _is_standard_error(name)]
        others = [name for name in nearby if name not in errors and not name.endswith(".txt")]
        if len(errors) != 1 or len(others) != 1:
            continue
        (run,), ((error, _),) = others, grouped.pop(errors[0])
        members = [(file, _regroup(member, run)) for file, member in grouped[run]]
        grouped[run] = [*members, (error, Member(run, why="standard error in the same directory"))]


def _is_standard_error(path: str) -> bool:
    """Return whether a log is called after the stream alone."""
    found = _STREAM.fullmatch(os.path.basename(path))
    return found is not None and not found["stem"] and found["word"] in _ERRORS


def _nodes(files: Iterable[File]) -> dict[str, tuple[int, int, int]]:
    """Return launch directory -> (node, nodes, attempts before it), for launches with one log directory.

    Launches that were at work at the same time are nodes of one run; those one after the other, new attempts.
    """
    spans: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for file in files:
        if found := _TORCHRUN.fullmatch(file.path):
            launch = f"{found['top']}/{found['launch']}"
            low, high = spans[found["top"]].get(launch, (file.written, file.written))
            spans[found["top"]][launch] = min(low, file.written), max(high, file.written)
    out: dict[str, tuple[int, int, int]] = {}
    for launches in spans.values():
        waves: list[list[str]] = []
        until = -1.0
        for launch, (_, high) in sorted(launches.items(), key=lambda item: (item[1], item[0])):
            if not waves or launches[launch][0] > until + _APART:
                waves.append([])
            waves[-1].append(launch)
            until = max(until, high)
        for number, wave in enumerate(waves):
            out.update({name: (i, len(wave), number * _LAUNCH) for i, name in enumerate(sorted(wave))})
    return out


_APART = 60.0
"""Seconds between the last words of one launch and the first of the next."""
_LAUNCH = 1000
"""More attempts than one launch makes."""


def _of_torchrun(path: str, nodes: Mapping[str, tuple[int, int, int]]) -> Member | None:
    found = _TORCHRUN.fullmatch(path)
    if found is None:
        return None
    node, count, before = nodes[f"{found['top']}/{found['launch']}"]
    rank = int(found["rank"]) + (node * NODE if count > 1 else 0)
    attempt = before + int(found["attempt"])
    return Member(f"{found['top']}/*", rank=rank, attempt=attempt, why="torchrun log directory")


def _of_rank(path: str, paths: set[str]) -> Member | None:
    for pattern, why in (
        (_IN_NAME, "rank in its name"),
        (_IN_FOLDER, "rank in its directory's name"),
        (_NUMBERED, "numbered logs"),
        (_TASKS, "tasks of one job"),
    ):
        found = pattern.fullmatch(path)
        if found is None or not _is_rank(pattern, found, paths):
            continue
        parts = found.groupdict()
        top = parts["top"]
        if above := _NODE_ABOVE.fullmatch(top) if pattern is _IN_NAME and not parts["node"] else None:
            top, parts["node"] = above["top"], above["node"]
        node = int(parts.get("node") or 0)
        group = f"{top}{parts.get('stem') or ''}*"
        return Member(group, rank=int(parts["rank"]) + node * NODE, why=why)
    return None


def _is_rank(pattern: re.Pattern[str], found: re.Match[str], paths: set[str]) -> bool:
    """Return True unless the number may count something else: rotations, or jobs of an array."""
    if pattern not in (_NUMBERED, _TASKS):
        return True
    stem, rest = found["top"] + found["stem"], found["rest"]
    if pattern is _NUMBERED:
        return stem not in paths and {f"{stem}.0", f"{stem}.1"} <= paths
    array = os.path.basename(stem).startswith("slurm-")
    return not array and {f"{stem}_0{rest}", f"{stem}_1{rest}"} <= paths


def _streams(paths: Iterable[str]) -> dict[str, Member]:
    """Return the members of standard output and error that are next to each other."""
    by_stem: dict[str, dict[str, str]] = defaultdict(dict)
    for path in paths:
        head, name = os.path.split(path)
        found = _STREAM.fullmatch(name)
        if found is not None:
            by_stem[f"{head}/{found['stem']}"][found["word"] or found["end"]] = path
    return {
        path: Member(f"{stem}*", why="standard output and error of one job")
        for stem, words in by_stem.items()
        if len(words) > 1 and _ERRORS & words.keys()
        for path in words.values()
    }


# -- what is next to the logs -----------------------------------------------------------------------


def _join(logs: Sequence[Unit], others: Sequence[File], note: Callable[[str], object]) -> list[Unit]:
    """Give each tracker and file of metrics to the run it is next to."""
    recorded = [unit for unit in logs if _have_records(unit.files)]
    units, silent = Neighbors(recorded), Neighbors(unit for unit in logs if not _have_records(unit.files))
    left: Counter[tuple[str, str]] = Counter()
    """(Where a run is at home, kind) -> launches of it that are older than the one it was given."""
    for kind in ORDER[1:]:
        clusters: dict[str, list[File]] = defaultdict(list)
        for file in others:
            if file.kind == kind:
                clusters[file.path if kind == DIRECTORY else os.path.dirname(file.path)].append(file)
        fresh: list[Unit] = []
        unsure: list[tuple[str, Sequence[Unit]]] = []
        # The newest first: of several launches it is the one that a log is still written by.
        for home, files in sorted(clusters.items(), key=lambda item: -max(f.written for f in item[1])):
            near, how = _owners(home, files, units, silent)
            free = len(near) == 1 and (kind == DIRECTORY or not _has(near[0], kind))
            if free or (len(near) == 1 and near[0].mentions(home)):
                if near[0] in silent:
                    silent.remove(near[0])
                    units.add(near[0])
                units.replace(near[0], _with(near[0], files, how))
            elif _have_records(files) and (not near or (len(near) == 1 and not recorded)):
                fresh.append(_alone(home, files))
            elif len(near) == 1:
                left[near[0].home, kind] += 1
            elif _have_records(files):
                unsure.append((files[0].path, near))
        if unsure:
            note(_left_out(kind, unsure))
        for unit in sorted(fresh, key=lambda unit: (unit.home, *unit.members)):
            units.add(unit)
    return [*(_meaningful(unit, left) for unit in units), *silent]


def _owners(
    home: str, files: Sequence[File], units: Neighbors, silent: Neighbors
) -> tuple[Sequence[Unit], str]:
    """Return the runs that what is in `home` may belong to, and how that was found out, for people.

    Of several that are as near it is the one whose log names it, else the one that was written at the
    same time, if need be a `silent` one, which may only have begun. One that was written at quite
    another time than all of them is a run of its own, if it is no older than a day.
    """
    named = [unit for unit in units.naming(home) if home.startswith(unit.home + "/")]
    if len(named) == 1:
        return named, ", which names it"
    own = home
    while _INSIDE.fullmatch(os.path.basename(own)):
        own = os.path.dirname(own)
    within = units.within(own)
    near = within if len(within) == 1 else _nearest(_home(home), units)
    written = max(file.written for file in files)
    apart = [abs(written - unit.written) for unit in near]
    together = [unit for unit, seconds in zip(near, apart, strict=True) if seconds <= _TOGETHER]
    if near and not within and min(apart) > _ELSEWHEN and files[0].kind != DIRECTORY:
        here = _nearest(_home(home), silent, lambda unit: not _is_text(unit))
        together = [unit for unit in here if abs(written - unit.written) <= _TOGETHER]
    elif len(near) < 2:
        return near, ""
    if len(together) == 1:
        return together, ", written at the same time"
    if len(near) < 2:
        return near, ""
    recent = written > max(unit.written for unit in near) - _DAY
    alone = files[0].kind != DIRECTORY and recent and min(apart) > _ELSEWHEN
    return ([] if alone else near), ""


def _have_records(files: Iterable[File]) -> bool:
    return any(file.has_records for file in files)


def _is_text(unit: Unit) -> bool:
    """Return whether its name is not that of a log: `notes.txt`."""
    return all(file.path.endswith(".txt") for file in unit.files)


def _left_out(kind: str, unsure: Sequence[tuple[str, Sequence[Unit]]]) -> str:
    """Say what could belong to more than one run: paths, and the runs near each."""
    path, near = min(unsure, key=lambda each: each[0])
    some = [os.path.basename(next(iter(unit.members))) for unit in near]
    runs = " and ".join(text.path(name) for name in some[:2]) if len(some) < 3 else f"{len(some)} runs"
    if len(unsure) == 1:
        return f"left out, since {runs} are as near to it: {text.path(path)}; name it to see it"
    what = f"{len(unsure)} {NAMES[kind][1]} are left out, since {runs} are as near to them"
    return f"{what}: {text.path(path)}, ...; name one to see it"


def _meaningful(unit: Unit, left: Mapping[tuple[str, str], int]) -> Unit:
    """Say with a run's sources how many older ones of their kind were left out."""
    reported = dict(unit.members)
    for kind in {member.kind for member in reported.values()}:
        if count := left.get((unit.home, kind), 0):
            path, member = next(item for item in reported.items() if item[1].kind == kind)
            what = f"{count} older {NAMES[kind][count > 1]} left out"
            reported[path] = msgspec.structs.replace(member, why=f"{member.why}; {what}: name one to see it")
    return replace(unit, members=reported)


def _home(directory: str) -> str:
    """Return the directory of the run, of which `directory` may be a part that frameworks make."""
    while found := _PART.fullmatch(directory):
        directory = found[1] or found[2]
    return directory


def _nearest(home: str, units: Neighbors, meant: Callable[[Unit], bool] = lambda _: True) -> list[Unit]:
    """Return the runs at home in `home`, else those below it, else those of the closest directory above."""
    here = list(filter(meant, units.at(home))) or list(filter(meant, units.below(home)))
    while not here and len(home) > 1:
        home = os.path.dirname(home)
        here = list(filter(meant, units.at(home)))
    return here


def _has(unit: Unit, kind: str) -> bool:
    return any(file.kind == kind for file in unit.files)


def _with(unit: Unit, files: Sequence[File], how: str) -> Unit:
    first = next(iter(unit.members))
    group = unit.members[first].group or first
    reported = {path: _regroup(member, group) for path, member in unit.members.items()}
    why = f"next to {os.path.basename(first)}{how}"
    reported |= {file.path: Member(group, kind=file.kind, why=why) for file in files}
    return replace(unit, files=(*unit.files, *files), members=reported)


def _regroup(member: Member, group: str) -> Member:
    return Member(group, member.kind, member.rank, member.attempt, member.why)


def _alone(home: str, files: Sequence[File]) -> Unit:
    group = home if len(files) > 1 else ""
    return Unit(_home(home), tuple(files), {file.path: Member(group, kind=file.kind) for file in files})
