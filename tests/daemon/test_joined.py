"""Runs of one job on several nodes as one run: what is odd is named with its node, and nothing is lost."""

from __future__ import annotations

from runwatch.core import jobs
from runwatch.core.batch import NODE
from runwatch.core.snapshot import (
    GpuRow,
    IncidentRow,
    Latest,
    MachineView,
    Progress,
    RankRow,
    RunRow,
    RunView,
)
from runwatch.render.ranks import ranks as words
from runwatch.watcher.daemon import joined
from runwatch.watcher.daemon.joined import Node


def node(host, step=100, seconds=1.0, age=5.0, *, ranks=0, unseen="", phase="training", incidents=()):
    progress = Progress(step, 1000)
    row = RunRow(f"{host}\x1fr", "r", phase, progress, host=host, age=age, loss=2.0, job="7")
    rows = tuple(RankRow(rank, step, 1000, age, seconds) for rank in range(ranks))
    newest = (Latest("perf/step_time", seconds), Latest("train/loss", 2.0))
    machine = MachineView(gpus=(GpuRow("0"),))
    view = RunView(
        "r", "r", phase, progress, age=age, latest=newest, ranks=rows, incidents=incidents, machine=machine
    )
    return Node(host, row, view, unseen)


def shown(*nodes):
    found = joined.view(nodes[0].view, nodes)
    return found, [row.title for row in found.incidents]


def test_odd_nodes_are_named():
    _, titles = shown(
        node("a"),
        node("b", seconds=1.5),
        node("c", 70),
        node("d", age=300),
        node("e", 10, 9.0, 400, unseen="connection lost"),
    )
    assert titles == [
        "e: connection lost",
        "b takes 1.5 times as long per step as its peers",
        "a rank on c is 30 steps behind the first one",
        "d has been silent for 300 s",
    ]


def test_healthy_nodes_have_nothing_odd_and_a_run_that_ended_may_be_silent():
    assert shown(node("a"), node("b", 101, ranks=4))[1] == []
    assert shown(node("a"), node("b", age=4000, phase="finished"))[1] == []


def test_ranks_and_gpus_of_all_nodes_are_named_with_their_host():
    found, _ = shown(node("a", ranks=2), node("b"))
    assert [(row.rank, words.name(row)) for row in found.ranks] == [
        (NODE, "a.r0"), (NODE + 1, "a.r1"), (2 * NODE, "b.r0"),
    ]  # fmt: skip
    assert [gpu.index for gpu in found.machine.gpus] == ["a:0", "b:0"]


def test_an_incident_says_on_which_node_it_is_and_whose_it_is():
    found, _ = shown(
        node("a"),
        node("b", incidents=(IncidentRow("1f", "r", "hang", "critical", "firing", "hangs", rank=0),)),
    )
    (row,) = found.incidents
    assert (row.id, row.title, row.rank) == ("b\x1f1f", "b: hangs", 2 * NODE)


def test_a_blind_node_is_never_green():
    row = joined.row([node("a"), node("b", phase="blind")])
    assert (row.warning, row.worst) == (1, "b: blind")


def row(host, name="r", phase="training", job="7"):
    return RunRow(f"{host}\x1f{name}", name, phase, Progress(1), host=host, job=job)


def test_only_runs_of_one_job_with_one_on_each_node_are_one():
    old, new, peer = row("a", "old", "finished"), row("a"), row("b")
    assert jobs.groups([old, new, peer]) == [(new, peer), (old,)]
    two = [row("a"), row("a", "s"), row("b")]
    assert jobs.groups(two) == [(each,) for each in two]
    apart = [row("a", job=""), row("b", job="")]
    assert jobs.groups(apart) == [(each,) for each in apart]
