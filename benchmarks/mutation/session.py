"""A pytest session that runs its tests on mutants, each in a fork of a process that has collected them.

Imports and collecting are paid once. A mutant inside a function replaces the code of that function in its
fork; one at the level of a module or a class imports everything again, with that module changed. Which tests
run which lines is found once, with `coverage`. A mutant gets the tests that run its line, the quickest first,
until one fails.
"""

from __future__ import annotations

import ast
import functools
import gc
import hashlib
import importlib.abc
import importlib.machinery
import itertools
import json
import math
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import coverage
import pytest
from _pytest.runner import runtestprotocol

from benchmarks.mutation.operators import Mutant, mutated

KILLED, SURVIVED, TIMED_OUT, UNTESTED = "killed", "survived", "timed out", "untested"
MOST_SECONDS = 10.0
"""CPU time of the tests chosen for one mutant, as measured; a result says how many are left out."""
SLOWER = 4
"""A mutant that takes this many times as long as its tests do, and 2 s more, has timed out."""
MOST_MEMORY = 4 << 30
"""Bytes of address space."""
BROKEN = 99
"""What a fork exits with if it could not run any test."""
KEPT = Path("build/mutation")
"""Where it is kept which tests run which lines, by digest of the code and of the file of tests."""
OPTIONS = ["-q", "-s", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]


@dataclass(frozen=True)
class Result:
    """What happened to a mutant. `left_out`: tests that run its line, but would take too long together."""

    mutant: Mutant
    outcome: str
    left_out: int = 0

    def __str__(self) -> str:
        """Show the outcome and the mutant."""
        left_out = f" ({self.left_out} slow tests left out)" if self.left_out else ""
        return f"{self.outcome}{left_out}: {self.mutant}"


@dataclass(frozen=True)
class Covered:
    """Seconds of CPU time of each test that passes, and by path and line the tests that run it."""

    seconds: dict[str, float]
    lines: dict[str, dict[str, list[str]]]
    failed: list[str]

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that could notice a mutant, first what is quick and mostly about its file."""
        lines = self.lines.get(mutant.path, {})
        if mutant.owner is None:  # run when imported: whatever uses the module, or a module that imports it
            using = [lines, *(self.lines[path] for path in self.lines if _imports(path, mutant.path))]
            found = {test for rows in using for tests in rows.values() for test in tests}
        else:
            rows = range(mutant.first, mutant.last + 1)
            found = {test for line in rows for test in lines.get(str(line), ())}
        here, whole = _sizes(lines), self._whole
        return sorted(found, key=lambda test: self.seconds[test] * whole[test] / max(1, here[test]))

    @functools.cached_property
    def _whole(self) -> Counter[str]:
        """How many lines each test runs."""
        return sum(map(_sizes, self.lines.values()), Counter())


def _sizes(lines: Mapping[str, Sequence[str]]) -> Counter[str]:
    """Return how many of these lines each test runs."""
    return Counter(itertools.chain.from_iterable(lines.values()))


class Session:
    """A plugin of pytest: instead of running the tests it runs mutants."""

    def __init__(self, mutants: Sequence[Mutant], paths: Sequence[str], jobs: int, minutes: float) -> None:
        self.results: list[Result] = []
        self.failed: list[str] = []
        self._mutants, self._paths, self._jobs, self._minutes = mutants, paths, jobs, minutes

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the mutants; say that the tests were run."""
        items = {item.nodeid: item for item in session.items}
        temporary = Path(tempfile.mkdtemp(prefix="mutation-"))
        try:
            covered = _covered(items.values(), self._paths, temporary)
            self.failed = covered.failed
            running: dict[int, tuple[Mutant, int]] = {}
            until = time.monotonic() + 60 * self._minutes
            for mutant in itertools.takewhile(lambda _: time.monotonic() < until, self._mutants):
                tests, left_out = _within(covered.tests(mutant), covered.seconds)
                if not tests:
                    self._note(Result(mutant, UNTESTED))
                    continue
                if len(running) == self._jobs:
                    self._wait(running)
                limit = 2 + SLOWER * sum(covered.seconds[test] for test in tests)
                body = functools.partial(_attempt, mutant, [items[test] for test in tests])
                running[_fork(body, temporary, limit)] = mutant, left_out
            while running:
                self._wait(running)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return True

    def _wait(self, running: dict[int, tuple[Mutant, int]]) -> None:
        pid, status = os.wait()
        mutant, left_out = running.pop(pid)
        code = os.waitstatus_to_exitcode(status)
        if code == BROKEN:
            raise SystemExit(f"this mutant could not be made: {mutant}")
        slow = code in {-signal.SIGXCPU, -signal.SIGALRM, -signal.SIGKILL}
        self._note(Result(mutant, TIMED_OUT if slow else KILLED if code else SURVIVED, left_out))

    def _note(self, result: Result) -> None:
        self.results.append(result)
        if result.outcome in {SURVIVED, UNTESTED}:
            print(result, flush=True)


def _covered(items: Iterable[pytest.Item], paths: Sequence[str], temporary: Path) -> Covered:
    """Return what the tests run, which is measured in a fork for each file, unless it is known."""
    whole = Covered({}, {path: {} for path in paths}, [])
    code = hashlib.sha256(b"".join(Path(path).read_bytes() for path in paths))
    KEPT.mkdir(parents=True, exist_ok=True)
    for path, group in itertools.groupby(items, lambda item: item.path):
        digest = code.copy()
        digest.update(path.read_bytes())
        kept = KEPT.absolute() / f"{path.stem}-{digest.hexdigest()[:16]}.json"
        if not kept.exists():
            pid = _fork(functools.partial(_measure, list(group), paths, kept), temporary, 3600)
            if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
                raise SystemExit(f"{path} could not be run without a mutant")
        part = Covered(*json.loads(kept.read_text()))
        whole.seconds.update(part.seconds)
        whole.failed.extend(part.failed)
        for name, rows in part.lines.items():
            for line, tests in rows.items():
                whole.lines[name].setdefault(line, []).extend(tests)
    return whole


def _measure(items: Sequence[pytest.Item], paths: Sequence[str], kept: Path) -> int:
    seconds, failed = {}, []
    full = {path: os.path.abspath(path) for path in paths}  # a test may go to another folder
    recorder = coverage.Coverage(data_file=None, include=list(full.values()))
    recorder.set_option("run:disable_warnings", ["no-data-collected"])
    recorder.start()
    for item in items:
        recorder.switch_context(item.nodeid)
        started = time.process_time()
        if _passes(item):
            seconds[item.nodeid] = time.process_time() - started
        else:
            failed.append(item.nodeid)
    recorder.stop()
    data, lines = recorder.get_data(), {}
    for path in paths:
        rows = data.contexts_by_lineno(full[path])
        lines[path] = {line: [test for test in tests if test in seconds] for line, tests in rows.items()}
    kept.write_text(json.dumps([seconds, lines, failed]))
    return 0


def _within(tests: list[str], seconds: dict[str, float]) -> tuple[list[str], int]:
    """Return as many of the tests as take MOST_SECONDS, but the first always, and how many are left out."""
    chosen, total = tests[:1], sum(map(seconds.__getitem__, tests[:1]))
    for test in tests[1:]:
        if total + seconds[test] <= MOST_SECONDS:
            chosen.append(test)
            total += seconds[test]
    return chosen, len(tests) - len(chosen)


def _fork(body: Callable[[], int], temporary: Path, limit: float) -> int:
    """Run `body` in a process with its own temporary folder, limits and no output; return its id."""
    if pid := os.fork():
        return pid
    code, errors = BROKEN, os.dup(2)
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(60 + 10 * limit))  # of those that wait
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit + time.process_time()) + 1,) * 2)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY,) * 2)
        own = temporary / str(os.getpid())
        own.mkdir()
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(own)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        code = body()
        shutil.rmtree(own, ignore_errors=True)
    except BaseException:
        os.write(errors, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _attempt(mutant: Mutant, items: Sequence[pytest.Item]) -> int:
    """Return 0 if all tests pass on a mutant."""
    source = Path(mutant.path).read_text(encoding="utf-8")
    code = compile(mutated(source, mutant.index), os.path.abspath(mutant.path), "exec")
    if mutant.owner is None or not _replace(code, mutant.owner):
        return _import_again(mutant.path, code, [item.nodeid for item in items])
    return int(not all(_passes(item) for item in items))


def _passes(item: pytest.Item) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def _replace(module: types.CodeType, owner: tuple[str, int]) -> bool:
    """Give the function that begins there its new code, and forget what was cached.

    Return False where that does not do: there is no such function now, or it no longer calls super().
    """
    (new,) = (code for code in _inside(module) if (code.co_name, code.co_firstlineno) == owner)
    gc.unfreeze()  # what is frozen would not be listed
    replaced = 0
    for found in gc.get_objects():
        if isinstance(found, functools._lru_cache_wrapper):
            found.cache_clear()
        elif isinstance(found, types.FunctionType):
            old = found.__code__
            if (old.co_name, old.co_firstlineno) == owner and old.co_filename == module.co_filename:
                if old.co_freevars != new.co_freevars:
                    return False
                found.__code__ = new
                replaced += 1
    return replaced > 0


def _inside(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _inside(constant)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from other code."""

    def __init__(self, name: str, code: types.CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)  # type: ignore[arg-type]
        if found:
            found.loader = self
        return found

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        exec(self._code, module.__dict__)


def _import_again(path: str, code: types.CodeType, tests: Sequence[str]) -> int:
    for name in [name for name, module in sys.modules.items() if _is_ours(module)]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Changed(_module(path), code))
    return int(pytest.main([*OPTIONS, "-x", *tests]))


def _is_ours(module: types.ModuleType) -> bool:
    file = getattr(module, "__file__", None) or ""
    return (
        file.startswith(f"{os.getcwd()}/")
        and "/site-packages/" not in file
        and __package__ not in module.__name__
    )


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@functools.cache
def _imported(path: str) -> frozenset[str]:
    """Return the modules that a file imports from, and the names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(found)


def _imports(path: str, other: str) -> bool:
    return _module(other) in _imported(path)


def run(
    mutants: Sequence[Mutant],
    paths: Sequence[str],
    tests: Sequence[str],
    jobs: int,
    minutes: float = math.inf,
) -> tuple[list[Result], list[str]]:
    """Run tests on mutants of `paths`; return the results, and the tests that fail without a mutant.

    After some minutes no further mutant is begun.
    """
    session = Session(mutants, paths, jobs, minutes)
    code = pytest.main([*OPTIONS, *tests], plugins=[session])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise SystemExit(f"the tests could not be collected: {code!r}")
    return session.results, session.failed
