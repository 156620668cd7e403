"""`runwatch report`: every form of it, on runs of all kinds, from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from runwatch.reports.sections.words import value
from runwatch.watcher.engine import check

from ..cli.command import called
from .logs import cosine, stamped, trained

_ONE = (
    "step 00001/00100 (1.00%) | loss: 5.250000 | lrm: 1.00 | dt: 500.00ms | tok/sec: 1,000 | mfu: 40.00 | "
    "total time: 0.01m"
)
HOSTILE = "<script>alert(1)</script> ![x](http://evil) | [a](b) \x1b[31mred"


def _report(*arguments: str | Path, cwd: Path) -> str:
    done = called("report", *arguments, cwd=cwd, env={})
    assert done.returncode == 0, done.stderr
    return done.stdout


def _sections(text: str) -> dict[str, Any]:
    (report,) = json.loads(text)["reports"]
    return {section["id"]: section for section in report["sections"]}


def _said(section: dict[str, Any]) -> str:
    blocks = section["blocks"]
    return " ".join(each["text"] for block in blocks for each in block.get("sentences", ()))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "seven.log"
    path.write_text(trained(400, cosine(400, 40), evaluate=100, pauses={201: 45.0}))
    return path


def test_markdown_says_what_happened(log: Path, tmp_path: Path) -> None:
    text = _report(log, cwd=tmp_path)
    assert text.startswith("# seven\n")
    assert "Schedule: warm-up + cosine decay." in text
    assert "It dropped fast and then tapered off" in text
    assert "| evaluation | 1 | 45" in text
    assert "The last evaluation is the best one." in text


def test_json_has_the_exact_figures(log: Path, tmp_path: Path) -> None:
    found = _sections(_report(log, "--json", cwd=tmp_path))
    facts = {name: cell["value"] for name, cell in found["time"]["blocks"][0]["facts"]}
    assert (facts["training records"], facts["first step"], facts["last step"]) == (400, 1, 400)
    losses = [float(each) for each in re.findall(r" loss ([\d.]+)", log.read_text())]
    rows = {row[0]["value"]: [cell["value"] for cell in row] for row in found["metrics"]["blocks"][0]["rows"]}
    loss = rows["train/loss"]
    assert loss[1:5] == [400, losses[0], losses[-1], min(losses)]
    assert loss[6] == max(losses)


class _Page(HTMLParser):
    """Collects elements and their attributes; fails on elements that are not closed."""

    void = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_one_page_without_scripts_or_addresses(log: Path, tmp_path: Path) -> None:
    _report(log, "-o", "out.html", cwd=tmp_path)
    text = (tmp_path / "out.html").read_text()
    page = _Page()
    page.feed(text)
    assert not page.open
    assert {"svg", "polyline", "table", "h2"} <= {tag for tag, _ in page.elements}
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in page.elements}
    named = [value or "" for _, attributes in page.elements for value in attributes.values()]
    assert not [value for value in named if "://" in value]
    assert "@media screen and (prefers-color-scheme: dark)" in text  # paper is white
    assert ".table { overflow: visible; }" in text.partition("@media print")[2]  # paper does not scroll
    assert len(text) < 200_000


def test_what_logs_say_is_inert(tmp_path: Path) -> None:
    log = tmp_path / "x<b>y.log"
    rows = [(float(n), f"step {n} loss {3 - n / 100:.4f} lr 0.1") for n in range(1, 80)]
    rows.append((80.0, f"RuntimeError: CUDA out of memory. {HOSTILE}"))
    log.write_text(stamped(rows))
    page = _Page()
    page.feed(_report(log, "--html", cwd=tmp_path))
    assert not {"script", "img", "b"} & {tag for tag, _ in page.elements}
    text = _report(log, "--markdown", cwd=tmp_path)
    assert "<script" not in text.replace("\\<script", "")
    assert "![" not in text
    assert "\x1b" not in text


def test_a_file_that_was_read_is_never_replaced(log: Path, tmp_path: Path) -> None:
    before, link = log.read_bytes(), tmp_path / "link"
    link.symlink_to(log)
    for named in (log, link):
        done = called("report", log, "-o", named, cwd=tmp_path, env={})
        assert done.returncode == 2
        assert "would replace what was read" in done.stderr
        assert log.read_bytes() == before


def test_no_link_in_the_place_of_a_half_written_report_is_followed(log: Path, tmp_path: Path) -> None:
    before, half = log.read_bytes(), tmp_path / "out.md.part"
    half.symlink_to(log)
    _report(log, "-o", "out.md", cwd=tmp_path)
    assert (tmp_path / "out.md").read_text().startswith("#")
    assert not half.is_symlink()
    assert log.read_bytes() == before


def test_nor_is_a_log_of_a_run_that_is_not_reported(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.log").write_text(
            "".join(f"step {n} loss {3 - n / 100}\n" for n in range(1, 100))
        )
    before = (tmp_path / "b.log").read_bytes()
    done = called("report", tmp_path, "--run", "a", "-o", tmp_path / "b.log", cwd=tmp_path, env={})
    assert (done.returncode, (tmp_path / "b.log").read_bytes()) == (2, before)
    assert "would replace what was read" in done.stderr


def test_the_last_evaluation_is_not_the_best_where_it_is_nan(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    lines = (f"step {n} loss {3 - n / 100}\n" for n in range(1, 100))
    evals = {n: f"step {n} val loss {'nan' if n > 60 else 4 - n / 100}\n" for n in range(10, 100, 10)}
    log.write_text("".join(line + evals.get(n, "") for n, line in enumerate(lines, 1)))
    text = _report(log, cwd=tmp_path)
    assert "the last finite one 3.400 at step 60. The last evaluation is NaN or Inf." in text
    assert "is the best" not in text


def test_a_run_with_nan_names_it_and_what_to_do(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    rows = [(float(n), f"step {n} loss {'nan' if n > 60 else 3 - n / 100} lr 0.1") for n in range(1, 100)]
    log.write_text(stamped(rows))
    found = _sections(_report(log, "--json", cwd=tmp_path))
    assert "loss is NaN since step 61" in _said(found["verdict"])
    assert "39 of them are NaN or Inf" in _said(found["loss"])
    assert "its last finite value, and is NaN or Inf at the end" in _said(found["verdict"])
    assert "still falling" not in _said(found["verdict"])
    assert "it fell: from" not in _said(found["loss"])
    assert "Stop; go back to a checkpoint" in _said(found["look"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("hello\nworld\n", "no training run recognized"),
    ],
)
def test_what_is_no_run_gets_one_line(tmp_path: Path, text: str, words: str) -> None:
    log = tmp_path / "train.log"
    log.write_text(text)
    done = called("report", log, cwd=tmp_path, env={})
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([_ONE], "Its shape is not stated: that takes 12 finite values at growing steps."),
        ([f"step {n} lr 0.1 tokens_per_sec 100" for n in range(1, 30)], "No training loss was found."),
        (
            [f"step {n} loss nan lr 0.1" for n in range(1, 30)],
            "None of the 29 values of the loss is a finite",
        ),
        (
            [f"step {n} loss {2 + n % 3} lr 0.1" for n in (1, 2, 3, 900, 5, 2, 7, 70, 8, 9, 10, 11, 12, 13)],
            "The loss has",
        ),
    ],
    ids=["one record", "no loss", "never finite", "mixed steps"],
)
def test_little_evidence_gets_clear_sentences(tmp_path: Path, lines: list[str], words: str) -> None:
    log = tmp_path / "train.log"
    text = stamped((float(at), line) for at, line in enumerate(lines))
    log.write_text(f"{_ONE}\n" if lines == [_ONE] else text)
    for form in ("--markdown", "--html"):
        assert words in _report(log, form, cwd=tmp_path)


def test_cost_is_stated_where_time_and_gpus_are_known(log: Path, tmp_path: Path) -> None:
    text = _report(log, "--price-per-gpu-hour", "2", "--gpus", "8", cwd=tmp_path)
    assert "8 GPUs (as given) for 7m 24s" in text
    assert "At 2 per GPU-hour that costs 1.97." in text


@pytest.mark.parametrize("path", [lambda run: run, lambda run: run / "train.log"], ids=["directory", "log"])
def test_configuration_and_sections_of_a_report_next_to_the_log(
    tmp_path: Path, path: Callable[[Path], Path]
) -> None:
    run = tmp_path / "run"
    (run / "report").mkdir(parents=True)
    (run / "train.log").write_text(trained(60))
    (run / "run_manifest.json").write_text(
        json.dumps({"git_commit": "abc123", "lr_scheduler_type": "cosine"})
    )
    (run / "report" / "eval.md").write_text("# Evaluation\n- CORE: 0.21\n")
    found = _sections(_report(path(run), "--json", cwd=tmp_path))
    facts = dict(found["run"]["blocks"][0]["facts"])
    assert facts["git_commit"]["value"] == "abc123"
    assert "Evaluation/CORE" in json.dumps(found)
    assert "The configuration says cosine, but the learning rate looks like constant." in _said(
        found["signs"]
    )


def test_a_configuration_next_to_a_file_of_metrics_is_of_its_run(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(
        "".join(f'{{"step": {n}, "loss": {3 / n}}}\n' for n in range(1, 40))
    )
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4096}))
    assert "hidden_size" in _report(tmp_path / "metrics.jsonl", "--json", cwd=tmp_path)


def test_a_configuration_next_to_several_logs_belongs_to_none(tmp_path: Path) -> None:
    for name in ("first.log", "second.log"):
        (tmp_path / name).write_text(trained(60))
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4096}))
    assert "hidden_size" not in _report(tmp_path / "first.log", "--json", cwd=tmp_path)


def test_a_name_that_there_is_not(log: Path, tmp_path: Path) -> None:
    done = called("report", log, "--run", "other", cwd=tmp_path, env={})
    assert done.returncode == 2
    assert "no such run: other: there is seven" in done.stderr


def test_a_checkpoint_that_is_saved_after_its_evaluation_has_that_step(tmp_path: Path, monkeypatch) -> None:
    """nanoGPT evaluates and saves a step before it prints the step's training record."""
    lines = []
    for step in range(0, 110, 10):
        if step % 50 == 0:
            lines.append(f"step {step}: train loss {3 - step / 100:.4f}, val loss {3 - step / 100:.4f}")
            lines += ["saving checkpoint to out-tiny"] * (step > 0)
        lines.append(f"iter {step}: loss {3 - step / 99:.4f}, time 20.00ms, mfu 9.15%")
    log = tmp_path / "tiny.log"
    log.write_text("\n".join(lines[:-1]) + "\n")
    for size in (1 << 21, 97):
        monkeypatch.setattr(check, "BLOCK", size)
        (_, watched) = next(iter(check.check([str(log)]).runs()))
        assert [save.at for save in watched.run.saves] == [50, 100]


def test_what_was_found_again_is_counted(tmp_path: Path) -> None:
    line = (
        "step {:05d}/00300 ({:.2f}%) | loss: {:.6f} | lrm: 1.00 | dt: 500.00ms | tok/sec: {} | mfu: 40.00 | "
    )
    lines = [
        line.format(step, step / 3, 2 + 1 / (step + 1), "nan" if step in (100, 200) else "1,000")
        + f"total time: {step / 120:.2f}m\n"
        for step in range(300)
    ]
    (tmp_path / "speed.log").write_text("".join(lines))
    said = _said(_sections(_report("speed.log", "--json", cwd=tmp_path))["signs"])
    assert "Tok/s is NaN since step 100, twice, the last at step 200, resolved since." in said


def test_rewards_are_reported_and_a_rising_loss_of_an_agent_is_no_trouble(tmp_path: Path) -> None:
    rows = (
        (
            step,
            f"step {step}/300 value_loss {1 + step / 100:.4f} ep_rew_mean {step / 10 - 5:.2f} grad_norm 0.5",
        )
        for step in range(1, 301)
    )
    (tmp_path / "agent.log").write_text(stamped(rows))
    found = _sections(_report("agent.log", "--json", cwd=tmp_path))
    assert "The ep rew mean went from -4.9 to 25." in _said(found["verdict"]).replace("-4.90", "-4.9")
    assert "the highest 25 at step 300" in _said(found["reward"]).replace("25.0", "25")
    assert "rose" not in _said(found["signs"])
    assert "It is the same at every step" in _said(found["gradient"])


def test_a_score_of_the_whole_is_preferred_and_an_equal_last_one_is_as_good(tmp_path: Path) -> None:
    rows = [{"step": step, "train/loss": 1 + 1 / step} for step in range(1, 101)]
    for step in range(20, 101, 20):
        rows[step - 1] |= {"val/precision": 0.9 - step / 1000, "val/mAP50-95": 0.3 if step > 40 else 0.2}
    (tmp_path / "boxes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = _said(_sections(_report("boxes.jsonl", "--json", cwd=tmp_path))["validation"])
    assert "The best val mAP50-95 is 0.300 at step 60" in said
    assert "The last evaluation is as good as the best one." in said


def test_a_warm_up_is_stated_where_its_decay_has_just_begun(tmp_path: Path) -> None:
    def rate(step: int) -> float:
        return 1e-3 * min(1.0, step / 200) * (1 - max(0, step - 200) / 10_000)

    (tmp_path / "warm.log").write_text(trained(260, rate))
    said = _said(_sections(_report("warm.log", "--json", cwd=tmp_path))["learning_rate"])
    assert "Schedule: warm-up, then unclear" in said
    assert "It rose linearly to its peak of 1.00e-3 at step 200." in said.replace("1e-3", "1.00e-3")


@pytest.mark.parametrize(
    ("metric", "shown"), [("gpu/0/memory_util", "50.0%"), ("gpu/0/util", "50.0%"), ("memory", "0.500")]
)
def test_a_share_of_memory_is_a_share_and_no_size(metric: str, shown: str) -> None:
    assert value(metric, 0.5) == shown
