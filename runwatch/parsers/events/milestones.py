"""The words that show what a run does in addition to training, one line per way of saying it.

Where several fit, the order decides.
"""

from __future__ import annotations

import re

from runwatch.parsers.events import endings, plans, saves, sizes, stages
from runwatch.parsers.events.signatures import Signatures, denied, signature

_WHOLE = rb"\A(?:(?!(?i:epoch|fold|round)\W{0,3}\d).)*?\b"
_NOT_OF = (
    rb"(?! (?:of |for |on )?(?:(?:epoch|fold|round|step|stage|phase)\b|(?:data ?set|batch|part|split) ?\d))"
)
"""An epoch, fold or data set whose training is done is one of many."""
MILESTONES = Signatures(
    signature(
        "resume",
        rb"[Rr]esum(?:ing|ed) (?:\w+ )?(?:from|at)\b|[Rr]esumed epoch|[Cc]ontinuing training from",
        rb"[Rr]esume from (?:checkpoint|step|iteration|epoch|update)\b[^:={]{0,200}\d",
        rb"successfully loaded checkpoint|[Ll]oaded checkpoint\b.*\b(?:iteration|step|updates)\b",
        rb"Restor(?:ed|ing) (?:all )?(?:the )?states from|restoring from .{0,80}step \d",
        needles=b"esum|ontinuing|oaded c|estor",
    ),
    signature(
        "load",
        rb"[Ll]oad(?:ing|ed)? (?:the )?(?:\w+ )?checkpoint\b(?! shards)",
        rb"Loading states from|Finished loading the checkpoint",
        needles=b"heckpoint|states from",
    ),
    # torchrun, before it starts its workers
    signature(
        "launch",
        rb"(?<!Warning: )Setting OMP_NUM_THREADS environment variable for each process",
        needles=b"Setting OMP_NUM_THREADS",
    ),
    signature("early_stop", *endings.EARLY, needles=endings.EARLY_NEEDLES),
    signature("budget", rb"\bstopping_early: ", needles=b"arly"),
    signature(saves.FAILED, *saves.NOT_SAVED, needles=saves.NOT_SAVED_NEEDLES),
    signature("last_save", saves.LAST + _NOT_OF, saves.CLOSES, needles=saves.NEEDLES),
    signature(saves.CHECKPOINT, *saves.PATTERNS, needles=saves.NEEDLES),
    signature(
        "finished",
        rb"^Training completed|^\d+ epochs completed in |done training in",
        rb"Finished training\b" + _NOT_OF,
        _WHOLE + rb"[Tt]raining (?:is )?(?:complete|finished|done)\b" + _NOT_OF,
        rb"`Trainer\.fit` stopped: |Training time \d+:\d|\bTrainOutput\(global_step=\d",
        needles=b"raining|leted in|rainer.fit|TrainOutput(",
    ),
    signature(
        "over",
        _WHOLE + rb"(?:[Ee]nd of training|TRAINING (?:COMPLETED?|FINISHED|DONE)"
        rb"|[Tt]raining (?:process |procedure |run |loop |job )?(?:is |has |was )?(?:been )?"
        rb"(?:[Cc]ompleted?|COMPLETED?|[Ff]inished|FINISHED|[Dd]one|DONE|over(?=[.!]*\s*\Z)"
        rb"|ended(?! (?:unexpect|prematur|with (?:an? )?err)))|[Mm]odel [Tt]rained(?! for\b))\b" + _NOT_OF,
        _WHOLE + rb"(?:[Tt]rain (?:is )?(?:done|over|finished|completed?)"
        rb"|(?:Done|Finish|Completed?|Finished)(?: with)?(?: the)?(?: model)? [Tt]raining)[.!]*\s*\Z",
        rb"Finished Training|^Finished\. Total (?:elapsed )?time|(?:^|:)Loss for final step: ",
        rb"\.(?:pth|ckpt|tar) is the best(?: overall)?\W*\Z",
        rb"^(?:\[[Tt]rain(?:ing)?\] done\b|\[(?i:done)\] )"
        rb"(?!.*(?i:epoch|fold|round|step|stage|phase|batch)).*",
        rb"\b(?:[Tt]raining run|Run) (?:finished|completed?)(?: successfully)?[.!]*\s*$",
        # launchers and trackers that saw it end well, and MLPerf
        rb"\bProcess \d+ exits successfully|W&B process to finish\.\.\. \(success\)",
        rb":::MLPv[\d.]+ .*\brun_(?:stop|final)\b",
        rb"\bProcess finished with exit code 0\b",
        rb"\A(?!.{0,200}?(?i:epoch|fold|round|step|stage|phase)).{0,120}?\bTraining of .{1,80}? "
        rb"(?:completed|finished)\b",
        rb"^\*{3,} train metrics \*{3,}",
        rb"^\W*All (?:done(?:: [\d :.-]+)?|finished(?= )|completed?)\W*$|\bEnd of epoch (\d+) / \1\b",
        rb"^\W*ALL DONE\W*$|^={2,} ?DONE ?={2,}\W*$|\bOptimization [Ff]inished!?\s*$",
        endings.OVER,
        needles=b"raining|RAINING|Run fini|Run complete|xits successfully|Finished. Total|or final step|"
        b"is the best|rain] d|rain done|rain is |rain over|rain f|rain complete|one] |ONE] |"
        b"odel Trained|odel trained|(success)|run_stop|run_final|"
        b"exit code 0|* train metr|All done|inished |All complete|ALL DONE|ptimization |= DONE|End of epoch|"
        + endings.OVER_NEEDLES,
    ),
    # a tracker's summary, and what PyTorch says as a process ends
    signature(
        "left",
        rb"^wandb: +Run summary:",
        rb"\bprocess group has NOT been destroyed before (?:we destruct|it is being destructed)",
        needles=b"Run summary|NOT been destroyed",
    ),
    signature(
        "hooks",
        rb"Total training time: *\d|\b(?:[Oo]verall|[Ww]hole|[Ee]ntire) training time\b\D{0,8}\d",
        rb"\b[Tt]ime el+apsed (?:in|for|during) training\b",
        rb"\bAfter Train(?:ing)? \d+ Iterations\b.{0,20}\bTime\b",
        needles=b"raining|After T",
    ),
    signature(saves.CHECKPOINT, saves.AT_END, needles=saves.NEEDLES),
    signature(
        "eval_end",
        rb"(?:[Ee]valuation|[Vv]alidation) (?:is )?(?:done|finished|completed?|took)\b",
        rb"[Ff]inished (?:evaluat|validat)|Total inference time",
        needles=b"valuation|alidat|inished |inference time",
    ),
    signature(
        "eval_begin",
        rb"^\**\s*Running (?:[Ee]valuation|Prediction)|^Evaluating\b|^Validating\s*(?:\.\.|$)",
        rb"\b[Bb]egin (?:validation|evaluation)",
        rb"Start(?:ing)? (?:inference|evaluation|validation)",
        needles=b"Running |valuating|valuation|alidat|Start",
    ),
    signature(
        "compile",
        rb"[Cc]ompil(?:ing|ed) (?:the|each|module|model|loss|cluster|\S*(?:_step|_fn|jit)\S*)\b",
        rb"(?:torch\.compile|XLA compilation|[Cc]ompilation) (?:of|took|finished|done)\b",
        rb"AUTOTUNE |Recompiling function|hit config\.\w*(?:cache_size|recompile)_limit",
        needles=b"ompil|AUTOTUNE|hit config",
    ),
    signature(
        "retry",
        rb"[Cc]onnection (?:was )?(?:reset|refused|aborted|timed out)|Connection(?:Reset)?Error",
        rb"Retrying (?:in|after|request|\()|\b[Rr]etry(?:ing)? (?:[1-9]|attempt|in \d|after \d)",
        rb"retrying (?:in|request)|retry loop|Max retries|Read timed out|ReadTimeout(?! *[=:] *\d)",
        rb"HTTP Error (?:429|5\d\d)|503 (?:Slow Down|Service)|429 Too Many",
        rb"Temporary failure in name resolution",
        needles=b"onnection|etry|Max retries|timed out|imeout|HTTP Error|3 Slow Down|3 Service|9 Too Many|"
        b"Temporary fail",
    ),
    signature(
        "nan",
        rb"(?:\A|[\W_])(?:[Ll]oss|LOSS)['\"]?(?:: |=| = )(?:0{0,8}nan|NaN)(?![\w.])|_loss nan(?![\w.])",
        needles=b": nan|=nan|= nan|_loss nan|: NaN|=NaN|= NaN|0nan",
    ),
    signature(
        "skip",
        rb"\bran out of memory\b|\b[Ss]kip(?:ping|ped) (?:(?:this|the|bad|current) )?(?:mini-?)?batch\b",
        rb"\bout of memory\b.{0,200}\b[Ss]kipp(?:ing|ed) |\battempting to recover from OOM\b",
        needles=b"ran out of mem|kipping |kipped |recover from OOM",
    ),
    signature("stage", stages.STAGE, needles=stages.STAGE_NEEDLES),
    signature("tracker", stages.TRACKER, needles=stages.TRACKER_NEEDLES),
    signature("result", stages.RESULT, needles=stages.RESULT_NEEDLES),
    signature("plan", *plans.PATTERNS, needles=plans.NEEDLES),
    signature("size", sizes.SIZE, needles=sizes.NEEDLES),
)
"""What a run does in addition to training."""
_CODE_HEAD = re.compile(rb"\s*(?:#|//|(?:def|if|raise|self\.|assert|return)\b)")
_CODE = re.compile(rb"print\w*\(|\blog\w*\.\w+\(|(?<!TrainOutput\(global_ste)\w=\w+,.*\w=| every ")
"""Source code and dumps of settings, which name milestones without reaching them."""


def milestone(line: bytes) -> tuple[str, re.Match[bytes]] | None:
    """Return the kind of milestone that a line shows, and the words that showed it."""
    found = MILESTONES.first(line)
    if found is not None and found[0] == "plan":  # settings look like code
        return found
    return None if found is None or _is_code(line) or denied(line, found[1]) else found


def _is_code(line: bytes) -> bool:
    if _CODE_HEAD.match(line):
        return True
    may_be = b"=" in line or b"print" in line or b"log" in line or b" every " in line
    return may_be and _CODE.search(line) is not None
