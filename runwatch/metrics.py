"""The former place of runwatch.core.metrics, kept for packages that import it from here."""

from runwatch.core.metrics import *  # noqa: F403
