"""Checkpoints written by torch, safetensors, transformers and Lightning themselves; run by `make test-real`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runwatch.core.checkpoint import Checkpoint, Checkpoints, State
from runwatch.watcher.checkpoints.directory import CheckpointSource
from runwatch.watcher.sources.sidecars import SidecarSource

pytestmark = pytest.mark.real

SCRIPTS = Path(__file__).parent / "scripts"
LATER = 3600.0


def command(script: str, *arguments: object, ranks: int = 0) -> list[str]:
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"] if ranks else []
    return [sys.executable, *launch, str(SCRIPTS / script), *map(str, arguments)]


def run(script: str, *arguments: object, ranks: int = 0) -> None:
    subprocess.run(command(script, *arguments, ranks=ranks), check=True, timeout=300)


def seen(top: Path, later: float = LATER) -> dict[int | None, Checkpoint]:
    """What a first look, `later` seconds after the newest file, says of each step."""
    newest = max(path.stat().st_mtime for path in top.rglob("*"))
    look = CheckpointSource(str(top)).look(newest + later)
    assert look.unchecked == 0
    return {c.step: c for c in look.changes}


def cut(path: Path, share: float = 0.6) -> None:
    status = path.stat()
    os.truncate(path, int(status.st_size * share))
    os.utime(path, (status.st_atime, status.st_mtime))


@pytest.fixture(scope="module")
def saved_by_ranks(tmp_path_factory):
    """Three steps of nanochat's files and of DCP's from four ranks; rank 3 failed to save at the last step."""
    top = tmp_path_factory.mktemp("ranks")
    run("ranks.py", top, 3, 3, ranks=4)
    return top


def test_single_files_are_whole_and_cut_ones_are_not(tmp_path):
    run("files.py", tmp_path)
    whole = seen(tmp_path)
    assert {c.step: (c.kind, c.state) for c in whole.values()} == {
        100: ("torch", State.COMPLETE),
        200: ("torch", State.COMPLETE),
        300: ("safetensors", State.COMPLETE),
    }
    assert "cannot be checked" in whole[200].reason
    for path in tmp_path.iterdir():
        cut(path, 0.98)
    states = {step: c.state for step, c in seen(tmp_path).items()}
    assert states == {
        100: State.DAMAGED,
        200: State.COMPLETE,
        300: State.DAMAGED,
    }  # the old format cannot tell
    assert seen(tmp_path, later=1)[100].state is State.WRITING


def test_a_rank_whose_shard_is_missing(saved_by_ranks):
    found = seen(saved_by_ranks / "d4")
    assert {step: c.state for step, c in found.items()} == {
        100: State.COMPLETE,
        200: State.COMPLETE,
        300: State.INCOMPLETE,
    }
    assert (found[300].ranks, found[300].ranks_expected) == (3, 4)
    assert found[300].missing == ("optim of rank 3",)
    assert found[200].metrics == {"val/bpb": 0.5}
    assert all(c.kind == "nanochat" for c in found.values())


def test_dcp_shards_of_four_ranks(saved_by_ranks, tmp_path):
    top = saved_by_ranks / "dcp"
    found = seen(top)
    assert {c.state for c in found.values()} == {State.COMPLETE}
    assert (found[100].kind, found[100].ranks) == ("dcp", 4)
    cut(top / "step-100" / "__2_0.distcp", 0.99)
    (top / "step-200" / "__1_0.distcp").unlink()
    (top / "step-300" / ".metadata").unlink()
    found = seen(top)
    assert (found[100].state, found[200].state, found[300].state) == (
        State.DAMAGED,
        State.INCOMPLETE,
        State.INCOMPLETE,
    )
    assert "__2_0.distcp stops short" in found[100].reason
    assert found[200].missing == ("__1_0.distcp",)
    assert ".metadata" in found[300].missing


def test_a_write_in_progress_is_told_from_a_cut_file(tmp_path):
    path = tmp_path / "ckpt_step100.pt"
    writer = subprocess.Popen(command("stopping.py", path))
    try:
        _, status = os.waitpid(writer.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        began = path.stat().st_mtime
        source, known = CheckpointSource(str(tmp_path)), Checkpoints()

        def state(now: float) -> State:
            known.fold(source.look(now))
            (found,) = known
            return found.state

        assert state(began + 1) is State.WRITING
        assert state(began + 20) is State.WRITING
        assert state(began + 60) is State.DAMAGED  # nothing tells a writer that rests from one that died
        os.kill(writer.pid, signal.SIGCONT)
        assert writer.wait(60) == 0
        assert state(began + 61) is State.COMPLETE
    finally:
        if writer.poll() is None:
            writer.kill()
            writer.wait()
    path.unlink()
    assert state(began + 62) is State.DELETED


def followed(script: str, top: Path, where: Path) -> Checkpoints:
    """Run a training and look all the while; return what is known at its end."""
    source, known = CheckpointSource(str(where)), Checkpoints()
    trainer = subprocess.Popen(command(script, top), stdout=subprocess.DEVNULL)
    clock = 1.0
    while trainer.poll() is None:
        try:
            trainer.wait(0.05)
        except subprocess.TimeoutExpired:
            known.fold(source.look(newest(where)))
    assert trainer.returncode == 0
    end = newest(where)
    for _ in range(3):
        clock += LATER
        known.fold(source.look(end + clock))
    return known


def newest(where: Path) -> float:
    """The clock of these looks: the time of the newest file, or of the directory."""
    times = [0.0]
    for path in [where, *where.rglob("*")]:
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(times)


def same(live: Checkpoints, where: Path) -> None:
    """What was followed and what is seen afterwards agree on everything but the beginning of a write."""

    def facts(checkpoint: Checkpoint) -> tuple[object, ...]:
        c = checkpoint
        return (
            c.id,
            c.path,
            c.kind,
            c.state,
            c.reason,
            c.step,
            c.epoch,
            c.bytes,
            c.files,
            c.written,
            c.metrics,
        )

    after = CheckpointSource(str(where)).look(newest(where) + LATER)
    present = [c for c in live if c.state is not State.DELETED]
    assert sorted(map(facts, present), key=str) == sorted(map(facts, after.changes), key=str)


def test_a_trainer_that_rotates_its_checkpoints(tmp_path):
    known = followed("trainer.py", tmp_path, tmp_path)
    states = {c.step: c.state for c in known}
    assert (states[8], states[10]) == (State.COMPLETE, State.COMPLETE)
    assert all(state is State.DELETED for step, state in states.items() if step < 8)
    assert known.summary().last_good.step == 10
    assert {c.kind for c in known} == {"hf"}
    same(known, tmp_path)
    look = SidecarSource(str(tmp_path / "checkpoint-10")).look()
    (table,) = [t for t in look.batches["trainer_state.json"].tables if "train/loss" in t.names]
    assert list(table.column("step")) == list(range(1, 11))
    assert look.facts["trainer_state.json"]["max_steps"] == "10"
    cut(tmp_path / "checkpoint-10" / "model.safetensors")
    assert seen(tmp_path)[10].state is State.DAMAGED
    assert seen(tmp_path)[8].state is State.COMPLETE


def test_lightning_checkpoints_with_metrics_in_their_names(tmp_path):
    where = tmp_path / "lightning_logs" / "version_0" / "checkpoints"
    known = followed("lightning_run.py", tmp_path, where)
    placed = [c for c in known if c.step is not None]
    assert [(c.step, c.epoch) for c in placed] == [(8, 0), (16, 0), (24, 1), (32, 1)]
    assert all(c.state is State.COMPLETE and c.kind == "lightning" and c.checked for c in known)
    assert all("train/loss" in c.metrics for c in placed)
    assert "last.ckpt" in {os.path.basename(c.path) for c in known}
    assert known.summary().interval == 8
    same(known, where)
    facts = SidecarSource(str(where.parent)).look().facts["hparams.yaml"]
    assert facts == {"width": "8", "hub_token": "(not shown)"}
