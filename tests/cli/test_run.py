"""`runwatch run` with real commands: codes, bytes, signals, and what happens when parts of us die."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys

import psutil
import pytest

from ..wrap.command import QUIET, RUN, SPEAKS, WAIT, close, part, python, reads, run, until, wait_for


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "it.log"


# -- codes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        pytest.param("exit 0", 0, "exit code 0 after", marks=pytest.mark.deep),
        pytest.param("exit 1", 1, "exit code 1 after", marks=pytest.mark.deep),
        pytest.param("exit 137", 137, "exit code 137 after", marks=pytest.mark.deep),
        ("kill -9 $$", 137, "killed by SIGKILL after"),
        pytest.param("kill -TERM $$", 143, "killed by SIGTERM after", marks=pytest.mark.deep),
        ("kill -INT $$", -2, "killed by SIGINT after"),
    ],
)
def test_it_ends_as_its_command_ends(script, code, words, log):
    done = run("--log", log, "--", "sh", "-c", script)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode().startswith(f"runwatch: {words} ")
    assert done.stderr.count(b"\n") == 1
    assert log.read_text().startswith("runwatch: ")


@pytest.mark.parametrize(
    ("command", "code"),
    [("/no/such/thing", 127), pytest.param("/etc/hostname", 126, marks=pytest.mark.deep)],
)
def test_a_command_that_cannot_be_run(command, code, log):
    done = run("--log", log, "--", command)
    assert done.returncode == code
    assert done.stderr.startswith(b"runwatch: ")
    assert command.encode() in done.stderr


def test_nothing_to_run():
    assert run().returncode == 2


def test_a_wrong_configuration_is_told_before_the_command_is_started(tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[slack]\nwebhok = 'x'\n")
    for config, words in (
        (wrong, b"unknown name 'webhok'"),
        (tmp_path / "none.toml", b"no such configuration"),
    ):
        done = run("--config", config, "--", "touch", tmp_path / "started")
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
        assert words in done.stderr
    assert not (tmp_path / "started").exists()


def test_options_of_the_command_are_its_own(tmp_path):
    done = run("-q", "sh", "-c", 'echo "$@"', "x", "--log", "-h", cwd=tmp_path)
    assert (done.stdout, done.stderr) == (b"--log -h\n", b"")
    (kept,) = (tmp_path / "runwatch-logs").iterdir()
    assert kept.name.startswith("sh-")
    assert kept.read_text().startswith("--log -h\nrunwatch: exit code 0")


# -- bytes ---------------------------------------------------------------------------------------------


def test_a_burst_passes_unchanged_and_is_logged_whole(log, tmp_path, start):
    """More than waits for the log, before its writer has begun."""
    random = os.urandom(1 << 20)
    data = tmp_path / "data"
    data.write_bytes(random * 80)
    process = start("-q", "--log", log, "--", "cat", data)
    got = hashlib.sha256()
    while block := os.read(process.stdout.fileno(), 1 << 20):
        got.update(block)
    assert process.wait(WAIT) == 0
    close(process)
    wanted = hashlib.sha256(random * 80).digest()
    assert got.digest() == wanted
    with log.open("rb") as kept:
        assert hashlib.sha256(kept.read(80 << 20)).digest() == wanted
        assert kept.read().strip().startswith(b"runwatch: exit code 0")


def test_two_streams_stay_two_and_one_stays_one(log):
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"
    done = run("-q", "--log", log, "--", "sh", "-c", script)
    assert done.stdout == b"".join(b"out %d\n" % i for i in range(1, 10))
    assert done.stderr == b"".join(b"err %d\n" % i for i in range(1, 10))
    assert len(log.read_bytes().splitlines()) == 19
    done = run("-q", "--log", log, "--", "sh", "-c", script, capture_output=False, stdout=-1, stderr=-2)
    assert done.stdout == b"".join(b"out %d\nerr %d\n" % (i, i) for i in range(1, 10))


def test_standard_input_is_the_commands(log):
    done = run("-q", "--log", log, "--", "cat", input=b"a\x00\xff\r\n")
    assert done.stdout == b"a\x00\xff\r\n"


def test_the_command_gets_our_environment_and_descriptors(log):
    reader, writer = os.pipe()
    os.write(writer, b"x")
    os.close(writer)
    code = f"import os; print(os.read({reader}, 9), *sorted(set(os.environ) - {{'LC_CTYPE'}}), sep='\\n')"
    done = run("-q", "--log", log, "--", *python(code), env={"PYTHONPATH": os.getcwd()}, pass_fds=(reader,))
    os.close(reader)
    assert done.stdout.split() == [b"b'x'", b"PYTHONPATH"]


def test_a_reader_that_leaves_ends_the_command_as_without_us(log, start):
    process = start("-q", "--log", log, "--", "yes")
    reads(process)
    process.stdout.close()
    assert process.wait(WAIT) == 128 + signal.SIGPIPE


# -- signals -------------------------------------------------------------------------------------------


def test_signals_sent_to_us_reach_the_command_once(log, start):
    process = start("-q", "--log", log, "--", *python(SPEAKS))
    until(process, b"ready\n")
    for name in ("SIGUSR1", "SIGUSR2", "SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT"):
        process.send_signal(signal.Signals[name])
        line = name.encode() + b"\n"
        assert until(process, line) == line
    process.stdin.write(b"on\n")
    assert until(process, b"line on\n") == b"line on\n"
    assert close(process)[0] == b""
    assert process.returncode == 0


def children(pid: int) -> list[str]:
    """Return the names of a process's children; one may end while they are asked for."""
    found = []
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(child.name())
    return found


def test_a_signal_passes_while_nobody_reads_the_output(log, start):
    process = start("--log", log, "--", "yes")
    wait_for(lambda: log.exists() and log.stat().st_size >= 1 << 16, "a log")
    process.send_signal(signal.SIGTERM)  # its output stands in full pipes
    wait_for(lambda: "yes" not in children(process.pid), "its end")
    os.kill(process.pid, signal.SIGTERM)  # and another makes us leave, whatever is unread
    assert process.wait(WAIT) == 143
    close(process)


def test_what_was_ignored_stays_ignored(log):
    done = subprocess.run(
        ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *RUN, "-q", "--log", str(log), "--",
         "sh", "-c", "kill -HUP $$; echo alive"],
        capture_output=True, env=QUIET, timeout=WAIT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"alive\n")


# -- what breaks on our side ---------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["/dev/full", pytest.param("/proc/no/log", marks=pytest.mark.deep)])
def test_a_log_that_cannot_be_written_stops_nothing(place):
    done = run("--log", place, "--", "sh", "-c", "seq 5; exit 4")
    assert (done.returncode, done.stdout) == (4, b"1\n2\n3\n4\n5\n")
    first, last = done.stderr.decode().splitlines()
    assert first.startswith("runwatch: the log cannot be written: ")
    assert "bytes could not be logged" in last


def test_a_disk_that_is_full_for_a_while(tmp_path, start):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    try:
        log = disk / "it.log"
        code = "import sys; print('x' * 399_999); sys.stdin.readline(); print('go on')"
        process = start("--log", log, "--", *python(code))
        assert len(until(process, b"x\n")) == 400_000
        said = until(process, b"No space left", "stderr")
        assert said.count(b"\n") <= 1
        os.truncate(log, 0)
        process.stdin.write(b"\n")
        assert until(process, b"go on\n") == b"go on\n"
        close(process)
        assert process.returncode == 0
        assert any(line.startswith("[runwatch: ") for line in log.read_text().splitlines())
        assert "go on\n" in log.read_text()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


@pytest.mark.parametrize(
    ("victim", "words", "lost"),
    [
        (
            "runwatch.wrap.keeper",
            "the log's writer is gone: the command keeps running, unlogged and unwatched",
            21,
        ),
        pytest.param(
            "runwatch.watcher.service.private", "the engine ended; started again", 0, marks=pytest.mark.deep
        ),
    ],
)
def test_the_command_outlives_our_helpers(victim, words, lost, log, start):
    process = start("--log", log, "--", *python(SPEAKS))
    until(process, b"ready\n")
    wait_for(lambda: log.exists() and log.read_bytes() == b"ready\n")
    part(process, victim).kill()
    until(process, f"runwatch: {words}\n".encode(), "stderr")
    for i in range(3):
        process.stdin.write(b"%d\n" % i)
        assert until(process, b"line %d\n" % i)
    out, err = close(process)
    assert (process.returncode, out) == (0, b"")
    assert err.startswith("runwatch: exit code 0 after ")
    assert (f"; {lost} bytes could not be logged" in err) == bool(lost)


@pytest.mark.deep
def test_what_a_writer_that_hangs_has_not_logged_is_told(log, start):
    process = start("--log", log, "--", *python(SPEAKS))
    until(process, b"ready\n")
    wait_for(lambda: log.exists() and log.read_bytes() == b"ready\n")
    keeper = part(process, "runwatch.wrap.keeper")
    keeper.suspend()
    process.stdin.write(b"1\n")
    process.stdin.close()
    assert process.wait(WAIT) == 0
    keeper.resume()
    assert process.stdout.read() == b"line 1\n"
    assert b"; 7 bytes could not be logged" in process.stderr.read()


@pytest.mark.deep
def test_a_log_that_may_not_grow_stops_nothing(log):
    limit = 'ulimit -f 8; exec "$@"'
    command = ["sh", "-c", "yes | head -c 100000; exit 4"]
    done = subprocess.run(
        ["sh", "-c", limit, "sh", *RUN, "--log", log, "--", *command],
        capture_output=True, env=QUIET, timeout=WAIT, check=False,
    )  # fmt: skip
    assert (done.returncode, len(done.stdout)) == (4, 100_000)
    first, last = done.stderr.decode().splitlines()
    assert first.startswith("runwatch: the log cannot be written: File too large: ")
    lost = int(re.search(r"; ([\d,]+) bytes could not be logged; log: ", last)[1].replace(",", ""))
    assert log.stat().st_size < 100_000 <= log.stat().st_size + lost


def test_the_command_outlives_the_wrapper(log, start):
    process = start("--log", log, "--", *python(SPEAKS))
    until(process, b"ready\n")
    keeper = part(process, "runwatch.wrap.keeper")
    command = next(p for p in psutil.Process(process.pid).children() if p != keeper)
    wait_for(lambda: log.exists() and log.read_bytes() == b"ready\n")
    process.kill()
    process.wait(WAIT)
    for i in range(3):
        process.stdin.write(b"%d\n" % i)
        assert until(process, b"line %d\n" % i) == b"line %d\n" % i
    assert command.is_running()
    process.stdin.close()
    assert process.stdout.read() == b""
    assert psutil.wait_procs([keeper], WAIT)[1] == []
    assert log.read_text().endswith("its helper reads on]\nline 0\nline 1\nline 2\n")


def test_what_the_command_leaves_behind_is_read_on(log, tmp_path, start):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start("-q", "--log", log, "--", "sh", "-c", f"(read x < {fifo}; echo late) & echo early")
    assert until(process, b"early\n") == b"early\n"
    assert process.wait(WAIT) == 0  # as a shell would not wait for it either
    fifo.write_text("\n")
    assert process.stdout.read() == b"late\n"
    wait_for(lambda: log.read_text().endswith("late\n"))
    close(process)


# -- restart -------------------------------------------------------------------------------------------


def test_it_starts_again_when_asked_until_it_succeeds(log, tmp_path):
    count = tmp_path / "count"
    script = f"echo x >> {count}; echo try; [ $(wc -l < {count}) = 3 ] || exit 5"
    done = run("--log", log, "--restart", "5", "--delay", "0.01", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout) == (0, b"try\n" * 3)
    lines = done.stderr.decode().splitlines()
    assert [("starts again" in line) for line in lines] == [True, True, False]
    assert log.read_text().count("exited with code 5") == 2


def test_restarts_are_bounded(log):
    done = run(
        "-q", "--log", log, "--restart", "2", "--delay", "0.01", "--", "sh", "-c", "echo x; kill -9 $$"
    )
    assert (done.returncode, done.stdout) == (137, b"x\n" * 3)


@pytest.mark.parametrize(
    "script", ["kill -INT $$", *(pytest.param(f"exit {n}", marks=pytest.mark.deep) for n in (0, 130))]
)
def test_never_again_after_success_or_ctrl_c(script, log):
    done = run("-q", "--log", log, "--restart", "3", "--delay", "0.01", "--", "sh", "-c", f"echo x; {script}")
    assert done.stdout == b"x\n"


def test_the_wait_for_a_restart_can_be_ended(log, start):
    process = start("--log", log, "--restart", "3", "--delay", "3600", "--", "sh", "-c", "exit 6")
    until(process, b"starts again in 60 s (1 of 3)", "stderr")
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT) == 6
    close(process)


def test_never_again_once_somebody_asked_for_the_end(log, start):
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print('ready'); signal.pause()"
    process = start("-q", "--log", log, "--restart", "3", "--delay", "0.01", "--", *python(code))
    until(process, b"ready\n")
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT) == 7
    assert close(process)[0] == b""


def test_no_heavy_import_in_the_wrapper():
    code = "import sys, runwatch.cli.commands.run, runwatch.wrap.wrapper; print(*{'numpy', 'asyncio', 'textual', 'rich'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"\n"
