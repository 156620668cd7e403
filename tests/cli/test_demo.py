"""`runwatch demo` as processes: what it starts ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from .live import WAIT


@pytest.mark.parametrize(
    "end",
    [signal.SIGHUP, *(pytest.param(end, marks=pytest.mark.deep) for end in (signal.SIGKILL, signal.SIGTERM))],
)
def test_the_run_of_a_demo_ends_with_it(tmp_path, end):
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "runwatch", "demo", "--headless", "--fault", "hang"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith(b"training in")
        family = psutil.Process(demo.pid).children(recursive=True)
        assert any("runwatch.demo.train" in process.cmdline() for process in family)
        demo.send_signal(end)
        assert psutil.wait_procs(family, WAIT)[1] == []
    if end is not signal.SIGKILL:  # then nobody is left to tidy up
        assert demo.returncode == 128 + end
        assert list(tmp_path.iterdir()) == []


def test_a_training_that_is_slow_to_begin_is_waited_for(tmp_path):
    late = "import sys, time\nif 'runwatch.demo.train' in sys.orig_argv:\n    time.sleep(3)\n"
    (tmp_path / "sitecustomize.py").write_text(late)
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "runwatch", "demo", "--headless", "--steps", "20"]
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "finished all 20 steps" in done.stdout
