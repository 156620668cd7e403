"""`runwatch formats`: what is known, and what a log was found to be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runwatch.parsers.formats import builtin

from ..parsers.logs import hf, nanochat
from ..parsers.structured import metrics_csv, trainer_log, trainer_state
from .command import called, runwatch

LEARNT = b"".join(b"upd %d xloss %.3f acc 0.5\nnote\n" % (i, 9 / (i + 1)) for i in range(30))


def reported(tmp_path: Path, data: bytes, name: str = "x.log") -> dict:
    """Return the JSON of what a log is."""
    (tmp_path / name).write_bytes(data)
    done = called("formats", name, "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = json.loads(done.stdout)["files"]
    return file


def taken(file: dict, number: int = 0) -> dict[str, tuple]:
    """Return {name: (value, unit, printed, text)} of one kind of record."""
    return {
        field["name"]: (field["value"], field["unit"], field["printed"], field["text"])
        for field in file["records"][number]["fields"]
    }


def test_the_list_has_every_format_with_a_line(tmp_path):
    shown = called("formats", cwd=tmp_path).stdout
    for known in builtin():
        assert f"{known.name:22} {known.title}\n    {known.example.expandtabs(4)[:10]}"[:40] in shown
    rows = json.loads(called("formats", "--json", cwd=tmp_path).stdout)["formats"]
    assert [row["name"] for row in rows] == [known.name for known in builtin()]
    assert rows[0].keys() == {"name", "title", "example", "origin"}
    assert {row["origin"] for row in rows} == {"runwatch"}


def test_the_list_has_the_formats_of_the_configuration(tmp_path):
    (tmp_path / "own.toml").write_text('[[formats]]\nname = "mine"\ntrain = "<{step}> {loss}"\n')
    done = called("formats", "--config", "own.toml", cwd=tmp_path)
    assert "mine" in done.stdout.splitlines()[0]
    assert "(from runwatch.toml)" in done.stdout.splitlines()[0]


def test_a_log_of_lines(tmp_path):
    file = reported(tmp_path, nanochat(300, seed=11, noise=0.05))
    assert (file["format"], file["certainty"]["words"]) == ("nanochat", "sure")
    assert file["certainty"]["value"] > 0.99
    assert "300 records of training read" in file["certainty"]["reasons"]
    assert "the step goes from 0 to 299" in file["certainty"]["reasons"]
    first = file["evidence"][0]
    assert first["text"].startswith("step 00000/00300 ")
    kinds = {record["kind"]: record["count"] for record in file["records"]}
    assert kinds == {"train": 300, "eval": 2}
    fields = taken(file)
    step_time = fields["perf/step_time"]
    assert step_time[1:3] == ("s", "dt")
    assert step_time[0] == float(step_time[3].removesuffix("ms")) / 1000
    assert fields["step"] == (299, None, "step", "00299")
    assert fields["perf/mfu"][1:3] == ("fraction", "bf16_mfu")
    assert fields["perf/tokens_per_sec"][1] == "tokens/s"
    assert file["lines"] > file["understood_lines"] > 302


def test_dicts_among_bars(tmp_path):
    file = reported(tmp_path, hf(20))
    assert file["format"] == "hf-trainer"
    assert {record["kind"] for record in file["records"]} == {"train", "eval", "bar"}
    assert taken(file)["train/loss"] == (0.2, None, "loss", "0.2")
    assert taken(file)["train/learning_rate"][2] == "learning_rate"
    assert file["events"]["finished"] == 1


def test_bars_with_metrics(tmp_path):
    bars = b"".join(
        b"\rEpoch 0:  %d%%|##5   | %d/20 [00:10<00:30,  2.00s/it, loss=%.3f, v_num=7]" % (5 * n, n, 9 / n)
        for n in range(1, 21)
    )
    file = reported(tmp_path, bars + b"\n")
    assert (file["format"], file["certainty"]["words"]) == ("progress-bar", "fairly sure")
    (line,) = file["records"][0]["sample"]
    assert (line["line"], line["text"][:7]) == (1, "Epoch 0")
    assert taken(file)["train/loss"] == (0.45, None, "loss", "0.450")
    assert taken(file)["perf/step_time"] == (2.0, "s", "perf/step_time", "2.00s/it")


def test_a_table_of_boxes(tmp_path):
    rule = b"-" * 37 + b"\n"
    box = b"| time/              |      |\n|    total_timesteps | %d |\n| train/  |   |\n|    loss | %.3f |\n"
    file = reported(tmp_path, b"".join(rule + box % (n * 2048, 9 / n) + rule for n in range(1, 9)))
    assert file["format"] == "stable-baselines3"
    assert taken(file)["train/loss"] == (1.125, None, "train/loss", "1.125")
    shown = [line["text"] for line in file["records"][0]["sample"]]
    assert shown == ["|    total_timesteps | 16384 |", "|    loss | 1.125 |"]


def test_json_lines(tmp_path):
    file = reported(tmp_path, trainer_log(100))
    assert file["format"] == "llamafactory-jsonl"
    assert taken(file)["step"][0] == 1000
    assert taken(file)["train/learning_rate"][2] == "lr"


def test_a_csv(tmp_path):
    file = reported(tmp_path, metrics_csv(100), "metrics.csv")
    assert file["format"] == "lightning-metrics-csv"
    assert taken(file)["step"] == (4999, None, "step", "4999")


@pytest.mark.parametrize("indent", [None, 2])
def test_a_document(tmp_path, indent):
    file = reported(tmp_path, trainer_state(20, indent=indent), "trainer_state.json")
    assert file["format"] == "trainer-state"
    assert taken(file)["train/loss"] == (0.2, None, "loss", "0.2")
    assert file["understood_lines"] == file["lines"]


def test_a_learnt_format(tmp_path):
    file = reported(tmp_path, LEARNT)
    assert file["format"] == "learned"
    assert file["certainty"]["value"] == pytest.approx(0.85 * 40 / 41)  # nobody says what an `upd` is
    assert "learned from this log with a certainty of 85%" in file["certainty"]["reasons"]
    assert taken(file)["train/loss"] == (0.3, None, "xloss", "0.300")
    assert (file["lines"], file["understood_lines"]) == (60, 30)


def test_utf_16(tmp_path):
    file = reported(tmp_path, nanochat(30).decode("utf-8", "replace").encode("utf-16"))
    assert file["format"] == "nanochat"
    assert file["evidence"][0]["text"].startswith("step 00000/00030")


def test_two_formats_in_one_file(tmp_path):
    file = reported(tmp_path, nanochat(30) + b"\r\x1b[KRank 7 | 0/3 (0.00%)\n" * 3 + hf(5, bars=False))
    assert [(r["kind"], r["pattern"], r["count"]) for r in file["records"]][:2] == [
        ("train", "pretrain", 30),
        ("rank", "rank", 3),
    ]
    assert file["records"][1]["sample"][0]["text"] == "Rank 7 | 0/3 (0.00%)"


def test_lines_that_were_not_read_make_it_less_sure(tmp_path):
    strange = b"other 5 | it 5 loss 2.5\n"
    sure = reported(tmp_path, nanochat(30, noise=0))["certainty"]
    less = reported(tmp_path, nanochat(30, noise=0) + strange * 30)["certainty"]
    assert less["value"] < sure["value"]
    assert any("30 lines not read" in reason for reason in less["reasons"])


def test_a_step_that_falls_makes_it_less_sure(tmp_path):
    lines = nanochat(40, noise=0).splitlines(keepends=True)
    sure = reported(tmp_path, b"".join(lines))["certainty"]
    less = reported(tmp_path, b"".join(lines[20:40] + lines[:20]))["certainty"]
    assert less["value"] < sure["value"]
    assert "the step goes back once: restarts, or no step" in less["reasons"]


def test_text_for_people(tmp_path):
    (tmp_path / "x.log").write_bytes(LEARNT)
    lines = called("formats", "x.log", cwd=tmp_path).stdout.splitlines()
    assert lines[:4] == [
        "x.log: learned (learned from this log)",
        "  fairly sure (82.9%): 30 records of training read; the step goes from 0 to 29; "
        "learned from this log with a certainty of 85%; 30 records may be too few",
        "  50% of 60 lines understood",
        "  lines that decided it:",
    ]
    assert "         1 | upd 0 xloss 9.000 acc 0.5" in lines
    assert "      train/loss                   = 0.3                    from xloss 0.300" in lines
    assert '    train = "upd {step} xloss {xloss} acc {acc}"' in lines


def test_the_section_it_proposes_reads_the_same(tmp_path):
    (tmp_path / "x.log").write_bytes(nanochat(30, seed=1, noise=0.1))
    before = json.loads(called("check", "x.log", "--json", "--fail-on", "never", cwd=tmp_path).stdout)
    file = reported(tmp_path, (tmp_path / "x.log").read_bytes())
    (tmp_path / "runwatch.toml").write_text(file["template"])
    after = json.loads(called("check", "x.log", "--json", "--fail-on", "never", cwd=tmp_path).stdout)
    (known,), (own,) = before["runs"], after["runs"]
    assert own["format"] == "mine"
    assert own["steps"]["last"] == known["steps"]["last"] == 29
    for name in ("train/loss", "perf/step_time", "perf/mfu", "perf/tokens_per_sec"):
        assert own["metrics"][name]["last"] == known["metrics"][name]["last"], name
    again = json.loads(called("formats", "x.log", "--json", cwd=tmp_path).stdout)["files"][0]
    assert "as you described it in runwatch.toml" in again["certainty"]["reasons"]
    assert again["template"] is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "nothing to read: x.log: the file is empty"),
        (b"# Title\n\nSome words about a loss of 5 %.\n" * 9, "no training steps recognized: x.log: 27 lines read; if"),
        (b"Traceback (most recent call last):\n  File x\nValueError: no\n", "3 lines read, among them traceback x 1;"),
        (b"\r 50%|##  | 5/10 [00:01<00:01,  4.2it/s]\n" * 3, "among them 3 pictures of progress bars;"),
        (bytes(range(256)) * 40, "a binary file"),
    ],
)  # fmt: skip
def test_what_is_no_log_is_declined_in_a_line(tmp_path, data, said):
    (tmp_path / "x.log").write_bytes(data)
    for options in ([], ["--json"]):
        done = called("formats", "x.log", *options, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
        assert done.stderr.startswith("runwatch: ")
        assert said in done.stderr


def test_a_directory_with_one_log_that_is_none(tmp_path):
    (tmp_path / "a.log").write_bytes(b"Hello\n")
    (tmp_path / "b.log").write_bytes(nanochat(5))
    done = called("formats", ".", cwd=tmp_path)
    assert done.returncode == 0
    assert "b.log: nanochat" in done.stdout
    assert "no training steps recognized: ./a.log" in done.stderr


def test_no_permission(tmp_path):
    path = tmp_path / "secret.log"
    path.write_text("x")
    path.chmod(0)
    somebody = {"user": 65534} if os.geteuid() == 0 else {}
    try:
        done = runwatch("formats", path, **somebody)
    except PermissionError:
        pytest.skip("nobody may not run this Python")
    assert done.returncode == 3
    assert "ermission" in done.stderr


def test_hostile_text_does_not_reach_the_terminal(tmp_path):
    evil = b"\x1b]0;owned\x07\x1b[2J\x9b31m\xe2\x80\xae"
    lines = [
        b"upd %d %sloss %.3f \x1b[31mname%s: 0.5%s\n" % (i, evil, 9 / (i + 1), evil, evil) for i in range(30)
    ]
    path = tmp_path / "a\x1b[2Jb.log"
    path.write_bytes(b"".join(lines))
    (tmp_path / "runwatch.toml").write_text(
        '[[formats]]\nname = "ev\\u001b[2Jil"\ntrain = "\\u001b[31m {loss}"\n'
    )
    for arguments in (["formats", path], ["formats"]):
        done = called(*arguments, cwd=tmp_path)
        assert done.returncode == 0
        assert all(c.isprintable() or c == "\n" for c in done.stdout + done.stderr), done.stdout
