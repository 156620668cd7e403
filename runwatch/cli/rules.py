"""`runwatch rules`: the health rules and what they go by."""

from __future__ import annotations

import inspect

import click

from runwatch.errors import UsageError


@click.command("rules")
@click.argument("name", required=False)
def command(name: str | None) -> int:
    """List the health rules, or explain the rule NAME with its thresholds."""
    from runwatch.alerts.rules import CATALOGUE
    from runwatch.alerts.rules.base import thresholds

    if name is None:
        for rule in CATALOGUE:
            print(f"{rule.name:12} {rule.summary}")
        return 0
    found = next((rule for rule in CATALOGUE if rule.name == name), None)
    if found is None:
        known = ", ".join(rule.name for rule in CATALOGUE)
        raise UsageError("no such rule", name, f"one of {known}")
    print(f"{found.name}: {found.summary}\n")
    print(inspect.getdoc(inspect.getmodule(found)) or "")
    print(f"\nThresholds, to be set under [rules.{found.name}] in runwatch.toml:")
    for item in thresholds(found):
        print(f"  {item.name} = {item.default}    {item.meaning}")
    return 0
