"""What goes wrong: each kind of fault, how it shows, what should be said about it. One file per family."""

from __future__ import annotations

from benchmarks.detection.faults import (
    death,
    limits,
    machine,
    nonfinite,
    optimisation,
    policies,
    ranks,
    saving,
    silence,
    speed,
    storage,
)
from benchmarks.detection.faults.base import FAULTS, Fault

FAMILIES = (nonfinite, optimisation, speed, silence, death, storage, machine, ranks, saving, policies, limits)
"""Importing them registers their faults."""

__all__ = ["FAMILIES", "FAULTS", "Fault"]
