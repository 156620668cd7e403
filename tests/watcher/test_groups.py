"""Several sources of one run: who leads, and what the others add."""

from __future__ import annotations

import json
import pickle
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.batch import Batch, Event
from runwatch.core.checkpoint import Checkpoint, Look, State
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.sources.member import ORDER, Member
from runwatch.watcher.sources.sidecar_facts import SidecarFacts

from ..parsers import trackers

NOW = 1_700_000_000.0


def steps(first: int, last: int, loss: float = 2.0, total: int = 100) -> str:
    return "".join(
        f"step {step:05d}/{total:05d} ({step}.00%) | loss: {loss:.4f} | dt: 10.00ms\n"
        for step in range(first, last)
    )


class Fold:
    """An engine that is fed whole texts, source by source."""

    def __init__(self, **members: Member) -> None:
        self.engine = Engine()
        self.parsers = {name: StreamParser() for name in members}
        for name, member in members.items():
            self.engine.add_source(name, "run", f"{name}.log", member)

    def read(self, name: str, text: str, *, live: bool = False, arrival: float = 0.0) -> None:
        batch = self.parsers[name].feed(text.encode())
        self.engine.fold(name, batch, live=live, arrival=arrival, written=NOW)

    def runs(self) -> list[dict]:
        return document(self.engine, NOW)["runs"]


def ranks(*numbers: int, attempt: int = 0) -> dict[str, Member]:
    return {f"rank{n}": Member("g", rank=n, attempt=attempt) for n in numbers}


def test_logs_of_ranks_are_one_run_led_by_the_lowest():
    fold = Fold(**ranks(0, 1, 2))
    fold.read("rank0", steps(0, 10, loss=1.0))
    fold.read("rank1", steps(0, 8, loss=3.0))
    fold.read("rank2", steps(0, 10, loss=4.0))
    (run,) = fold.runs()
    assert run["sources"] == ["rank0.log", "rank1.log", "rank2.log"]
    assert run["steps"] == {"records": 10, "first": 0, "last": 9, "total": 100}
    assert run["metrics"]["train/loss"]["max"] == 1.0
    assert run["ranks"] == {str(n): {"done": done, "total": 100} for n, done in enumerate((9, 7, 9))}
    assert run["lines"] == 28


def test_the_rank_that_alone_prints_steps_leads_and_silent_ones_are_known():
    fold = Fold(**ranks(0, 1, 2))
    fold.read("rank0", "loading data\n")
    fold.read("rank1", "loading data\n")
    fold.read("rank2", steps(0, 5))
    fold.read("rank0", "still here\n")
    (run,) = fold.runs()
    assert run["steps"]["records"] == 5
    assert run["ranks"]["0"] == {"done": None, "total": None}
    assert run["ranks"]["2"]["done"] == 4


def test_a_lower_rank_that_speaks_a_moment_later_takes_the_lead():
    fold = Fold(**ranks(0, 1))
    fold.read("rank1", steps(0, 2, loss=9.0))
    fold.read("rank0", steps(0, 3, loss=1.0))
    fold.read("rank1", steps(2, 3, loss=9.0))
    (run,) = fold.runs()
    assert run["steps"]["records"] == 3
    assert run["metrics"]["train/loss"]["max"] == 1.0


def test_a_lower_rank_that_speaks_much_later_does_not():
    fold = Fold(**ranks(0, 1))
    fold.read("rank1", steps(0, 90, loss=9.0))
    fold.read("rank0", steps(0, 3, loss=1.0))
    (run,) = fold.runs()
    assert run["steps"]["records"] == 90
    assert run["metrics"]["train/loss"]["min"] == 9.0


@pytest.mark.parametrize("goes_back", [True, False])
def test_a_later_attempt_continues_with_the_same_run(goes_back):
    fold = Fold(first=Member("g", rank=0, attempt=0), second=Member("g", rank=0, attempt=1))
    fold.read("first", steps(0, 50))
    fold.read("second", steps(40 if goes_back else 50, 60))
    (run,) = fold.runs()
    assert (run["steps"]["first"], run["steps"]["last"]) == (0, 59)
    assert run["steps"]["records"] == (70 if goes_back else 60)
    ((_, watched),) = fold.engine.runs()
    assert list(watched.run.restarts) == ([40] if goes_back else [])


def test_a_crash_on_any_rank_is_the_crash_of_the_run_and_names_it():
    fold = Fold(**ranks(0, 3))
    fold.read("rank0", steps(0, 10))
    fold.read("rank3", "Traceback (most recent call last):\n  File x\nValueError: bad shard\n")
    fold.engine.finish(NOW + 9e5)
    (run,) = fold.runs()
    assert run["state"] == "crashed"
    (crash,) = [row for row in run["incidents"] if row["rule"] == "crash"]
    assert crash["title"] == "crashed on rank 3: ValueError: bad shard"
    assert crash["evidence"]["failed_rank"] == 3


def test_one_rank_that_ends_does_not_end_the_run():
    fold = Fold(**ranks(0, 1))
    fold.read("rank0", steps(0, 10))
    fold.read("rank1", steps(0, 10) + "Total training time: 1.00m\n")
    assert fold.runs()[0]["state"] == "running"
    fold.read("rank0", "Total training time: 1.00m\n")
    assert fold.runs()[0]["state"] == "finished"


def test_standard_error_adds_the_bar_and_the_traceback():
    fold = Fold(out=Member("g"), err=Member("g"))
    fold.read("out", "{'loss': 2.5, 'grad_norm': 1.0, 'learning_rate': 1e-05, 'epoch': 0.1}\n" * 3)
    fold.read("err", "  3%|▎         | 30/1000 [00:30<16:10,  1.00s/it]\r" * 2)
    fold.read("err", "\nTraceback (most recent call last):\n  File x\nRuntimeError: no luck\n")
    fold.engine.finish(NOW + 9e5)
    (run,) = fold.runs()
    assert (run["steps"]["last"], run["steps"]["total"]) == (30, 1000)
    assert run["metrics"]["train/loss"]["count"] == 3
    assert run["state"] == "crashed"


@pytest.mark.parametrize("fires_at", [NOW + 10.0, None])
def test_a_crash_is_where_the_run_came_to_though_its_log_is_read_later(fires_at):
    fold = Fold(rank0=Member("g", rank=0), err=Member("g"))
    fold.read("rank0", steps(0, 71), live=True, arrival=NOW)
    error = (
        'Traceback (most recent call last):\n  File "train.py", line 9, in <module>\nRuntimeError: no luck\n'
    )
    fold.read("err", error, live=True, arrival=NOW)
    if fires_at is not None:
        fold.engine.tick(fires_at)
    fold.read("rank0", steps(71, 73), live=True, arrival=NOW + 10.0)
    fold.engine.finish(NOW + 9e5)
    (run,) = fold.runs()
    (crash,) = (each for each in run["incidents"] if each["rule"] == "crash")
    assert (crash["state"], crash["step"], crash["evidence"]["last_step"]) == ("firing", 72, 72)


def test_a_bar_that_begins_again_on_standard_error_leaves_the_finished_run_as_it_is():
    fold = Fold(out=Member("g"), err=Member("g"))
    fold.read("out", "{'loss': 2.5, 'grad_norm': 1.0, 'learning_rate': 1e-05, 'epoch': 0.1}\n" * 3)
    fold.read("err", "100%|##########| 1000/1000 [16:40<00:00,  1.00s/it]\r" * 2)
    fold.read("out", "{'train_runtime': 1000.0, 'train_loss': 2.5, 'epoch': 1.0}\n")
    fold.read("err", "\n  0%|          | 2/1000 [00:02<16:38,  1.00s/it]\r" * 2)
    (run,) = fold.runs()
    assert (run["steps"]["last"], run["steps"]["total"]) == (1000, 1000)


def test_a_tracker_adds_what_the_log_does_not_show():
    fold = Fold(log=Member("g"), csv=Member("g", kind="metrics"))
    fold.read("log", steps(0, 10, loss=2.0))
    fold.read("csv", "step,loss,val_loss\n" + "".join(f"{step},2.0,{step}.5\n" for step in range(10)))
    fold.read("log", steps(10, 12))
    (run,) = fold.runs()
    assert run["steps"]["records"] == 12
    assert run["metrics"]["train/loss"]["count"] == 12
    assert run["metrics"]["val/loss"]["count"] == 10
    assert run["format"] == "nanochat"


@pytest.mark.parametrize(("scale", "differs"), [(1.0, False), (2.0, True)])
def test_sources_that_show_other_numbers_are_reported_once(scale, differs):
    fold = Fold(log=Member("g"), csv=Member("g", kind="metrics"))
    seen = []
    judge = fold.engine._judging.judge
    fold.engine._judging.judge = lambda watched, block: seen.extend(block.events) or judge(watched, block)
    fold.read("log", "".join(steps(n, n + 1, loss=3 - n / 100) for n in range(100)))
    fold.read("csv", "step,loss\n")
    for n in range(100):
        fold.read("csv", f"{n},{(3 - n / 100) * scale}\n")
    assert [event.kind for event in seen] == ["disagreement"] * differs


def reported(fold: Fold, kind: str) -> list[str]:
    return [e.title for _, watched in fold.engine.runs() for e in watched.run.events if e.kind == kind]


@pytest.mark.parametrize("pace", [1, 3, 7, 30])
def test_whether_sources_differ_does_not_depend_on_how_their_lines_came(pace):
    """30 steps, of which 20 are enough to judge: also where none of the pieces doubles what was told."""
    fold = Fold(log=Member("g"), csv=Member("g", kind="metrics"))
    fold.read("csv", "step,loss\n")
    for first in range(0, 30, pace):
        live = range(first, min(30, first + pace))
        fold.read("log", "".join(steps(n, n + 1, loss=3 - n / 100) for n in live), live=True)
        fold.read("csv", "".join(f"{n},{6 - n / 50}\n" for n in live), live=True)
    assert len(reported(fold, "disagreement")) == 1


@pytest.mark.few(2)
@pytest.mark.parametrize(("hours", "differs"), [(0, False), (2, True)])
@pytest.mark.parametrize("live", [False, True])
def test_clocks_that_differ_are_reported_once(hours, differs, live):
    fold = Fold(log=Member("g"), wandb=Member("g", kind="wandb"))
    begun = 1_700_000_000.0
    for step in range(100):
        at = datetime.fromtimestamp(begun + step, timezone.utc)
        fold.read("log", f"{at:%Y-%m-%dT%H:%M:%SZ} {steps(step, step + 1)}", live=live)
    log = trackers.wandb_log(100, begun=begun + 3600 * hours)
    for at in range(0, len(log), 5000):
        batch = fold.parsers["wandb"].feed(log[at : at + 5000])
        fold.engine.fold("wandb", batch, live=live)
    titles = reported(fold, "clocks")
    assert len(titles) == differs
    assert all("wandb.log dates the same steps 2h 00m after log.log" in title for title in titles)


def test_a_metric_that_a_log_reported_while_it_was_alone_stays_its_own():
    fold = Fold(log=Member())
    lines = "".join(f"{{'loss': 2.0, 'step': {n}}}\n" for n in range(1, 31))
    fold.read("log", lines + "{'eval_loss': 7.0, 'step': 30}\n")
    fold.parsers["csv"] = StreamParser()
    fold.engine.add_source("csv", "run", "metrics.csv", Member("log", kind="metrics"))
    fold.read("csv", "step,loss,eval_loss\n29,2.0,\n30,2.0,7.25\n")
    fold.read("log", "{'loss': 2.0, 'step': 31}\n{'eval_loss': 6.0, 'step': 31}\n")
    found = fold.runs()[0]["metrics"]["val/loss"]
    assert (found["count"], found["first"], found["last"]) == (2, 7.0, 6.0)


def test_a_log_that_takes_the_lead_drops_nothing_that_others_reported():
    fold = Fold(log=Member("g"), csv=Member("g", kind="metrics"), top=Member("g", kind="directory"))
    saved = Checkpoint("a", "/run/a.pt", "torch", state=State.COMPLETE, step=10)
    fold.read("csv", "step,loss,val_loss\n" + "".join(f"{n},5.0,{n}.5\n" for n in range(10)))
    fold.engine.look("top", Look("/run", (saved,), present=1), SidecarFacts(facts={"a.json": {"depth": "4"}}))
    fold.read("log", steps(0, 4))
    fold.read("csv", "10,5.0,10.5\n")
    ((_, watched),) = fold.engine.runs()
    (run,) = fold.runs()
    assert run["steps"]["records"] == 4
    assert run["metrics"]["train/loss"]["max"] == 2.0
    assert run["metrics"]["val/loss"]["count"] == 11
    assert [checkpoint["step"] for checkpoint in run["checkpoints"]] == [10]
    assert watched.run.about == {"depth": "4"}


def test_a_tracker_alone_is_a_run_until_the_log_speaks():
    fold = Fold(log=Member("g"), csv=Member("g", kind="metrics"))
    fold.read("csv", "step,loss\n" + "".join(f"{step},5.0\n" for step in range(10)))
    assert fold.runs()[0]["steps"]["records"] == 10
    fold.read("log", steps(0, 4))
    assert fold.runs()[0]["steps"]["records"] == 4


TEXTS = {
    "rank0": steps(0, 60) + "Total training time: 1.00m\n",
    "rank1": steps(0, 55, loss=3.0) + "Traceback (most recent call last):\n  File x\nValueError: bad\n",
    "csv": "step,loss,val_loss\n" + "".join(f"{n},2.0,{n}.5\n" for n in range(60)),
}
MEMBERS = {**ranks(0, 1), "csv": Member("g", kind="metrics")}


@settings(max_examples=40, deadline=None)
@given(turns=st.lists(st.tuples(st.sampled_from(sorted(TEXTS)), st.integers(1, 3000)), max_size=12))
def test_the_order_in_which_sources_are_read_does_not_matter(turns):
    """Once the leader has spoken, which here is the first line of rank 0."""
    first = TEXTS["rank0"].index("\n") + 1
    whole, cut = Fold(**MEMBERS), Fold(**MEMBERS)
    for name, text in TEXTS.items():
        whole.read(name, text)
    left = {**TEXTS, "rank0": TEXTS["rank0"][first:]}
    cut.read("rank0", TEXTS["rank0"][:first])
    for name, size in [*turns, *((name, 1 << 20) for name in sorted(TEXTS, reverse=True))]:
        cut.read(name, left[name][:size])
        left[name] = left[name][size:]
    for fold in (whole, cut):
        fold.engine.finish(NOW + 9e5)
    one, other = whole.runs()[0], cut.runs()[0]
    assert one["steps"] == other["steps"]
    assert one["ranks"] == other["ranks"]
    assert one["metrics"] == other["metrics"]
    assert one["state"] == other["state"]


def test_a_tracker_that_appears_later_does_not_repeat_what_the_log_reported():
    fold = Fold(log=Member("g"))
    fold.read("log", steps(0, 30))
    fold.parsers["csv"] = StreamParser()
    fold.engine.add_source("csv", "run", "metrics.csv", Member("g", kind="metrics"))
    fold.read("csv", TEXTS["csv"])
    metrics = fold.runs()[0]["metrics"]
    assert metrics["train/loss"]["count"] == 30
    assert metrics["val/loss"]["count"] == 60


def test_of_trackers_the_preferred_one_shows_a_metric_whoever_comes_first():
    texts = {
        "csv": "step,loss,lr\n" + "".join(f"{n},2.0,{n}.0\n" for n in range(30)),
        "jsonl": "".join(f'{{"step": {n}, "loss": 2.0, "lr": {n}.25}}\n' for n in range(30)),
    }
    members = {"log": Member("g"), "csv": Member("g", kind="metrics"), "jsonl": Member("g", kind="wandb")}
    for order in (["csv", "jsonl"], ["jsonl", "csv"]):
        fold = Fold(**members)
        fold.read("log", steps(0, 30))
        for name in order:
            fold.read(name, texts[name])
        found = fold.runs()[0]["metrics"]["train/learning_rate"]
        assert (found["count"], found["last"]) == (30, 29.25)


@pytest.mark.parametrize("first", ["log", "csv"])
@pytest.mark.parametrize("live", [False, True])
def test_a_user_may_prefer_what_a_tracker_shows(first, live):
    """Its numbers and its steps are the run's, whichever is read first; the log's are compared with them."""
    fold = Fold(log=Member("g"), csv=Member("g", kind="metrics"))
    fold.engine.prefer(("metrics", "log"))
    texts = {"log": steps(0, 40), "csv": "step,loss\n" + "".join(f"{n},3.25\n" for n in range(60))}
    for name in sorted(texts, key=lambda name: name != first):
        fold.read(name, texts[name], live=live)
    (run,) = fold.runs()
    assert run["sources"][0] == "csv.log"
    assert (run["steps"]["records"], run["metrics"]["train/loss"]["max"]) == (60, 3.25)
    fold.read("log", steps(40, 60), live=live)
    assert fold.runs()[0]["metrics"]["train/loss"]["count"] == 60
    assert len(reported(fold, "disagreement")) == 1


def test_a_group_of_an_earlier_engine_has_the_order_of_this_one():
    fold = Fold(log=Member("g"), csv=Member("g", kind="metrics"))
    fold.read("log", steps(0, 10))
    fold.engine.adopt(pickle.loads(pickle.dumps(Engine(prefer=("metrics",)).add_source("log", "log", "log"))))
    assert fold.engine.groups["log"].prefer == ORDER


@pytest.mark.parametrize("size", [20, 1 << 20])
def test_the_first_step_of_records_next_to_a_bar_is_that_of_the_first_record(size):
    bars = [f"\r {n}%|#| {n}/100 [00:{n // 2:02d}<00:10, 2.00it/s]" for n in range(101)]
    log = "".join(
        bar + (f"\n{{'loss': 2.5, 'epoch': {n / 100}}}\n" if n and n % 10 == 0 else "")
        for n, bar in enumerate(bars)
    )
    fold = Fold(log=Member())
    for at in range(0, len(log), size):
        fold.read("log", log[at : at + size])
    (run,) = fold.runs()
    assert run["steps"] == {"records": 10, "first": 10, "last": 100, "total": 100}


def test_a_newer_state_of_a_trainer_replaces_the_older():
    fold = Fold(log=Member("g"))
    fold.read("log", steps(0, 30))
    for last in (10, 20):
        rows = [
            {"step": n, **kind}
            for n in range(1, last + 1)
            for kind in ({"loss": 1.0}, {"eval_loss": n + 0.5})
        ]
        state = json.dumps({"global_step": last, "log_history": rows, "max_steps": 30}, indent=2)
        name = f"checkpoint-{last}/trainer_state.json"
        fold.parsers[name] = StreamParser()
        fold.engine.add_source(name, "run", f"/{name}", Member("g", kind="metrics"))
        fold.read(name, state)
    metrics = fold.runs()[0]["metrics"]
    assert (metrics["val/loss"]["count"], metrics["val/loss"]["last"]) == (20, 20.5)


def test_each_rank_has_its_pace_and_when_it_was_last_seen():
    fold = Fold(**ranks(0, 1))
    for step in range(5):
        fold.read(
            "rank0", f"step: {step}  loss:  1.5  memory:  1.50GiB(1.88%)\n", live=True, arrival=NOW + step
        )
        if step < 3:
            fold.read(
                "rank1",
                f"step: {step}  loss:  1.5  memory:  1.50GiB(1.88%)\n",
                live=True,
                arrival=NOW + 2 * step,
            )
    ((_, watched),) = fold.engine.runs()
    assert watched.run.ranks[0].step_time(0) == 1.0
    assert watched.run.ranks[1].step_time(0) == 2.0
    assert (watched.run.ranks[0].seen, watched.run.ranks[1].seen) == (NOW + 4, NOW + 4)


def test_records_of_another_rank_do_not_raise_incidents_of_their_own():
    fold = Fold(**ranks(0, 1))
    fold.read("rank0", steps(0, 50))
    fold.read("rank1", steps(0, 30) + steps(30, 50).replace("2.0000", "nan"))
    assert fold.runs()[0]["incidents"] == []


def test_what_each_source_is_and_why_it_belongs_to_the_run_is_reported():
    csv = Member("g", kind="metrics", why="next to log, written at the same time")
    fold = Fold(log=Member("g"), csv=csv)
    for n in (1, 2):
        path = f"/r/checkpoint-{n}/trainer_state.json"
        fold.engine.add_source(path, "run", path, Member("g", kind="metrics", why="next to log"))
    fold.read("log", steps(0, 5))
    group = fold.engine.groups["g"]
    assert dict(zip(group.paths, group.whys, strict=True)) == {
        "log.log": "log; the steps of the run are from it",
        "csv.log": "metrics; next to log, written at the same time",
        "/r/checkpoint-2/trainer_state.json": "metrics; next to log",
    }, "each state of a trainer repeats those before it"
    assert Fold(log=Member()).engine.groups["log"].whys == ()


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        ("/r/train.log", "/r/a/m.csv", "loss is 2.125 in train.log and 3.375 in m.csv"),
        ("/r/a/m.csv", "/r/b/m.csv", "loss is 2.125 in /r/a/m.csv and 3.375 in /r/b/m.csv"),
    ],
)
def test_a_disagreement_names_the_files_in_short_where_that_distinguishes_them(one, two, said):
    fold = Fold(one=Member("g"), two=Member("g", kind="metrics"))
    for name, path in (("one", one), ("two", two)):
        fold.engine.sources[name][1].path = path
    fold.read("one", steps(0, 60, loss=2.125))
    fold.read("two", "step,loss\n" + "".join(f"{step},3.375\n" for step in range(60)))
    assert reported(fold, "disagreement") == [said]


def test_what_is_reported_of_a_run_before_its_first_step_is_not_lost():
    fold = Fold(wandb=Member(kind="wandb"))
    for facts in ({"name": "brisk-sun-7", "config.lr": "0.1"}, {"config.depth": "4"}):
        fold.engine.fold("wandb", Batch(0, 0, events=(Event("facts", 0, 1, "", data=facts),)))
    assert fold.runs() == []
    fold.read("wandb", steps(0, 5))
    fold.read("wandb", steps(5, 9))
    ((_, watched),) = fold.engine.runs()
    assert watched.run.name == "brisk-sun-7"
    assert {"config.lr": "0.1", "config.depth": "4"}.items() <= watched.run.about.items()


def test_a_log_that_comes_later_names_the_run_that_its_tracker_began():
    fold = Fold(wandb=Member(kind="wandb"))
    fold.engine.fold("wandb", StreamParser().feed(trackers.wandb_log(5)))
    assert fold.runs()[0]["title"] == "my run"
    fold.parsers["log"] = StreamParser()
    fold.engine.add_source("log", "llama-7b", "llama-7b.log", Member("wandb"))
    assert fold.runs()[0]["name"] == "llama-7b"
    fold.read("log", steps(0, 50).replace("2.0000", "nan"))
    (run,) = fold.runs()
    assert (run["name"], run["title"]) == ("llama-7b", "llama-7b")
    ((group, watched),) = fold.engine.runs()
    assert {row.run for row in watched.incidents.rows()} == {"llama-7b"}
    assert group.about == "2 sources"
    fold.engine.add_source("err", "other", "llama-7b.err", Member("wandb"))
    assert fold.runs()[0]["name"] == "llama-7b"
