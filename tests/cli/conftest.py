"""What tests of commands share."""

from __future__ import annotations

import contextlib

import psutil
import pytest

from ..wrap.command import started


@pytest.fixture
def start():
    """Start `runwatch run ARGUMENTS`; what is left of it goes at the end."""
    begun = []

    def begin(*arguments, **options):
        begun.append(started(*arguments, **options))
        return begun[-1]

    yield begin
    for process in begun:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        for member in (process, *family):
            with contextlib.suppress(psutil.Error):
                member.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
