"""The way into the screen, for the command line.

Importing Textual is most of what a first picture costs. So nothing is imported
here before `run` has seen to it that little else costs anything.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Callable, Mapping

from runwatch.core.text import path

DARK = "dark"


def run(
    sock: socket.socket,
    *,
    ascii: bool = False,  # noqa: A002
    title: str = "",
    private: bool = True,
    theme: str = DARK,
    keys: Mapping[str, tuple[str, ...] | str] | None = None,
    where: Callable[..., str] = lambda *names: ".".join(names),
    reopen: Callable[[], socket.socket] | None = None,
    fleet: bool = False,
) -> int:
    """Show the engine at the other end of `sock` until the person leaves; return the exit code.

    A private engine is told to stop; a daemon goes on. `reopen` starts another engine
    when this one is lost, and returns the socket to it. With `fleet`, several runs begin with their list.
    `theme` and `keys` are as configured;
    raises ConfigError if they cannot be meant, with the place that `where` tells, as Config.where does.
    """
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    gc.set_threshold(20_000)  # of modules and widgets, which stay, nothing is garbage
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]  # asyncio would load OpenSSL; we do without
    from runwatch.tui import actions, leaving, themes
    from runwatch.tui.app import RunwatchApp
    from runwatch.tui.deferred import HeldDriver

    app = RunwatchApp(
        sock,
        ascii=ascii,
        title=path(title),
        private=private,
        theme=themes.check(theme, where("screen", "theme")),
        registry=actions.registry(keys or {}, lambda name: where("keys", name)),
        reopen=reopen,
        fleet=fleet,
        driver=None if "TEXTUAL_DRIVER" in os.environ else HeldDriver,
    )
    with leaving.by_signals(app.leave):
        code = app.run()
    if app.failure:
        sys.stderr.write(f"runwatch: {app.failure}\n")
    return int(code if code is not None else app.return_code or 0)
