"""`--plain`: the stream in sentences that a screen reader can read out."""

from runwatch.cli.sentences import Sentences, spoken

from .live import Log
from .test_headless import end, incident, progress, run

SIGNS = set("▲●○✓✗◌◎─│╭╮█…±→·")


def sentences(*bodies):
    printer = Sentences()
    return [line for body in bodies if (line := printer.text(body))]


def test_progress_is_a_sentence_and_is_said_once():
    assert sentences(progress(), progress(), progress(step=6)) == [
        "r is training, at step 5 of 10, 50 percent, 1 minute left. Loss 2.500.",
        "r is training, at step 6 of 10, 60 percent, 1 minute left. Loss 2.500.",
    ]
    assert sentences(progress("evaluating")) == [
        "r is evaluating, at step 5 of 10, 50 percent, 1 minute left. Loss 2.500."
    ]


def test_percent_are_not_rounded_up_to_the_whole():
    assert sentences({**progress(step=9), "progress": 0.996})[0].startswith(
        "r is training, at step 9 of 10, 99 percent"
    )


def test_an_alert_is_said_in_full():
    spike = incident(title="loss spiked to 5.13 (+4.1σ)", advice="lower the learning rate")
    assert sentences(spike, incident("resolved")) == [
        "Critical in r: loss spiked to 5.13 (+4.1 sigma), in line 8. "
        "Cause: grad norm before it. Advice: lower the learning rate. Rule: nonfinite.",
        "Resolved in r: loss is NaN, in line 8.",
    ]


def test_what_follows_from_an_alert_is_short():
    (line,) = sentences({**incident(advice="stop"), "symptom": True})
    assert line == "With it in r: loss is NaN, in line 8."


def test_the_end_counts_what_was_found():
    lines = sentences(progress(), incident(), progress(step=7), end("crashed", 1))
    assert lines[-1] == "r has ended: crashed, at step 7 of 10, 70 percent. Loss 2.500. Found: 1 critical."


def test_an_end_after_all_steps_says_so_as_the_screen_does():
    last = {**progress("finished", 9), "progress": 1.0}
    values = {"train/loss": 2.5, "perf/mfu": 0.011}
    (line,) = sentences({**last, "metrics": values}, end("finished", 0))
    assert line.startswith("r has ended: finished, after all 10 steps, 100 percent. Loss 2.500, MFU 1.1%.")


def test_of_many_files_the_first_are_named():
    begun = {"type": "run", "run": "r", "format": "nanochat", "sources": [f"rank{n}.log" for n in range(8)]}
    assert sentences(begun) == ["Watching r in the format nanochat, from rank0.log and rank1.log and 6 more."]
    assert sentences({**begun, "sources": begun["sources"][:3]})[0].endswith("and rank1.log and rank2.log.")


def test_times_in_words():
    assert [spoken(s) for s in (0.2, 61, 7_200, 2 * 86_400 + 14 * 3_600 + 5)] == [
        "1 second", "1 minute 1 second", "2 hours", "2 days 14 hours",
    ]  # fmt: skip


def test_a_run_in_plain_words_has_no_sign_and_no_escape(tmp_path):
    log = Log(tmp_path / "train.log")
    log.steps(20)
    done = run("tail", "-", "--plain", stdin=log.path.read_text())
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Watching stdin")
    assert "has ended" in lines[-1]
    assert not SIGNS & set(done.stdout)
    assert "\x1b" not in done.stdout
