"""Plain frames and lines: what `status` and headless mode print."""

from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.render import plain
from runwatch.render.glyphs import ASCII
from runwatch.snapshot import Columns, IncidentRow, Latest, Progress, RunRow, RunView, Snapshot

SPIKE = IncidentRow(
    "i1", "r1", "loss_spike", "critical", "firing", "loss spiked to 5.13",
    cause="data at step 31,800", advice="roll back to step 31,000", step=31_800, line=40_112, since=1000.0,
)  # fmt: skip
RUN = RunView(
    "r1",
    "llama-7b-r3",
    "training",
    Progress(41_230, 120_000, 0.3436, 223_200.0, 10_800.0, 0.49),
    age=2.0,
    latest=(
        Latest("train/loss", 2.3178, "", 41_230),
        Latest("train/grad_norm", None, "nan", 41_230),
        Latest("train/learning_rate", 2.12e-4, "", 41_230),
    ),
    charts=(Columns("train/loss", (0.0, 1.0, 2.0), *[(9.0, 4.0, 2.0)] * 4, (0, 0, 0)),),
    incidents=(SPIKE,),
)
SNAPSHOT = Snapshot(
    2080.0, (RunRow("r1", "llama-7b-r3", "training", RUN.progress),), RUN, ("W&B is unreadable",)
)


def test_frame_golden():
    assert plain.frame(SNAPSHOT, 80) == [
        "▶ RUNNING  llama-7b-r3  step 41,230/120,000  34.4%  ETA 2d 14h ±3h  last line 2…",
        "━━━━━━━━━━━━━━━━━━━━━━━━━━━─────────────────────────────────────────────────────",
        "  loss            2.318                                                      █▃▁",
        "  grad norm         nan",
        "  lr            2.12e-4",
        "▲ CRIT loss spiked to 5.13 @31,800 (18m): data at step 31,800",
        "note: W&B is unreadable",
    ]


def test_frame_without_anything():
    assert plain.frame(Snapshot(0.0)) == ["no run found yet"]


def test_frame_in_ascii():
    assert all(line.isascii() for line in plain.frame(SNAPSHOT, 100, ASCII))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60), st.text(max_size=30), st.integers(1, 130))
def test_frames_never_exceed_their_width(name, metric, width):
    run = RunView(
        "x", name, name, Progress(), latest=(Latest(metric, 1.0),), charts=(Columns(metric, (1.0,), *[(1.0,)] * 4),),
        incidents=(IncidentRow("i", "x", metric, name, name, name, cause=name),), history=0.5,
    )  # fmt: skip
    lines = plain.frame(Snapshot(1.0, (RunRow("y", name, name, Progress()),), run, (name,)), width)
    assert all(0 <= wcswidth(line) <= width for line in lines)
