"""The words that show an event: one line per way of saying it.

Where several fit, the order decides: a root cause before what it drags along,
trouble before milestones. Every pattern needs a literal in TRIGGER, by which
whole blocks are searched for lines that are worth a look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import NamedTuple

from runwatch.parsers.events import saves, sizes, stages


class Sign(NamedTuple):
    """One way of saying what has happened."""

    kind: str
    pattern: bytes
    """Compiled when a line first holds a needle: most are never tried."""
    needles: tuple[bytes, ...]
    """Every match holds one of them."""


def _sign(kind: str, *patterns: bytes, needles: tuple[bytes, ...]) -> Sign:
    return Sign(kind, b"|".join(patterns), needles)


def _grouped(words: Iterable[bytes]) -> re.Pattern[bytes]:
    """Return what finds any of some words, of which all but the first byte are regexes.

    Those that begin alike are together: that is a third quicker.
    """
    by_head: dict[bytes, list[bytes]] = {}
    for word in words:
        by_head.setdefault(re.escape(word[:1]), []).append(word[1:])
    return re.compile(b"|".join(head + b"(?:" + b"|".join(rests) + b")" for head, rests in by_head.items()))


_compiled = cache(re.compile)


class Signs:
    """Ways of saying things, the most specific first.

    A line is searched once for the needles of all; only the patterns of those that it holds are
    tried. So no needle may hold or overlap another one.
    """

    def __init__(self, *signs: Sign) -> None:
        self.signs = signs
        needles = {needle for sign in signs for needle in sign.needles}
        self._of = {needle: tuple(sign for sign in signs if needle in sign.needles) for needle in needles}
        self._needles = _grouped(word[:1] + re.escape(word[1:]) for word in sorted(needles))

    def first(self, line: bytes) -> tuple[str, re.Match[bytes]] | None:
        """Return the kind of the first that a line shows, and the words that showed it."""
        held = set(self._needles.findall(line))
        if held:
            alone = len(held) == 1
            for sign in self._of[held.pop()] if alone else self.signs:
                if (alone or not held.isdisjoint(sign.needles)) and (
                    found := _compiled(sign.pattern).search(line)
                ):
                    return sign.kind, found
        return None


_ASKED_TO_END = rb"(?:INT|TERM|HUP|QUIT|USR[12]|XCPU)"
TROUBLE = Signs(
    _sign(
        "worker",
        rb"DataLoader worker \(pid",
        rb"(?:bus error|segmentation fault) encountered in worker|DataLoader timed out after",
        needles=(b"DataLoader ", b"bus error", b"segmentation"),
    ),
    _sign(
        "host_oom",
        rb"oom-kill:|Out of memory: Killed process|: Out Of Memory\s*$",
        rb"[Dd]etected \d+ oom.kill event",
        needles=(b"oom", b"ut of ", b"ut Of "),
    ),
    _sign(
        "oom",
        rb"(?:CUDA(?: error:)?|HIP(?: error:)?|XPU|NPU|MLU|MUSA|MPS backend) out of memory|OutOfMemoryError",
        rb"CUBLAS_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED: Out of mem|OOM when allocating",
        needles=(b"ut of ", b"OutOfMem", b"ALLOC_FAILED", b"OOM when"),
    ),
    _sign("xid", rb"NVRM: Xid \(", rb"NVRM: GPU at PCI\S+ has fallen off the bus", needles=(b"NVRM: ",)),
    _sign(
        "nccl",
        rb"Watchdog caught collective operation timeout|Process group watchdog thread terminated",
        rb"ProcessGroupNCCL's watchdog got stuck|NCCL operations have failed or timed out",
        needles=(b"atchdog", b"NCCL operations"),
    ),
    _sign(
        "cuda_error",
        rb"CUDA ERROR|CUDA error: |uncorrectable ECC error encountered|device-side assert triggered",
        needles=(b"CUDA ", b"ECC error", b"device-side"),
    ),
    _sign(
        "scheduler",
        rb"slurmstepd: error: .*(?:CANCELLED AT|STEPD TERMINATED ON)",
        rb"DUE TO (?:TIME LIMIT|PREEMPTION|NODE FAILURE)|srun: error: Node failure on ",
        rb"PBS: job killed|TERM_(?:RUNLIMIT|MEMLIMIT|PREEMPT|OWNER): ",
        needles=(b"slurmstepd", b"DUE TO ", b"PBS: ", b"TERM_", b"Node failure"),
    ),
    _sign(
        "segfault",
        rb"Segmentation fault(?! (?!in\b|at\b)[a-z])|SIGSEGV|Fatal Python error|\(core dumped\)",
        rb"^zsh: (?:segmentation fault|bus error|illegal hardware instruction) |!!! Segfault",
        rb"^\*\*\* SIG(?:BUS|FPE|ILL|ABRT) \(@0x",  # glog
        rb"FatalError: `(?!Termination)[^`]{5,60}` is detected",  # paddle's words for signals
        rb"^\s*Bus error\s*$|: line \d+: +\d+ Bus error {2,}\S|task\S* \S+: Bus error\s*$",
        needles=(
            b"Segmentation",
            b"Segfault",
            b"SIG",
            b"Fatal Python",
            b"core dumped",
            b"zsh: ",
            b"Bus error",
            b"FatalError",
        ),
    ),
    _sign(
        "killed",
        rb"^\s*Killed\s*$|(?:s/it|it/s)\]Killed\s*$|: line \d+: +\d+ Killed {2,}\S|task\S* \S+: Killed\s*$",
        rb"^zsh: killed {2,}\S|^\[\d+\][+-]? +(?:\d+ )?[Kk]illed {2,}\S",
        rb"killed by signal: Killed|\bSIGKILL\b",
        needles=(b"illed", b"SIG", b"zsh: "),
    ),
    _sign(
        "elastic",
        rb"ChildFailedError|failed \(exitcode: -?\d+\)",
        rb"[Ee]xit(?:ed|s) with (?:exit |return )?code\s*[:=]? *-?[1-9]|finished with exit code -?[1-9]",
        rb"srun: (?:Job step aborted|forcing job termination)",
        needles=(b"FailedError", b"code", b"srun: "),
    ),
    _sign(
        "nccl",
        rb"NCCL error|NCCL communicator was aborted|nccl(?:RemoteError|InternalError|SystemError)",
        rb"nccl(?:UnhandledCudaError|InvalidUsage|InvalidArgument)",
        needles=(b"NCCL error", b"NCCL commun", b"nccl"),
    ),
    _sign(
        "signal",
        rb"^KeyboardInterrupt(?! handler)|Detected KeyboardInterrupt, attempting",
        rb"(?:[Rr]eceiv(?:ed|ing)|[Gg]ot|[Cc]aught|[Hh]andling) (?:a |the )?(?:[Ss]ignal:? |Signals\.)?"
        rb"SIG" + _ASKED_TO_END + rb"\b|\bSIG" + _ASKED_TO_END + rb" (?:was )?(?:received|caught|detected)\b",
        rb"(?:[Rr]eceived|[Gg]ot|[Cc]aught|called with) signal:? (?:2|10|12|15)\b",
        rb"FatalError: `Termination signal`",  # paddle's words
        rb"^\*\*\* SIG"
        + _ASKED_TO_END
        + rb" \(@0x|\] (?:Test interrupted|Optimization stopped early)\.$",  # glog and Caffe
        rb"Received \d+ death signal|^\s*Terminated\s*$|task\S* \S+: Terminated\s*$",
        rb"[Pp]reemption (?:notice|signal|warning|event)|being preempted|[Ss]pot (?:instance )?interruption",
        rb"(?:[Ww]all ?time|(?:[Jj]ob|SLURM) time limit) (?:limit )?(?:is )?(?:reached|exceeded|approach)",
        needles=(
            b"KeyboardInterrupt",
            b"SIG",
            b"signal",
            b"Terminated",
            b"reempt",
            b"interrupt",
            b"stopped early",
            b"all time",
            b"alltime",
            b"job time l",
            b"Job time l",
            b"SLURM time",
        ),
    ),
    _sign(
        "error",
        rb"\b(?:PANIC => |thread '[^']{1,60}' (?:\(\d+\) )?)panicked at ",  # Rust
        rb"No space left on device|Disk quota exceeded|Stale file handle|std::bad_alloc",
        rb"(?:^F\d{4} |: F )\S.{0,200}?\] Check failed",  # glog, and TensorFlow
        rb"^\[[^\]]{8,40}\] Error: (?!Aborted from)",  # Marian
        rb"[Ff]ailed to (?:save|write) (?:the |a )?(?:\w+ )?checkpoint\b|^terminate called after throwing",
        needles=(
            b"panicked",
            b"No space",
            b"quota",
            b"Stale file",
            b"bad_alloc",
            b"ailed to ",
            b"te called",
            b"Check fa",
            b"] Error: ",
        ),
    ),
    # of a program that does not even begin, Python prints no traceback
    _sign(
        "traceback",
        rb"^(?:Syntax|Indentation|Tab)Error: ",
        needles=(b"SyntaxError: ", b"IndentationError: ", b"TabError: "),
    ),
)
"""What may end a run."""

_WHOLE = rb"\A(?:(?!(?i:epoch|fold|round)\W{0,3}\d).)*?\b"
_NOT_OF = rb"(?! (?:of |for )?(?:epoch|fold|round|step|stage|phase)\b)"
"""An epoch, fold or round whose training is done is one of many."""
_CHINESE = "\\A(?:(?!轮|折|(?i:epoch)).)*?训练(?:已|全部)?(?:完成|结束|完毕)".encode()

_PLANS = (
    b"_iter",
    b"_step",
    b"_timestep",
    b"-timestep",
    b"_update",
    b"-iter",
    b"-step",
    b"-update",
    b"_ITER",
    b"_STEP",
    b"niter",
    b"_epo",
    b"-epo",
    b"nepo",
    b"pochs",
    b"och_num",
    b"poch(s)",
    b"#epo",
    b"al epo",
    b"al Epo",
    b"otal t",
    b"otal s",
    b"POCHS",
    b"um epo",
    b"max iter",
    b"um ste",
    b"ax epo",
    b"amespace",
)
_SETTING = (
    rb"(?<![A-Za-z0-9_])((?:max|total|num|train|training)[_-](?:[a-z]{5,8}[_-])?"
    rb"(?:iter|(?:time)?step|update)[a-z]{0,6}"
    rb"|MAX_(?:ITER|STEP)S?|(?:(?:MAX|NUM|N|TOTAL)_)?EPOCHS|n_?iters?|num_iters"
    rb"|[Nn]umber of (?:training )?epochs"
    rb"|(?:(?:max|num|n|total|train|training|num[_-]train(?:ing)?)[_-]|n)epochs?"
    rb"|epoch_num|#epochs?|[Tt]otal (?:training )?(?:[Ee]pochs?|steps)|(?:[Nn]um|[Mm]ax) epochs|Num steps"
    rb"|(?:^|(?<=--)|(?<=  )|(?<=[(,'\"*|:\]-] )|(?<=[('\"]))%s)['\"]?"
    rb"(?:[ \t]{0,40}[=:][ \t]{0,3}| ?\.{3,60} ?| {1,40}(?:\| {1,40})?)['\"]?"
    rb"(\d[\d_]{0,14}(?:,\d{3}){0,4})(?:\.0)?(?![\d.eE*/])"
)
_OF_NAMESPACE = rb"(?<=Namespace\().{0,4000}?\b(epoch)=(\d{1,6})(?=[,)])"
_FOR = (
    rb"(?<=\bmax: )(\d{1,6}) (epochs)\b|(?<=per epoch\. )(\d{1,9}) (max iterations)\b"
    rb"|\b[Tt]rain[^\n=:%]{0,60}? for (\d{1,6}) (epochs?)(?:\(s\))?"
    rb"(?=(?:[ .!]|\xe2\x80\xa6)*\Z| (?:with|on|using|started|begins)\b)"
    rb"|\b(?:[Bb]egin|[Ss]tart)(?:ning|ing)? training (\d{1,6}) (epochs)\b"
)
PLAN = re.compile(rb"|".join((_SETTING % b"[Ee]pochs", _OF_NAMESPACE, _FOR)))
"""A setting that may say how many steps or epochs are planned, and its value."""
MILESTONES = Signs(
    _sign(
        "resume",
        rb"[Rr]esum(?:ing|ed) (?:\w+ )?(?:from|at)\b|[Rr]esumed epoch|[Cc]ontinuing training from",
        rb"[Rr]esume from (?:checkpoint|step|iteration|epoch|update)\b[^:={]{0,200}\d",
        rb"successfully loaded checkpoint|[Ll]oaded checkpoint\b.*\b(?:iteration|step|updates)\b",
        rb"Restor(?:ed|ing) (?:all )?(?:the )?states from|restoring from .{0,80}step \d",
        needles=(b"esum", b"ontinuing", b"oaded ", b"estor"),
    ),
    _sign(
        "load",
        rb"[Ll]oad(?:ing|ed)? (?:the )?(?:\w+ )?checkpoint\b(?! shards)",
        rb"Loading states from|Finished loading the checkpoint",
        needles=(b"heckpoint", b"states from"),
    ),
    # torchrun, before it starts its workers
    _sign(
        "launch",
        rb"(?<!Warning: )Setting OMP_NUM_THREADS environment variable for each process",
        needles=(b"Setting OMP_NUM_THREADS",),
    ),
    _sign(
        "early_stop",
        rb"[Ee]arly stop(?:ping|ped) (?:triggered|at|after|conditioned)|\d: early stopping",
        rb"[Tt]raining stopped early|Exiting from training early|[Ee]arly [Ss]topping in epoch \d",
        rb"Signaling Trainer to stop",
        rb"Stopping training early|[Ee]arly stopping, best iteration is",
        rb"(?:\A|[^\w\s]\s*)(?:[Ee]arly ?[Ss]top|EARLY STOP)(?:(?:ping|ped|PING|PED)[.!]*|!)\s*\Z",
        rb"\[EARLY STOP\] |EarlyStopping counter: (\d+) out of \1\b|^Stopping\. Best iteration",
        needles=(b"arly", b"ARLY", b"Stopping. Best", b"Signaling"),
    ),
    _sign("budget", rb"\bstopping_early: ", needles=(b"arly",)),
    _sign(saves.FAILED, *saves.NOT_SAVED, needles=saves.NOT_SAVED_NEEDLES),
    _sign(saves.CHECKPOINT, *saves.PATTERNS, needles=saves.NEEDLES),
    _sign(
        "finished",
        rb"^Training completed|^\d+ epochs completed in |done training in",
        rb"Finished training\b" + _NOT_OF,
        _WHOLE + rb"[Tt]raining (?:is )?(?:complete|finished|done)\b" + _NOT_OF,
        rb"^`Trainer\.fit` stopped: |Training time \d+:\d",
        needles=(b"raining", b"leted in", b"rainer.fit"),
    ),
    _sign(
        "over",
        _WHOLE + rb"(?:[Ee]nd of training|TRAINING (?:COMPLETED?|FINISHED|DONE)"
        rb"|[Tt]raining (?:is |has )?(?:[Cc]ompleted?|COMPLETED?|[Ff]inished|FINISHED|[Dd]one|DONE))\b"
        + _NOT_OF,
        rb"Finished Training|^Finished\. Total (?:elapsed )?time",
        rb"\b(?:[Tt]raining run|Run) (?:finished|completed?)(?: successfully)?[.!]*\s*$",
        # launchers and trackers that saw it end well, and MLPerf
        rb"\bProcess \d+ exits successfully|W&B process to finish\.\.\. \(success\)",
        rb":::MLPv[\d.]+ .*\brun_(?:stop|final)\b",
        rb"\bProcess finished with exit code 0\b",
        rb"\A(?!.{0,200}?(?i:epoch|fold|round|step|stage|phase)).{0,120}?\bTraining of .{1,80}? "
        rb"(?:completed|finished)\b",
        rb"^\*{3,} train metrics \*{3,}",
        rb"^\W*All (?:done|finished(?= )|completed?)\W*$|\bEnd of epoch (\d+) / \1\b",
        _CHINESE,
        needles=(
            b"raining",
            b"RAINING",
            b"Run fini",
            b"Run complete",
            b"xits successfully",
            b"Finished. Total",
            b"(success)",
            b"run_stop",
            b"run_final",
            b"exit code 0",
            b"* train metr",
            b"All done",
            b"inished ",
            b"All complete",
            b"End of epoch",
            b"\xe8\xae\xad\xe7\xbb\x83",
        ),
    ),
    _sign("left", rb"^wandb: +Run summary:", needles=(b"Run summary",)),
    _sign("hooks", rb"Total training time: *\d", needles=(b"raining",)),
    _sign(saves.CHECKPOINT, saves.AT_END, needles=saves.NEEDLES),
    _sign(
        "eval_end",
        rb"(?:[Ee]valuation|[Vv]alidation) (?:is )?(?:done|finished|completed?|took)\b",
        rb"[Ff]inished (?:evaluat|validat)|Total inference time",
        needles=(b"valuation", b"alidat", b"inished ", b"inference time"),
    ),
    _sign(
        "eval_begin",
        rb"^\**\s*Running (?:[Ee]valuation|Prediction)|^Evaluating\b|^Validating\s*(?:\.\.|$)",
        rb"\b[Bb]egin (?:validation|evaluation)",
        rb"Start(?:ing)? (?:inference|evaluation|validation)",
        needles=(b"unning ", b"valuating", b"valuation", b"alidat", b"Start"),
    ),
    _sign(
        "compile",
        rb"[Cc]ompil(?:ing|ed) (?:the|each|module|model|loss|cluster|\S*(?:_step|_fn|jit)\S*)\b",
        rb"(?:torch\.compile|XLA compilation|[Cc]ompilation) (?:of|took|finished|done)\b",
        rb"AUTOTUNE |Recompiling function|hit config\.\w*(?:cache_size|recompile)_limit",
        needles=(b"ompil", b"AUTOTUNE", b"hit config"),
    ),
    _sign(
        "retry",
        rb"[Cc]onnection (?:was )?(?:reset|refused|aborted|timed out)|Connection(?:Reset)?Error",
        rb"Retrying (?:in|after|request|\()|\b[Rr]etry(?:ing)? (?:[1-9]|attempt|in \d|after \d)",
        rb"retrying (?:in|request)|retry loop|Max retries|Read timed out|ReadTimeout(?! *[=:] *\d)",
        rb"HTTP Error (?:429|5\d\d)|503 (?:Slow Down|Service)|429 Too Many",
        rb"Temporary failure in name resolution",
        needles=(
            b"onnection",
            b"etry",
            b"retries",
            b"timed out",
            b"imeout",
            b"HTTP Error",
            b"503 ",
            b"429 ",
            b"Temporary fail",
        ),
    ),
    _sign(
        "nan",
        rb"(?:\A|[\W_])(?:[Ll]oss|LOSS)['\"]?(?:: |=| = )(?:nan|NaN)(?![\w.])|_loss nan(?![\w.])",
        needles=(b": nan", b"=nan", b"= nan", b"_loss nan", b": NaN", b"=NaN", b"= NaN"),
    ),
    _sign(
        "skip",
        rb"\bran out of memory\b|\b[Ss]kip(?:ping|ped) (?:(?:this|the|bad|current) )?(?:mini-?)?batch\b",
        needles=(b"ran out of mem", b"kipping ", b"kipped "),
    ),
    _sign("stage", stages.STAGE, needles=stages.STAGE_NEEDLES),
    _sign("tracker", stages.TRACKER, needles=stages.TRACKER_NEEDLES),
    _sign("result", stages.RESULT, needles=stages.RESULT_NEEDLES),
    # `epochs 12` alone may be anything; next to another setting it is one, as `--epochs 12` is
    _sign(
        "plan",
        _SETTING % rb"(?:(?<=--)epochs|[Ee]pochs(?=['\":=]|\.{3}|[ \t]{1,40}[:=|]))",
        _OF_NAMESPACE,
        _FOR,
        needles=_PLANS,
    ),
    _sign("size", sizes.SIZE, needles=sizes.NEEDLES),
)
"""What a run does in addition to training."""

_TRIGGERS = (
    _PLANS,
    sizes.NEEDLES,
    stages.STAGE_NEEDLES,
    stages.TRACKER_NEEDLES,
    stages.RESULT_NEEDLES,
    (rb"%\|", b"bad_alloc", b"gnal", b"kill", b"med out", b"quota", b"ut of ", b"watchdog", b"xit"),
    (b"ccl", b"checkpoint", b"compil", b"cess to finish", b"completed in", b"core dumped", rb"config\."),
    (b"continuing", b"connection"),
    (b"rror", b"reempt", b"reset", b"resum", b"restoring", rb"raining\b", b"retry", rb"rly ?[sS]top"),
    (
        b"direct cause",
        b"Exception ign",
        b"Signaling",
        b"panicked",
        b"EARLY STOP",
        b"]Killed",
        b"ping_early",
        b"Exiting from",
        b"stopped early",
        b"run_stop",
        b"run_final",
        b"ruption",
        b"ritten",
    ),
    (rb"ved\b", b"ving[ :]", b"valuat", b"validat", b"vice-side"),
    (b"ALLOC_F", b"ARLY STOP", b"AUTOTUNE", b"CANCELLED", b"CUDA ERR", b"Checkpoint", b"Compil"),
    (
        b"Check failed",
        b"rrupted",
        b"Connection",
        b"Continuing",
        b"DUE TO",
        b"Device-side",
        b"DataLoader w",
        b"ECC",
        b"ERR",
    ),
    (b"Evaluati", b"EXHAUSTED", b"Fatal", b"Finished", b"GPU at", b"Keyboard", b"Killed", b"Load"),
    (b"Max retries", b"NCCL", b"No space", b"OOM", b"Out of ", b"Out Of ", b"PBS: ", b"Preempt"),
    (b"Preparing to", b"RAINING", b"Read", b"Recompil", b"Received", b"Resum", b"Restor", b"Retry"),
    (b"Root Cause", b"Running", b"Run summary", b"SIG", b"Saving", b"Service", b"Segmentation"),
    (b"Slow Down", b"Spot ", b"Stale", b"Start", b"Stop", b"TERM_", b"Temporary fail", b"Terminated"),
    (b"Too Many", b"Total inf", b"Traceback", b"Training", rb"Trainer\.fit", b"Validation ", b"Watchdog"),
    (b"XLA", b"Xid", b"zsh: ", b"srun: ", b"Segfault", b"Bus error", b"te called", b"all time", b"alltime"),
    (b": nan", b"=nan", b"= nan", b"_loss nan", b": NaN", b"=NaN", b"= NaN", b"kipping ", b"kipped "),
    (
        b"OMP_NUM_THREADS env",
        b"* train metrics",
        b"All done",
        b"All finished",
        b"All complete",
        b"End of epoch",
    ),
    (b"\xe8\xae\xad\xe7\xbb\x83",),
    (b"Run finished", b"Run complete", b"time limit", b"Wrote ", b"segmentation", b"Validating"),
)
"""Every event holds one of these. They begin with a byte that is rare in text, and with three plain ones."""

TRIGGER = _grouped(chain(*_TRIGGERS))
"""Finds them in a line; in a large text prefilter.sieve.TRIGGERS does."""
TRIGGER_HEADS = frozenset(word.replace(b"\\", b"")[:3] for word in chain(*_TRIGGERS))
_ADVICE = re.compile(
    rb"might be|may be caused|could be|please try|[Cc]ompile with|DSA|error_if_nonfinite|\b[Ii]f you\b"
    rb"|\b[Ii]n case\b|\b[Hh]ow (?:do|to|can)\b|\bwill (?:send|be)\b|\bhandlers? (?:for|on)\b"
    rb"|\b[Rr]egister|\b[Ii]nstall|^\W{0,4}(?i:prompt|sample|user|assistant|question|answer|completion|generated)"
    rb"(?: \d+)?\W{0,3}: "
)
"""Words of advice, or of a text that a model writes, before words of trouble."""
_DENIED = re.compile(rb"\b(?:[Nn]ot?|NO|NOT|[Nn]ever|[Ww]ithout)(?: (?:any|an?|the|more|yet|being|been))? \Z")
_NONE = re.compile(rb"\w*['\" ]{0,3}[:=|]{1,2} *(?:0+|[Nn]o|[Nn]one|[Ff]alse)['\"]?\s*(?:[,;|}]|\Z)")
"""What says that what was counted did not come: `ConnectionErrors: 0`."""
_CODE_LINE = re.compile(rb"\s*(?://|(?:def|if|raise)\b|print\w*\(|\w*log\w*\.\w+\()")
_CODE_HEAD = re.compile(rb"\s*(?:#|//|(?:def|if|raise|self\.|assert|return)\b)")
_CODE = re.compile(rb"print\w*\(|\blog\w*\.\w+\(|\w=\w+,.*\w=| every ")
"""Source code and dumps of settings, which name milestones without reaching them."""


def trouble(line: bytes) -> tuple[str, re.Match[bytes]] | None:
    """Return the kind of trouble that a line shows, and the words that showed it."""
    found = TROUBLE.first(line)
    if found is None or _CODE_LINE.match(line) or b" 0 errors" in line:
        return None
    return None if _ADVICE.search(line, 0, found[1].end()) or _denied(line, found[1]) else found


def milestone(line: bytes) -> tuple[str, re.Match[bytes]] | None:
    """Return the kind of milestone that a line shows, and the words that showed it."""
    found = MILESTONES.first(line)
    if found is not None and found[0] == "plan":  # settings look like code
        return found
    return None if found is None or _is_code(line) or _denied(line, found[1]) else found


def _denied(line: bytes, words: re.Match[bytes]) -> bool:
    """Return whether a line says that something has not happened, or no times."""
    before = line[max(0, words.start() - 24) : words.start()]
    return _DENIED.search(before) is not None or _NONE.match(line, words.end()) is not None


def _is_code(line: bytes) -> bool:
    if _CODE_HEAD.match(line):
        return True
    may_be = b"=" in line or b"print" in line or b"log" in line or b" every " in line
    return may_be and _CODE.search(line) is not None
