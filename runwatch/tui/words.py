"""What is on the screen, in plain words: what each number means and where it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runwatch.core import metrics
from runwatch.render import numbers, states
from runwatch.render.charts import xaxis
from runwatch.tui import actions, choose
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.head import freshness

Sentence = tuple[str, str]
"""A thing on the screen, and what it is."""

_MEANING: dict[str, str] = {
    metrics.LOSS: "what training makes small",
    metrics.GRAD_NORM: "length of the gradient; a jump often comes before a jump of the loss",
    metrics.LEARNING_RATE: "size of the optimizer's step",
    metrics.LR_MULTIPLIER: "the learning rate as a part of its peak",
    metrics.EPOCH: "passes over the data",
    metrics.LOSS_SCALE: "what half-precision gradients are multiplied by",
    metrics.VAL_LOSS: "loss on data that is not trained on",
    metrics.VAL_BPB: "bits per byte on data that is not trained on",
    metrics.STEP_TIME: "seconds that one step takes",
    metrics.TOKENS_PER_SEC: "tokens worked through in a second",
    metrics.SAMPLES_PER_SEC: "samples worked through in a second",
    metrics.MFU: "part of the GPUs' arithmetic that the model uses",
    metrics.TFLOPS: "arithmetic done, in 10^12 operations a second",
}
_RANKS: Sentence = (
    "ranks",
    "a cell or a bar a rank; the line below says what the lowest and the highest level mean; "
    "next to it, who is behind, slow or silent",
)
_VIEWS: dict[str, tuple[Sentence, ...]] = {
    actions.OVERVIEW: (
        ("charts", "what the signs on top and below the x axis mean is listed under `signs`"),
        _RANKS,
        ("alerts", "what the rules found, the most severe first; `note` is what runwatch says of itself"),
        ("log", "the newest lines, as they were written"),
    ),
    actions.RUNS: (
        ("a line", "one run: state, newest step, part done, newest loss, firing alerts (critical, warning)"),
        ("updated", "time since its log grew; STALE: longer than its pace explains"),
        ("ETA", "time left, at the pace of its newest steps"),
    ),
    actions.RANKS: (
        _RANKS,
        ("a cell", "one rank, or the worst of several neighbors where there is no room for all"),
        (
            "tp, pp, dp",
            "tensor, pipeline and data parallel: sizes from the configuration, numbered as Megatron does",
        ),
        ("progress", "the newest step that the rank printed, or how far it is in an evaluation"),
        ("last seen", "time since the rank last printed a line"),
        (
            "SM, util",
            "SM: part of the GPU's processors at work; util: only that something ran on it; "
            "power: its draw as a part of its limit",
        ),
        ("process", "state of the rank's process here; - where it runs on another machine"),
        ("machine", "read from the system and from NVML here, not from the log"),
    ),
    actions.LOGS: (
        ("lines", "as they were written, without control characters; only the newest are kept"),
        ("colors", "lines that look like errors or warnings"),
    ),
    actions.ALERTS: (
        ("firing", "CRIT and WARN: a rule found something, and it continues"),
        ("info", "a message that asks for nothing"),
        ("PEND", "suspicious, not yet certain: never sent"),
        ("ACK", "somebody has seen it; it is not sent again"),
        ("OK", "it went away"),
        ("at the right", "for how long; `earlier`: it was there before anyone watched"),
        ("evidence", "what the rule looked at; `runwatch rules NAME` explains the rule"),
    ),
    actions.CHECKPOINTS: (
        ("complete", "judged by names, sizes and a few bytes of its files; it is never loaded"),
        ("writing", "per cent of the size that its checkpoints usually have"),
        ("in the log", "only the log speaks of it: its files were not found"),
        ("after NaN", "saved when the loss was NaN: its weights are not good, however complete"),
        ("diverged", "saved when the loss had diverged: likewise"),
        ("took", "time from its first file to its last change"),
    ),
    actions.CONFIGURATION: (
        ("lines", "lines read so far, of all its logs"),
        ("unrecognized lines", "those of them in which nothing was recognized: prints, banners, tracebacks"),
        ("configuration", "read from files next to the log and from trackers; never from the run"),
        ("metrics", "the names that rules, exports and `--json` use, and those that the log prints"),
    ),
}


_AREAS: dict[str, tuple[Sentence, ...]] = {
    actions.OVERVIEW: (
        (
            "#summary",
            "All runs that are watched, and the newest values of this one. A click shows the list of runs.",
        ),
        (
            "#main-0",
            "The main curve. Left and right move a line with the values there, {zoom} enlarges, "
            "{smoother} smooths, {axis} changes the x axis, {log_steps} and {log_scale} make an axis "
            "logarithmic.",
        ),
        ("#minor-0", "Further metrics, the most informative first; {metrics} has all of them."),
        ("#stats", "The other metrics with newest value and trend; {metrics} has a chart of each."),
        (
            "#ranks",
            "A cell a rank: higher is further from its peers. Ranks that are slow or silent are named.",
        ),
        (
            "#alerts",
            "Findings of the rules, the most severe first. A click, or {alerts}, shows evidence, cause "
            "and advice.",
        ),
        ("#checkpoints", "The newest checkpoints, and whether they are complete; {checkpoints} has all."),
        ("#log", "The newest lines as they were written; {logs} scrolls and searches."),
    ),
    actions.RUNS: (
        (
            "#runs",
            "One run a row, what is wrong first. Enter, or a second click, shows one; {filter} filters by "
            "words.",
        ),
    ),
    actions.METRICS: (
        (
            "#chart-0",
            "A chart of every metric; {page_down} turns the page, {filter} filters by words, {zoom} enlarges "
            "one.",
        ),
    ),
    actions.RANKS: (
        (
            "#rank-grid",
            "A bar or a cell a rank; {measure} changes what they show, {group} how they are grouped.",
        ),
        ("#rank-other", "What else is known of the ranks."),
        (
            "#rank-table",
            "Every rank, the worst first; {sort} sort by another column, enter shows one in detail.",
        ),
        ("#rank-chart", "The step time over the steps: since when a slow rank holds up the others."),
        ("#machine", "GPUs and processes of this machine, read from the system and not from the log."),
    ),
    actions.LOGS: (
        (
            "#log-view",
            "Lines as they were written. {search} searches, {error} go to errors, {follow} follows the "
            "newest.",
        ),
    ),
    actions.ALERTS: (
        (
            "#alert-list",
            "All alerts, the most severe first; {acknowledge} acknowledges one, {silence} silences its rule "
            "for a while.",
        ),
        ("#alert-detail", "What the rule saw, the cause and what to do; {evidence} shows it alone, in full."),
        ("#alert-chart", "The metric of the alert; enter shows it large, at the step of the alert."),
        ("#alert-ranks", "The rank of the alert among the others; {ranks} shows all of them."),
        ("#alert-log", "The newest lines of the log; {jump_log} goes to the line of the alert."),
    ),
    actions.CHECKPOINTS: (
        ("#stage-table", "The stages of a pipeline, and what was evaluated behind each."),
        ("#checkpoint-table", "Every checkpoint: whether it is complete, its size and how long it took."),
        (
            "#checkpoint-chart",
            "The curve that a checkpoint is chosen by, with the steps at which one was saved.",
        ),
        ("#event-table", "What happened: restarts, errors, evaluations, saving."),
    ),
    actions.CONFIGURATION: (
        ("#fact-table", "What is read, and the configuration of the run; {filter} filters by words."),
        ("#log", "The newest lines as they were written: what the metrics are read from."),
    ),
}
"""The areas of a view by what finds them, in the order in which the guide shows them."""


_CLICKS: Sentence = (
    "click",
    "a tab, a key of the last row or of this help, a row, the name of a column; on what is selected: open it",
)
_WHEEL: Sentence = ("wheel", "scroll what is under the pointer")
_OF_CHARTS: tuple[Sentence, ...] = (
    ("pointer", "on a chart: the values at that step"),
    ("wheel", "on a chart: zoom, fewer or more steps around the pointer"),
    ("drag", "on a chart: zoom, show only those steps; esc shows the whole run"),
    ("double click", "enlarge a chart, and back"),
)
_WITH_CHARTS = frozenset({actions.OVERVIEW, actions.METRICS})


def mouse(view: str) -> tuple[Sentence, ...]:
    """Return what the mouse does in a view."""
    return (_CLICKS, *(_OF_CHARTS if view in _WITH_CHARTS else (_WHEEL,)))


_REPLAY = (
    "The replay: {pause} holds it, {replay_back} seek, {replay_slower} change the speed, "
    "{replay_incident} plays to the next incident. "
    "A click goes to a place. Marks are incidents that were seen."
)


def areas(view: str) -> list[Sentence]:
    """Return the areas of a view, from top to bottom, each with what it is and what can be done there."""
    head = "State, name, step and age of the data; the progress bar; a tab for each view: its digit opens it."
    keys = (
        "The keys of this view, most used first; each can be clicked. {help} explains all, {palette} finds "
        "anything."
    )
    return [("#head", head), *_AREAS.get(view, ()), ("#replay", _REPLAY), ("#keys", keys)]


_FRESH = (
    "how old the picture is: time since the log grew; STALE: more than ten usual steps ago, and at least 30s"
)
_NUMBER = re.compile(r",|\d")
"""Where the word for how fresh the picture is ends."""


def explain(view: str, scene: Scene) -> list[Sentence]:
    """Return what the head and the body of a view show, the head first."""
    return [*_head(scene), *_charts(view, scene), *_VIEWS.get(view, ())]


def _head(scene: Scene) -> Iterator[Sentence]:
    run = scene.run
    if run is None:
        yield "nothing yet", scene.waiting_for()
        return
    silent = "whether it still runs: its log is silent, and no process of it was found"
    does = "what the run does, as its log and its processes show"
    yield states.phase_word(states.phase_of(run)), silent if run.phase == "unknown" else does
    progress = scene.progress()
    if progress.step is not None:
        by = f"its setting {progress.total_source}" if progress.total_source else "it"
        of = (
            "" if progress.total is None else f", of {numbers.step(progress.total)} that {by} says it will do"
        )
        yield f"step {numbers.step(progress.step)}", f"the newest step in the log{of}"
    if progress.eta_seconds is not None:
        source = f", from {progress.eta_source}" if progress.eta_source else ""
        yield (
            "ETA",
            f"when it ends at its pace, with the pauses that come again{source}; 8 of 10 end in the range",
        )
    if run.elapsed is not None:
        yield "elapsed", "training time as the log counts it"
    yield _NUMBER.split(freshness(scene)[0], maxsplit=1)[0].strip(" ●○*ox"), _FRESH


def _charts(view: str, scene: Scene) -> Iterator[Sentence]:
    if view not in _WITH_CHARTS or scene.run is None:
        return
    if scene.smoothing:
        yield (
            f"smoothing {scene.smoothing:g}",
            "the bright line is a mean of neighbors; what was measured is behind it",
        )
    if scene.axis != xaxis.STEP:
        yield f"x {scene.axis}", f"summed from {' and '.join(map(metrics.label, xaxis.NEEDS[scene.axis]))}"
    source = scene.run.log_source.rpartition("/")[2] or "the log"
    for name in choose.of_run(scene.run):
        item = scene.latest(name)
        if item is None:
            continue
        meaning = _MEANING.get(name, "")
        origin = f"`{item.printed}` in {source}" if item.printed else f"from {source}"
        counted = f"{item.count:,} values" + (f", {item.nonfinite:,} not finite" if item.nonfinite else "")
        yield metrics.label(name), "; ".join(filter(None, (meaning, origin, counted)))
