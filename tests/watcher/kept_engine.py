"""A real engine process with a store, for tests to kill: PATH... are watched, $RUNWATCH_STATE keeps."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from runwatch.watcher.persistence import keeper
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.server import Server
from runwatch.watcher.service.sockets import state_directory


async def main() -> None:
    keeper.EVERY, keeper.RATE = float(os.environ.get("KEPT_EVERY", "0.2")), 1e9
    config = os.environ.get("KEPT_CONFIG", "").encode() or None
    paths = tuple(map(os.fsencode, sys.argv[1:]))
    server = Server(Assignment(paths, config=config, state=os.fsencode(state_directory())))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stopped.set)
    seen: list[str] = []

    async def add_facts() -> None:
        while True:
            for text in server.notices:
                if text not in seen:
                    seen.append(text)
                    print(text, flush=True)
            await asyncio.sleep(0.05)

    notifying = asyncio.create_task(add_facts())
    await server.run()
    notifying.cancel()


if __name__ == "__main__":
    asyncio.run(main())
