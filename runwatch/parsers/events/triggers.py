"""The words of which every event holds one: blocks are searched for them to find the lines worth a look."""

from __future__ import annotations

import re
from itertools import chain

from runwatch.parsers.events import plans, sizes, stages
from runwatch.parsers.events.signs import grouped

_TRIGGERS = (
    tuple(word[:1] + re.escape(word[1:]) for word in plans.NEEDLES),
    sizes.NEEDLES,
    stages.STAGE_NEEDLES,
    stages.TRACKER_NEEDLES,
    stages.RESULT_NEEDLES,
    (rb"%\|", b"bad_alloc", b"gnal", b"kill", b"med out", b"quota", b"ut of ", b"watchdog", b"xit"),
    (b"ccl", b"checkpoint", b"compil", b"cess to finish", b"completed in", b"core dumped", rb"config\."),
    (b"continuing", b"connection"),
    (b"rror", b"reempt", b"reset", b"resum", b"restoring", rb"raining\b", b"retry", rb"rly ?[sS]top"),
    (
        b"direct cause",
        b"During handling",
        b"Original exc",
        b", stopping",
        b", aborting",
        b", exiting",
        b"Aborted!",
        b" Aborted ",
        b"Ctrl-c pr",
        b"Hangup",
        b"Exception ign",
        b"Signaling",
        b"panicked",
        b"EARLY STOP",
        b"]Killed",
        b"ping_early",
        b"Exiting from",
        b"stopped early",
        b"run_stop",
        b"run_final",
        b"ruption",
        b"ritten",
        b"can't open",
        b"command not",
        rb"(\): inv",
        b"Could not",
        b": No mod",
    ),
    (rb"ved\b", b"ving[ :]", b"valuat", b"validat", b"vice-side"),
    (b"ALLOC_F", b"ARLY STOP", b"AUTOTUNE", b"CANCELLED", b"CUDA ERR", b"Checkpoint", b"Compil"),
    (
        b"Check failed",
        b"rrupted",
        b"Connection",
        b"Continuing",
        b"DUE TO",
        b"Device-side",
        b"DataLoader w",
        b"ECC",
        b"ERR",
    ),
    (b"Evaluati", b"EXHAUSTED", b"Fatal", b"Finished", b"GPU at", b"Keyboard", b"Killed", b"Load"),
    (b"Max retries", b"NCCL", b"No space", b"OOM", b"Out of ", b"Out Of ", b"PBS: ", b"Preempt"),
    (b"Preparing to", b"RAINING", b"Read", b"Recompil", b"Received", b"Resum", b"Restor", b"Retry"),
    (b"Root Cause", b"Running", b"Run summary", b"SIG", b"Saving", b"Service", b"Segmentation"),
    (b"Slow Down", b"Spot ", b"Stale", b"Start", b"Stop", b"TERM_", b"Temporary fail", b"Terminated"),
    (b"Too Many", b"Total inf", b"Traceback", b"Training", rb"Trainer\.fit", b"Validation ", b"Watchdog"),
    (b"XLA", b"Xid", b"zsh: ", b"srun: ", b"Segfault", b"Bus error", b"te called", b"all time", b"alltime"),
    (b": nan", b"=nan", b"= nan", b"_loss nan", b": NaN", b"=NaN", b"= NaN", b"kipping ", b"kipped "),
    (
        b"OMP_NUM_THREADS env",
        b"* train metrics",
        b"All done",
        b"All finished",
        b"All complete",
        b"ALL DONE",
        b"= DONE",
        b"End of epoch",
        b"Loss for final",
        rb"TrainOutput\(",
        rb"NAN\b",
        rb"s nan\b",
        rb"s NaN\b",
        rb"rained\b",
        b"tar is the best",
        b"pth is the best",
        b"ckpt is the best",
        rb"[done\] ",
        rb"[Done\] ",
        rb"[DONE\] ",
        b"After Train",
    ),
    (b"\xe8\xae\xad\xe7\xbb\x83",),
    (b"Run finished", b"Run complete", b"time limit", b"Wrote", b"Writing", b"segmentation", b"Validating"),
)
"""Every event holds one of these. They begin with a byte that is rare in text, and with three plain ones."""

TRIGGER = grouped(chain(*_TRIGGERS))
"""Finds them in a line; in a large text prefilter.sieve.TRIGGERS does."""
TRIGGER_HEADS = frozenset(word.replace(b"\\", b"")[:3] for word in chain(*_TRIGGERS))
