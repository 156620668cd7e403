"""An engine process of one's own: serves the one client at its socket, and ends with it.

Its worker has the longest way to go, so that is started before anything else is imported.
"""

from __future__ import annotations

import contextlib
import signal
import sys

from runwatch.system.import_guards import import_asyncio
from runwatch.watcher.ingest import open_file_limit
from runwatch.watcher.ingest.prewarmed_worker import PrewarmedWorker


def main() -> None:
    """Run as an engine process: the only argument names the descriptor of its assignment."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-c is for the client; we end with it
    open_file_limit.raise_limit(open_file_limit.ENGINE)
    prewarmed = None
    with contextlib.suppress(OSError):  # then the worker that is started later reports why
        prewarmed = PrewarmedWorker()
    import_asyncio()
    from runwatch.watcher.service import serving

    serving.run(sys.argv[1], prewarmed)


if __name__ == "__main__":
    main()
