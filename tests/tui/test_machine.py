"""The machine in the ranks view: beneath the ranks where there is room, alone without ranks."""

from __future__ import annotations

import pytest

from runwatch.core.snapshot import GpuRow, MachineView, ProcessRow

MACHINE = MachineView(
    processes=(
        ProcessRow(4711, "rank", "running", 0, "python train.py", "", 1.02, 8 << 30, ("0",)),
        ProcessRow(
            4712, "rank", "blocked", 1, "python train.py", "write of /mnt/x/a.pt", 0.0, 8 << 30, ("1",)
        ),
    ),
    gpus=(
        GpuRow("0", "H100", "ok", True, "util", 0.97, 7e10, 8e10, 640.0, 700.0, 71.0, "", (0.5, 0.9, 0.97)),
        GpuRow("1", "H100", "lost", True),
    ),
    host={"cpu": 0.42, "memory_available": 3e11, "memory_total": 1e12},
    job="job 17 llama running",
    deadline=7200.0,
    notes=("no permission to see GPU 2",),
)


async def test_a_run_without_ranks_shows_its_machine(open_app):
    async with open_app((100, 30), machine=MACHINE, has_machine=True) as s:
        assert not s.engine.view.machine, "the overview does not ask for it"
        await s.press("3")
        assert s.engine.view.machine
        shown = s.text()
        for words in (
            "97%",
            "640/700 W",
            "does not answer",
            "rank 1",
            "write of /mnt/x/a.pt",
            "job 17",
            "GPU 2",
        ):
            assert words in shown, shown
        assert "2h 00m" in shown
        assert not s.view.query_one("#rank-grid").display


async def test_the_machine_has_it_all_when_it_becomes_known(open_app):
    async with open_app((120, 40), has_machine=True) as s:
        await s.press("3")
        await s.push(machine=MACHINE)
        assert "640/700 W" in s.text()
        assert "no ranks" not in s.text()


@pytest.mark.few(1)
@pytest.mark.parametrize(("height", "shown"), [(24, False), (50, True)])
async def test_ranks_come_first(open_app, height, shown):
    async with open_app((120, height), ranks=64, machine=MACHINE, has_machine=True) as s:
        await s.press("3")
        assert s.view.query_one("#rank-grid").display
        assert s.view.query_one("#machine").display == shown
        assert ("640/700 W" in s.text()) == shown


async def test_ascii_and_hostile_names(open_app):
    odd = ProcessRow(1, "main", "sleeping", None, "训练 " * 40, "x" * 300)
    async with open_app(
        (80, 24), ascii_only=True, machine=MachineView((odd,), notes=("n" * 300,)), has_machine=True
    ) as s:
        await s.press("3")
        assert s.view.query_one("#machine").display
        assert s.text().isascii()
        assert all(len(line) <= 80 for line in s.text().splitlines())
