"""The way into the screen, for the command line.

Importing Textual is most of what a first picture costs. So nothing is imported
here before `run` has seen to it that little else costs anything.
"""

from __future__ import annotations

import gc
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Mapping

from runwatch.core.text import path
from runwatch.core.theme_names import DARK

_UNTOUCHED = "the run is not affected"
_PIPED = "nothing reads the pipe now, which may end the run"
_BY_SIGNAL = 128
"""Exit codes from here on are those of a screen that a signal ended: nobody is there to read."""


def run(
    sock: socket.socket,
    *,
    ascii: bool = False,  # noqa: A002
    title: str = "",
    alone: bool = False,
    theme: str = DARK,
    named: str | None = None,
    keys: Mapping[str, tuple[str, ...] | str] | None = None,
    where: Callable[..., str] = lambda *names: ".".join(names),
    reopen: Callable[[], socket.socket] | None = None,
    list_first: bool = False,
    kept: bool = True,
    rules: Callable[[], Iterable[tuple[str, str]]] = tuple,
) -> int:
    """Show the engine at the other end of `sock` until the person leaves; return the exit code.

    `alone`: there is no daemon, so silences end too.
    `reopen` starts another engine when this one is lost, and returns the socket to it. With `list_first`,
    several runs begin with their list. `rules` returns names and summaries for the palette. `theme` and
    `keys` are as configured, `named` is a theme that goes before that; raises ConfigError if keys are
    invalid, with the place that `where` returns, as Config.where does. Raises ScreenError after an internal
    error, with the terminal as it was; the traceback is in a file of the state directory, or raised if
    $RUNWATCH_DEBUG is set. On a terminal a summary of the run is printed at the end, of several runs below a
    list of them; `kept`: its files stay where they are.
    """
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    gc.set_threshold(20_000)  # of modules and widgets, which stay, nothing is garbage
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]  # asyncio would load OpenSSL; we do without
    from runwatch.render import outcome
    from runwatch.render.glyphs import glyphs
    from runwatch.tui import actions, hints, leaving, themes
    from runwatch.tui.app import RunwatchApp
    from runwatch.tui.deferred import DeferredDriver
    from runwatch.watcher.service.sockets import state_directory

    app = RunwatchApp(
        sock,
        ascii=glyphs(ascii, sys.stderr.encoding).ascii,  # which Textual draws on
        title=path(title),
        alone=alone,
        theme=theme,
        registry=actions.registry(keys or {}, lambda name: where("keys", name)),
        reopen=reopen,
        rules=rules,
        hints=hints.load(state_directory()),
        list_first=list_first,
        driver=None if "TEXTUAL_DRIVER" in os.environ else DeferredDriver,
    )
    if named is not None:
        app.use_theme(named)
    elif theme == DARK and app.console.color_system == "standard":
        app.use_theme(themes.ANSI)  # shades would all be the same of sixteen colors
    with leaving.by_signals(app.leave):
        code = app.run()
    if app.fault is not None:
        if os.environ.get("RUNWATCH_DEBUG"):
            raise app.fault
        from runwatch.tui import fault

        sources = app.scene.run.sources if app.scene.run is not None else ()
        raise fault.report(app.fault, state_directory(), _PIPED if "-" in sources else _UNTOUCHED)
    if app.failure:
        sys.stderr.write(f"runwatch: {app.failure}\n")
    code = int(code if code is not None else app.return_code or 0)
    if app.scene.run is not None and code < _BY_SIGNAL and sys.stdout.isatty():
        signs = glyphs(ascii, sys.stdout.encoding)
        width = shutil.get_terminal_size().columns
        several = outcome.farewell_all(app.scene.runs, width, signs) if len(app.scene.runs) > 1 else []
        said = outcome.farewell(app.scene.run, width, signs, kept)
        sys.stdout.write("\n".join([*several, *said, ""]))
    return code
