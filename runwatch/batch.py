"""The former place of runwatch.core.batch, kept for packages that import it from here."""

from runwatch.core.batch import *  # noqa: F403
