"""`runwatch rules`: the health rules and what they go by."""

from __future__ import annotations

import click

from runwatch.cli.main import nearest
from runwatch.errors import UsageError


@click.command("rules")
@click.argument("name", required=False)
def command(name: str | None) -> int:
    """List the health rules, or explain the rule NAME with its thresholds."""
    from runwatch.alerts.rules import CATALOGUE
    from runwatch.alerts.rules.explain import explain

    if name is None:
        width = max(len(rule.name) for rule in CATALOGUE)
        for rule in CATALOGUE:
            print(f"{rule.name:{width}}  {rule.summary}")
        return 0
    found = next((rule for rule in CATALOGUE if rule.name == name), None)
    if found is None:
        known = [rule.name for rule in CATALOGUE]
        raise UsageError("no such rule", name, nearest(name, known) or f"one of {', '.join(known)}")
    print(explain(found))
    return 0
