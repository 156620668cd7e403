"""The way into the screen, for the command line."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping

from runwatch.tui import actions, themes
from runwatch.tui.app import RunwatchApp
from runwatch.tui.held import HeldDriver


def run(
    sock: socket.socket,
    *,
    ascii: bool = False,  # noqa: A002
    title: str = "",
    private: bool = True,
    theme: str = themes.DARK,
    keys: Mapping[str, tuple[str, ...] | str] | None = None,
    where: Callable[..., str] = lambda *names: ".".join(names),
    reopen: Callable[[], socket.socket] | None = None,
) -> int:
    """Show the engine at the other end of `sock` until the person leaves; return the exit code.

    A private engine is told to stop; a daemon goes on. `reopen` starts another engine
    when this one is lost, and returns the socket to it. `theme` and `keys` are as configured;
    raises ConfigError if they cannot be meant, with the place that `where` tells, as Config.where does.
    """
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    app = RunwatchApp(
        sock,
        ascii=ascii,
        title=title,
        private=private,
        theme=themes.check(theme, where("screen", "theme")),
        registry=actions.registry(keys or {}, lambda name: where("keys", name)),
        reopen=reopen,
        driver=None if "TEXTUAL_DRIVER" in os.environ else HeldDriver,
    )
    code = app.run()
    if app.failure:
        sys.stderr.write(f"runwatch: {app.failure}\n")
    return int(code if code is not None else app.return_code or 0)
