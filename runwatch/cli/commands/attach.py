"""`runwatch attach`: the screen on running daemons, on this and other hosts."""

from __future__ import annotations

import math
import os
import sys

import click

from runwatch.cli.watching import pace, printer, rule_summaries
from runwatch.core.errors import ExitCode, UsageError

HERE = "."


@click.command("attach")
@click.argument("hosts", nargs=-1)
@click.option("--ssh", help="Command that connects to a host. [default: $RUNWATCH_SSH, or ssh]")
@click.option("--remote", default="runwatch", show_default=True, help="Name or path of runwatch on the host.")
@click.option(
    "--headless", is_flag=True, help="Print plain lines instead of a screen (the default without a terminal)."
)
@click.option("--plain", is_flag=True, help="Print sentences for a screen reader instead of a screen.")
@click.option("--json", "as_json", is_flag=True, help="With --headless: print one JSON object per line.")
@click.option(
    "--interval", type=float, help="Seconds between headless progress lines.  [default: 10; with --plain 60]"
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--theme", help="Colors of the screen: dark, light, nord and others; T lists them.")
@click.option("--web", is_flag=True, help="Show the screen in a browser on this machine.")
@click.option("--port", type=click.IntRange(1, 65535), help="With --web: the port. [default: a free one]")
def command(
    hosts: tuple[str, ...],
    ssh: str | None,
    remote: str,
    headless: bool,
    plain: bool,
    as_json: bool,
    interval: float | None,
    ascii_only: bool,
    theme: str | None,
    web: bool,
    port: int | None,
) -> int:
    """Open the screen on the daemon of this machine, or of HOSTS over ssh; `.` is this machine.

    A HOST is any name in your ssh configuration. The daemons keep running when you
    quit. A broken connection is opened again.

    Examples:
      runwatch attach
      runwatch attach gpu1 gpu2
      runwatch attach gpu1 --remote ~/venv/bin/runwatch
    """
    for host in hosts:
        if host.startswith("-") or not host:
            raise UsageError("not a host", host or "''")
    interval = pace(interval, plain)
    if not 0 < interval < math.inf:
        raise UsageError("--interval must be a number above zero")
    from runwatch.watcher.daemon.remote import PROMPT, ssh_command
    from runwatch.watcher.service.launch import Hub, greet

    names = tuple(dict.fromkeys(hosts)) or (HERE,)
    if web or port is not None:
        from runwatch.cli.commands.web import serve

        if headless or as_json or plain or not web:
            raise UsageError("--web shows the screen, --port is for --web")
        flags = [
            f"--remote={remote}",
            *([f"--ssh={ssh}"] if ssh else []),
            *(["--ascii"] if ascii_only else []),
            *([f"--theme={theme}"] if theme else []),
        ]
        return serve(["attach", *flags, "--", *hosts], port)
    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    screen = not headless and not plain and not as_json and (terminal or "TEXTUAL_DRIVER" in os.environ)
    hub = Hub(names, ssh_command(ssh), remote)
    try:
        greet(hub.socket, PROMPT + 30.0)
        if screen:
            from runwatch.config.loader import load
            from runwatch.tui.start import run

            chosen = load()
            code = run(
                hub.socket,
                ascii=ascii_only or chosen.screen.ascii,
                title="daemon" if names == (HERE,) else ", ".join(names),
                theme=chosen.screen.theme,
                named=theme,
                rules=lambda: rule_summaries(chosen),
                keys=chosen.keys,
                where=chosen.where,
                fleet=True,
            )
            if code == ExitCode.OK:
                click.echo("runwatch: the screen is closed; the daemon keeps watching", err=True)
            return code
        from runwatch.cli.headless import follow

        return follow(hub.socket, printer(as_json, plain, ascii_only), interval=interval)
    finally:
        hub.close()
