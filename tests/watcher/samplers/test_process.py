"""Which processes are a run, on a /proc made for the case."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.machine import gpus_of
from runwatch.core.sample import Process, process_key
from runwatch.watcher.samplers.process import Linker
from runwatch.watcher.samplers.procfs import Proc, command_word, parse_stat

LOG = "/data/train.log"
RANK = {"WORLD_SIZE": "4", "MASTER_PORT": "29500"}


def roles(fake, targets=(LOG,), pids=()):
    linked = Linker(targets, pids, Proc(str(fake.root))).scan()
    return {item.process.pid: (item.process.role, item.process.rank) for item in linked}


def test_the_writer_and_no_reader(fake_proc):
    fake_proc.add(10, fds={1: (LOG, True)}, command=["python", "-u", "/home/me/train.py", "--token", "hush"])
    fake_proc.add(11, "tail", fds={3: (LOG, False)})
    fake_proc.add(12, fds={1: ("/data/other.log", True)})
    (item,) = Linker([LOG], proc=Proc(str(fake_proc.root))).scan()
    process = item.process
    assert (process.pid, process.role, process.command) == (10, "main", "python train.py")
    assert process.started == 1000 + item.stat.start / os.sysconf("SC_CLK_TCK")
    assert process_key(process) == "pid10"


def test_through_filters_to_the_writers(fake_proc):
    fake_proc.add(1000, "bash", session=1000)
    fake_proc.add(20, session=1000, parent=1000, fds={1: ("pipe:[5]", True)})
    fake_proc.add(21, "grep", session=1000, parent=1000, fds={0: ("pipe:[5]", False), 1: ("pipe:[6]", True)})
    fake_proc.add(22, "tee", session=1000, parent=1000, fds={0: ("pipe:[6]", False), 3: (LOG, True)})
    fake_proc.add(23, session=7, fds={1: ("pipe:[5]", True)})  # holds the pipe, but is of another session
    assert roles(fake_proc) == {20: ("main", None), 21: ("filter", None), 22: ("filter", None)}


def test_a_filter_without_anyone_before_it_stays(fake_proc):
    fake_proc.add(22, "tee", fds={0: ("/dev/null", False), 3: (LOG, True)})
    assert roles(fake_proc) == {22: ("filter", None)}


def test_a_run_that_reads_a_pipe_is_not_taken_for_a_filter(fake_proc):
    fake_proc.add(30, "cat", session=5, fds={1: ("pipe:[5]", True)})
    fake_proc.add(31, session=5, fds={0: ("pipe:[5]", False), 1: (LOG, True)})
    assert roles(fake_proc) == {31: ("main", None)}


def test_an_unknown_program_between_ranks_and_the_log_is_a_filter(fake_proc):
    fake_proc.add(30, session=5, fds={1: ("pipe:[5]", True)}, environ={"RANK": "0", "LOCAL_RANK": "0"})
    fake_proc.add(31, "prefixer", session=5, fds={0: ("pipe:[5]", False), 1: (LOG, True)})
    assert roles(fake_proc) == {30: ("rank", 0), 31: ("filter", None)}


def test_below_a_wrapper_its_command_counts_and_those_who_watch_it_do_not(fake_proc, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 93)
    monkeypatch.setattr(os, "getppid", lambda: 92)
    fake_proc.add(90, "runwatch")
    fake_proc.add(91, parent=90, command=["python", "-m", "runwatch.wrap.keeper"])
    fake_proc.add(92, parent=91, command=["python", "-m", "runwatch.watcher.service.private"])
    fake_proc.add(93, parent=92, command=["python", "-m", "runwatch.watcher.samplers.sampler"])
    fake_proc.add(94, parent=90, command=["python", "train.py"])
    fake_proc.add(95, parent=94, command=["python", "train.py"])
    assert roles(fake_proc, pids=(90,)) == {90: ("shell", None), 94: ("main", None), 95: ("worker", None)}


def test_torchrun_with_a_log_per_rank(fake_proc):
    fake_proc.add(40, "torchrun", environ={"HOME": "/home/me"}, command=["torchrun", "--nproc=4", "train.py"])
    for rank in range(4):
        environ = {**RANK, "RANK": str(rank), "LOCAL_RANK": str(rank), "CUDA_VISIBLE_DEVICES": "0,1,2,3"}
        fds = {1: (f"/logs/{rank}.log", True)}
        fake_proc.add(41 + rank, parent=40, environ=environ, fds=fds)
        fake_proc.add(51 + rank, parent=41 + rank, environ=environ, fds=fds)  # a data loader
    linked = Linker(["/logs/2.log"], proc=Proc(str(fake_proc.root))).scan()
    ranks = [item.process for item in linked if item.process.role == "rank"]
    assert [(p.pid, p.rank, p.local_rank, p.world_size) for p in ranks] == [
        (41 + n, n, n, 4) for n in range(4)
    ]
    assert ranks[0].gpus == ("0", "1", "2", "3")
    others = {item.process.pid: (item.process.role, item.process.rank) for item in linked[4:]}
    assert others == {40: ("launcher", None)} | {51 + n: ("worker", n) for n in range(4)}
    assert next(item.process.command for item in linked if item.process.pid == 40) == "torchrun train.py"


def test_ranks_of_another_job_under_the_same_parent_are_not_ours(fake_proc):
    fake_proc.add(5, "agent")
    for number, port in enumerate(("1", "1", "2", "2")):
        environ = {"RANK": str(number % 2), "MASTER_PORT": port}
        fake_proc.add(60 + number, parent=5, environ=environ, fds={1: (f"/logs/{port}.log", True)})
    assert roles(fake_proc, ["/logs/1.log"]) == {
        60: ("rank", 0),
        61: ("rank", 1),
        5: ("launcher", None),
    }


def test_a_pods_rank_is_not_the_rank_of_its_launcher(fake_proc):
    fake_proc.add(40, "torchrun", environ={"RANK": "0", "WORLD_SIZE": "2"}, fds={1: (LOG, True)})
    for rank in (0, 1):
        environ = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
        fake_proc.add(41 + rank, parent=40, environ=environ, fds={1: (LOG, True)})
    assert roles(fake_proc) == {40: ("launcher", None), 41: ("rank", 0), 42: ("rank", 1)}


def test_slurm_ranks_and_the_batch_script(fake_proc):
    batch = {"SLURM_PROCID": "0", "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "batch"}
    fake_proc.add(70, "bash", environ=batch, fds={1: (LOG, True)})
    fake_proc.add(71, "srun", parent=70, environ=batch, fds={1: (LOG, True)})
    for rank in (0, 1):
        environ = {"SLURM_PROCID": str(rank), "SLURM_STEP_ID": "0", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0"}
        fake_proc.add(72 + 2 * rank, "bash", parent=71, environ=environ)
        fake_proc.add(73 + 2 * rank, parent=72 + 2 * rank, environ=environ, fds={1: (LOG, True)})
    assert roles(fake_proc) == {
        70: ("shell", None),
        71: ("launcher", None),
        72: ("shell", None),
        74: ("shell", None),
        73: ("rank", 0),
        75: ("rank", 1),
    }


def test_the_launchers_own_scheme_counts_before_the_schedulers(fake_proc):
    slurm = {"SLURM_PROCID": "0", "SLURM_STEP_ID": "0"}
    fake_proc.add(80, "torchrun", environ=slurm, fds={1: (LOG, True)})
    for rank in (8, 9):
        environ = {**slurm, "RANK": str(rank), "LOCAL_RANK": str(rank - 8)}
        fake_proc.add(80 + rank, parent=80, environ=environ, fds={1: (LOG, True)})
    assert roles(fake_proc) == {80: ("launcher", None), 88: ("rank", 8), 89: ("rank", 9)}


def test_a_rotation_does_not_lose_the_run(fake_proc):
    fake_proc.add(10, fds={1: (LOG, True)})
    linker = Linker([LOG], proc=Proc(str(fake_proc.root)))
    assert len(linker.scan()) == 1
    fake_proc.add(10, fds={1: (LOG + ".1", True)})
    assert [item.stat.pid for item in linker.scan()] == [10]
    fake_proc.add(10, fds={1: ("/elsewhere", True)}, start=999_999)
    assert linker.scan() == (), "the same number is another process now"


def test_a_deleted_log_still_has_its_writer(fake_proc):
    fake_proc.add(10, fds={1: (LOG + " (deleted)", True)})
    assert roles(fake_proc) == {10: ("main", None)}


def test_a_pid_that_was_named_needs_no_log(fake_proc):
    fake_proc.add(10)
    fake_proc.add(11, parent=10)
    fake_proc.add(12)
    assert roles(fake_proc, (), [10]) == {10: ("main", None), 11: ("worker", None)}
    assert roles(fake_proc, (), [99]) == {}


def test_a_shell_script_is_its_own_run(fake_proc):
    fake_proc.add(10, "bash", fds={1: (LOG, True)})
    assert roles(fake_proc) == {10: ("main", None)}
    fake_proc.add(11, parent=10, fds={1: (LOG, True)})
    assert roles(fake_proc) == {10: ("shell", None), 11: ("main", None)}


def test_a_terminals_own_log(fake_proc):
    fake_proc.add(10, "screen", fds={5: ("/home/me/screenlog.0", True)})
    fake_proc.add(11, "bash", parent=10)
    fake_proc.add(12, parent=11, environ={"CUDA_VISIBLE_DEVICES": ""})
    assert roles(fake_proc, ["/home/me/screenlog.0"]) == {
        10: ("shell", None),
        11: ("shell", None),
        12: ("main", None),
    }


def process(**changes):
    return Process(1, 0.0, changes.pop("role", "rank"), "python", "running", 0, **changes)


def test_gpus_of_a_rank():
    assert gpus_of(process(), {"0": [2], "3": [1], "4": [1]}) == ("3", "4")
    assert gpus_of(process(rank=9, local_rank=1), {}) == ("1",)
    assert gpus_of(process(rank=9, local_rank=1, gpus=("4", "6")), {}) == ("6",)
    assert gpus_of(process(rank=9, local_rank=1, gpus=("5",)), {}) == ("5",)
    assert gpus_of(process(gpus=("GPU-1234",)), {}) == (), "a UUID is no index"
    uuids = {"GPU-1234-5": "2", "GPU-1299-0": "7"}
    assert gpus_of(process(gpus=("GPU-1234",)), {}, uuids) == ("2",)
    assert gpus_of(process(gpus=("GPU-12",)), {}, uuids) == (), "this may be either"
    assert gpus_of(process(role="worker", local_rank=1), {}) == ()
    assert gpus_of(process(role="main"), {}) == ()


def test_command_words_hold_no_arguments():
    assert (
        command_word(["/usr/bin/python3.11", "-X", "dev", "-u", "a/train.py", "--key=hush"])
        == "python3.11 train.py"
    )
    assert command_word(["python", "-m", "nanochat.train", "hush"]) == "python -m nanochat.train"
    assert command_word(["python", "-c", "import hush"]) == "python -c"
    assert command_word(["bash", "-lc", "curl -H hush"]) == "bash -c"
    assert command_word(["-bash"]) == "bash"
    assert command_word(["./train", "--key", "hush"]) == "train"
    assert command_word(["my title with hush"]) == ""


@given(st.lists(st.text(min_size=1, max_size=8), max_size=6))
@settings(max_examples=100)
def test_a_command_word_is_at_most_two_of_the_words(arguments):
    assert len(command_word(arguments).split(" ")) <= 3 or any(" " in word for word in arguments)


@given(
    st.integers(1, 1 << 22),
    st.text(st.characters(codec="ascii"), max_size=15).filter(lambda name: "\n" not in name),
    st.integers(0, 1 << 40),
)
@settings(max_examples=100)
def test_any_name_in_a_stat_line(pid, name, start):
    fields = ["S", 7, 8, 9, *[0] * 15, start, 0, 250, *[0] * 28]
    stat = parse_stat(f"{pid} ({name}) " + " ".join(map(str, fields)))
    assert stat is not None
    assert (stat.pid, stat.name, stat.parent, stat.session, stat.start) == (pid, name, 7, 9, start)


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_garbage_is_no_stat_line(text):
    assert parse_stat(text) is None


def test_a_trackers_service_writes_for_the_one_that_started_it(fake_proc):
    fake_proc.add(30, parent=9)
    fake_proc.add(31, "wandb-core", parent=30, fds={7: (LOG, True)})
    assert roles(fake_proc) == {30: ("main", None), 31: ("filter", None)}


def test_a_service_left_alone_is_no_run(fake_proc):
    fake_proc.add(1, "init")
    fake_proc.add(31, "wandb-core", parent=1, fds={7: (LOG, True)})
    assert roles(fake_proc) == {31: ("filter", None)}


@pytest.mark.parametrize(
    ("environ", "job"),
    [
        ({"SLURM_JOB_ID": "7", "TORCHELASTIC_RUN_ID": "x"}, "7"),
        ({"TORCHELASTIC_RUN_ID": "exp\x1b[1m", "MASTER_ADDR": "n0"}, "exp"),
        ({"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "n0"}, "n0:29500"),
        ({"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1"}, ""),
        ({"MASTER_ADDR": "localhost"}, ""),
        ({}, ""),
    ],
)
def test_the_ranks_of_a_job_have_its_name_on_all_nodes(fake_proc, environ, job):
    for rank in (0, 1):
        fake_proc.add(50 + rank, environ={**RANK, **environ, "RANK": str(rank)}, fds={1: (LOG, True)})
    linked = Linker([LOG], proc=Proc(str(fake_proc.root))).scan()
    assert {item.process.job for item in linked} == {job}
