"""What runwatch.toml says about rules: [rules.NAME] and [[runs]]. Nothing here imports numpy."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated

import msgspec

from runwatch.core.findings import Severity

Number = bool | int | float
Overrides = Mapping[str, Mapping[str, Number]]
"""Rule -> its thresholds that differ from the defaults, and `enabled`."""

Limit = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]
RowCount = Annotated[int, msgspec.Meta(ge=1, le=1024)]
Steps = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
Duration = Annotated[float, msgspec.Meta(ge=0, le=30 * 86400)]


class RuleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule, as [rules.NAME]; `runwatch rules` lists the names and their thresholds."""

    enabled: bool | None = None
    """Whether the rule judges at all; left out, as without this section."""
    thresholds: dict[str, Number] = {}
    """Every other key of the section: the rule's own numbers."""

    def overrides(self) -> dict[str, Number]:
        """Return what it says, `enabled` among the thresholds."""
        said = {} if self.enabled is None else {"enabled": self.enabled}
        return {**said, **self.thresholds}


class Aggregate(str, Enum):
    """What of several samples is compared."""

    MEAN = "mean"
    MEDIAN = "median"
    MIN = "min"
    MAX = "max"


class OwnRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule of the user's own, as [rules.NAME] with a `metric`; see runwatch.alerts.rules.own."""

    enabled: bool = True
    """Whether the rule judges at all."""
    metric: str = ""
    """Name of a metric, as runwatch shows it or as the log prints it."""
    above: Limit | None = None
    """It fires above this."""
    below: Limit | None = None
    """It fires below this; with both, outside of a band."""
    window: RowCount = 1
    """Samples that are taken together."""
    aggregate: Aggregate = Aggregate.MEAN
    """What of them is compared: "mean", "median", "min" or "max"."""
    for_steps: Steps = 0.0
    """Steps for which it must hold."""
    for_seconds: Duration = 0.0
    """Seconds for which it must hold."""
    severity: Severity = Severity.WARNING
    """"info", "warning" or "critical"."""
    message: str = ""
    """What to say; left out, it is made from the rest."""


class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for some runs only, as [[runs]]; of several that match the later wins."""

    match: str = ""
    """Pattern of the run's name, or of one that it had before, as in a shell: "exp-*"."""
    reference: str = ""
    """Name of a run, watched next to these, that their loss is compared with; see `behind_reference`."""
    rules: dict[str, RuleConfig] = {}
    """Rules as in [rules.NAME]."""
