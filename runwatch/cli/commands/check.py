"""`runwatch check`: read logs to the end and report findings."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from runwatch.cli.at_rest import read
from runwatch.cli.document import show
from runwatch.cli.options import config_option, format_option
from runwatch.core import text
from runwatch.core.errors import ExitCode

if TYPE_CHECKING:
    from runwatch.core.snapshot import IncidentRow
    from runwatch.render.glyphs import Glyphs
    from runwatch.watcher.engine.engine import Engine
    from runwatch.watcher.engine.group import Group
    from runwatch.watcher.engine.watched import WatchedRun


@click.command("check")
@click.argument("paths", nargs=-1, required=True, type=click.Path(readable=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option(
    "--fail-on",
    type=click.Choice(["info", "warning", "critical", "never"]),
    default="critical",
    show_default=True,
    help="Exit with 1 for a finding of this severity or above.",
)
@format_option("wanted")
@click.option("--ascii", "ascii_only", is_flag=True, help="Mark findings with ASCII characters only.")
@config_option
def command(
    paths: tuple[str, ...],
    as_json: bool,
    fail_on: str,
    wanted: str | None,
    ascii_only: bool,
    config: str | None,
) -> int:
    """Read PATHS to the end, apply all rules, and report findings.

    Exit code 0: healthy; 1: findings (see --fail-on); 2: invalid usage or
    configuration; 3: something cannot be read or is not understood.

    Examples:
      runwatch check train.log
      runwatch check runs/ --fail-on warning --json
    """
    from runwatch.core.findings import Severity

    rest = read(paths, config, wanted)
    engine, now, unreadable = rest.engine, rest.now, rest.unreadable
    if as_json:
        from runwatch.watcher.engine.views.document import document

        named = [
            {"path": text.path(os.fsdecode(error.filename or "")), "reason": error.strerror or str(error)}
            for error in unreadable
        ]
        show(**{**document(engine, now), "unreadable": named})
    else:
        from runwatch.render.glyphs import glyphs

        _print(engine, now, glyphs(ascii_only, sys.stdout.encoding))
    if fail_on == "never":
        return ExitCode.OK
    limit = Severity(fail_on).rank
    found = any(
        Severity(row.severity).rank >= limit for _, run in engine.runs() for row in run.incidents.rows()
    )
    unseen = bool(unreadable) or any(engine.state(*run, now) == "blind" for run in engine.runs())
    if found or (unseen and limit <= Severity.WARNING.rank):
        return ExitCode.FINDINGS
    return ExitCode.UNREADABLE if unseen else ExitCode.OK


def _print(engine: Engine, now: float, glyphs: Glyphs) -> None:
    from runwatch.render import evidence
    from runwatch.render.plain import results, to_do
    from runwatch.watcher.engine.views.document import place

    for pipeline in engine.pipelines():
        group, watched = pipeline.group, pipeline.newest
        parts = [watched.run.format or "unknown format", _state(engine, group, watched, now)]
        parts += [f"{len(pipeline.stages)} stages"] if pipeline.many else _steps(watched)
        print(f"{watched.run.name}: " + f" {glyphs.dot} ".join(parts))
        if about := group.about:
            print(f"  read from {about}")
        if watched.reason:
            print(f"  {watched.reason}")
        for number, stage in enumerate(pipeline.stages, 1):
            if pipeline.many:
                name = "" if stage.stage == f"stage {number}" else f", {stage.stage}"
                steps = f" {glyphs.dot} ".join([_state(engine, group, stage, now), *_steps(stage)])
                print(f"  stage {number}{name}: {steps}")
            if stage.run.results:
                print(f"{'      ' if pipeline.many else '  '}results: {results(stage.run.results)}")
        rows = sorted((row for stage in pipeline.stages for row in stage.incident_rows()), key=place)
        for row in rows:
            where = f"  ({_line(row)})" if row.line else ""
            state = "" if row.state == "firing" else f" [{row.state}]"
            sign = f"{glyphs.severities[row.severity]} {row.severity.upper():8}"
            print(f"  {sign} {row.title} [{row.rule}]{state}{where}")
            for extra in filter(None, (row.cause, to_do(row))):
                print(f"      {extra}")
            for name, value in evidence.first(row) if row.state != "resolved" else ():
                print(f"      {name}: {value}")
            for symptom in row.symptoms:
                print(f"      with it: {symptom}")
        if not rows:
            print(f"  {glyphs.states['resolved']} no findings")


def _state(engine: Engine, group: Group, watched: WatchedRun, now: float) -> str:
    """Return the state of a run in words; for a run cut short, how it ended."""
    from runwatch.core.ending import HALTED

    state = engine.state(group, watched, now)
    return watched.phase.replace("_", " ") if state in HALTED else state


def _steps(watched: WatchedRun) -> list[str]:
    """Return the progress of a run, and its loss."""
    from runwatch.core.metrics import EPOCH, LOSS
    from runwatch.render.numbers import loss as show_loss
    from runwatch.render.numbers import percent

    run = watched.run
    steps = f"step {run.last_step}"
    if run.last_step is None:
        steps = f"{run.records} records without a step" if run.records else "no training steps"
        steps = steps if (epoch := run.latest(EPOCH)) is None else f"epoch {epoch:.4g}, {steps}"
    if run.planned is not None:
        steps += f" of {run.planned} ({percent(run.covered or 0.0, 0)})"
    loss = run.latest(LOSS)
    return [steps] if loss is None else [steps, f"loss {show_loss(loss)}"]


def _line(row: IncidentRow) -> str:
    source = row.evidence.get("source")
    return f"{source}, line {row.line}" if source else f"line {row.line}"
