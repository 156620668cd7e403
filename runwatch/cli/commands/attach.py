"""`runwatch attach`: the screen on running daemons, on this and other hosts."""

from __future__ import annotations

import click

from runwatch.cli.watching import (
    interval_option,
    line_options,
    look_options,
    on_screen,
    pace,
    printer,
    show,
    web_options,
)
from runwatch.core.errors import ExitCode, UsageError

HERE = "."


@click.command("attach")
@click.argument("hosts", nargs=-1)
@click.option("--ssh", help="Command that connects to a host. [default: $RUNWATCH_SSH, or ssh]")
@click.option("--remote", default="runwatch", show_default=True, help="Name or path of runwatch on the host.")
@line_options
@interval_option
@look_options
@web_options
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
    from runwatch.watcher.daemon.remote import PROMPT, ssh_command
    from runwatch.watcher.service.launch import Hub, greet

    names = tuple(dict.fromkeys(hosts)) or (HERE,)
    lines = headless or plain or as_json
    if web or port is not None:
        from runwatch.cli.web import serve

        if lines or not web:
            raise UsageError("--web shows the screen, --port is for --web")
        flags = [
            f"--remote={remote}",
            *([f"--ssh={ssh}"] if ssh else []),
            *(["--ascii"] if ascii_only else []),
            *([f"--theme={theme}"] if theme else []),
        ]
        return serve(["attach", *flags, "--", *hosts], port)
    screen = on_screen(lines=lines)
    hub = Hub(names, ssh_command(ssh), remote)
    try:
        greet(hub.socket, PROMPT + 30.0)
        if screen:
            from runwatch.config.loader import load

            title = "daemon" if names == (HERE,) else ", ".join(names)
            code = show(hub.socket, load(), title=title, theme=theme, ascii_only=ascii_only, list_first=True)
            if code == ExitCode.OK:
                click.echo("runwatch: the screen is closed; the daemon keeps watching", err=True)
            return code
        from runwatch.cli.headless import follow

        return follow(hub.socket, printer(as_json, plain, ascii_only), interval=interval)
    finally:
        hub.close()
