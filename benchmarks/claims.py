"""What the documentation says about speed and memory: every claim is a row of a benchmark.

`make bench` fails if one of these rows is missing or above its bar. docs/performance.md is made
from it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A table of docs/performance.md."""

    title: str
    benchmark: str
    """The module that measures it."""
    text: str
    rows: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """Packages that are its baselines."""


SECTIONS = (
    Section(
        "Reading a log",
        "reading",
        """The log has 1,000,000 lines of nanochat (164 MB). The loop is plain Python with one regular
expression per line and keeps the same numbers. The memory of `tail` is that of its four
processes; what they share is counted in each.""",
        (
            "parsing, CPU",
            "check, with all rules, CPU",
            "all rules, CPU",
            "check, peak memory",
            "export as CSV, CPU",
            "export as CSV, peak memory",
            "export as JSON lines, CPU",
            "export as JSON lines, peak memory",
            "export as event files, CPU",
            "export as event files, peak memory",
            "report, CPU",
            "report, peak memory",
            "compare of two logs, CPU",
            "compare of two logs, peak memory",
            "report, size of the HTML file",
            "tail, newest step shown",
            "tail, newest step shown, of any log",
            "tail, peak memory of all processes",
            "tail, from a NaN in the log to its incident",
        ),
    ),
    Section(
        "Known formats",
        "formats",
        """40,000 lines of each of the known formats, also with prefixes and colors. The baseline for lines
is the regular expression of the format in a plain loop, which keeps the same numbers.""",
        tuple(
            f"known formats of {kind}, CPU, {which}"
            for kind in ("lines", "JSON lines", "tables")
            for which in ("median", "slowest")
        ),
    ),
    Section(
        "Progress bars",
        "bars",
        """200,000 redraws of each kind of bar, alone and after other lines. The baseline finds `450/1000` in
each redraw.""",
        ("progress bars, CPU, median", "progress bars, CPU, slowest"),
    ),
    Section(
        "Text without training",
        "unknown",
        """Source code, logs of servers, output of pip and so on, 20,000 lines of each. The baseline looks
for `step N ... loss X` only; runwatch looks for every format and event, and for layouts to learn.
The bars notice when that grows.""",
        ("text without training, CPU, median", "text without training, CPU, slowest"),
    ),
    Section(
        "Trackers and checkpoints",
        "sources",
        """A W&B log of 100,000 steps (71 MB) on the screen, next to `wandb leet`; 10,000 checkpoints.""",
        (
            "W&B log, first chart",
            "W&B log, all data in",
            "W&B log, CPU until then",
            "W&B log, headless, all data in",
            "checkpoints in one directory, first view",
            "checkpoints as directories, first view",
        ),
        ("wandb",),
    ),
    Section(
        "Readers of trackers' files",
        "trackers",
        """50,000 steps. The baselines are the readers that W&B and TensorBoard offer; imports are part of
the figures.""",
        (
            "W&B log, CPU, next to W&B's protobuf messages",
            "W&B log, memory, next to W&B's protobuf messages",
            "event file, CPU, next to EventFileLoader",
            "event file, CPU, next to EventAccumulator",
            "event file, memory, next to EventAccumulator",
        ),
        ("wandb", "tensorboard"),
    ),
    Section(
        "The screen",
        "screen",
        """A terminal of 120x40 with 4 charts, 64 ranks, 20 steps and two frames a second; CPU as a part of
one core, the median of three runs. The baseline is a small app that shows the same with textual-plot
and a DataTable.""",
        (
            "screen, CPU of a core",
            "screen, output",
            "screen, memory",
            "screen, 4 charts and a table, CPU",
            "screen, 4 charts and a table, output",
            "screen, 4,096 ranks, CPU of a core",
            "screen, table of 4,096 ranks and GPUs, CPU of a core",
            "screen, 10,000,000 steps, CPU of a core",
            "screen, a log of 10,000,000 steps, CPU of a core",
            "tail, first frame",
            "tail, first chart",
            "replay, first frame",
            "replay, first chart",
            "screen of a live W&B run, CPU of a core",
            "screen of a live W&B run, memory of all processes",
            "screen of a live W&B run, median delay",
            "screen of a live log, median delay",
        ),
        ("textual_plot", "wandb"),
    ),
    Section(
        "The daemon",
        "daemon",
        """The CPU is that of the daemon and of all that it started, as a part of one core. Memory that
processes share is counted once.""",
        (
            "daemon, 100 idle runs, CPU of a core",
            "daemon, 100 idle runs, its memory",
            "daemon, 100 idle runs, memory of all processes",
            "daemon, a run of 10 lines a second, CPU of a core",
            "daemon, a run of 10 lines a second, its memory",
            "daemon, a run of 10 lines a second, memory of all processes",
            "daemon, from a NaN in the log to its incident",
        ),
    ),
    Section(
        "Metrics for Prometheus",
        "exporter",
        """A scrape of a daemon with 1,000 runs of 64 ranks each: 216,000 samples. The work is done in pieces,
between which the fold has its turn. The baseline renders as many samples with prometheus-client, and collects
nothing.""",
        (
            "scrape, 1,000 runs of 64 ranks, CPU",
            "scrape, 1,000 runs of 64 ranks, size",
            "scrape, 1,000 runs of 64 ranks, size in gzip",
            "scrape, 1,000 runs of 64 ranks, longest piece of work",
            "scrape, 1,000 runs of 64 ranks, memory added",
            "scrape, 1,000 runs, ranks as a summary, CPU",
            "scrape, 1,000 runs, ranks as a summary, size",
        ),
        needs=("prometheus_client",),
    ),
    Section(
        "Sampling",
        "samplers",
        """One sample a second of 8 GPUs (the driver is a fake), and of a host with a run of 21 processes.
The baselines are plain loops that make the same calls. The daemon samples every 5 s.""",
        (
            "sampling 8 GPUs, CPU",
            "sampling 8 GPUs, memory",
            "sampling 8 GPUs, CPU of a core",
            "sampling host and 21 processes, CPU",
            "sampling host and 21 processes, memory",
        ),
    ),
    Section(
        "`runwatch run`",
        "wrap",
        """A command prints 200 MB at once; `tee` keeps the same bytes.""",
        ("run, a burst of output", "run, start and end"),
    ),
    Section(
        "Start",
        "plugins",
        """The search for formats of other packages, when no package has one.""",
        ("search for plugins",),
    ),
)

SAID = {
    ("docs/sources.md", "the newest step is on the screen in about a second"): (
        "tail, newest step shown, of any log",
        "tail, newest step shown",
    ),
    ("README.md", "it may have 100 GB"): ("tail, newest step shown",),
    ("docs/reports.md", "It stays below 1 MB"): ("report, size of the HTML file",),
    ("docs/replay.md", "60 times as fast as it was"): (),  # the speed that the user chose
    ("docs/daemon.md", "New log lines are checked within a second"): (
        "daemon, from a NaN in the log to its incident",
    ),
    ("docs/architecture.md", "a screen stays below 160 MB"): ("tail, peak memory of all processes",),
    ("docs/architecture.md", "the event file loaders need at least twice the CPU"): (
        "event file, CPU, next to EventFileLoader",
        "event file, CPU, next to EventAccumulator",
    ),
    ("docs/formats.md", "takes less than a tenth of the time of `importlib.metadata`"): (
        "search for plugins",
    ),
}
"""Where the documentation claims it, and the rows that show it."""
