"""Evidence is written with the units that its names mean."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.snapshot import IncidentRow
from runwatch.render import evidence, plain


def row(rule="hang", metric=None, since=None, state="firing", title="", **seen):
    return IncidentRow("i", "r", rule, "warning", state, title, metric=metric, since=since, evidence=seen)


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        (row(silent_for=1158.0), ("no step for", "19m 18s when found")),
        (row(median_gap=0.1109), ("usual gap of steps", "111 ms")),
        (row(mfu=0.02575), ("MFU", "2.6%")),
        (row(io_pressure=0.0312), ("I/O wait", "3.1%")),
        (row("disk_full", free=3 * 2**30), ("free", "3.00 GiB")),
        (row("jitter", times=3.1, metric="perf/step_time"), ("times", "3.10 times")),
        (row("silent_rank", timeout=600.0), ("allowed", "10m 00s")),
        (row("skipped_steps", skipped_part=0.24), ("part of the steps skipped", "24.0%")),
        (row("host_limits", metric="proc/1/fds", open_files=990.0), ("open files", "990")),
        (row("own", metric="train/loss", limit=3), ("limit", "3.000")),
        (row("own", metric="perf/mfu", value=0.3), ("value", "30.0%")),
        (row("throughput", metric="perf/step_time", now=2.5), ("now", "2.50 s")),
        (row("throughput", metric="perf/tokens_per_sec", now=1e5), ("now", "100k")),
        (row("nonfinite", **{"train/learning_rate": 3e-4}), ("lr", "3e-4")),
        (row("gpu_slowed", sm_clock=1410.0), ("clock", "1,410 MHz")),
        (row("x", last_checkpoint=41000), ("last checkpoint before it", "41,000")),
        (row("x", some_ratio=2.3456), ("some ratio", "2.346")),
        (row("step_time", metric="perf/step_time", slowdown=0.41), ("slowdown", "41.0%")),
    ],
)
def test_a_number_has_its_unit(given_, said):
    assert evidence.words(given_) == [said]


def test_what_is_not_known_is_left_out():
    assert evidence.words(row(failed_rank=None, kind="oom")) == [("kind", "oom")]


@pytest.mark.parametrize("said", ["1h 02m", "1 h 2 min", "59 s", "9.31 s"])
def test_a_hang_grows_while_it_lasts(said):
    hang = row(title=f"no progress for {said} while training", since=100.0, silent_for=3720.0)
    assert plain.title(hang, 100.0 + 3600) == "no progress for 2h while training"
    assert plain.title(hang) == hang.title
    over = row(title=hang.title, since=100.0, state="resolved", silent_for=3720.0)
    assert plain.title(over, 9e5) == hang.title


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.one_of(
            st.sampled_from([*evidence._LABELS, "usual", "value", "free", "multiple"]), st.text(max_size=9)
        ),
        st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=9)),
    ),
    st.sampled_from(["hang", "throughput", "own"]),
    st.sampled_from([None, "train/loss", "perf/mfu", "perf/tokens_per_sec", "x"]),
)
def test_anything_can_be_evidence(seen, rule, metric):
    words = evidence.words(IncidentRow("i", "r", rule, "warning", "firing", "", metric=metric, evidence=seen))
    assert all(isinstance(name, str) and isinstance(text, str) for name, text in words)


FRAMES = """Traceback (most recent call last):
  File "/opt/lib/futures.py", line 449, in result
    return self.get()
  File "/home/me/train.py", line 88, in step
    loss = model(batch)
"""


def test_of_a_traceback_the_innermost_frame_comes_first():
    crash = row("crash", frames=FRAMES, kind="traceback", signature="exception", reported_by="log", events=1)
    (failed, (name, shown)) = evidence.words(crash)
    assert failed == ("failed in", "me/train.py:88, in step")
    assert name == "traceback, innermost first"
    assert shown.splitlines() == [
        '  File "/home/me/train.py", line 88, in step',
        "    loss = model(batch)",
        '  File "/opt/lib/futures.py", line 449, in result',
        "    return self.get()",
    ]
    assert evidence.inward("no frame at all") == "no frame at all"
    assert evidence.first(row("crash", frames="no frame at all")) == []


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("train.py", "train.py"),
        ("/train.py", "/train.py"),
        ("/srv/code/llm/train.py", "llm/train.py"),
        ("/usr/lib/python3/dist-packages/numpy/core/multiarray.py", "numpy/core/multiarray.py"),
        ("/opt/conda/lib/python3.11/site-packages/torch/nn/modules/module.py", "torch/nn/modules/module.py"),
        ("C:\\Users\\me\\llm\\train.py", "llm\\train.py"),
    ],
)
def test_a_file_that_failed_is_named_without_where_the_machine_keeps_it(path, named):
    assert evidence.innermost(f'File "{path}", line 7, in step') == f"{named}:7, in step"


def test_the_checkpoint_to_go_back_to_comes_first_and_the_file_last():
    seen = row("nonfinite", source="/runs/a/train.log", value=3.0, last_checkpoint=170)
    assert [name for name, _ in evidence.words(seen)] == ["last checkpoint before it", "value", "file"]


def test_what_the_title_says_is_no_evidence():
    assert evidence.words(row("hang", ending="hung", phase="training", timeout=60.0)) == [
        ("allowed", "1m 00s")
    ]


@pytest.mark.parametrize(
    ("advice", "seen", "said"),
    [
        (
            "go back to a checkpoint from before this step, and",
            {"last_checkpoint": 170},
            "checkpoint 170, and",
        ),
        ("go back to a checkpoint from before the spike and", {"last_checkpoint": 170}, "checkpoint 170 and"),
        (
            "Go back to a checkpoint near the best; l",
            {"last_checkpoint": 9, "best_step": 12},
            "checkpoint 9; l",
        ),
        ("Go back to a checkpoint near the best; l", {"last_checkpoint": 9}, "a checkpoint near the best; l"),
        ("go back to a checkpoint from before this step", {"last_checkpoint": 197}, "from before this step"),
        ("go back to a checkpoint from before this step", {}, "a checkpoint from before this step"),
    ],
)
def test_advice_names_a_checkpoint_only_where_it_is_known_to_be_good(advice, seen, said):
    incident = IncidentRow("i", "r", "x", "critical", "firing", "", advice=advice, step=197, evidence=seen)
    assert plain.advice(incident).endswith(said)


def test_the_best_of_training_is_smoothed_and_that_of_evaluations_is_a_value():
    def names(metric):
        row = IncidentRow(
            "a", "r", "divergence", "critical", "firing", "t", metric=metric, evidence={"best": 2.5}
        )
        return evidence.words(row)

    assert names("train/loss") == [("best, smoothed", "2.500")]
    assert names("val/loss") == [("best", "2.500")]
    assert [names(score)[0][0] for score in ("test/accuracy", "SCORE")] == ["best", "best"]
