"""The cost of work does not depend on how busy the machine is."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from runwatch.system.stopwatch import Stopwatch

WORK = 0.2


@pytest.mark.skipif(
    not os.path.exists("/proc/thread-self/schedstat"), reason="the kernel does not count waits"
)
def test_waiting_for_a_processor_does_not_count():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})  # a child inherits it: both share one processor
    try:
        with subprocess.Popen(
            [sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE
        ) as rival:
            assert rival.stdout is not None
            rival.stdout.readline()
            watch, begun, worked = Stopwatch(), time.monotonic(), time.thread_time()
            while time.thread_time() - worked < WORK:
                pass
            counted, passed = watch.seconds, time.monotonic() - begun
            rival.kill()
    finally:
        os.sched_setaffinity(0, allowed)
    assert WORK * 0.9 < counted < WORK + (passed - WORK) / 2


def test_a_pause_counts():
    watch = Stopwatch()
    time.sleep(0.05)
    assert watch.seconds > 0.04
