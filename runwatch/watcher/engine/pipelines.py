"""Pipelines: runs of a group that are stages of one another. People see each as one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.watched import WatchedRun


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One run to people: a single one, or the stages of a pipeline, oldest first."""

    group: Group
    stages: tuple[WatchedRun, ...]

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
