"""The commands in groups, each with one line; exit codes, variables and files."""

from __future__ import annotations

GROUPS: dict[str, dict[str, str]] = {
    "Look": {
        "tail": "Watch a training log on a live screen.",
        "run": "Run a command, keep its log, and watch it.",
        "check": "Read logs to the end and report findings.",
        "demo": "Watch a small real training run.",
    },
    "After the run": {
        "report": "Write a report of a run: text, markdown, HTML or JSON.",
        "compare": "Show how runs differ, and whether that is more than noise.",
        "replay": "Play a finished log, or the recording of a live watch.",
        "export": "Write every value as CSV, JSON, Parquet, event files or figures.",
    },
    "Watch in the background": {
        "watch": "Run as a background daemon.",
        "status": "Show the status of all runs.",
        "runs": "List the runs that were watched.",
        "attach": "Open the screen on a daemon, on this or another host.",
        "fleet": "Open the screen on all runs that a Prometheus server knows.",
        "add": "Add paths to what the daemon watches.",
        "drop": "Remove paths from what the daemon watches.",
        "reload": "Apply a changed configuration.",
        "stop": "Stop the daemon.",
    },
    "Respond": {
        "alerts": "List open incidents.",
        "ack": "Acknowledge an incident.",
        "silence": "Send nothing about some alerts for a while.",
        "actions": "List planned actions, or cancel one.",
    },
    "Set up": {
        "init": "Write a first configuration.",
        "notify": "Set up, list and test the channels for alerts.",
        "prometheus": "Print rules, targets and dashboards for Prometheus and Grafana.",
        "doctor": "Show what works on this machine, and how to fix the rest.",
        "completion": "Print the completion script of a shell.",
    },
    "Understand": {
        "formats": "Show how a log is read, or list all formats.",
        "rules": "Explain a rule, or list all rules.",
    },
    "Internal": {
        "bridge": "Carry a daemon's protocol over standard input and output.",
    },
}

COMMANDS = {name: line for group in GROUPS.values() for name, line in group.items()}

EXIT_CODES = {
    0: "done and healthy",
    1: "findings at or above `--fail-on`, or something to fix",
    2: "invalid usage or configuration",
    3: "something cannot be read or no daemon runs",
    70: "internal error",
    130: "interrupted",
}

VARIABLES = {
    "RUNWATCH_CONFIG": "Use this runwatch.toml.",
    "RUNWATCH_STATE": "State directory of the daemon. [default: ~/.local/state/runwatch]",
    "RUNWATCH_SLACK_WEBHOOK": "Address of an incoming webhook of Slack; wins over runwatch.toml.",
    "RUNWATCH_SSH": "Command that connects to a host for `runwatch attach`. [default: ssh]",
    "RUNWATCH_PROMETHEUS_TOKEN": "Bearer token of `runwatch fleet`.",
    "RUNWATCH_HINTS": "0: no tips on the screen.",
    "RUNWATCH_DEBUG": "1: an internal error shows where it happened.",
    "NO_COLOR": "No colors on the screen.",
}

FILES = {
    "./runwatch.toml": "Configuration of this directory. The first file found is used; files are not merged.",
    "~/.config/runwatch/runwatch.toml": "Your user's configuration.",
    "~/.local/state/runwatch": "State, socket and log of the daemon, and undelivered messages.",
}
