"""Files are grouped into runs by where they are and what they are called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runwatch.watcher.sources.layout import members, title
from runwatch.watcher.sources.member import DIRECTORY, LOG, METRICS, TENSORBOARD, WANDB
from runwatch.watcher.sources.neighbors import File


def file(path: str, written: float = 0.0) -> File:
    kind = WANDB if path.endswith(".wandb") else TENSORBOARD if "tfevents" in path else LOG
    kind = DIRECTORY if path.endswith(("/checkpoints", "/out")) else kind
    return File(path, METRICS if path.endswith(".csv") else kind, written)


def places(*paths: str) -> dict[str, tuple[str, int | None, int]]:
    return {path: (m.group, m.rank, m.attempt) for path, m in members([file(path) for path in paths]).items()}


@pytest.mark.parametrize(
    ("paths", "group"),
    [
        (["/x/rank_0.log", "/x/rank_1.log"], "/x/*"),
        (["/x/rank0.out", "/x/rank1.out"], "/x/*"),
        (["/x/train-rank-0-of-8.log", "/x/train-rank-1-of-8.log"], "/x/train-*"),
        (["/x/log_rank0.txt", "/x/log_rank1.txt"], "/x/log_*"),
        (["/x/workerlog.0", "/x/workerlog.1"], "/x/*"),
        (["/x/log.0", "/x/log.1"], "/x/log*"),
        (["/x/12345_0.out", "/x/12345_1.out"], "/x/12345*"),
        (["/x/rank.0/stdout", "/x/rank.1/stdout"], "/x/*"),
        (["/x/d/none_ab/attempt_0/0/stdout.log", "/x/d/none_ab/attempt_0/1/stdout.log"], "/x/d/*"),
    ],
)
def test_ranks_by_name(paths, group):
    assert places(*paths) == {path: (group, rank, 0) for rank, path in enumerate(paths)}


@pytest.mark.parametrize(
    "paths",
    [
        ["/x/train.log", "/x/train.log.1", "/x/train.log.2"],  # rotated
        ["/x/slurm-1234_0.out", "/x/slurm-1234_1.out"],  # jobs of an array
        ["/x/run1.log", "/x/run2.log"],
        ["/x/seed_0.log", "/x/seed_1.log"],
        ["/x/layout.txt", "/x/laylog.txt"],
        ["/x/rank_0.log", "/y/rank_1.log"],
    ],
)
def test_other_numbers_are_no_ranks(paths):
    assert places(*paths) == dict.fromkeys(paths, ("", None, 0))


@pytest.mark.parametrize("searched", [True, False])
def test_the_one_log_next_to_logs_of_ranks_is_that_of_their_run(searched):
    paths = ("/x/train.log", "/x/rank0.log", "/x/rank1.log")
    found = members([file(path) for path in paths], searched=searched)
    assert [(path, m.group, m.rank) for path, m in found.items()] == [
        ("/x/train.log", "/x/train.log", None), ("/x/rank0.log", "/x/train.log", 0), ("/x/rank1.log", "/x/train.log", 1),
    ]  # fmt: skip
    loose = members([file(path) for path in (*paths, "/x/other.log")], searched=searched)
    assert loose["/x/train.log"].group == "", "several could be meant"
    silent = [File("/x/train.log", has_records=False), *map(file, paths[1:])]
    assert members(silent, searched=searched)["/x/rank0.log"].group == "/x/*"


def test_ranks_of_several_nodes_are_distinguished():
    found = members([file(f"/x/node{node}_rank{rank}.log") for node in (0, 1) for rank in (0, 1)])
    assert [member.rank for member in found.values()] == [0, 1, 1_000_000, 1_000_001]


def test_a_directory_per_node_distinguishes_its_ranks():
    found = members([file(f"/x/node{node}/rank_{rank}.log") for node in (0, 1) for rank in (0, 1)])
    assert [(m.group, m.rank) for m in found.values()] == [("/x/*", n) for n in (0, 1, 1_000_000, 1_000_001)]


def test_launches_of_torchrun_at_the_same_time_are_nodes():
    found = members(
        [file(f"/x/none_{node}/attempt_0/{rank}/stdout.log", 100.0) for node in "ab" for rank in (0, 1)]
    )
    assert [(member.rank, member.attempt) for member in found.values()] == [
        (0, 0), (1, 0), (1_000_000, 0), (1_000_001, 0)
    ]  # fmt: skip


def test_launches_of_torchrun_one_after_the_other_are_attempts():
    found = members(
        [file("/x/none_b/attempt_0/0/stdout.log", 100.0), file("/x/none_b/attempt_1/0/stdout.log", 200.0),
         file("/x/none_a/attempt_0/0/stdout.log", 9000.0)]
    )  # fmt: skip
    assert [(path, member.rank) for path, member in found.items()] == [
        ("/x/none_b/attempt_0/0/stdout.log", 0),
        ("/x/none_b/attempt_1/0/stdout.log", 0),
        ("/x/none_a/attempt_0/0/stdout.log", 0),
    ]
    attempts = [member.attempt for member in found.values()]
    assert attempts == sorted(set(attempts))


@pytest.mark.parametrize(
    ("paths", "group"),
    [
        (["/x/run.err", "/x/run.out"], "/x/run*"),
        (["/x/stderr.log", "/x/stdout.log"], "/x/*"),
        (["/x/a.err", "/x/a.log"], "/x/a*"),
        (["/x/a_stderr.txt", "/x/a_stdout.txt"], "/x/a*"),
    ],
)
def test_standard_output_and_error_of_one_job(paths, group):
    assert places(*paths) == dict.fromkeys(paths, (group, None, 0))


def test_a_bare_standard_error_belongs_to_the_one_log_next_to_it():
    train, error, other = "/x/a/train.log", "/x/a/stderr.log", "/x/a/eval.log"
    assert joined(train, error) == [{train, error}]
    assert joined(train, error, "/x/b/train.log") == [{train, error}, {"/x/b/train.log"}]
    assert joined(train, error, other) == [{train}, {error}, {other}]
    assert joined(train, error, "/x/a/notes.txt") == [{train, error}, {"/x/a/notes.txt"}]
    ranks = {"/x/a/rank0.log", "/x/a/rank1.log"}
    assert joined(*sorted(ranks), error) == [{*ranks, error}]


def test_checkpoints_next_to_a_log_and_its_standard_error_belong_to_the_run():
    reported: list[str] = []
    logs = [File(f"/x/{run}/{name}") for run in "ab" for name in ("train.log", "stderr.log")]
    places = [File(f"/x/{run}/checkpoints", "directory") for run in "ab"]
    found = members([*logs, *places], searched=True, note=reported.append)
    assert reported == []
    assert {found[place.path].group for place in places} == {"/x/a/train.log", "/x/b/train.log"}


def joined(*paths: str) -> list[set[str]]:
    """Return the groups in a searched directory; later paths were written later."""
    groups: dict[str, set[str]] = {}
    for path, member in members(
        [file(path, float(i)) for i, path in enumerate(paths)], searched=True
    ).items():
        groups.setdefault(member.group or path, set()).add(path)
    return list(groups.values())


WANDB_RUN = "/e/wandb/run-20260101_00000{}-ab/run-ab.wandb"


@pytest.mark.parametrize(
    "files",
    [
        ["/e/train.log", WANDB_RUN.format(1)],
        ["/e/train.log", "/e/runs/Jan01_host/events.out.tfevents.1"],
        ["/e/train.log", "/e/lightning_logs/version_0/metrics.csv"],
        ["/e/logs/train.log", "/e/tb/events.out.tfevents.1", "/e/progress.csv"],
        ["/e/rank_0.log", "/e/rank_1.log", "/e/metrics.csv"],
        ["/e/v/metrics.csv", "/e/v/events.out.tfevents.1"],
    ],
)
def test_what_is_next_to_one_log_belongs_to_it(files):
    assert joined(*files) == [set(files)]


def test_launches_that_are_left_out_are_reported():
    runs = [f"/p/wandb/run-2026010{n}_000000-r{n}/run-r{n}.wandb" for n in (1, 2, 3)]
    files = [File("/p/train.log"), *(File(path, "wandb", written=n) for n, path in enumerate(runs))]
    found = members(files, searched=True)
    assert list(found) == ["/p/train.log", runs[2]]
    assert found[runs[2]].why == "next to train.log; 2 older W&B runs left out: name one to see it"


def test_only_the_newest_launch_of_a_tracker_belongs_to_the_log():
    old, new = WANDB_RUN.format(1), WANDB_RUN.format(2)
    assert joined(old, new, "/e/train.log") == [{"/e/train.log", new}]
    assert joined(old, new) == [{old}, {new}]


def test_next_to_several_logs_it_is_left_out():
    assert joined("/e/a.log", "/e/b.log", "/e/metrics.csv") == [{"/e/a.log"}, {"/e/b.log"}]


def test_what_was_left_out_because_it_is_unclear_whose_it_is_is_reported():
    reported: list[str] = []
    members(
        [file(path) for path in ("/e/a.log", "/e/b.log", "/e/metrics.csv")],
        searched=True,
        note=reported.append,
    )
    assert reported == [
        "left out, since a.log and b.log are as near to it: /e/metrics.csv; name it to see it"
    ]
    reported.clear()
    runs = [WANDB_RUN.format(number) for number in (1, 2)]
    members([file(path) for path in ("/e/a.log", "/e/b.log", *runs)], searched=True, note=reported.append)
    why = "2 W&B runs are left out, since a.log and b.log are as near to them: "
    assert reported == [f"{why}{runs[0]}, ...; name one to see it"]


HOUR = 3600.0


def dated(*files: tuple[str, float]) -> dict[str, tuple[str, str]]:
    """Return path -> group and why, of a searched directory with files written at these times."""
    found = members([replace(file(path), written=at) for path, at in files], searched=True)
    return {path: (member.group or path, member.why) for path, member in found.items()}


def test_of_several_logs_it_is_the_one_written_at_the_same_time():
    tracker = WANDB_RUN.format(1)
    found = dated(("/e/a.log", 100 * HOUR), ("/e/logs/b.log", 200 * HOUR), (tracker, 200 * HOUR - 20))
    assert found[tracker] == ("/e/logs/b.log", "next to b.log, written at the same time")
    assert found["/e/a.log"][0] == "/e/a.log"


def test_what_none_of_several_logs_was_written_with_is_a_run_of_its_own():
    logs = ("/e/a.log", 100 * HOUR), ("/e/logs/b.log", 101 * HOUR)
    csv = "/e/lightning_logs/version_0/metrics.csv"
    assert dated(*logs, (csv, 102 * HOUR))[csv][0] == csv
    assert csv not in dated(*logs, (csv, 50 * HOUR)), "of what is older than a day too much would be shown"


def test_a_directory_belongs_to_the_run_whose_files_lie_in_it():
    logs = ("/e/train.out", 200 * HOUR), ("/e/logs/a.log", 100 * HOUR)
    tracker = "/e/out/runs/Jan01_host/events.out.tfevents.1"
    csv, saved = "/e/lightning_logs/version_0/metrics.csv", "/e/lightning_logs/version_0/checkpoints"
    times = (tracker, 200 * HOUR), ("/e/out", 199 * HOUR), (csv, 198 * HOUR), (saved, 198 * HOUR)
    found = dated(*logs, *times)
    assert {path: group for path, (group, _) in found.items()} == {
        "/e/train.out": "/e/train.out",
        tracker: "/e/train.out",
        "/e/out": "/e/train.out",
        "/e/logs/a.log": "/e/logs/a.log",
        csv: csv,
        saved: csv,
    }


def test_each_run_directory_keeps_its_own():
    a = {"/e/a/train.log", "/e/a/tb/events.out.tfevents.1"}
    b = {"/e/b/train.log", "/e/b/metrics.csv"}
    assert joined(*sorted(a | b), "/e/c/results.csv") == [a, b, {"/e/c/results.csv"}]


def test_a_group_is_named_by_what_its_files_share():
    assert title("/x/run7/*") == "/x/run7"
    assert title("/x/train-*") == "/x/train"


@pytest.mark.parametrize("others", [[], ["/e/logs/older.log"]])
def test_the_trackers_of_a_run_that_just_began_go_with_its_log_though_that_shows_nothing_yet(others):
    old = [replace(file(path), written=100 * HOUR) for path in ["/e/train.log", *others]]
    trackers = [WANDB_RUN.format(1), "/e/out/runs/Jan01_host/events.out.tfevents.1"]
    new = [replace(file(path), written=200 * HOUR + 30) for path in trackers]
    young = replace(file("/e/train2.out"), written=200 * HOUR, has_records=False)
    found = members([*old, young, *new], searched=True)
    assert {found[path].group for path in (*trackers, "/e/train2.out")} == {"/e/train2.out"}
    assert found["/e/train.log"].group == ""
    for path, written in (("/e/train2.out", 150 * HOUR), ("/e/notes.txt", 200 * HOUR)):
        found = members([*old, replace(young, path=path, written=written), *new], searched=True)
        assert found[path].group == "", "a text of another time, or that is no log, is none of theirs"
