"""Pipelines: runs of a group that are stages of one another. People see each as one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runwatch.core.checkpoint import Checkpoint
from runwatch.core.fold.stages import named_by
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.watched import WatchedRun


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One run to people: a single one, or the stages of a pipeline, oldest first."""

    group: Group
    stages: tuple[WatchedRun, ...]

    @property
    def id(self) -> str:
        """The id that people know it by: that of its first stage."""
        return self.stages[0].run.id

    @property
    def newest(self) -> WatchedRun:
        """The stage that is under way, or was last."""
        return self.stages[-1]

    @property
    def main(self) -> WatchedRun:
        """The stage with most training records: what the run as a whole is judged by."""
        return max(self.stages, key=lambda stage: stage.run.records)

    @property
    def many(self) -> bool:
        """Whether there is more than one stage."""
        return len(self.stages) > 1


def pipelines(group: Group) -> Iterator[Pipeline]:
    """Yield the runs of a group, stages together, oldest first."""
    stages: list[WatchedRun] = []
    for watched in group.runs:
        if stages and not watched.follows:
            yield Pipeline(group, tuple(stages))
            stages = []
        stages.append(watched)
    if stages:
        yield Pipeline(group, tuple(stages))


def pipeline_of(group: Group, run_id: str) -> Pipeline:
    """Return the pipeline that a run of the group is a stage of."""
    return next(each for each in pipelines(group) if any(stage.run.id == run_id for stage in each.stages))


def settle_checkpoints(group: Group) -> None:
    """Give each checkpoint of the newest pipeline to the stage that made it, as far as anything shows.

    Its log names the file, or the file's folder is called as the stage is (`mid_checkpoints/`). Of others the
    stage keeps those that it was the first to have.
    """
    stages = list(pipelines(group))[-1].stages if group.runs else ()
    if len(stages) < 2:
        return
    makers = {_end(save.path): stage for stage in stages for save in stage.run.saves if save.path}
    folders = {stage.run.stage_name.lower(): stage for stage in stages if stage.run.stage_name}
    holders = {each.id: stage for stage in reversed(stages) for each in stage.run.checkpoints}

    def maker(checkpoint: Checkpoint) -> WatchedRun:
        path = checkpoint.path
        return makers.get(_end(path)) or folders.get(named_by(path).lower()) or holders[checkpoint.id]

    for stage in reversed(stages):
        strangers: dict[str, WatchedRun] = {}
        for checkpoint in stage.run.checkpoints:
            if (owner := maker(checkpoint)) is not stage:
                strangers[checkpoint.id] = owner
        for checkpoint in stage.run.checkpoints.release(strangers):
            strangers[checkpoint.id].run.checkpoints.adopt([checkpoint])


def _end(path: str) -> str:
    """Return the last two parts of a path: what a log and a directory agree on."""
    return "/".join(path.rstrip("/").split("/")[-2:])
