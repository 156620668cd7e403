"""`runwatch attach`: the screen on running daemons, here and elsewhere."""

from __future__ import annotations

import math
import os
import sys

import click

from runwatch.core.errors import ExitCode, UsageError

HERE = "."


@click.command("attach")
@click.argument("hosts", nargs=-1)
@click.option("--ssh", help="How hosts are reached: a command with options. [default: $RUNWATCH_SSH, or ssh]")
@click.option("--remote", default="runwatch", show_default=True, help="How runwatch is called there.")
@click.option("--headless", is_flag=True, help="Plain lines instead of a screen (also without a terminal).")
@click.option("--json", "as_json", is_flag=True, help="With --headless: one JSON object a line.")
@click.option("--interval", default=10.0, show_default=True, help="Seconds between headless progress lines.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--web", is_flag=True, help="Show the screen in a browser on this machine.")
@click.option("--port", type=click.IntRange(1, 65535), help="With --web: the port; left out, a free one.")
def command(
    hosts: tuple[str, ...],
    ssh: str | None,
    remote: str,
    headless: bool,
    as_json: bool,
    interval: float,
    ascii_only: bool,
    web: bool,
    port: int | None,
) -> int:
    """Show the daemon of this machine, or those of HOSTS, which ssh reaches; `.` is this machine.

    A HOST is whatever your ssh configuration knows. Quitting leaves the daemons
    at work; a link that breaks is made again.
    """
    for host in hosts:
        if host.startswith("-") or not host:
            raise UsageError("not a host", host or "''")
    if not 0 < interval < math.inf:
        raise UsageError("--interval must be a number above zero")
    from runwatch.watcher.daemon.remote import PROMPT, ssh_command
    from runwatch.watcher.service.launch import Hub, greet

    names = tuple(dict.fromkeys(hosts)) or (HERE,)
    if web or port is not None:
        from runwatch.cli.commands.web import serve

        if headless or as_json or not web:
            raise UsageError("--web shows the screen, --port is for --web")
        flags = [
            f"--remote={remote}",
            *([f"--ssh={ssh}"] if ssh else []),
            *(["--ascii"] if ascii_only else []),
        ]
        return serve(["attach", *flags, "--", *hosts], port)
    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    screen = not headless and not as_json and (terminal or "TEXTUAL_DRIVER" in os.environ)
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
                keys=chosen.keys,
                where=chosen.where,
                fleet=True,
            )
            if code == ExitCode.OK:
                click.echo("runwatch: the screen is closed; the daemon goes on watching", err=True)
            return code
        from runwatch.cli.headless import Printer, follow
        from runwatch.render.glyphs import glyphs

        return follow(hub.socket, Printer(as_json, glyphs(ascii_only)), interval=interval)
    finally:
        hub.close()
