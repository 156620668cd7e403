"""What a shell offers behind a command: runs, rules, incidents and other names of this machine.

A name comes from a log or a path, so only one that a shell takes as it is gets offered. A completion never
fails and never takes long: without a daemon there is nothing to offer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

from runwatch.core.text import plain

if TYPE_CHECKING:
    import click

SECONDS = 2.0
"""Time for the daemon's answer."""
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@%+#=-]*")
Offers = Iterable[tuple[str, str]]
"""Names, each with what it is."""
_BASH = """\
%(complete_func)s() {
    local kind value typed="${COMP_LINE:0:COMP_POINT}" cut=""
    local last="${typed##* }"
    # bash ends words at = and : and replaces only what follows them.
    case "$last" in *[=:]*) cut="${last%%"${last##*[=:]}"}" ;; esac
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case "$kind" in
            file) compopt -o default ;;
            dir) compopt -o dirnames ;;
            plain)
                case "$value" in *=) compopt -o nospace ;; esac
                COMPREPLY+=("${value#"$cut"}") ;;
        esac
    done < <(env COMP_LINE="$typed" %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Completion in bash, which parts words at `=`: `run=exp` must stay one word here."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the complete words behind the program's name, and the beginning of the next one."""
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)[1:]
        return (words, "") if line[-1:].isspace() or not words else (words[:-1], words[-1])


def register() -> None:
    """Let click use what is here."""
    add_completion_class(Bash)


def offer(kind: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem[Any]]]:
    """Return what an argument needs to offer the names of a kind, such as "run"."""

    def found(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem[Any]]:
        return _items(kind, begun)

    return found


def matchers(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem[Any]]:
    """Offer labels, and behind a label's sign its values."""
    label, sign, value = _parted(begun)
    if not sign:
        from runwatch.alerts.routing.policy import LABELS

        return [CompletionItem(f"{each}=") for each in LABELS if each.startswith(begun)]
    return _items(label, value, f"{label}{sign}")


def _parted(begun: str) -> tuple[str, str, str]:
    found = re.fullmatch(r"([a-z]+)(=~|!~|!=|=)(.*)", begun)
    return (found[1], found[2], found[3]) if found else (begun, "", "")


def _items(kind: str, begun: str, head: str = "") -> list[CompletionItem[Any]]:
    """Return the names of a kind that begin so and can be typed as they are, each behind `head`."""
    try:
        names = list(_OFFERS[kind]()) if kind in _OFFERS else []
    except Exception:  # a shell would print it into the line that is typed
        return []
    fitting = [(name, said) for name, said in names if name.startswith(begun) and _PLAIN.fullmatch(name)]
    return [CompletionItem(head + name, help=plain(said, 80) or None) for name, said in fitting]


def runs() -> Offers:
    """Return the runs of the daemon."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import ask

    parts = ask(protocol.Runs(), protocol.RunList, timeout=SECONDS)
    return [(row.name, row.phase) for part in parts for row in part.runs]


def incidents() -> Offers:
    """Return the open incidents of the daemon."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import ask

    parts = ask(protocol.Incidents(), protocol.IncidentList, timeout=SECONDS)
    return [(row.id, f"{row.run}: {row.title}") for part in parts for row in part.incidents]


def silences() -> Offers:
    """Return the silences of the daemon."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import ask

    (found,) = ask(protocol.Silences(), protocol.SilenceList, timeout=SECONDS)
    return [(row.id, " ".join(row.matchers)) for row in found.silences]


def actions() -> Offers:
    """Return the planned actions of the daemon."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import ask

    (found,) = ask(protocol.Actions(), protocol.ActionList, timeout=SECONDS)
    return [(row.id, f"{row.what}: {row.title}") for row in found.actions]


def rules() -> Offers:
    """Return the rules, as configured."""
    from runwatch.config.loader import load

    return [(rule.name, rule.summary) for rule in load(report=lambda line: None).ruleset().listed()]


def channels() -> Offers:
    """Return the configured channels."""
    from runwatch.config.loader import load

    return [(name, given.kind) for name, given in load(report=lambda line: None).everyone().items()]


def formats() -> Offers:
    """Return the known formats of logs."""
    from runwatch.config.loader import load
    from runwatch.parsers.formats import catalogue

    own = [(each.name, "") for each in load(report=lambda line: None).formats]
    return own + [(each.name, each.title) for each in catalogue()]


def severities() -> Offers:
    """Return the severities."""
    from runwatch.core.findings import Severity

    return [(each.value, "") for each in Severity]


_OFFERS: dict[str, Callable[[], Offers]] = {
    "run": runs,
    "incident": incidents,
    "silence": silences,
    "action": actions,
    "rule": rules,
    "channel": channels,
    "format": formats,
    "severity": severities,
}
