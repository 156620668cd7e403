"""Checkpoints come from the disk where it can be seen, from the log where not, and each once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.checkpoint import Checkpoint, Look, State
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.checkpoint_view import rows
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.sources.member import Member
from runwatch.watcher.sources.sidecar_facts import SidecarFacts

NOW = 1_700_000_000.0
EPOCH = 20
"""Steps of an epoch."""


class Name:
    """How a program names its checkpoints, and what it prints of each."""

    def __init__(self, path, *lines, kind="torch", epochs=False):
        self.path, self.lines, self.kind, self.epochs = path, lines, kind, epochs

    def at(self, step, top=""):
        return top + self.path.format(step=step, epoch=step // EPOCH)

    def said(self, step, variant, top=""):
        """One save in the words of a variant: one of its lines, or all."""
        lines = (
            self.lines
            if variant % (len(self.lines) + 1) == len(self.lines)
            else [self.lines[variant % (len(self.lines) + 1)]]
        )
        return "".join(
            line.format(path=self.at(step, top), step=step, epoch=step // EPOCH) + "\n" for line in lines
        )

    def seen(self, step, state=State.COMPLETE):
        named = {"epoch": step // EPOCH} if self.epochs else {"step": step}
        path = "/data/run/" + self.at(step)
        return Checkpoint(path, path, self.kind, state, bytes=1, written=NOW + step, **named)


NAMES = [
    Name("model_{step:06d}.pt", "INFO - Saved model parameters to: {path}"),
    Name("checkpoint-{step}", "Saving model checkpoint to {path}", "Model weights saved in {path}/model.safetensors"),
    Name("step_{step}", "[step {step}] saved checkpoint to {path}", "Checkpoint saved: {path}"),
    Name("iter_{step:07d}", "saving checkpoint at iteration {step} to /data/run", "successfully saved checkpoint from iteration {step} to /data/run"),
    Name("global_step{step}", "[Torch] Saved {path}/mp_rank_00_model_states.pt.", "[Torch] Checkpoint global_step{step} is ready now!"),
    Name("step-{step}", "Saving the checkpoint (or staging if async is enabled).", "Finished saving the checkpoint (or staging if async is enabled) in 2.50 seconds."),
    Name("epoch={epoch}-step={step}.ckpt", "Epoch {epoch}, global step {step}: 'val_loss' reached 1.2, saving model to '{path}' as top 1"),
    Name("epoch_{epoch}.pt", "Model saved to {path}", "Saved checkpoint {path}", epochs=True),
]  # fmt: skip
PARTS = [
    "Saved optimizer state to: run/optim_{step:06d}_rank0.pt",
    "Saved metadata to: run/meta_{step:06d}.json",
    "[Torch] Saved run/global_step{step}/zero_pp_rank_0_mp_rank_00_optim_states.pt.",
    "tokenizer config file saved in run/checkpoint-{step}/tokenizer_config.json",
    "Configuration saved in run/checkpoint-{step}/config.json",
    "Skipping checkpoint save at step {step}: the disk is slow",
]


@st.composite
def trainings(draw):
    """A training, and which of its saves its log reports and a directory shows."""
    name = draw(st.sampled_from(NAMES))
    saves = sorted(draw(st.sets(st.integers(1, 12), min_size=1, max_size=8)))
    looked = draw(st.integers(0, len(saves)))
    gone = draw(st.sets(st.integers(0, max(0, looked - 2)))) if looked > 1 else set()
    reported = draw(st.sets(st.sampled_from(range(len(saves)))))
    reported |= set(range(looked, len(saves)))
    variants = draw(st.lists(st.integers(0, 5), min_size=len(saves), max_size=len(saves)))
    return name, [EPOCH * n for n in saves], looked, gone, reported, variants


def log_of(name, saves, reported, variants, parts, top, tag=""):
    """The log of a training: a row each 10 steps, behind them what it tells of its saves."""
    text = ""
    for step in range(10, 13 * EPOCH, 10):
        text += f"{tag}step {step:05d}/01000 ({step / 10:.2f}%) | loss: 2.{step:04d} | dt: 1000.00ms\n"
        if step in saves and saves.index(step) in reported:
            said = name.said(step, variants[saves.index(step)], top).splitlines(keepends=True)
            text += "".join(tag + line for line in said)
            text += "".join(tag + part.format(step=step) + "\n" for part in parts)
    return text


@settings(max_examples=120, deadline=None)
@given(training=trainings(), data=st.data())
def test_the_checkpoints_shown_are_the_saves(training, data):
    name, saves, looked, gone, reported, variants = training
    top = data.draw(st.sampled_from(["", "./", "run/", "/mnt/other/run/"]))
    parts = data.draw(st.lists(st.sampled_from(PARTS), max_size=3, unique=True))
    text = log_of(name, saves, reported, variants, parts, top)
    copies = data.draw(st.lists(st.sampled_from(["copy", "rank", "stderr"]), unique=True))
    texts = {"log": text, "copy": text, "rank": log_of(name, saves, reported, variants, [], top)}
    texts["stderr"] = "".join(
        line for line in text.splitlines(keepends=True) if "loss" not in line or "to '" in line
    )
    if "stderr" in copies and "or staging" in text:
        copies.remove("stderr")  # nothing there would say which save is meant
    members = {"log": Member("g"), "copy": Member("g"), "rank": Member("g", rank=1), "stderr": Member("g")}

    engine = Engine()
    feeds = []
    for source in data.draw(st.permutations(["log", *copies])):
        engine.add_source(source, "run", f"{source}.log", members[source])
        raw = texts[source].encode()
        cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=3)))
        parser = StreamParser()
        feeds.append(
            [
                (source, parser, raw[a:b], b == len(raw))
                for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)
            ]
        )
    engine.add_source("dir", "run", "/data/run", Member("g", kind="directory"))
    seen = [n for n in range(looked) if n not in gone or data.draw(st.booleans())]
    looks = [name.seen(saves[n], State.DELETED if n in gone else State.COMPLETE) for n in seen]
    feeds.append([Look("/data/run", (each,), present=1) for each in looks])
    while any(feeds):
        one = data.draw(st.sampled_from([feed for feed in feeds if feed])).pop(0)
        if isinstance(one, Look):
            engine.look("dir", one, SidecarFacts(), live=True, arrival=NOW)
            continue
        source, parser, piece, last = one
        engine.fold(source, parser.feed(piece), live=True, arrival=NOW)
        if last:
            engine.fold(source, parser.flush(), live=True, arrival=NOW)

    kept = [
        saves[n]
        for n in range(len(saves))
        if (n in reported and n >= looked) or (n < looked and n not in gone)
    ]
    if not looks:  # no directory was seen
        kept = [saves[n] for n in sorted(reported)]
    runs = document(engine, NOW)["runs"]
    shown = [row["step"] for run in runs for row in run["checkpoints"]]
    expected = [
        step // EPOCH if name.epochs and saves.index(step) < looked and looks else step for step in kept
    ]
    assert sorted(shown) == sorted(expected)
    for _, watched in engine.runs():
        listed = [row for row in rows(watched.run, NOW, 100) if row.state != "deleted"]
        assert sorted(row.at for row in listed) == sorted(expected)


class Fold:
    """An engine that is fed texts of several sources, and looks at directories."""

    def __init__(self, *sources):
        self.engine, self.parsers = Engine(), {name: StreamParser() for name in sources}
        for name in sources:
            self.engine.add_source(name, "run", f"{name}.log", Member("g"))
        self.engine.add_source("dir", "run", "/data/out", Member("g", kind="directory"))

    def read(self, name, text):
        self.engine.fold(name, self.parsers[name].feed(text.encode()), live=True, arrival=NOW)

    def look(self, *found):
        self.engine.look("dir", Look("/data/out", found, len(found)), SidecarFacts(), live=True, arrival=NOW)

    @property
    def shown(self):
        (run,) = document(self.engine, NOW)["runs"]
        ((_, watched),) = self.engine.runs()
        assert sorted(row["step"] for row in run["checkpoints"]) == sorted(
            row.at for row in rows(watched.run, NOW, 100) if row.state != "deleted"
        )
        return [(row["step"], row["state"]) for row in run["checkpoints"]], run["last_good_checkpoint"]


def steps(first, last):
    return "".join(
        f"step {step:05d}/01000 ({step / 10:.2f}%) | loss: 2.0000 | dt: 1000.00ms\n"
        for step in range(first, last)
    )


def disk(name, step, state=State.COMPLETE):
    path = f"/data/out/{name}"
    return Checkpoint(path, path, "torch", state, step=step, bytes=1, written=NOW + (step or 0))


def test_a_line_for_each_file_and_a_copy_of_the_console_are_four_checkpoints_not_twelve():
    text = ""
    for step in (15, 30, 45, 60):
        text += steps(step - 15, step)
        for line in ("model parameters to: d4/model_{:06d}.pt", "metadata to: d4/meta_{:06d}.json",
                     "optimizer state to: d4/optim_{:06d}_rank0.pt"):  # fmt: skip
            text += "checkpoint_manager - INFO - Saved " + line.format(step) + "\n"
    fold = Fold("train", "output")
    fold.read("train", text)
    fold.read("output", text)
    assert fold.shown == ([(15, None), (30, None), (45, None), (60, None)], 60)


def test_a_file_that_is_written_again_and_again_is_one_checkpoint_of_the_newest_step():
    fold = Fold("log")
    fold.read("log", steps(0, 50) + "saving checkpoint to out/ckpt.pt\n" + steps(50, 100))
    assert fold.shown == ([(49, None)], 49)
    fold.read("log", "saving checkpoint to out/ckpt.pt\n" + steps(100, 120))
    assert fold.shown == ([(99, None)], 99)
    fold.look(disk("ckpt.pt", None))
    assert fold.shown == ([(99, "complete")], 99)
    fold.read("log", "saving checkpoint to out/ckpt.pt\n")
    assert fold.shown == ([(119, "complete")], 119)


def test_what_was_saved_since_the_last_look_is_reported_by_the_log_until_it_is_seen():
    fold = Fold("log")
    fold.look(disk("step_20", 20))
    fold.read("log", steps(0, 40) + "Saved checkpoint.\n" + steps(40, 41))
    assert fold.shown == ([(20, "complete"), (39, None)], 20)
    fold.look(disk("step_40", 40))  # after a step that was not logged yet
    assert fold.shown == ([(20, "complete"), (40, "complete")], 40)


def test_what_is_saved_elsewhere_is_listed_next_to_what_is_seen():
    fold = Fold("log")
    fold.look(disk("best_20.pt", 20), disk("best_90.pt", 90))
    fold.read("log", steps(0, 50) + "Saved checkpoint to s3://bucket/run/full_step50\n" + steps(50, 100))
    assert fold.shown == ([(20, "complete"), (50, None), (90, "complete")], 90)


def test_a_step_that_is_saved_again_after_a_restart_is_one_checkpoint():
    fold = Fold("log")
    save = "saved checkpoint to out/model_{:06d}.pt\n"
    fold.read("log", steps(0, 20) + save.format(20) + steps(20, 40) + save.format(40) + steps(40, 45))
    fold.read("log", "Resuming from step 20\n" + steps(20, 40) + save.format(40) + steps(40, 50))
    assert fold.shown == ([(20, None), (40, None)], 40)


@pytest.mark.parametrize("step", [20, 30])
def test_a_copy_that_comes_late_adds_nothing_to_the_next_run(step):
    save = "Saved model parameters to: {}/model_{:06d}.pt\n"
    first = steps(0, 30) + save.format("base", 30) + "Total training time: 1.00m\nTraining finished\n"
    second = steps(0, 25) + save.format("sft", step) + steps(25, 28)
    fold = Fold("log", "copy")
    fold.read("log", first + second)
    fold.read("copy", first + second)
    runs = document(fold.engine, NOW)["runs"]
    paths = [[row["path"] for row in run["checkpoints"]] for run in runs]
    assert paths == [["base/model_000030.pt"], [f"sft/model_{step:06d}.pt"]]


def test_a_line_does_not_get_its_step_from_what_comes_after_it():
    text = steps(0, 30) + "Validation loss decreased (0.5 --> 0.4).  Saving model ...\n" + steps(30, 60)
    whole, pieces = Fold("log"), Fold("log")
    whole.read("log", text)
    for piece in text.splitlines(keepends=True):
        pieces.read("log", piece)
    assert whole.shown == pieces.shown == ([(29, None)], 29)


@pytest.mark.parametrize(
    "error",
    [
        "Failed to save checkpoint: disk full\n",
        "Saving checkpoint to out/step_40 failed: Input/output error\n",
        'Traceback (most recent call last):\n  File "t.py", line 1, in save\nRuntimeError: '
        "[enforce fail at inline_container.cc:603] . unexpected pos 64 vs 0\n",
    ],
)
@pytest.mark.parametrize("copy", [False, True])
def test_a_save_that_began_and_failed_is_no_checkpoint(error, copy):
    fold = Fold("log", "copy")
    save = "Saving checkpoint to out/step_{}\n"
    text = steps(0, 20) + save.format(20) + steps(20, 40) + save.format(40) + error + steps(40, 45)
    fold.read("log", text)
    if copy:
        fold.read("copy", text)
    assert fold.shown == ([(20, None)], 20)


def test_a_save_that_failed_or_was_left_out_is_no_checkpoint():
    fold = Fold("log")
    fold.read("log", steps(0, 20) + "saved checkpoint to out/model_000020.pt\n" + steps(20, 40))
    fold.read("log", "Failed to save checkpoint: disk full\n" + steps(40, 60))
    fold.read(
        "log", "Skipping checkpoint save at step 60: the last one is still being written\n" + steps(60, 80)
    )
    fold.read("log", "Saving checkpoint to out/model_000080.pt failed: Input/output error\n" + steps(80, 90))
    assert fold.shown == ([(20, None)], 20)
    ((_, watched),) = fold.engine.runs()
    states = {
        event.step: event.data["state"] for event in watched.run.events if event.kind == "checkpoint_failed"
    }
    assert states == {60: "skipped", 80: "failed"}
