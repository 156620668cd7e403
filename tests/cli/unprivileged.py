"""A process that permission bits stop, also where the tests are run by root."""

from __future__ import annotations

import ctypes
import os
import sys

_DROP = 24
"""PR_CAPBSET_DROP of prctl(2)."""
_IGNORES_BITS = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
_libc = ctypes.CDLL(None, use_errno=True)


def obey_permissions() -> None:
    """Give up what lets root read everything; for `preexec_fn`."""
    if os.geteuid() == 0 and sys.platform == "linux":
        for capability in _IGNORES_BITS:
            _libc.prctl(_DROP, capability, 0, 0, 0)
