"""`runwatch run` on a terminal: keys, sizes, colours, job control."""

from __future__ import annotations

import os
import signal
import sys
import termios

import psutil
import pytest

from ..wrap.command import RUN, Terminal, python, wait_for

COUNTS = (
    "import signal, sys, os\n"
    "def got(number, _):\n"  # one write: the next signal may come in the middle of it
    "    os.write(1, f'got {signal.Signals(number).name} {os.get_terminal_size(1).columns} .\\n'.encode())\n"
    "for n in (2, 28): signal.signal(n, got)\n"
    "print('ready', *[os.isatty(n) for n in (0, 1, 2)], *os.get_terminal_size(1))\n"
    "for line in sys.stdin: print('line', line.strip(), '.')\n"
)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "it.log"


def terminal(log, *command, **options):
    return Terminal(*RUN, "--log", str(log), "--", *command, **options)


def test_it_is_a_terminal_of_the_same_size_and_grows_with_it(log):
    with terminal(log, *python(COUNTS), rows=30, columns=100) as screen:
        screen.until(b"ready True True True 100 30\r\n")
        screen.resize(40, 133)
        screen.until(b"got SIGWINCH 133 .\r\n")
        screen.type(b"hello\n")
        screen.until(b"line hello .\r\n")
        screen.type(b"\x04")
        screen.until(rb"runwatch: exit code 0 after [^\r]*it.log\r\n")
        assert os.waitstatus_to_exitcode(screen.end()) == 0
    assert log.read_bytes().startswith(b"ready True True True 100 30\ngot SIGWINCH")


def test_ctrl_c_reaches_the_command_exactly_once(log):
    code = (
        "import os, select, signal\n"
        "reader, writer = os.pipe(); os.set_blocking(writer, False); signal.set_wakeup_fd(writer)\n"
        "signal.signal(2, lambda *_: None); print('ready')\n"
        "while True:\n"
        "    ready = select.select([0, reader], [], [])[0]\n"
        "    if reader in ready: print('got', os.read(reader, 1)[0], '.')\n"  # one byte for each delivery
        "    elif not os.read(0, 99): break\n"
        "    else: print('line .')\n"
    )
    with terminal(log, *python(code)) as screen:
        screen.until(b"ready")
        for _ in range(5):
            screen.type(b"\x03")
            screen.until(rb"got 2 \.")
            screen.type(b"\n")
            screen.until(rb"line \.")
        screen.type(b"\x04")
        screen.until(rb"runwatch: exit code 0")
        screen.end()
    assert log.read_text().count("got 2") == 5


def test_a_command_that_dies_of_ctrl_c_takes_us_with_it(log):
    with terminal(log, "sh", "-c", "echo ready; exec sleep 1000") as screen:
        screen.until(b"ready")
        screen.type(b"\x03")
        screen.until(b"runwatch: killed by SIGINT after ")
        assert os.waitstatus_to_exitcode(screen.end()) == -signal.SIGINT


def test_colours_bars_and_every_byte_pass_unchanged(log):
    every = bytes(range(256)).replace(b"\x04", b"") * 40 + b"\x1b[31mred\x1b[0m\r 50%|## |\r100%|####|\n"
    code = f"import os; d = bytes.fromhex('{every.hex()}')\nwhile d: d = d[os.write(1, d):]"
    with terminal(log, *python("input();" + code)) as screen:
        wait_for(log.exists)
        settings = termios.tcgetattr(screen._master)
        settings[1] &= ~termios.OPOST
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(screen._master, termios.TCSANOW, settings)
        screen.type(b"\n")
        found = screen.until(b"(.*)runwatch: exit code 0")
        assert found[1] == every
    assert log.read_bytes().startswith(every)


def test_the_terminal_is_left_as_it_was(log):
    with terminal(log, *python("input('? ')")) as screen:
        before = termios.tcgetattr(screen._master)
        screen.until(rb"\? ")
        assert termios.tcgetattr(screen._master) == before
        screen.type(b"\n")
        screen.until(b"exit code 0")
        assert termios.tcgetattr(screen._master) == before


def test_a_critical_finding_is_one_line_on_the_terminal(log):
    line = "print(f'step {{s:05d}}/10000 (0.10%) | loss: {loss} | dt: 10.00ms')\n"
    code = "for s in range(50): " + line.format(loss="2.5") + "s = 50\n" + line.format(loss="nan") + "input()"
    with terminal(log, *python(code)) as screen:
        screen.until(rb"runwatch: CRITICAL nonfinite: loss is NaN since step 50 \(line 51\)\r\n")
        screen.type(b"\n")
        screen.until(
            rb"exit code 0 after [^;]*; step 50/10,000; 1 critical \(loss is NaN since step 50\); log: "
        )


def test_ctrl_z_and_fg_are_the_shells(tmp_path):
    script = tmp_path / "it.py"
    script.write_text(
        "import os; print('pid', os.getpid(), '.', flush=True)\nwhile True: print('line', input(), '.', flush=True)\n"
    )
    run = " ".join([*RUN, "-q", "--log", "it.log", "--", sys.executable, "it.py"])
    with Terminal("bash", "--norc", "--noprofile", "-i", cwd=tmp_path) as shell:
        shell.type(run.encode() + b"\n")
        command = psutil.Process(int(shell.until(rb"pid (\d+) \.")[1]))
        wrapper = command.parent()
        shell.type(b"\x1a")
        shell.until(rb"Stopped")
        assert (command.status(), wrapper.status()) == ("stopped", "stopped")
        shell.type(b"fg\n")
        shell.until(rb"runwatch")
        shell.type(b"again\n")
        shell.until(rb"line again \.")
        shell.type(b"\x04")
        shell.until(rb"EOFError")
        shell.type(b"echo code $?\n")
        shell.until(rb"code 1\r\n")
        shell.type(b"exit\n")
        shell.end()


@pytest.mark.parametrize("begins", ["&", "bg"])
def test_a_background_job_runs_on_and_its_shell_waits_for_nothing(begins, tmp_path):
    run = " ".join(
        [*RUN, "-q", "--log", "it.log", "--", "sh", "-c", "'echo rea\\dy; read x <fifo; echo was $x .'"]
    )
    os.mkfifo(tmp_path / "fifo")
    with Terminal("bash", "--norc", "--noprofile", "-i", cwd=tmp_path) as shell:
        if begins == "&":
            shell.type(run.encode() + b" &\n")
        else:
            shell.type(run.encode() + b"\n")
            shell.until(rb"ready")
            shell.type(b"\x1a")
            shell.until(rb"Stopped")
            shell.type(b"bg\n")
        shell.type(b"echo prompt $((6*7)) .\n")
        shell.until(rb"prompt 42 \.")
        shell.type(b"echo there >fifo\n")
        shell.until(rb"was there \.")
        shell.type(b"wait; echo code $? .\n")
        shell.until(rb"code 0 \.")
        shell.type(b"exit\n")
        shell.end()


def test_the_command_outlives_the_wrapper_on_a_terminal(log):
    code = "import sys; print('ready', flush=True)\nfor line in open(sys.argv[1]): print('line', line.strip(), flush=True)"
    fifo = log.with_name("fifo")
    os.mkfifo(fifo)
    # a shell around it keeps the terminal, as the one that people type into does
    with Terminal(
        "sh", "-c", '"$@"; read x', "sh", *RUN, "-q", "--log", str(log), "--", *python(code), str(fifo)
    ) as screen:
        screen.until(b"ready")
        wait_for(lambda: log.exists() and log.read_text() == "ready\n")
        (wrapper,) = psutil.Process(screen.pid).children()
        wrapper.kill()
        wait_for(lambda: not psutil.Process(screen.pid).children())
        fifo.write_text("on\n")
        screen.until(b"line on\r\n")
        wait_for(lambda: log.read_text().endswith("reads on]\nline on\n"))
