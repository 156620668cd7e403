"""The full-screen client: a picture of what the engine says, and keys."""

from runwatch.system.import_guards import import_asyncio

import_asyncio()
