"""The machine and the frame around it: exact at any size, whatever was measured."""

from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.core.snapshot import GpuRow, MachineView, ProcessRow
from runwatch.render import cells, machine, panel
from runwatch.render.glyphs import ASCII, UNICODE
from runwatch.watcher.engine.views.machine_view import HOST

NUMBER = st.one_of(st.none(), st.floats())
WORDS = st.text(max_size=60)
GLYPHS = st.sampled_from([UNICODE, ASCII])
GPUS = st.builds(
    GpuRow, st.sampled_from(["0", "12", "3:1"]), WORDS, st.sampled_from(["ok", "denied", "lost"]), st.booleans(),
    st.sampled_from(["sm_activity", "util", "power", ""]), NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, WORDS,
    st.lists(st.floats(), max_size=30).map(tuple),
)  # fmt: skip
PROCESSES = st.builds(
    ProcessRow, st.integers(1, 1 << 22), st.sampled_from(["rank", "main", "launcher", "shell", "worker", "filter"]),
    st.sampled_from(["running", "sleeping", "blocked", "stopped", "zombie"]), st.one_of(st.none(), st.integers(0, 9999)),
    WORDS, WORDS, NUMBER, NUMBER, st.lists(st.sampled_from(["0", "7"]), max_size=8).map(tuple),
)  # fmt: skip
VIEWS = st.builds(
    MachineView, st.lists(PROCESSES, max_size=5).map(tuple), st.lists(GPUS, max_size=5).map(tuple),
    st.dictionaries(st.sampled_from(HOST), st.floats(), max_size=8), WORDS, NUMBER, st.lists(WORDS, max_size=3).map(tuple),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(VIEWS, st.integers(0, 160), st.integers(-1, 30), GLYPHS)
def test_any_machine_fits(view, width, height, glyphs):
    rows = machine.lines(view, width, height, glyphs)
    assert len(rows) <= max(0, height)
    drawn = [cells.row_text(cells.fit(row, width, glyphs.ascii)) for row in rows]
    assert all(wcswidth(text) == width for text in drawn)
    if glyphs.ascii:
        assert all(text.isascii() for text in drawn)


ROWS = st.lists(st.tuples(WORDS, st.sampled_from(["", "dim"])), max_size=4)


@settings(max_examples=80, deadline=None)
@given(ROWS, st.lists(ROWS, max_size=6), ROWS, st.integers(0, 90), st.integers(-1, 9), GLYPHS, st.booleans())
def test_any_panel_is_exactly_as_large_as_asked(title, inside, right, width, height, glyphs, focused):
    rows = panel.framed(panel.Content(title, inside, right), width, height, glyphs, focused)
    assert len(rows) == max(0, height)
    assert all(wcswidth(cells.row_text(row)) == width for row in rows)


def test_a_host_that_tells_much_drops_what_matters_least():
    host = {"cpu": 0.5, "io_pressure": 0.1, "disk_read": 5e6, "disk_write": 7e6}
    view = MachineView(host=host, job="job 17 llama running", deadline=7200.0)
    assert cells.row_text(machine.host(view, 200)[0]).endswith(
        "deadline in 2h 00m · read 4.77 MiB/s · write 6.68 MiB/s"
    )
    assert (
        cells.row_text(machine.host(view, 70)[0])
        == "CPU 50% · I/O wait 10% · job 17 llama running · deadline in 2h 00m"
    )


def test_what_cannot_be_seen_is_said_in_full():
    view = MachineView(notes=("no process holds any of 10 logs open for writing",))
    shown = [cells.row_text(row) for row in machine.lines(view, 46, 9)]
    assert " ".join(shown) == view.notes[0]


def test_nothing_to_say_at_the_right_leaves_the_frame_whole():
    top = cells.row_text(panel.framed(panel.Content([("a", "")], [], [("", "dim")]), 20, 3)[0])
    assert top == "╭─ a ──────────────╮"


def test_a_column_that_does_not_fit_is_left_out_whole():
    process = ProcessRow(6751, "main", "sleeping", None, "python train.py", "", 0.5, 52_000_000.0, ())
    for width, shown in (
        (38, "     6751 main     sleeping    0.50"),
        (46, "     6751 main     sleeping    0.50  49.6 MiB"),
    ):
        heading, row = (cells.row_text(each).rstrip() for each in machine.process_rows([process], width))
        assert row == shown
        assert heading.endswith("memory") is (width > 40)
    gpu = GpuRow("0", "H100", "ok", True, "util", 0.9, 7e10, 8e10, 400.0, 700.0, 60.0, "", ())
    heading, row = (cells.row_text(each).rstrip() for each in machine.gpu_rows([gpu], 40))
    assert heading.split() == ["GPU", "util", "memory"]
    assert row.split()[-1].endswith("GiB")
