"""Which rules judge a run, by its name: the catalogue, those of packages and of the user, as configured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from runwatch.alerts.rules import own, plugins
from runwatch.alerts.rules.base import Rule
from runwatch.alerts.rules.catalogue import CATALOGUE, Where, build, dotted, listed
from runwatch.alerts.rules.settings import Number, Overrides, OwnRule, RuleConfig, RunConfig
from runwatch.core.errors import ConfigError

_LIMITS = frozenset({"above", "below"})
_NEEDS = "a rule of your own needs a metric; `runwatch rules` lists the others"


@dataclass(frozen=True)
class Ruleset:
    """What judges runs. The default is every rule of the catalogue with its defaults."""

    overrides: Overrides = field(default_factory=dict)
    runs: tuple[tuple[str, Overrides], ...] = ()
    """(pattern of a run's name, what differs there), in the order in which they are laid over each other."""
    rules: tuple[type[Rule], ...] = CATALOGUE
    where: Where = dotted
    """Says the place of a key of the configuration, for errors."""
    references: tuple[tuple[str, str], ...] = ()
    """(pattern of a run's name, name of the run that it is compared with); the last that fits counts."""
    troubles: tuple[str, ...] = ()
    """What is wrong with rules of packages."""

    def of(self, run: str, former: tuple[str, ...] = ()) -> dict[str, dict[str, Number]]:
        """Return what differs from the defaults for a run of that name, which had the `former` ones."""
        merged = {name: dict(chosen) for name, chosen in self.overrides.items()}
        for pattern, rules in self.runs:
            if _fits((run, *former), pattern):
                for name, chosen in rules.items():
                    merged.setdefault(name, {}).update(chosen)
        return merged

    def reference(self, run: str, former: tuple[str, ...] = ()) -> str:
        """Return the name, maybe a former one, of the run that one is compared with; "" if there is none."""
        names = (run, *former)
        fitting = [name for pattern, name in self.references if name not in names and _fits(names, pattern)]
        return fitting[-1] if fitting else ""

    def build(self, run: str = "", former: tuple[str, ...] = ()) -> list[Rule]:
        """Return a new set of rules for a run of that name, which had the `former` ones."""
        return build(self.of(run, former), self.rules)

    def listed(self) -> list[type[Rule]]:
        """Return the rules as people are shown them."""
        return listed(self.rules)

    def check(self) -> None:
        """Raise ConfigError for the first rule or threshold that does not exist, whatever the run."""
        build(self.overrides, self.rules, lambda *keys: self.where("rules", *keys))
        for number, (_, overrides) in enumerate(self.runs):
            build(overrides, self.rules, lambda *keys, at=number: self.where("runs", at, "rules", *keys))


def _fits(names: Iterable[str], pattern: str) -> bool:
    """Return whether a pattern fits one of these names, with or without the number of the attempt."""
    return any(fnmatchcase(each, pattern) for run in names for each in (run, run.rpartition("#")[0]))


def configured(
    rules: Mapping[str, RuleConfig | OwnRule],
    runs: tuple[RunConfig, ...] = (),
    where: Callable[..., str] = dotted,
) -> Ruleset:
    """Return what [rules.NAME] and [[runs]] say, with the rules of installed packages. Raises ConfigError."""
    troubles: list[str] = []
    found = plugins.load((rule.name for rule in CATALOGUE), troubles.append)
    known = {rule.name for rule in (*CATALOGUE, *found)}
    mine = {name: given for name, given in rules.items() if isinstance(given, OwnRule)}
    for name in mine:
        if name in known:
            raise ConfigError(
                "a rule with a metric is your own, but there is one of this name",
                where("rules", name),
                "choose another name",
            )
    for name, given in rules.items():
        if name not in known and isinstance(given, RuleConfig) and given.thresholds.keys() & _LIMITS:
            raise ConfigError(f"no rule is called {name!r}", where("rules", name), _NEEDS)
    ruleset = Ruleset(
        {
            name: {"enabled": given.enabled} if isinstance(given, OwnRule) else given.overrides()
            for name, given in rules.items()
        },
        tuple((run.match, {name: given.overrides() for name, given in run.rules.items()}) for run in runs),
        (*CATALOGUE, *found, *(own.make(name, given) for name, given in mine.items())),
        where,
        tuple((run.match, run.reference) for run in runs if run.reference),
        tuple(troubles),
    )
    ruleset.check()
    return ruleset
