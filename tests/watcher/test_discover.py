"""From a PATH to the files behind it, on real directories."""

from __future__ import annotations

import os

import pytest

from runwatch.core.errors import SourceError
from runwatch.watcher.sources import discover, kinds, search
from runwatch.watcher.sources.compressed import is_packed
from runwatch.watcher.sources.discover import find

from ..parsers import trackers


def write(path, text="step 1 loss 2.0\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_a_directory_is_searched_and_its_runs_are_named(tmp_path):
    a, b = write(tmp_path / "a" / "train.log"), write(tmp_path / "b" / "train.log")
    write(tmp_path / "a" / "notes.md")
    write(tmp_path / ".git" / "x.log")
    write(tmp_path / "empty.log", "")
    assert [(found.path, found.name) for found in find([str(tmp_path)])] == [(a, "a"), (b, "b")]


def test_what_runwatch_says_of_runs_is_no_run(tmp_path):
    log = write(tmp_path / "train.log")
    for name in ("daemon.log", "daemon.log.1", "state.db"):
        write(tmp_path / "state" / name)
    assert [found.path for found in find([str(tmp_path)])] == [log]


def test_ranks_share_one_name(tmp_path):
    paths = [write(tmp_path / "job7" / f"rank_{rank}.log") for rank in (0, 1, 2)]
    found = find([str(tmp_path)])
    assert [(each.path, each.name, each.member.rank) for each in found] == [
        (path, "job7", rank) for rank, path in enumerate(paths)
    ]
    assert len({each.member.group for each in found}) == 1


def test_known_files_are_not_looked_into_again(tmp_path, monkeypatch):
    known = {write(tmp_path / "exp1" / "train.log"), write(tmp_path / "exp2" / "train.log")}
    looked: list[str] = []
    monkeypatch.setattr(discover, "may_be_read", lambda path: not looked.append(path))
    assert find([str(tmp_path)], known=known) == []
    new = write(tmp_path / "exp3" / "train.log")
    assert {each.path for each in find([str(tmp_path)], known=known)} == {*known, new}
    assert looked == [new]


def test_files_that_a_person_names_are_kept_as_typed_and_grouped_too(tmp_path, monkeypatch):
    for rank in (0, 1):
        write(tmp_path / f"rank_{rank}.log")
    monkeypatch.chdir(tmp_path)
    found = find(["rank_1.log", "rank_0.log", "rank_1.log"])
    assert [(each.path, each.member.rank) for each in found] == [("rank_0.log", 0), ("rank_1.log", 1)]


def test_one_log_of_a_rank_alone_is_a_log(tmp_path):
    (found,) = find([write(tmp_path / "rank_3.log")])
    assert (found.name, found.member.group, found.member.rank) == (tmp_path.name, "", None)


def test_rotated_logs_and_old_states_repeat_what_others_say(tmp_path):
    write(tmp_path / "train.log.1")
    log = write(tmp_path / "train.log")
    assert [found.path for found in find([str(tmp_path)])] == [log]


def test_of_very_many_checkpoints_only_the_newest_are_searched(tmp_path):
    top = tmp_path / "run"
    for step in range(200):
        write(top / f"checkpoint-{step}" / "trainer_state.json", '{"global_step": 1}')
    write(top / "train.log")
    os.utime(top / "checkpoint-199" / "trainer_state.json", (2e9, 2e9))
    opened = []
    real = kinds.is_binary
    try:
        kinds.is_binary = lambda path: opened.append(path) or real(path)
        found = [each.path for each in find([str(tmp_path)])]
    finally:
        kinds.is_binary = real
    assert str(top / "checkpoint-199" / "trainer_state.json") in found
    assert str(top / "train.log") in found
    assert str(top) in found
    assert len(found) == 3
    assert len(opened) == 2


def test_the_console_copy_of_a_tracker_is_no_run_of_its_own(tmp_path):
    run = tmp_path / "wandb" / "run-20260101_000000-ab"
    write(run / "files" / "output.log")
    tracker = write(run / "run-ab.wandb", ":W&B")
    assert tracker in [found.path for found in find([str(tmp_path)])]
    assert len(find([str(tmp_path)])) == 1


def test_the_console_copy_is_no_run_before_the_trackers_own_file_is_there(tmp_path):
    run = tmp_path / "wandb" / "run-20260101_000000-ab"
    copy = write(run / "files" / "output.log")
    with pytest.raises(SourceError):
        find([str(tmp_path)])
    os.utime(run, (1e9, 1e9))  # it will not come any more
    assert [found.path for found in find([str(tmp_path)])] == [copy]


def test_a_text_without_a_run_does_not_hide_whose_a_tracker_is(tmp_path):
    write(tmp_path / "debug.log", "connecting\nconnected\n" * 100)
    log = write(tmp_path / "train.log", "".join(f"step {n}/50 loss: 2.{n}\n" for n in range(50)))
    metrics = write(tmp_path / "metrics.csv", "step,loss\n1,2.0\n")
    groups = {found.path: found.member.group for found in find([str(tmp_path)])}
    assert groups[metrics] == groups[log] == log


def test_checkpoints_belong_to_the_log_above_them(tmp_path):
    log = write(tmp_path / "job" / "train.log")
    write(tmp_path / "job" / "checkpoints" / "checkpoint-500" / "model.safetensors")
    write(tmp_path / "job" / "checkpoints" / "checkpoint-500" / "config.json", "{}")
    write(tmp_path / "job" / "config.yaml", "lr: 1\n")
    found = find([str(tmp_path)])
    assert {(each.path, each.member.kind) for each in found} == {
        (log, "log"),
        (str(tmp_path / "job" / "checkpoints"), "directory"),
        (str(tmp_path / "job"), "directory"),
    }
    assert {each.name for each in found} == {"job"}
    assert len({each.member.group for each in found}) == 1


def test_checkpoints_alone_are_a_run(tmp_path):
    write(tmp_path / "step_100.pt")
    write(tmp_path / "config.yaml", "lr: 1\n")
    (found,) = find([str(tmp_path)])
    assert (found.path, found.member.kind) == (str(tmp_path), "directory")


def test_a_configuration_alone_is_no_run(tmp_path):
    write(tmp_path / "config.yaml", "lr: 1\n")
    with pytest.raises(SourceError):
        find([str(tmp_path)])


def test_links_in_a_circle_and_closed_folders_are_survived(tmp_path):
    log = write(tmp_path / "a" / "train.log")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    (tmp_path / "dangling.log").symlink_to(tmp_path / "nowhere")
    try:
        assert [found.path for found in find([str(tmp_path)])] == [log]
    finally:
        closed.chmod(0o700)


def test_what_may_not_be_read_is_no_empty_directory(tmp_path, monkeypatch):
    def closed(path, *_, **__):
        raise PermissionError(13, "Permission denied", path)

    log = write(tmp_path / "train.log")
    with monkeypatch.context() as patch:
        patch.setattr(search.os, "scandir", closed)
        with pytest.raises(SourceError, match=f"cannot search: {tmp_path}: Permission denied"):
            find([str(tmp_path)])
    monkeypatch.setattr(kinds, "open", closed, raising=False)
    with pytest.raises(SourceError, match=f"cannot read: {log}: Permission denied"):
        find([str(tmp_path)])


def test_a_search_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "MAX_ENTRIES", 50)
    log = write(tmp_path / "train.log")
    for number in range(60):
        (tmp_path / "data" / f"{number}").mkdir(parents=True)
    write(tmp_path / "data" / "5" / "other.log")
    reported: list[str] = []
    assert [found.path for found in find([str(tmp_path)], note=reported.append)] == [log]
    assert reported == [f"the search ended after 50 entries, at {tmp_path}/data: name a directory"]
    with pytest.raises(SourceError, match="the search ended"):
        find([str(tmp_path / "data")])


def test_a_log_that_is_empty_yet_is_reported(tmp_path):
    (tmp_path / "train.log").touch()
    with pytest.raises(SourceError, match=r"is still empty\Z"):
        find([str(tmp_path)])


def test_where_everything_lies_nothing_is_meant(tmp_path, monkeypatch):
    for module in (search, discover):
        monkeypatch.setattr(module, "MAX_ENTRIES", 50)
    monkeypatch.setattr(discover, "MAX_AMONG", 20)
    for number in range(60):
        write(tmp_path / "some" / f"{number // 30}" / f"{number}.txt")
    reported = "too much to search: .*: the first 50 entries hold 30 texts: name the directory"
    with pytest.raises(SourceError, match=reported):
        find([str(tmp_path)])
    assert len(find([str(tmp_path / "some" / "1")])) == 30


def test_a_directory_full_of_data_does_not_end_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "MAX_HERE", 20)
    for number in range(30):
        write(tmp_path / "data" / f"{number}.npy")
    log = write(tmp_path / "runs" / "a" / "train.log")
    reported: list[str] = []
    assert [found.path for found in find([str(tmp_path)], note=reported.append)] == [log]
    assert reported == [f"{tmp_path}/data contains more than 20 entries: the others are skipped"]


@pytest.mark.parametrize(("bound", "what"), [("MAX_SOURCES", "files of runs"), ("MAX_RUNS", "runs")])
def test_of_very_many_files_the_newest_are_read(tmp_path, monkeypatch, bound, what):
    monkeypatch.setattr(discover, bound, 2)
    logs = [write(tmp_path / f"{name}.log") for name in "abc"]
    for age, path in enumerate(logs):
        os.utime(path, (1e9 - age, 1e9 - age))
    reported: list[str] = []
    assert [found.path for found in find([str(tmp_path)], note=reported.append)] == logs[:2]
    assert reported == [f"{tmp_path} contains more than 2 {what}: only the newest are read"]


@pytest.mark.parametrize("what", ["missing.log", "empty", "*.log"])
def test_nothing_there_is_an_error_unless_one_waits(tmp_path, what):
    (tmp_path / "empty").mkdir()
    path = os.path.join(tmp_path, what)
    with pytest.raises(SourceError):
        find([path])
    assert [found.path for found in find([path], wait=True)] == ([path] if what == "missing.log" else [])


def test_bars_that_go_back_and_holes_are_text(tmp_path):
    bar = " 1/10 [==>...........................] - ETA: 0s - loss: 0.6250"
    assert not kinds.is_binary(write(tmp_path / "train.out", "Epoch 1/100\n" + (bar + "\b" * 60 + "\r") * 50))
    holes = "Loaded: 0.1 seconds\n" + "\0" * 2000 + " 5: 1957.1, 1957.4 avg loss\n"
    assert not kinds.is_binary(write(tmp_path / "sparse.log", holes))
    assert kinds.is_binary(write(tmp_path / "odd.bin", "\1\2\3\4loss\b" * 500))


def orbax(top, step):
    """A checkpoint as Orbax's manager leaves it: a directory named by a bare number."""
    for name in ("_CHECKPOINT_METADATA", "commit_success.txt", "default/_METADATA", "default/manifest.ocdbt"):
        write(top / str(step) / name, "{}")


@pytest.mark.parametrize("steps", [range(1, 4), range(0, 20_000, 100)])
def test_directories_of_bare_numbers_that_hold_checkpoints_are_found(tmp_path, steps):
    log, saved = write(tmp_path / "train.log"), tmp_path / "checkpoints"
    for step in steps:
        orbax(saved, step)
    assert [found.path for found in find([str(tmp_path)])] == [log, str(saved)]


def test_directories_of_bare_numbers_with_logs_of_many_ranks_are_all_searched(tmp_path):
    paths = {write(tmp_path / "none_ab" / "attempt_0" / str(rank) / "stdout.log") for rank in range(100)}
    assert {found.path for found in find([str(tmp_path)])} == paths


@pytest.mark.parametrize(
    "name",
    [
        "latest_checkpointed_iteration.txt",
        "requirements.txt",
        "merges.txt",
        "README.txt",
        "a/commit_success.txt",
    ],
)
def test_texts_that_lie_next_to_code_and_checkpoints_are_no_logs(tmp_path, name):
    log = write(tmp_path / "train.txt")
    named = write(tmp_path / name)
    assert [found.path for found in find([str(tmp_path)])] == [log]
    assert [found.path for found in find([named])] == [named], "a person who names it means it"


@pytest.mark.parametrize("end", ["", "/"])
def test_the_link_to_the_latest_wandb_run_leads_to_its_file_alone(tmp_path, end):
    run = tmp_path / "wandb" / "offline-run-20260101_000000-ab12cd34"
    file = write(run / "run-ab12cd34.wandb", "")
    (run / "run-ab12cd34.wandb").write_bytes(trackers.wandb_log(2))
    write(run / "files" / "output.log")
    write(run / "logs" / "debug.log")
    latest = tmp_path / "wandb" / "latest-run"
    latest.symlink_to(run.name)
    assert [(found.path, found.name) for found in find([f"{latest}{end}"])] == [(file, tmp_path.name)]


def test_event_files_are_called_by_their_directory(tmp_path):
    path = tmp_path / "runs" / "Jan01_host" / "events.out.tfevents.1.host.7.0"
    path.parent.mkdir(parents=True)
    path.write_bytes(trackers.event_file(2))
    assert [found.name for found in find([str(tmp_path)])] == ["Jan01_host"]
    assert [found.name for found in find([str(path)])] == ["Jan01_host"]


def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path):
    """It may take a log's place between the look at it and its opening."""
    os.mkfifo(tmp_path / "train.log")
    with pytest.raises(SourceError, match=r"train\.log is no regular file: pipe it into `runwatch tail -`"):
        discover.find([str(tmp_path)])
    assert not kinds.is_binary(str(tmp_path / "train.log"))
    assert not is_packed(str(tmp_path / "train.log"))


def test_what_is_next_to_several_logs_is_of_the_one_that_names_it(tmp_path):
    for number in (1, 2):
        name = f"offline-run-2026010{number}_000000-abc{number}"
        (tmp_path / "wandb" / name).mkdir(parents=True)
        (tmp_path / "wandb" / name / f"run-abc{number}.wandb").write_bytes(trackers.wandb_log(2))
        saves = tmp_path / "out" / f"{'ab'[number - 1]}_checkpoints"
        saves.mkdir(parents=True)
        (saves / "model_000010.pt").write_bytes(b"PK\x03\x04")
        steps = "".join(f"step {i} loss {2 - i / 40:.4f}\n" for i in range(40))
        log = f"wandb: Run data is saved locally in wandb/{name}\n{steps}Saved to out/{saves.name}/model_000010.pt\n"
        (tmp_path / f"{'ab'[number - 1]}.log").write_text(log)
    groups: dict[str, set[str]] = {}
    for found in find([str(tmp_path)]):
        groups.setdefault(found.member.group, set()).add(os.path.relpath(found.path, tmp_path))
    wandb = "wandb/offline-run-2026010{0}_000000-abc{0}/run-abc{0}.wandb"
    assert sorted(map(sorted, groups.values())) == [
        ["a.log", "out/a_checkpoints", wandb.format(1)],
        ["b.log", "out/b_checkpoints", wandb.format(2)],
    ]


def test_a_word_that_a_log_happens_to_say_gives_it_no_metrics(tmp_path):
    steps = "".join(f"step {i} loss {2 - i / 40:.4f}\n" for i in range(40))
    write(tmp_path / "exp" / "a.log", "metrics are kept\n" + steps)
    write(tmp_path / "exp" / "b.log", steps)
    rows = "".join(f"{i},{2 - i / 40},0.5\n" for i in range(40))
    write(tmp_path / "exp" / "metrics" / "metrics.csv", "step,loss,accuracy\n" + rows)
    assert [os.path.basename(found.path) for found in find([str(tmp_path)])] == ["a.log", "b.log"]
