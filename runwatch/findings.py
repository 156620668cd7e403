"""The former place of runwatch.core.findings, kept for packages that import it from here."""

from runwatch.core.findings import *  # noqa: F403
