"""Parts of a job at the edges: when a node or a rank is slow, behind or silent, and in which order runs are."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from runwatch.core.batch import NODE
from runwatch.core.jobs import (
    BEHIND,
    SILENT,
    SLOW,
    Part,
    groups,
    joined,
    numbered,
    odd_nodes,
    odd_ranks,
    silent_nodes,
)
from runwatch.core.run_order import urgency
from runwatch.core.snapshot import IncidentRow, Progress, RankRow, RunRow


def row(host: str = "a", phase: str = "training", step: int | None = 5, **more) -> RunRow:
    return RunRow(more.pop("id", host), "lm", phase, Progress(step), host=host, **more)


def words(found) -> list[str]:
    return [incident.title for incident in found]


@pytest.mark.parametrize(("factor", "slow"), [(SLOW, False), (SLOW + 0.01, True)])
def test_a_node_is_slow_above_1_3_times_the_median(factor, slow):
    parts = [Part(row(host), seconds) for host, seconds in zip("abc", (2.0, 2.0, 2.0 * factor), strict=True)]
    assert words(odd_nodes(parts)) == (["c takes 1.3 times as long per step as its peers"] if slow else [])


@pytest.mark.parametrize(("last", "behind"), [(100 - BEHIND, False), (99 - BEHIND, True)])
def test_a_node_is_behind_by_more_than_20_steps(last, behind):
    found = odd_nodes([Part(row("a"), first=100.0, last=100.0), Part(row("b"), first=90.0, last=float(last))])
    assert words(found) == (["a rank on b is 21 steps behind the first one"] if behind else [])


@pytest.mark.parametrize(
    ("age", "phase", "step", "unseen", "silent"),
    [
        (3 + SILENT, "training", 5, "", False),
        (4 + SILENT, "training", 5, "", True),
        (4 + SILENT, "finished", 5, "", False),
        (4 + SILENT, "training", None, "", False),  # it has not begun
        (4 + SILENT, "training", 5, "no answer", False),
    ],
)
def test_a_node_is_silent_while_others_write(age, phase, step, unseen, silent):
    parts = [Part(row("a", age=3.0)), Part(row("b", phase, step, age=age), unseen=unseen)]
    assert [part.row.host for part in silent_nodes(parts)] == (["b"] if silent else [])
    assert ("b has been silent for 64 s" in words(odd_nodes(parts))) is silent


def test_one_node_alone_has_no_peers_and_one_that_is_not_seen_is_named():
    assert odd_nodes([Part(row("a"), 9.0, unseen="no answer")]) == []
    assert words(odd_nodes([Part(row("a"), 2.0), Part(row("b"), 9.0, unseen="no answer")])) == [
        "b: no answer"
    ]


@pytest.mark.parametrize(
    ("times", "slow"),
    [
        ((1.0, 1.0, 1.3), []),
        ((1.0, 1.0, 1.31), ["rank 2 on a takes 1.3 times as long per step as the fastest of the ranks"]),
        ((0.1, 0.1, 0.2), ["rank 2 on a takes 2.0 times as long per step as the fastest of the ranks"]),
        ((1.0, 1.5, 1.5), ["rank 1 on a takes 1.5 times as long per step as the fastest of the ranks"]),
        ((1.0, 1.0, 1.5, 1.5), []),
        ((1.0, 9.0), []),  # of two nobody knows which is usual
        ((0.0, 0.0, 9.0), []),
    ],
)
def test_a_rank_is_slow_above_1_3_times_what_is_usual(times, slow):
    ranks = [RankRow(rank, 5, step_time=seconds, host="a") for rank, seconds in enumerate(times)]
    assert words(odd_ranks(ranks, "a")) == slow


def test_the_only_rank_of_a_node_is_not_called_slow():
    ranks = [RankRow(rank, 5, step_time=seconds, host=host) for rank, (host, seconds) in
             enumerate([("a", 1.0), ("a", 1.0), ("b", 9.0)])]  # fmt: skip
    assert words(odd_ranks(ranks, "a")) == []


@pytest.mark.parametrize(
    ("age", "known", "silent"), [(61.0, (), False), (62.0, (), True), (62.0, ("b",), False)]
)
def test_a_rank_is_silent_after_a_minute_more_than_another(age, known, silent):
    ranks = [RankRow(0, 5, age=1.0, host="a"), RankRow(1, 5, age=age, host="b")]
    assert words(odd_ranks(ranks, "a", known)) == (["rank 1 on b has been silent for 62 s"] if silent else [])


def test_parts_are_joined_where_each_node_has_one():
    a, b = row("a", job="7"), row("b", job="7")
    assert groups([b, a]) == [(a, b)]
    over = row("a", "crashed", job="7", id="old")
    assert groups([over, a, b]) == [(a, b), (over,)]
    again = row("a", job="7", id="new")
    assert groups([a, again, b]) == [(a,), (again,), (b,)]
    assert groups([row("a"), row("b")]) == [(row("a"),), (row("b"),)]


def test_a_joined_row_is_as_far_as_its_first_node_and_as_old_as_its_newest_line():
    odd = [IncidentRow("b:slow", "", "straggler", "warning", "firing", "b is slow")]
    parts = [
        row(
            "a", step=None, job="7", age=9.0, gpu=0.5, warning=1, worst="loss rose", worst_severity="warning"
        ),
        row("b", step=0, job="7", age=4.0, critical=2, worst="NaN", worst_severity="critical", loss=0.5),
    ]
    found = joined(parts, odd)
    assert (found.progress.step, found.loss, found.age, found.gpu, found.host) == (
        0,
        0.5,
        4.0,
        0.5,
        "2 nodes",
    )
    assert (found.critical, found.warning, found.worst, found.worst_severity) == (2, 2, "NaN", "critical")
    assert joined(parts[:1]) is parts[0]
    assert joined([parts[0], replace(parts[1], name="other")]).name == "job 7"


ORDER = [
    row(id="nan", critical=1, age=86_399.0),
    row(id="warned", warning=1),
    row(id="calm"),
    row(id="not begun", step=None),
    row(id="ended with a warning", phase="finished", warning=1, age=900.0),
    row(id="ended lately", phase="finished", age=10.0),
    row(id="ended before", phase="crashed", age=500.0),
    row(id="silent for a day", critical=1, age=86_400.0),
]


def test_what_is_wrong_goes_first_then_what_runs_then_what_ended_last():
    mixed = [*ORDER[4:], *ORDER[:4]]
    assert [each.id for each in sorted(mixed, key=urgency)] == [each.id for each in ORDER]


def test_an_epoch_alone_is_a_beginning_and_numbers_in_names_count():
    epoch = RunRow("e", "run10", "training", Progress(epoch=0.0))
    assert sorted([epoch, RunRow("f", "run2", "training", Progress(0))], key=urgency)[-1] is epoch
    assert urgency(epoch) < urgency(row(step=None))


def test_ranks_of_all_nodes_have_numbers_of_their_own():
    nodes = [("a", [RankRow(0, 5), RankRow(1, 5)]), ("b", [RankRow(0, 5), RankRow(NODE + 1, 9)])]
    assert [(rank.rank, rank.host, rank.done) for rank in numbered(nodes)] == [
        (NODE, "a", 5),
        (NODE + 1, "a", 5),
        (2 * NODE, "b", 5),
    ]


def test_a_node_of_quick_steps_is_slow_too():
    parts = [Part(row(host), seconds) for host, seconds in zip("abc", (0.1, 0.1, 0.2), strict=True)]
    assert words(odd_nodes(parts)) == ["c takes 2.0 times as long per step as its peers"]
    assert words(odd_nodes([Part(row("a"), 0.0), Part(row("b"), 9.0), Part(row("c"), 0.0)])) == []


def test_problems_of_nodes_are_added_to_those_of_their_runs():
    odd = [IncidentRow(f"{n}", "", "straggler", severity, "firing", f"odd {severity}")
           for n, severity in enumerate(("warning", "critical", "critical"))]  # fmt: skip
    parts = [row("a", job="7", critical=1, warning=1, gpu=0.5), row("b", job="7", critical=2, gpu=1.0)]
    found = joined(parts, odd)
    assert (found.critical, found.warning, found.worst, found.gpu) == (5, 2, "odd critical", 0.75)
    assert joined([row("a", step=None), row("b", step=0)]).progress.step == 0
    assert joined([row("a", step=None), row("b", step=None)]).gpu is None


def test_a_node_whose_rank_has_a_place_keeps_it_and_one_without_a_name_is_of_the_host():
    found = numbered([("a", [RankRow(NODE, 5), RankRow(NODE - 1, 5)])])
    assert [rank.rank for rank in found] == [NODE, 2 * NODE - 1]
    ranks = [RankRow(rank, 5, step_time=seconds) for rank, seconds in enumerate((1.0, 1.0, 2.0))]
    assert words(odd_ranks(ranks, "here")) == [
        "rank 2 on here takes 2.0 times as long per step as the fastest of the ranks"
    ]


def test_of_two_ranks_of_a_node_one_may_be_slow():
    ranks = [RankRow(rank, 5, step_time=seconds, host=host) for rank, (host, seconds) in
             enumerate([("a", 1.0), ("b", 1.0), ("b", 9.0)])]  # fmt: skip
    assert words(odd_ranks(ranks, "a")) == [
        "rank 2 on b takes 9.0 times as long per step as the fastest of the ranks"
    ]


def test_a_run_of_which_nothing_is_known_comes_with_those_that_ended():
    rows = [row(id="over", phase="finished", age=0.5), row(id="unknown", phase="unknown"), row(id="runs")]
    rows.append(row(id="ended long ago", phase="finished", age=1.0))
    assert [each.id for each in sorted(rows, key=urgency)] == ["runs", "unknown", "over", "ended long ago"]
