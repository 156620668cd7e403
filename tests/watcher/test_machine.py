"""The machine under a run, from what samplers say to incidents, phases and pictures."""

from __future__ import annotations

import signal

import msgspec
import pytest

from runwatch.alerts.incidents.incidents import Change
from runwatch.core.batch import Batch
from runwatch.core.machine import Machine
from runwatch.core.sample import Blind, Gpu, GpuProcesses, Gpus, Job, MachineEvent, Process, Processes, Sample
from runwatch.core.snapshot import IncidentRow
from runwatch.parsers.log import LogParser
from runwatch.parsers.stream import StreamParser
from runwatch.render import machine as rendered
from runwatch.watcher import protocol
from runwatch.watcher.engine import parallel
from runwatch.watcher.engine.attention import goes_on
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.sight import status_of
from runwatch.watcher.engine.views import views
from runwatch.watcher.engine.views.surroundings import processes
from runwatch.watcher.ingest.record_times import newest
from runwatch.watcher.service.sampling import LIBRARY, Samplers, has_driver
from runwatch.watcher.sources.member import Member
from tests.parsers.trackers import blocks, field, history, rows, wandb
from tests.watcher.test_engine import log

NOW = 1_700_000_000.0
MAIN = Process(4711, NOW - 60, "main", "python train.py", "running", 1)


def engine_with(data: bytes, *processes: Process) -> Engine:
    engine = Engine()
    engine.add_source("run", "run", "run.log")
    engine.fold("run", LogParser().feed(data), live=True, arrival=NOW, written=NOW)
    engine.sample("run", Processes(NOW, processes))
    return engine


def test_of_the_processes_of_a_run_those_that_train_get_a_signal():
    others = (
        msgspec.structs.replace(MAIN, pid=pid, role=role)
        for pid, role in enumerate(("launcher", "filter", "shell", "worker"), 1)
    )
    engine = engine_with(half(), MAIN, *others)
    ((_, watched),) = engine.runs()
    change = Change("firing", IncidentRow("i", "r", "hang", "warning", "firing", ""), watched.run.id, True, 0)
    assert processes(engine, change) == [(MAIN.pid, MAIN.started)]


def half(steps: int = 400) -> bytes:
    return b"".join(log(steps).splitlines(keepends=True)[: steps // 2])


def endless(steps: int = 200) -> bytes:
    """A log whose steps have no known total."""
    return b"".join(b"step %d | loss %f\n" % (i, 3 - i / 1000) for i in range(steps))


def died(**more) -> MachineEvent:
    fields = {"pid": 4711, "role": "main", **more}
    return MachineEvent("process_died", NOW + 1, "python train.py (pid 4711) was killed by SIGKILL", **fields)


def incidents(engine: Engine) -> list[tuple[str, str, str]]:
    ((_, watched),) = engine.runs()
    return [(row.rule, row.severity, row.state) for row in watched.incidents.every()]


def only(engine: Engine):
    ((_, watched),) = engine.runs()
    return watched


@pytest.mark.parametrize(
    ("more", "signature"),
    [
        ({"signal": signal.SIGKILL}, "killed"),
        ({"signal": signal.SIGSEGV}, "segfault"),
        ({"signal": signal.SIGKILL, "oom": True}, "host_oom"),
    ],
)
def test_a_killed_process_is_a_crash_at_once(more, signature):
    engine = engine_with(half(), MAIN)
    (change,) = engine.sample("run", died(**more))
    assert (change.kind, change.row.rule, change.row.severity, change.send) == (
        "firing",
        "crash",
        "critical",
        True,
    )
    assert change.row.evidence["signature"] == signature
    assert "(pid 4711)" in change.row.title
    assert "SIGKILL" in change.row.title
    assert ("out of memory" in change.row.title) == (signature == "host_oom")
    assert (change.row.step, change.row.line) == (199, 200)
    assert only(engine).phase == "crashed"


def test_a_bad_exit_code_is_a_crash_once_the_log_is_silent_and_a_traceback_explains_it():
    trace = b"Traceback (most recent call last):\n  File 'x'\nValueError: bad shard\n"
    engine = engine_with(half() + trace, MAIN)
    engine.sample("run", died(exit_code=1))
    engine.tick(NOW + 30)
    assert "ValueError" in only(engine).incidents.rows()[0].title
    assert incidents(engine) == [("crash", "critical", "firing")]
    engine = engine_with(half(), MAIN)
    engine.sample("run", died(exit_code=1))
    assert incidents(engine) == [("crash", "critical", "pending")]
    engine.tick(NOW + 30)
    assert incidents(engine) == [("crash", "critical", "firing")]


@pytest.mark.parametrize("more", [{"role": "worker"}, {"role": "launcher"}, {"role": "filter"}])
def test_helpers_do_not_end_a_run(more):
    engine = engine_with(half(), MAIN)
    assert engine.sample("run", died(signal=9, **more)) == []


@pytest.mark.parametrize("number", [15, 9, 11])
def test_rows_that_are_read_after_their_process_has_died_do_not_survive_its_death(number):
    data = half(400)
    cut = data.rindex(b"\n", 0, data.rindex(b"\n", 0, len(data) // 2)) + 1
    engine = Engine()
    engine.add_source("run", "run", "run.log")
    parser = LogParser()
    engine.fold("run", parser.feed(data[:cut]), live=True, arrival=NOW, written=NOW)
    engine.sample("run", Processes(NOW, (MAIN,)))
    engine.sample("run", died(signal=number))
    engine.fold("run", parser.feed(data[cut:]), live=True, arrival=NOW + 1, written=NOW)
    engine.sample("run", Processes(NOW + 2, ()))
    engine.tick(NOW + 60)
    assert ("crash", "warning" if number == 15 else "critical", "firing") in incidents(engine)
    assert only(engine).phase == ("interrupted" if number == 15 else "crashed")
    relaunched = Process(**{**{f: getattr(MAIN, f) for f in MAIN.__struct_fields__}, "pid": 4712})
    engine.sample("run", Processes(NOW + 70, (relaunched,)))
    engine.fold("run", parser.feed(log(400)[len(data) :]), live=True, arrival=NOW + 80, written=NOW + 80)
    engine.tick(NOW + 81)
    assert next(row for row in incidents(engine) if row[0] == "crash")[2] == "resolved"


def test_a_good_exit_is_the_end_of_a_run_of_unknown_length_and_not_of_one_in_its_middle():
    engine = engine_with(endless(), MAIN)
    engine.sample("run", died(exit_code=0))
    engine.tick(NOW + 5)
    assert only(engine).phase == "training"
    engine.tick(NOW + 30)
    assert (only(engine).phase, incidents(engine)) == ("finished", [("finished", "info", "firing")])
    engine = engine_with(half(), MAIN)
    engine.sample("run", died(exit_code=0))
    engine.tick(NOW + 30)
    assert (only(engine).phase, incidents(engine)) == ("vanished", [("ended", "warning", "firing")])


def test_an_end_that_the_kernel_does_not_show_is_unknown_and_not_a_crash():
    engine = engine_with(endless(), MAIN)
    assert engine.sample("run", died()) == []
    engine.tick(NOW + 30)
    engine.tick(NOW + 9000)
    assert incidents(engine) == [("ended", "info", "firing")]


def test_the_end_of_a_finished_run_is_no_incident():
    engine = engine_with(log(400) + b"Total training time: 1.00m\n", MAIN)
    assert engine.sample("run", died(signal=9)) == []
    assert incidents(engine) == []


def test_a_job_that_ends_before_the_run_is_late():
    def late(job_ends, given=None):
        engine = Engine()
        engine.deadline = given
        engine.add_source("run", "run", "run.log")
        parser = LogParser()
        for i, data in enumerate(log(300).splitlines(keepends=True)[:100]):  # one in 2 s: 400 s are left
            engine.fold("run", parser.feed(data), live=True, arrival=NOW + 2 * i, written=NOW + 2 * i)
        engine.sample("run", Job(NOW, "17", deadline=job_ends))
        status = status_of(engine.groups["run"], only(engine).run, NOW + 200, None, live=True)
        return status.deadline

    assert late(NOW + 300) == NOW + 300
    assert late(NOW + 300, NOW + 100) == NOW + 100
    assert late(None) is None


def picture(engine: Engine, **options):
    shown = [views.Shown(group) for group in engine.groups.values()]
    return views.snapshot(shown, protocol.View(**options), NOW + 10).run.machine


def test_the_picture_holds_the_machine_only_where_it_is_shown():
    rank = msgspec.structs.replace(
        MAIN, role="rank", rank=0, local_rank=0, state="blocked", waits="read of /d/x"
    )
    engine = engine_with(half(), rank)
    engine.sample("run", Gpus(NOW, (Gpu("0", name="H100", measure="util"), Gpu("1", state="lost"))))
    engine.sample("run", GpuProcesses(NOW, {"0": {4711: 1e9}}))
    for i in range(5):
        values = {"gpu/0/util": 0.5, "gpu/0/memory_used": 7e10, "gpu/0/memory_total": 8e10, "host/cpu": 0.3}
        engine.sample("run", Sample(NOW + 2 * i, values | {"proc/0/cores": 1.5, "gpu/0/throttle": 64.0}))
    engine.sample("run", Blind("space /data", NOW, "silent", "blind: /data does not answer", final=False))
    assert picture(engine) is None
    view = picture(engine, machine=True)
    (process,), (own, other) = view.processes, view.gpus
    assert (process.rank, process.cores, process.gpus, process.waits) == (0, 1.5, ("0",), "read of /d/x")
    assert (own.own, own.busy, own.slowed, other.own, other.state) == (
        True,
        0.5,
        "too hot (hardware)",
        False,
        "lost",
    )
    assert view.host == {"cpu": 0.3}
    assert view.notes == ("blind: /data does not answer",)
    msgspec.json.decode(msgspec.json.encode(view))
    text = "\n".join("".join(word for word, _ in row) for row in rendered.lines(view, 100, 20))
    for wanted in ("CPU 30%", "50%", "too hot", "does not answer", "rank 0", "waits: read of /d/x", "/data"):
        assert wanted in text, text


@pytest.mark.parametrize(("width", "height"), [(20, 3), (80, 10), (200, 60)])
def test_many_gpus_and_processes_fit(width, height):
    gpus = tuple(Gpu(str(i), measure="util") for i in range(16))
    ranks = tuple(Process(i, NOW, "rank", "python", "running", 1, rank=i) for i in range(40))
    engine = engine_with(half(), *ranks)
    engine.sample("run", Gpus(NOW, gpus))
    rows = rendered.lines(picture(engine, machine=True), width, height)
    assert len(rows) <= height
    assert ("more" in "".join(word for row in rows for word, _ in row)) == (height < 60)


def test_signs_of_a_driver(tmp_path, monkeypatch):
    before = has_driver()
    (tmp_path / LIBRARY).touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/nowhere:{tmp_path}")
    assert has_driver()
    monkeypatch.delenv("LD_LIBRARY_PATH")
    assert has_driver() == before


async def test_samplers_run_for_the_groups_written_last_and_again_for_new_logs(monkeypatch):
    from runwatch.watcher.service import sampling

    started = []

    class Child:
        def __init__(self, setup, receive, notice):
            started.append((setup.kind, setup.paths, self))
            self.receive, self.stopped = receive, False

        async def run(self):
            pass

        def stop(self):
            self.stopped = True

    monkeypatch.setattr(sampling, "Sampler", Child)
    monkeypatch.setattr(sampling, "has_driver", lambda: False)
    monkeypatch.setattr(sampling, "SETTLE", 0.0)
    received = []
    samplers = Samplers(lambda group, message: received.append((group, message)), print)
    samplers.want({f"g{i}": {b"/logs/%d.log" % i} for i in range(6)})
    assert [paths for _, paths, _ in started] == [(b"/logs/%d.log" % i,) for i in range(4)]
    assert {group for group, message in received if message.note == "no NVIDIA GPU"} == {
        "g0",
        "g1",
        "g2",
        "g3",
    }
    for _ in range(2):
        samplers.want({"g0": {b"/logs/0.log", b"/logs/0-rank1.log"}})
    assert started[-1][1] == (b"/logs/0-rank1.log", b"/logs/0.log")
    assert not started[0][2].stopped  # a death while the next one starts is still seen
    started[-1][2].receive(Blind("machine", 0.0, "silent", "", final=False))
    assert not started[0][2].stopped
    started[-1][2].receive(Sample(0.0, {}))
    assert started[0][2].stopped
    count = len(started)
    samplers.want(
        {"g0": {b"/logs/0.log", b"/logs/0-rank1.log"}, "g7": {b"/logs/7.log"}, "g8": {b"/logs/8.log"}}
    )
    assert len(started) == count  # three left just now: their places are kept free for a while
    monkeypatch.setattr(sampling, "PAUSE", 0.0)
    samplers.want(
        {"g0": {b"/logs/0.log", b"/logs/0-rank1.log"}, "g7": {b"/logs/7.log"}, "g8": {b"/logs/8.log"}}
    )
    assert [paths for _, paths, _ in started[count:]] == [(b"/logs/7.log",), (b"/logs/8.log",)]
    await samplers.stop()
    assert all(child.stopped for _, _, child in started)


def wandb_engine(host: str, *, begun: float = NOW - 600) -> Engine:
    """A W&B run that left no exit record, read after the fact."""
    engine = Engine()
    engine.add_source("a.wandb", "a", "a.wandb", Member(kind="wandb"))
    data = blocks([wandb(17, field(1, "abc") + field(13, host)), *map(history, rows(60, begun=begun))])
    batch = StreamParser().feed(data)
    engine.fold("a.wandb", batch, written=newest(batch))
    return engine


@pytest.mark.parametrize(
    ("host", "silent", "state"),
    [("here", 400.0, "stalled"), ("here", 30.0, "running"), ("elsewhere", 200.0, "running")],
)
def test_a_wandb_run_whose_file_nobody_holds_on_its_own_host_has_ended(host, silent, state):
    engine = wandb_engine(host, begun=NOW - silent - 20)
    ((group, watched),) = engine.runs()
    engine.tick(NOW)
    assert engine.state(group, watched, NOW) == ("running" if silent < 300 else "unknown")  # nobody looked
    engine.sample("a.wandb", Processes(NOW, (), "no process", nobody_on="here"))
    for second in range(20):
        engine.tick(NOW + second)
    assert engine.state(group, watched, NOW + 19) == state
    assert (("ended", "warning", "firing") in incidents(engine)) == (state == "stalled")


def test_a_wandb_run_that_continues_after_all_has_not_ended():
    engine = wandb_engine("here")
    engine.sample("a.wandb", Processes(NOW, (), "no process", nobody_on="here"))
    engine.tick(NOW)
    more = read_on(rows(70, begun=NOW - 9)[60:])
    engine.fold("a.wandb", more, live=True, arrival=NOW + 30, written=NOW + 14)
    for second in range(31, 40):
        engine.tick(NOW + second)
    assert [state for rule, _, state in incidents(engine) if rule == "ended"] == ["resolved"]


def test_a_wandb_run_lives_while_its_process_does_however_old_its_records():
    engine = wandb_engine("here", begun=NOW - 3000)
    ((group, watched),) = engine.runs()
    engine.sample("a.wandb", Processes(NOW, (MAIN,)))
    assert engine.state(group, watched, NOW) == "running"


def read_on(more: list[dict[str, object]]) -> Batch:
    """What a reader gets of rows behind those that it has read."""
    parser = StreamParser()
    parser.feed(blocks([wandb(17, field(1, "abc"))]))
    whole = blocks([wandb(17, field(1, "abc")), *map(history, more)])
    return parser.feed(whole[len(blocks([wandb(17, field(1, "abc"))])) :])


def test_what_is_measured_of_the_machine_is_no_sign_of_training():
    """Statistics go on every 15 s while the training hangs."""
    stats = wandb(7, field(2, field(1, 1_700_009_000)) + field(3, field(1, "cpu") + field(16, "5")))
    batch = StreamParser().feed(
        blocks([wandb(17, field(1, "abc")), *map(history, rows(9, begun=NOW)), stats])
    )
    assert any(table.kind == "system" for table in batch.tables)
    assert newest(batch) == pytest.approx(NOW + 8 / 3)


def test_ranks_that_print_nothing_are_reported_by_their_processes():
    ranks = tuple(
        Process(i + 10, NOW, "rank", "python", "running", 1, rank=i, local_rank=i) for i in range(4)
    )

    def shown(*lines):
        engine = Engine()
        engine.add_source("run", "run", "run.log")
        engine.fold("run", LogParser().feed(b"".join(lines)), live=True, arrival=NOW, written=NOW)
        engine.sample("run", Processes(NOW, ranks))
        groups = [views.Shown(group) for group in engine.groups.values()]
        return views.snapshot(groups, protocol.View(), NOW).run.ranks

    alone = shown(*(b"step %d/100 | loss 2.5 | dt 10 ms\n" % i for i in range(20)))
    assert [(row.rank, row.place.pid) for row in alone] == [(i, i + 10) for i in range(4)]
    reported = shown(*(b"[rank%d] step %d | loss 2.5 | dt 10 ms\n" % (i % 2, i // 2) for i in range(40)))
    assert [(row.rank, row.done is not None) for row in reported] == [
        (0, True),
        (1, True),
        (2, False),
        (3, False),
    ]


def test_sizes_of_parallel_axes_are_read_from_any_configuration():
    megatron = {
        "args/tensor_model_parallel_size": "2",
        "args/pipeline-model-parallel-size": "4",
        "args/seed": "3",
    }
    assert parallel.sizes(megatron) == {"tp": 2, "pp": 4}
    titan = {"parallelism.tensor_parallel_degree": "8", "parallelism.context_parallel_degree": "2"}
    assert parallel.sizes(titan) == {"tp": 8, "cp": 2}
    assert (
        parallel.sizes({"tp": "0", "pp_size": "many", "rl_tensor_model_parallel_size": "4", "cp": "-1"}) == {}
    )


def test_ranks_are_reported_with_the_gpu_they_own_and_those_elsewhere_without():
    ranks = tuple(
        Process(i + 10, NOW, "rank", "python", "running", 1, rank=i, local_rank=i) for i in range(2)
    )
    engine = Engine()
    engine.add_source("run", "run", "run.log")
    lines = b"".join(b"[rank%d] step %d | loss 2.5 | dt 10 ms\n" % (i % 3, i // 3) for i in range(60))
    engine.fold("run", LogParser().feed(lines), live=True, arrival=NOW, written=NOW)
    engine.sample("run", Processes(NOW, ranks))
    gpus = (Gpu("0", measure="util"), Gpu("1", measure="power"), Gpu("2", measure="util"))
    engine.sample("run", Gpus(NOW, gpus))
    engine.sample("run", GpuProcesses(NOW, {"0": {11: 1e9}, "2": {11: 1e9}, "1": {10: 1e9}}))
    values = {"0/util": 0.4, "2/util": 0.6, "0/memory_used": 1e9, "2/memory_used": 2e9, "0/temperature": 60.0}
    values |= {"2/temperature": 70.0, "1/power": 300.0, "1/power_limit": 400.0, "0/power": 100.0}
    engine.sample("run", Sample(NOW, {f"gpu/{name}": value for name, value in values.items()}))

    def places(now):
        shown = [views.Shown(group) for group in engine.groups.values()]
        return [row.place for row in views.snapshot(shown, protocol.View(), now).run.ranks]

    first, second, elsewhere = places(NOW + 10)
    assert (first.pid, first.gpus, first.measure, first.busy, first.power) == (
        10,
        ("1",),
        "power",
        0.75,
        300.0,
    )
    assert (second.gpus, second.measure, second.busy) == (("0", "2"), "util", pytest.approx(0.5))
    assert (second.memory_used, second.temperature, second.power) == (3e9, 70.0, None)
    assert elsewhere is None
    assert places(NOW + 500)[0].busy is None, "too old to say how things are"
    engine.sample("run", Gpus(NOW, (gpus[0], gpus[1], Gpu("2", state="lost"))))
    assert places(NOW + 10)[1].gpu_state == "lost"


def test_processes_are_looked_for_once_under_a_log_that_was_silent_before_anyone_watched():
    engine = Engine()
    group = engine.add_source("run", "run", "run.log")
    group.stale = True
    engine.fold("run", LogParser().feed(endless()), written=NOW - 3600)
    assert goes_on(group, NOW)
    engine.sample("run", Processes(NOW, (Process(10, NOW - 7200, "main", "python", "sleeping", 1),)))
    assert goes_on(group, NOW + 60), "it hangs"
    engine.sample("run", Processes(NOW + 60, (), "no process holds run.log open for writing"))
    group.lived = False
    assert not goes_on(group, NOW + 60)


def test_processes_are_looked_for_under_other_runs_where_nobody_was_found():
    """Only the newest few are looked at: of many that had ended, one may be there and hang."""
    engine = Engine()
    group = engine.add_source("run", "run", "run.log")
    engine.fold("run", LogParser().feed(endless()), written=NOW)
    assert goes_on(group, NOW + 60)
    engine.sample("run", Processes(NOW, (), "no process holds run.log open for writing"))
    assert goes_on(group, NOW + 20), "it may only just begin"
    assert not goes_on(group, NOW + 60)
    engine.fold("run", LogParser().feed(endless()), live=True, arrival=NOW + 60, written=NOW + 60)
    assert goes_on(group, NOW + 120)


def test_a_run_keeps_the_name_of_its_job_when_its_processes_end_and_after_a_restart():
    machine = Machine()
    rank = Process(1, NOW, "rank", "python train.py", "running", 0, rank=0, job="exp7")
    machine.fold(Processes(NOW, (rank,)))
    machine.fold(Processes(NOW + 1, ()))
    assert (machine.launch, machine.history().launch) == ("exp7", "exp7")
    machine.fold(Processes(NOW + 2, (msgspec.structs.replace(rank, pid=2, job=""),)))
    assert machine.launch == "", "another launch has none"
    machine.fold(Job(NOW, "4711"))
    machine.fold(Processes(NOW + 3, (rank,)))
    assert machine.launch == "4711"
