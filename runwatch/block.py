"""The former place of runwatch.core.block, kept for packages that import it from here."""

from runwatch.core.block import *  # noqa: F403
