"""What a program truly does, written by itself, and the gates at its quarters where the test looks on."""

import json
import os
import time


class Truth:
    """Notes the steps that were done, and waits at a quarter, a half and three quarters of them."""

    def __init__(self, total, pause=0.03):
        self.total, self.pause, self.gates = total, pause, [1, 2, 3]
        self.file = open(os.environ["TRUTH"], "a", buffering=1)  # noqa: SIM115 - as long as the program runs
        self._note(total=total)

    def reach(self, done):
        """Note that so many steps are done, and take the time of one; its lines must have been printed."""
        time.sleep(self.pause)
        self._note(step=done, time=time.time())
        while self.gates and done >= self.gates[0] * self.total / 4:
            with open(f"{os.environ['GATE']}.{self.gates.pop(0)}") as pipe:
                pipe.read()

    def loss(self, value):
        """Note a loss as it is printed."""
        self._note(loss=float(value))
        return value

    def save(self, step):
        """Note a checkpoint."""
        self._note(saved=step)

    def _note(self, **what):
        self.file.write(json.dumps(what) + "\n")
