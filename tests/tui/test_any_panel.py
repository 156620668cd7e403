"""Every panel at any size, with any numbers and any text: rows exactly as wide as asked, and no error inside."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.core.snapshot import (
    CheckpointRow,
    Columns,
    Compared,
    EventRow,
    IncidentRow,
    Latest,
    Mark,
    Progress,
    RankRow,
    RunRow,
    RunView,
    Saving,
    Snapshot,
)
from runwatch.render import cells
from runwatch.render.glyphs import ASCII, UNICODE
from runwatch.tui.scene import Scene
from runwatch.tui.widgets import (
    alerts,
    charts,
    comparison_card,
    end_card,
    head,
    logs,
    machine,
    note,
    pages,
    ranks,
    runs,
    tables,
)
from runwatch.tui.widgets.rows import Panel, Rows

from .test_machine import MACHINE

NUMBERS = st.one_of(st.none(), st.floats(), st.integers(-(2**70), 2**70).map(float))
COUNTS = st.one_of(st.none(), st.integers(0, 2**62))
TEXTS = {
    False: st.text(max_size=30),
    True: st.text(st.characters(codec="ascii"), max_size=30),
}
"""By whether the screen is ASCII: of text that is not ASCII only `?` is left there."""
PHASES = st.sampled_from(
    ["starting", "training", "finished", "crashed", "stalled", "blind", "evaluating", "odd"]
)
STATES = st.sampled_from(["pending", "firing", "acknowledged", "resolved", "odd"])
NAMES = ("train/loss", "train/learning_rate", "perf/mfu", "perf/step_time", "gpu/0/memory_used", "odd")


@st.composite
def scenes(draw):
    signs = draw(st.sampled_from([UNICODE, ASCII]))
    text = TEXTS[signs.ascii]
    progress = Progress(
        draw(COUNTS), draw(COUNTS), draw(NUMBERS), draw(NUMBERS), draw(NUMBERS), draw(NUMBERS)
    )
    ys = tuple(draw(st.lists(NUMBERS, max_size=9)))
    xs = tuple(sorted(draw(st.lists(st.floats(0, 1e15), min_size=len(ys), max_size=len(ys)))))
    lists = {name: Columns(name, xs, ys, ys, ys, ys, tuple(1 for _ in ys)) for name in NAMES}
    incidents = [
        IncidentRow(
            f"i{i}", "r", draw(text), draw(st.sampled_from(["critical", "warning", "info", "odd"])), draw(STATES), draw(text),
            draw(text), draw(text), metric=draw(st.sampled_from([None, *NAMES])), rank=draw(COUNTS), step=draw(COUNTS),
            line=draw(COUNTS), since=draw(NUMBERS), evidence={
                draw(st.sampled_from(["silent_for", "mfu", "last_finite", "deadline", "free", "odd", draw(text)])): draw(st.one_of(NUMBERS, text))
                for _ in range(4)
            },
        )
        for i in range(draw(st.integers(0, 3)))
    ]  # fmt: skip
    run = RunView(
        "r", draw(text), draw(PHASES), progress, sources=(draw(text), draw(text)), age=draw(NUMBERS), elapsed=draw(NUMBERS),
        history=draw(st.one_of(st.none(), st.floats(0, 1))), latest=tuple(
            Latest(name, y if y is not None and math.isfinite(y) else None, draw(text), draw(COUNTS), 9) for name, y in zip(NAMES, ys, strict=False)
        ),
        marks=(Mark("incident", draw(st.integers(0, 2**60))),), incidents=tuple(incidents),
        ranks=tuple(RankRow(i, draw(COUNTS), draw(COUNTS), draw(NUMBERS), draw(NUMBERS), draw(NUMBERS)) for i in range(draw(st.integers(0, 3)))),
        checkpoints=tuple(
            CheckpointRow(draw(text), draw(COUNTS), "", state, draw(text), draw(COUNTS), draw(NUMBERS), draw(NUMBERS), 7, draw(COUNTS))
            for state in ("writing", "complete", "damaged", "odd")
        ),
        saving=Saving(draw(COUNTS), draw(NUMBERS), draw(NUMBERS), draw(NUMBERS), draw(COUNTS), draw(COUNTS), draw(NUMBERS), size_ratio=draw(NUMBERS)),
        events=(EventRow(draw(text), draw(text), draw(COUNTS), draw(COUNTS), draw(COUNTS)),), facts={draw(text): draw(text)},
        about={draw(text): draw(text)}, log=((1, draw(text)), (2, draw(text))), log_source=draw(text), machine=MACHINE,
        log_read=((1, 0.0), (2, draw(st.floats(0, 1e12)))),
    )  # fmt: skip
    row = RunRow(
        "r", draw(text), draw(PHASES), progress, 3, 2, draw(NUMBERS), draw(text), draw(text), draw(NUMBERS)
    )
    scene = Scene(signs, "t", clock=lambda: 100.0, received=99.0)
    others = (Compared("o", tuple(lists.values()), {draw(text): draw(text)}), Compared("p"))
    scene.snapshot = Snapshot(draw(st.floats(0, 1e11)), (row, row), run, (draw(text),), others)
    scene.lay_over(("o", "p"))
    scene.others = {"o": lists, "p": {}}
    scene.columns, scene.link, scene.paused = (
        lists,
        draw(st.sampled_from(["live", "lost"])),
        draw(st.booleans()),
    )
    scene.log_x = draw(st.booleans())
    scene.log_y, scene.smoothing = draw(st.booleans()), draw(st.sampled_from([0.0, 0.9]))
    scene.cursor = draw(st.one_of(st.none(), st.floats(0, 1e15)))
    scene.grouping, scene.filters = draw(st.sampled_from(["", "node", "pp"])), {"runs": ""}
    return scene


def parts() -> list[Rows]:
    """Return one of each; what is not laid out yet has the size that it is asked to draw at."""
    chart = charts.ChartPanel()
    chart.metrics = ("train/loss", "perf/mfu")
    log = logs.LogView()
    log.bottom, log.times = 9, True
    return [
        chart, log, note.Note(), head.Head("overview"), alerts.AlertsPanel(), alerts.AlertList(), alerts.AlertDetail(),
        logs.LogPanel(), machine.MachinePanel(), pages.CheckpointTable(), pages.EventTable(), pages.FactTable(),
        ranks.RankGrid(), ranks.RankTable(), ranks.RankDetail(), runs.RunTable(), tables.Side(), tables.Stats(),
        tables.NewestCheckpoints(), tables.SummaryCard(), pages.StageTable(), runs.RunDetail(), end_card.EndCard(),
        comparison_card.ComparisonCard(),
    ]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(scene=scenes(), width=st.integers(1, 140), height=st.integers(0, 40))
def test_any_panel_at_any_size(scene, width, height):
    before = Rows.scene
    Rows.scene = property(lambda self: scene)
    try:
        for part in parts():
            written = rows = part.draw(width, height)
            if isinstance(part, Panel):
                content = part.content(max(1, width - 2), max(0, height - 2))  # a panel keeps its errors
                written = [content.title, content.right, *content.rows]  # before `?` is written
                assert len(rows) == height or height < 2
            for row in rows:
                text = cells.row_text(cells.fit(row, width, scene.glyphs.ascii))
                assert wcswidth(text) == width, (part, text)
            assert not scene.glyphs.ascii or all(cells.row_text(row).isascii() for row in written), part
            if isinstance(part, ranks.RankDetail) and scene.run.ranks:
                part.row = scene.run.ranks[0]
                part.draw(width, height)
    finally:
        Rows.scene = before
