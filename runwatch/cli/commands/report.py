"""`runwatch report`: what a run was, in a document."""

from __future__ import annotations

import click

from runwatch.cli.at_rest import read
from runwatch.cli.options import config_option, cost_options, form_options, format_option
from runwatch.cli.publish import publish, sources_of
from runwatch.core import text
from runwatch.core.errors import ExitCode, UsageError


@click.command("report")
@click.argument("paths", nargs=-1, required=True, type=click.Path(readable=False))
@form_options
@click.option("--run", "name", help="Report only the run of this name.")
@cost_options
@format_option("wanted")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@config_option
def command(
    paths: tuple[str, ...],
    output: str | None,
    form: str | None,
    name: str | None,
    price: float | None,
    gpus: int | None,
    wanted: str | None,
    ascii_only: bool,
    config: str | None,
) -> int:
    """Write a report of the runs in PATHS: what ran, how it went, what to look into.

    Reads like `runwatch check`. Without options a terminal gets text with
    charts, a file or a pipe gets markdown. The ending of FILE decides too:
    .html, .json, else markdown.

    Exit code 0: written; 2: invalid usage or configuration; 3: something
    cannot be read or is not understood.

    Examples:
      runwatch report train.log
      runwatch report runs/exp1 -o exp1.html --price-per-gpu-hour 2.5
    """
    from runwatch.reports.analysis import Options
    from runwatch.reports.evidence import gather
    from runwatch.reports.missing import mentioned
    from runwatch.reports.report import report
    from runwatch.reports.sidecars import sidecar_facts

    rest = read(paths, config, wanted)
    options = Options(price, gpus)
    runs = every = gather(rest.engine, rest.now, sidecar_facts(paths))
    if name is not None:
        known = [run.name for run in runs]
        runs = tuple(run for run in runs if run.name == name)
        if not runs:
            raise UsageError("no such run", text.plain(name), f"there is {', '.join(known[:8])}")
    found = mentioned(every, options)
    documents = tuple(report(run, rest.now, options, found[run.id]) for run in runs)
    publish(documents, form, output, sources_of(every), ascii_only=ascii_only)
    return ExitCode.UNREADABLE if rest.unreadable else ExitCode.OK
