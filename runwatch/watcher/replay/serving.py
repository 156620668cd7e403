"""The engine process of a replay: plays one file for the screen at its socket, and ends with it."""

from __future__ import annotations

import gc
import signal
import sys

from runwatch.system.import_guards import import_asyncio


def main() -> None:
    """Run as an engine process: the only argument names the descriptor of its assignment."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the screen; this ends with it
    import_asyncio()
    gc.disable()  # nothing in modules is garbage
    from runwatch.watcher.replay import playing

    gc.freeze()
    gc.enable()
    playing.run(sys.argv[1])


if __name__ == "__main__":
    main()
