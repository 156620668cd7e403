"""What a look at a directory survives: old, many, unseen, vanishing and hostile files."""

from __future__ import annotations

import io
import os
import shutil
import zipfile

from runwatch.core.checkpoint import Checkpoints, State
from runwatch.watcher.checkpoints import directory as source_module
from runwatch.watcher.checkpoints.directory import CheckpointSource
from tests.checkpoints.made import archive, family, put

from .watched import NOW, OLD, Watched, hf, only


def test_nothing_is_said_twice(tmp_path):
    family(tmp_path, 250, OLD)
    watched = Watched(tmp_path)
    assert len(watched.look().changes) == 1
    assert [watched.look(5).changes for _ in range(40)] == [()] * 40


def test_an_old_one_that_changes_is_noticed_in_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "AGAIN", 4)
    for step in range(100, 5000, 100):
        put(tmp_path / f"ckpt_step{step}.pt", archive(), now=OLD + step)
    watched = Watched(tmp_path)
    watched.look()
    watched.look(60)
    path = tmp_path / "ckpt_step300.pt"
    path.write_bytes(archive()[:500])
    os.utime(path, (NOW, NOW))
    for _ in range(20):
        watched.look(10)
    assert watched[300].state is State.DAMAGED


def test_files_are_opened_newest_first_and_a_few_per_look(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "OPENED", 5)
    for step in range(100, 2100, 100):
        put(tmp_path / f"ckpt_step{step}.pt", archive(), now=OLD + step)
    put(tmp_path / "ckpt_step2100.pt", archive()[:900], now=OLD + 2100)
    put(tmp_path / "ckpt_step100.pt", archive()[:900], now=OLD + 100)
    watched = Watched(tmp_path)
    assert watched.look().unchecked == 16
    assert (watched[2100].state, watched[100].state) == (State.DAMAGED, State.COMPLETE)
    assert (watched.known.last_good().step, watched.known.last_good().checked) == (2000, True)
    while watched.look(1).unchecked:
        pass
    assert watched[100].state is State.DAMAGED
    assert all(c.checked for c in watched.known)


def test_a_checkpoint_of_many_files_uses_up_a_look(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "OPENED", 4)
    for step in (100, 200, 300):
        family(tmp_path, step, OLD + step)
    watched = Watched(tmp_path)
    assert [watched.look(1).unchecked for _ in range(3)] == [2, 1, 0]


def add_unseen(top, name):
    """Add a file without a change of the directory's time, as in the same tick of a coarse clock."""
    before = os.stat(top)
    put(top / name, archive(), now=OLD)
    os.utime(top, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_file_added_in_the_same_tick_is_found_at_once_if_the_listing_was_as_fresh(tmp_path):
    put(tmp_path / "ckpt_step100.pt", archive(), now=OLD)
    os.utime(tmp_path, (NOW, NOW))
    watched = Watched(tmp_path)
    watched.look(1)
    add_unseen(tmp_path, "ckpt_step200.pt")
    watched.look(1)
    assert sorted(watched.states) == [100, 200]


def test_a_directory_whose_time_shows_nothing_is_listed_now_and_then(tmp_path):
    put(tmp_path / "ckpt_step100.pt", archive(), now=OLD)
    os.utime(tmp_path, (OLD, OLD))
    watched = Watched(tmp_path)
    watched.look(1)
    add_unseen(tmp_path, "ckpt_step200.pt")
    watched.look(1)
    assert sorted(watched.states) == [100]
    for _ in range(20):
        watched.look(1)
    assert sorted(watched.states) == [100, 200]


def test_an_unmounted_directory_deletes_nothing(tmp_path, monkeypatch):
    family(tmp_path, 250, OLD)
    watched = Watched(tmp_path)
    watched.look()
    real = os.stat
    elsewhere = real("/proc")

    def stat(path):
        return elsewhere if path == str(tmp_path) else real(path)

    monkeypatch.setattr(source_module.os, "stat", stat)
    monkeypatch.setattr(source_module.files, "listing", lambda path: source_module.files.Listing())
    look = watched.look(5)
    assert (look.problem, look.changes) == ("another file system is there now", ())
    monkeypatch.undo()
    monkeypatch.setattr(source_module.os, "stat", stat)  # mounted again, under another number
    assert watched.look(5).problem == ""
    assert watched.states == {250: "complete"}


def test_links_that_lead_in_circles_or_nowhere_are_survived(tmp_path):
    here = hf(tmp_path, 500, OLD)
    (here / "loop").symlink_to(tmp_path)
    (tmp_path / "checkpoint-600").symlink_to(tmp_path / "checkpoint-600")
    (tmp_path / "best.ckpt").symlink_to(tmp_path / "gone.ckpt")
    (tmp_path / "latest").symlink_to(here)
    found = only(tmp_path)
    assert (found.step, found.state, found.files) == (500, State.COMPLETE, 3)


def test_what_cannot_be_read_is_neither_good_nor_bad(tmp_path, monkeypatch):
    hf(tmp_path, 500, OLD)
    real = os.scandir

    def refuse(path="."):
        if str(path).endswith("checkpoint-500"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = only(tmp_path)
    assert (found.state, found.reason) == (State.UNKNOWN, "cannot be read: Permission denied")


def test_a_directory_that_cannot_be_seen_deletes_nothing(tmp_path, monkeypatch):
    family(tmp_path, 250, OLD)
    watched = Watched(tmp_path)
    watched.look()

    def stale(path):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(source_module.os, "stat", stale)
    look = watched.look(5)
    assert (look.problem, look.changes, look.present) == ("Stale file handle", (), 1)
    monkeypatch.undo()
    assert watched.look(5).problem == ""
    assert watched.states == {250: "complete"}


def test_a_directory_that_is_not_there_yet_and_then_is(tmp_path):
    watched = Watched(tmp_path / "out")
    assert "No such file" in watched.look().problem
    family(tmp_path / "out", 250, NOW)
    watched.look(60)
    assert watched.states == {250: "complete"}
    shutil.rmtree(tmp_path / "out")
    watched.look(1)
    assert watched.states == {250: "deleted"}


def test_a_file_that_vanishes_between_listing_and_stat(tmp_path, monkeypatch):
    family(tmp_path, 250, OLD)
    family(tmp_path, 500, OLD + 1)
    grouped = source_module.grouped

    def late(*args):
        groups = grouped(*args)
        for path in tmp_path.glob("*_000500*"):
            path.unlink()
        return groups

    monkeypatch.setattr(source_module, "grouped", late)
    watched = Watched(tmp_path)
    watched.look()
    assert watched.states == {250: "complete"}
    watched.look(60)
    assert watched.states == {250: "complete"}


def test_hostile_names_are_made_safe(tmp_path):
    put(tmp_path / "ckpt_\x1b[31m_step100.pt", archive(), now=OLD)
    put(tmp_path / os.fsdecode(b"ckpt_\xff_step200.pt"), archive(), now=OLD)
    watched = Watched(tmp_path)
    watched.look()
    assert sorted(watched.states) == [100, 200]
    assert all("\x1b" not in c.path + c.id and c.path.isprintable() for c in watched.known)


def test_nothing_of_a_checkpoint_is_run(tmp_path):
    """To unpickle is to run what a file says: these would write a mark."""
    mark = tmp_path / "mark"
    evil = b"cbuiltins\nopen\n(V" + str(mark).encode() + b"\nVw\ntR."
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archived:
        archived.writestr("archive/data.pkl", evil)
        archived.writestr("archive/version", "3\n")
    place = tmp_path / "saves"
    for step, name in enumerate(
        ("model.pt", "pytorch_model.bin", "optimizer.pt", "training_args.bin", "state.pkl")
    ):
        put(place / f"checkpoint-{step}0" / name, (packed.getvalue(), evil)[step % 2], now=OLD)
        put(place / f"ckpt_step{step}1.pt", (evil, packed.getvalue())[step % 2], now=OLD)
    put(place / "step-600" / "__0_0.distcp", packed.getvalue(), now=OLD)
    put(place / "step-600" / ".metadata", evil, now=OLD)
    watched = Watched(place)
    watched.look()
    assert len(watched.states) >= 6
    assert not mark.exists()


def test_a_first_look_may_be_at_the_newest_alone(tmp_path):
    """What a wider look finds then was there before; what was deleted in between is known to be."""
    for step in range(1, 9):
        put(tmp_path / f"ckpt_step{step}.pt", archive(), now=OLD)
    source, known = CheckpointSource(str(tmp_path), most=3), Checkpoints()
    first = source.look(OLD + 60)
    assert (sorted(c.step for c in first.changes), first.left_out) == ([6, 7, 8], 5)
    (tmp_path / "ckpt_step8.pt").unlink()
    source.widen()
    known.fold(first)
    known.fold(source.look(OLD + 61))
    whole = {c.step: c for c in CheckpointSource(str(tmp_path)).look(OLD + 61).changes}
    assert {c.step: c for c in known if c.step < 8} == whole
    assert [c.state for c in known if c.step == 8] == [State.DELETED]


def test_more_than_can_be_kept_keeps_the_newest(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "MAX_KNOWN", 5)
    for step in range(1, 9):
        put(tmp_path / f"ckpt_step{step}.pt", archive(), now=OLD)
    watched = Watched(tmp_path)
    look = watched.look()
    assert (look.present, look.left_out) == (5, 3)
    assert sorted(watched.states) == [4, 5, 6, 7, 8]
