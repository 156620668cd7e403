"""Whether a rule fires if what it judges is exactly its threshold.

Only thresholds that are compared as they are: the logarithm of one is not the same number on every processor.
"""

from __future__ import annotations

import pytest

from . import (
    edges,
    test_rules_edges,
    test_rules_edges_events,
    test_rules_edges_machine,
    test_rules_edges_time,
)

FIRES = (
    *("crash settle", "data_bound times", "validation jump"),
    *("deadline begun", "deadline slack", "ended quiet", "checkpoint_space of now"),
    *("gpu_fault corrected", "gpu_links errors", "gpu_links replays", "gpu_slowed margin"),
    *("gpu_underuse used again", "io_stall blocked", "io_stall without progress"),
    *("hang longest", "hang medians", "hang pending", "hang starting", "hang unfamiliar"),
    *("hang while it evaluates", "hang, the log goes on", "hang, the log is quiet too"),
    *("loss_explosion ends", "loss_scale one", "loss_scale rises", "low_mfu least", "lr_anomaly half"),
    *("memorised epochs", "nonfinite scale", "score_floor fall", "score_floor most", "skipped_steps ends"),
)
QUIET = (
    *("checkpoint_broken intervals", "checkpoint_shrunken half", "checkpoint_shrunken part"),
    *("crash complete", "ended complete", "hang complete", "hang complete epoch"),
    *("data_bound high", "data_bound most", "disk_full inodes", "disk_full least"),
    *("gpu_slowed cooler", "gpu_underuse drop", "gpu_underuse low", "gpu_underuse still"),
    *("generalization_gap gap", "host_limits shared", "host_memory low", "host_memory of a container"),
    *("host_memory soon, while half is left", "host_memory very_low", "io_stall pressure", "io_stall slow"),
    *("loss_explosion far", "loss_explosion grave", "loss_explosion grew", "loss_explosion huge"),
    *("loss_explosion half of the distance", "loss_explosion times", "low_mfu ends", "low_mfu low"),
    *("lr_anomaly end of a warm-up", "lr_anomaly jump", "lr_anomaly jump above the highest"),
    *("lr_anomaly zeros after a tenth of it", "lr_anomaly zeros after half the peak", "memorised part"),
    *("score_floor grew", "score_floor rises", "skipped_steps part"),
)
OTHERS = {**test_rules_edges_events.EDGES, **test_rules_edges_machine.EDGES, **test_rules_edges_time.EDGES}


@pytest.mark.parametrize(
    ("name", "fires"), [*((name, True) for name in FIRES), *((name, False) for name in QUIET)]
)
def test_at_its_threshold(name, fires):
    if name in OTHERS:
        found = edges.said(OTHERS[name], OTHERS[name].at)
    else:
        found = test_rules_edges.said(test_rules_edges.STEP[name], test_rules_edges.STEP[name].at)
    assert found is fires
