"""What `runwatch --help` shows: the commands in groups, each with one line; and the first steps."""

from __future__ import annotations

GROUPS: dict[str, dict[str, str]] = {
    "Look": {
        "tail": "Watch a training log on a live screen.",
        "run": "Run a command, keep its log, and watch it.",
        "check": "Read logs to the end and report findings.",
        "demo": "Watch a small real training run.",
    },
    "After the run": {
        "replay": "Play a finished log, or the recording of a live watch.",
        "export": "Write every value as CSV, JSON, Parquet, event files or figures.",
    },
    "Watch in the background": {
        "watch": "Run as a background daemon.",
        "status": "Show the status of all runs.",
        "attach": "Open the screen on a daemon, on this or another host.",
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
        "notify": "List and test the channels for alerts.",
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

FIRST_STEPS = """\
runwatch watches machine-learning training runs from their logs. Start with one of these:

  runwatch tail train.log         watch a log on a live screen
  runwatch run -- python train.py start a command and watch it
  runwatch check train.log        read a log to the end and report findings
  runwatch demo                   watch a small real run

runwatch --help lists all commands; runwatch COMMAND --help shows options and examples.
"""
"""What `runwatch` without arguments prints."""
