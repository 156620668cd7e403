"""How a program is to train, as its command line says."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Plan:
    """How a program is to train, and what happens to it at which step."""

    dir: Path
    what: str
    steps: int
    at: int
    pause: float
    """Seconds that a step takes at least."""
    seed: int
    attempt: int
    """How often it was launched before."""

    @classmethod
    def read(cls) -> Plan:
        """Return the plan of the command line."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--dir", type=Path, required=True)
        parser.add_argument("--what", default="plain")
        parser.add_argument("--steps", type=int, default=300)
        parser.add_argument("--at", type=int, default=200)
        parser.add_argument("--pause", type=float, default=0.05)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--attempt", type=int, default=0)
        return cls(**vars(parser.parse_args()))

    def arguments(self) -> list[str]:
        """Return the command line."""
        return [f"--{name}={value}" for name, value in vars(self).items()]

    def draw(self, *names: str) -> str:
        """Return one of the names, the same in every attempt."""
        return names[np.random.default_rng([self.seed, 5]).integers(len(names))]

    def beside(self, name: str) -> Path:
        """Return a path beside the directory that is watched."""
        return self.dir.parent / name
