"""The process that tries inputs for one target, guided by coverage: atheris, which drives libFuzzer.

An input that fails is kept and the search continues: of inputs that show the same, the shortest. Only what
ends the process (a crash of the interpreter, an input that never returns) is left to libFuzzer.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

PACE = 5.0
"""By how much instrumented code is slower, at most."""
SPACE = 4 << 30
"""Bytes of address space: what asks for more gets a MemoryError, and the machine stays usable."""


def main(name: str, seconds: int, folder: Path) -> None:
    """Fuzz one target for `seconds`; inputs, findings and figures are in `folder`. Does not return."""
    import atheris

    with atheris.instrument_imports(include=["runwatch"]):
        from .mutation import mutated
        from .target import attempt
        from .targets import target_of

        target = target_of(name)
        corpus, found = folder / "corpus" / name, folder / "findings"
        for each in (corpus, found):
            each.mkdir(parents=True, exist_ok=True)
        seeds = [*target.seeds(), *(path.read_bytes() for path in target.kept())]
        for data in seeds:
            (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)
        for data in seeds[:40]:  # what is loaded on first use is no growth
            attempt(target, data, 1e9)
        resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
        kinds: dict[str, tuple[int, Path]] = {}
        count, written, begun = 0, 0.0, time.process_time()

        def one(data: bytes) -> None:
            nonlocal count, written
            count += 1
            finding = attempt(target, data, PACE)
            if (finding is not None and (known := kinds.get(finding.kind)) is None) or (
                finding is not None and known is not None and len(data) < known[0]
            ):
                path = found / f"{name}-{finding.kind}"
                kinds[finding.kind] = len(data), path
                path.write_bytes(data)
                path.with_name(path.name + ".txt").write_text(finding.text)
            if time.monotonic() - written > 2.0:
                written = time.monotonic()
                figures = {
                    "executions": count,
                    "cpu": round(time.process_time() - begun, 1),
                    "findings": {kind: str(path) for kind, (_, path) in kinds.items()},
                }
                (folder / f"{name}.json").write_text(json.dumps(figures))

        def change(data: bytes, most: int, seed: int) -> bytes:
            rng = random.Random(seed)
            if rng.random() < 0.3:
                return atheris.Mutate(data, most)
            return mutated(data, seeds, target.words, rng, most)

        options = [
            sys.argv[0],
            str(corpus),
            f"-max_total_time={seconds}",
            f"-max_len={target.most}",
            f"-artifact_prefix={found}/{name}-ended-",
            "-timeout=300",
            "-report_slow_units=1000",
            "-rss_limit_mb=6000",
            "-print_final_stats=1",
        ]
        atheris.Setup(options, one, custom_mutator=change)
        atheris.Fuzz()


if __name__ == "__main__":
    if os.path.isdir("/dev/shm"):
        tempfile.tempdir = "/dev/shm"
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
