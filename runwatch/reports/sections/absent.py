"""What the data did not show: the evidence that a report lacks, and the lines that mention it."""

from __future__ import annotations

from runwatch.reports import mentions
from runwatch.reports.analysis import Analysis, Options, gpus
from runwatch.reports.document import Items, Section, Sentence, section
from runwatch.reports.evidence import RunEvidence, StageEvidence
from runwatch.reports.missing import Mentions, lacking, sentence

_WORDS = {
    mentions.LOSS: "The training loss: none was read, so nothing is said about learning.",
    mentions.RATE: "The learning rate: none was read, so no schedule is stated.",
    mentions.GRADIENT: "The gradient norm: none was read.",
    mentions.VALIDATION: "Validation: none was read, so nothing is known about data that was not trained on.",
    mentions.TIMES: "Times: no training record has a date, and no step time was read.",
    mentions.DATES: "Dates of records: none were read, so pauses (evaluations, checkpoints) cannot be seen.",
    mentions.SPEED: "Step times and throughput: none were read.",
    mentions.MACHINE: "GPU and host metrics: none were read.",
    mentions.CHECKPOINTS: "Checkpoints: none was read.",
}
_ONLY_SAID = "The files of the checkpoints: only the log reports them."
_CONDENSED = (
    "Long series are condensed: counts, means, lowest, highest, first and last values are exact; "
    "medians and shapes are of condensed values."
)


def missing(
    run: RunEvidence, analyses: tuple[Analysis, ...], options: Options, found: Mentions
) -> Section | None:
    """Return which evidence was not read, and so what this report cannot say.

    `found` are lines that mention some of it: it is missing here, not in the log.
    """
    lacks: dict[str, list[str]] = {}
    for each in analyses:
        for text, subject in _lacking(each.stage):
            more = f" {sentence(found[subject])}" if subject in found else ""
            lacks.setdefault(text + more, []).append(each.stage.name)
    said = [
        text if len(names) == len(analyses) else f"{', '.join(names)}: {text[:1].lower()}{text[1:]}"
        for text, names in lacks.items()
    ]
    said += [text for absent, text in _of_run(run, options, found) if absent]
    if any(not curve.exact for each in analyses for curve in each.stage.curves.values()):
        said.append(_CONDENSED)
    return section("missing", "Missing evidence", Items(tuple(map(Sentence, said))))


def _lacking(stage: StageEvidence) -> list[tuple[str, str]]:
    """Return what is not known of one stage, each with its subject."""
    absent = lacking(stage)
    said = [(text, subject) for subject, text in _WORDS.items() if subject in absent]
    return said + ([(_ONLY_SAID, "")] if stage.saves and not stage.checkpoints else [])


def _of_run(run: RunEvidence, options: Options, found: Mentions) -> list[tuple[bool, str]]:
    facts = run.facts
    seen = f" {sentence(found[mentions.GPUS])}" if mentions.GPUS in found else ""
    return [
        (gpus(run, options)[0] is None, f"The number of GPUs: not read.{seen}"),
        (
            not facts.settings,
            "The configuration: not read (a config.json, args.json or W&B run next to the log has it).",
        ),
        (not facts.code, "The version of the code: not read."),
        (not facts.data, "Which data was used: not read."),
    ]
