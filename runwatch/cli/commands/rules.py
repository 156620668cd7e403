"""`runwatch rules`: the health rules and their thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runwatch.cli import complete
from runwatch.cli.main import error_line, nearest
from runwatch.cli.options import config_option
from runwatch.core.errors import UsageError

if TYPE_CHECKING:
    from runwatch.alerts.rules.ruleset import Ruleset


@click.command("rules")
@click.argument("name", required=False, shell_complete=complete.offer("rule"))
@click.option("--run", default="", help="Show them for a run of this name (see [[runs]] in runwatch.toml).")
@config_option
def command(name: str | None, run: str, config: str | None) -> int:
    """Explain the rule NAME, or list all rules as configured, with their cost.

    A rule is on, off or retuned (a threshold is changed). The cost is CPU time for a million training rows.

    Examples:
      runwatch rules hang
      runwatch rules
      runwatch rules --run exp-3
    """
    from runwatch.alerts.rules.cost import per_million
    from runwatch.alerts.rules.explain import explain
    from runwatch.config.loader import load

    ruleset = load(config).ruleset()
    for trouble in ruleset.troubles:
        error_line(trouble)
    if name is None:
        _list(ruleset, run)
        return 0
    found = next((rule for rule in ruleset.rules if rule.name == name), None)
    if found is None:
        known = [rule.name for rule in ruleset.rules]
        raise UsageError("no such rule", name, nearest(name, known) or f"use one of {', '.join(known)}")
    costs = per_million([rule for rule in ruleset.build(run) if rule.name == name])
    print(explain(found, ruleset.of(run).get(name, {}), costs.get(name)))
    return 0


def _list(ruleset: Ruleset, run: str) -> None:
    from runwatch.alerts.rules.cost import per_million
    from runwatch.alerts.rules.explain import settings

    chosen, costs = ruleset.of(run), per_million(ruleset.build(run))
    width = max(len(rule.name) for rule in ruleset.rules)
    print(f"{'rule':{width}}  state    ms/M rows  what it catches")
    for rule in ruleset.listed():
        own = chosen.get(rule.name, {})
        changed = ", ".join(f"{key} = {value}" for key, value in own.items() if key != "enabled")
        state = "off" if rule.name not in costs else "retuned" if changed else "on"
        cost = f"{costs[rule.name]:.0f}" if rule.name in costs else "-"
        print(f"{rule.name:{width}}  {state:7}  {cost:>9}  {rule.summary}")
        print(f"{'':{width}}    {settings(rule, own)}")
    print(f"all {len(costs)} active rules: {sum(costs.values()):.0f} ms for a million rows")
