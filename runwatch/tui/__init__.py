"""The full-screen client: a picture of what the engine says, and keys."""

import sys

if not {"asyncio", "ssl"} & set(sys.modules):
    # asyncio would bring in ssl if it can: 4 MB of OpenSSL, and the screen speaks to one local socket.
    sys.modules["ssl"] = None  # type: ignore[assignment]
    import asyncio  # noqa: F401

    del sys.modules["ssl"]
