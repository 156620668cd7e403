"""The words that show trouble, one line per way of saying it.

Where several fit, the order decides: a root cause before what it drags along.
"""

from __future__ import annotations

import re

from runwatch.parsers.events.signatures import Signatures, denied, signature

_ASKED_TO_END = rb"(?:INT|TERM|HUP|QUIT|USR[12]|XCPU)"
TROUBLE = Signatures(
    signature(
        "worker",
        rb"DataLoader worker \(pid",
        rb"(?:bus error|segmentation fault) encountered in worker|DataLoader timed out after",
        needles=b"DataLoader |bus error|segmentation",
    ),
    signature(
        "host_oom",
        rb"oom-kill:|Out of memory: Killed process|: Out Of Memory\s*$",
        rb"[Dd]etected \d+ oom.kill event|[Ee]xceeded (?:job )?memory limit",
        needles=b"oom-kill|kill ev|ut of |ut Of |memory limit",
    ),
    signature(
        "oom",
        rb"(?:CUDA(?: [Ee]rror:)?|HIP(?: error:)?|XPU|NPU|MLU|MUSA|MPS backend) out of memory",
        rb"OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED: Out of mem|OOM when allocating",
        rb"\bcuda runtime error \(2\) ?: out of memory",  # of Torch
        needles=b"ut of |OutOfMem|ALLOC_FAILED|OOM when",
    ),
    signature("xid", rb"NVRM: Xid \(", rb"NVRM: GPU at PCI\S+ has fallen off the bus", needles=b"NVRM: "),
    signature(
        "nccl",
        rb"Watchdog caught collective operation timeout|Process group watchdog thread terminated",
        rb"ProcessGroupNCCL's watchdog got stuck|NCCL operations have failed or timed out",
        needles=b"atchdog|NCCL operations",
    ),
    signature(
        "cuda_error",
        rb"CUDA ERROR|CUDA [Ee]rror: |uncorrectable ECC error encountered|device-side assert triggered",
        rb"CUDA kernel failed|^GPUassert: ",
        needles=b"CUDA E|CUDA e|CUDA k|ECC error|device-side|GPUassert",
    ),
    signature(
        "scheduler",
        rb"(?:slurmstepd(?:-[\w.-]{1,64})?: |\A)error: .*(?:CANCELLED AT|STEPD TERMINATED ON)",
        rb"DUE TO (?:TIME LIMIT|PREEMPTION|NODE FAILURE)|srun: error: Node failure on ",
        rb"PBS: job killed|TERM_(?:RUNLIMIT|MEMLIMIT|PREEMPT|OWNER): ",
        needles=b"slurmstepd|STEPD TERM|CANCELLED|DUE TO |PBS: |TERM_|Node failure",
    ),
    signature(
        "segfault",
        rb"Segmentation fault(?! (?!in\b|at\b)[a-z])|SIGSEGV(?!, [N{])|Fatal Python error|\(core dumped\)",
        rb"^Windows fatal exception: (?!code 0x)\S",  # handled ones have codes
        rb"\(0\) Abnormal termination \(signal (?:4|6|7|8|11)\)",  # HTCondor
        rb"^zsh: (?:segmentation fault|bus error|illegal hardware instruction) |!!! Segfault",
        rb"^\*\*\* SIG(?:BUS|FPE|ILL|ABRT) \(@0x",  # glog
        rb"FatalError: `(?!Termination)[^`]{5,60}` is detected",  # paddle's words for signals
        rb"^\s*(?:Bus error|Aborted)\s*$|: line \d+: +\d+ (?:Bus error|Aborted) {2,}\S"
        rb"|\bAbort trap: 6\b",
        rb"task\S* \S+: Bus error\s*$",
        needles=b"Segmentation|Segfault|SIG|Fatal Python|Windows fatal|Abnormal term|core dumped|zsh: |"
        b"Bus error|Aborted|Abort trap|FatalError",
    ),
    signature(
        "killed",
        rb"^\s*Killed(?:: 9)?\s*$|: line \d+: +\d+ Killed {2,}\S|task\S* \S+: Killed\s*$",
        rb"^zsh: killed {2,}\S|^\[\d+\][+-]? +(?:\d+ )?[Kk]illed {2,}\S",
        rb"killed by signal: Killed|\bSIGKILL\b|exited on signal 9 \(Killed\)|with exit code 137\b",
        rb"\(0\) Abnormal termination \(signal 9\)",  # HTCondor
        needles=b"illed|SIG|zsh: |it code|Abnormal term",
    ),
    signature(
        "elastic",
        rb"ChildFailedError|failed \(exitcode: -?\d+\)",
        rb"[Ee]xit(?:ed|s) with (?:exit |return )?code\s*[:=]? *-?[1-9]",
        rb"(?:finished|failed|terminated) with exit code -?[1-9]",
        rb"srun: (?:Job step aborted|forcing job termination)|^make(?:\[\d+\])?: \*\*\* \[.*\] Error [1-9]",
        rb"processes exited with non-zero status|^Command exited with non-zero status [1-9]",
        rb"^Command terminated by signal \d|\bJob failed: exit (?:code|status) [1-9]",
        rb"`conda run .{1,300}` failed\.",
        rb"^MPI_ABORT was invoked",
        rb"^Execution halted\s*$",  # R
        needles=b"FailedError|(exitcode|it code|rn code|th code|srun|: *** [|non-zero status|"
        b"Command term|Job failed: |`conda run |MPI_ABORT|ion halted",
    ),
    signature(
        "nccl",
        rb"NCCL error|NCCL communicator was aborted|nccl(?:RemoteError|InternalError|SystemError)",
        rb"nccl(?:UnhandledCudaError|InvalidUsage|InvalidArgument)",
        needles=b"NCCL error|NCCL commun|nccl",
    ),
    signature(
        "signal",
        rb"^KeyboardInterrupt(?! handler)|Detected KeyboardInterrupt, attempting",
        rb"(?<!TensorBoard )(?:[Rr]eceiv(?:ed|ing)|[Gg]ot|[Cc]aught|[Hh]andling) "
        rb"(?:a |the )?(?:[Ss]ignal:? |Signals\.)?SIG"
        + _ASKED_TO_END
        + rb"\b|\bSIG"
        + _ASKED_TO_END
        + rb" (?:was )?(?:received|caught|detected)\b",
        rb"(?:[Rr]eceived|[Gg]ot|[Cc]aught|called with) signal:? (?:2|10|12|15)\b",
        rb"FatalError: `Termination signal`",  # paddle's words
        rb"^(?:\^C)+\s*$",  # a terminal's echo
        rb"\(0\) Abnormal termination \(signal (?:1|2|10|12|15)\)",  # HTCondor
        rb"^Aborted!\s*$|\bCtrl-c pressed\b",  # click's, and those of a tracker's agent
        rb"\b[Ii]nterrupted by (?:the )?user\b|\b[Tt]raining (?:was )?interrupted\b",
        rb"^\*\*\* SIG"
        + _ASKED_TO_END
        + rb" \(@0x|\] (?:Test interrupted|Optimization stopped early)\.$",  # glog and Caffe
        rb"Received \d+ death signal|^\s*Terminated\s*$|^Hangup\s*$"
        rb"|: line \d+: +\d+ (?:Terminated|Hangup|Interrupt) {2,}\S|task\S* \S+: Terminated\s*$",
        rb"[Pp]reemption (?:notice|signal|warning|event)|being preempted|[Ss]pot (?:instance )?interruption",
        rb"(?:[Ww]all ?time|(?:[Jj]ob|SLURM) time limit) (?:limit )?(?:is )?(?:reached|exceeded|approach)",
        needles=b"KeyboardInterrupt|Aborted|Ctrl-c pr| by user| by the user|Hangup|SIG|signal|Terminated|"
        b"reempt|interrupt|stopped early|all time|alltime|job time l|Job time l|SLURM time|^C|Abnormal term",
    ),
    signature(
        "error",
        rb"\b(?:PANIC => |thread '[^']{1,60}' (?:\(\d+\) )?)panicked at ",  # Rust
        rb"^(?!.*\binotify).*No space left on device",  # watches that ran out are no disk
        rb"^MemoryError\s*$|Disk quota exceeded|Stale file handle|std::bad_alloc",
        rb"(?:^F\d{4} |: F )\S.{0,200}?\] Check failed",  # glog, and TensorFlow
        rb"^\[[^\]]{8,40}\] Error: (?!Aborted from)",  # Marian
        rb"^Error Message Summary:\s*$",  # Paddle
        rb"^object repr {5}: \w*(?:Error|Exception)\(",  # Python, which has lost its error stream
        # what an exception of Python says, where its name is not logged, and what it was caught in
        rb"\b(?:ERROR|CRITICAL)\b.{0,120}\b(?:unsupported operand type\(s\) for|object has no attribute"
        rb"|object is not (?:subscriptable|callable|iterable)|positional arguments? but"
        rb"|required positional argument|list index out of range|could not convert string to"
        rb"|values to unpack|cannot import name)\b",
        rb"^Error (?:while |when )?(?:reading|loading|opening|parsing|creating|building|initiali[sz]ing"
        rb"|running) .{1,200}: \S",
        rb"^Error executing job with overrides: |\bError (?:instantiating|locating target) \S",  # Hydra
        rb"^forrtl: (?:severe|error) \(\d+\): |^Fortran runtime error: ",
        rb"^ERROR: (?:LoadError: |[A-Z]\w*(?:Error|Exception)\b)",  # Julia
        rb"^Error using \S|^Error in [\w.:$]+\(.{0,200}\) : ",  # MATLAB and R
        rb"^Exception in thread \"[^\"]{1,80}\" [\w.]{3,}|^panic: \S",  # Java and Go
        rb"^(?:\S{1,80}: )?\S{1,200}:\d+: .{1,300}: Assertion [`'].{1,300}' failed\.",
        rb"^\[LightGBM\] \[Fatal\] |^Quitting \(on error\)\.",  # the second of SUMO
        rb"^(?:double free|free\(\): |malloc\(\): |corrupted (?:size|double)|munmap_chunk\(\): )",
        rb"[Ff]ailed to (?:save|write) (?:the |a )?(?:\w+ )?checkpoint\b|^terminate called after throwing",
        rb"\b[Tt]raining (?:(?:was |has been )?aborted|failed)\b(?! (?:runs|trials|jobs))"
        rb"|\b[Ee]rror (?:occurred )?during training\b",
        rb"^Batch \d+: Invalid loss, terminating training",  # Keras
        rb"\b[Ll]oss is (?:nan|NaN|-?inf)(?: \w+)?, (?:stopping|aborting|exiting)",
        rb"\b(?:(?:NaN|nan) (?:detected|encountered|found|loss)|[Ll]oss (?:has )?diverged)\b"
        rb"[^=|]{0,60}?[,;.:!-] ?(?:stopping|aborting|exiting|terminating)\b",
        rb"(?:\A|[:\]>-] )\W*(?:(?:[Tt]rain(?:ing)?|[Tt]otal|[Tt]he) )?[Ll]oss is (?:nan|NaN|NAN)"
        rb"(?:: \D*\d+|[.!]*)\s*$",
        needles=b"panicked|MemoryError|No space|quota|Stale file|bad_alloc|ailed to |oss is |Invalid loss|"
        b"raining fail|raining abort|raining was ab|raining has been ab|rror during tr|rror occurred d|"
        b"NaN loss|NaN detected|NaN found|NaN encountered|nan loss|nan detected|nan found|nan encountered|"
        b"diverged|te called|Check fa|] Error: |rror executing|rror instant|"
        b"rror locating|rror using |rror in |forrtl: |Fortran run|ERROR: |Exception in th|panic: |"
        b"Assertion |[Fatal]|Quitting (on|double free|(): |corrupted |Message Summary|bject repr |"
        b"ported operand|object has no|object is not|sitional arg|list index|convert string|to unpack|"
        b"import name|rror reading|rror loading|rror opening|rror parsing|rror creating|rror building|"
        b"rror initial|rror running|rror while |rror when ",
    ),
    # of a program that does not even begin, Python prints no traceback
    signature(
        "traceback",
        rb"^(?:Syntax|Indentation|Tab)Error: ",
        rb"^[\w./-]{1,80}: error: (?:unrecognized arguments|the following arguments are|argument \S)",
        rb"^[\w./-]{0,80}python[\d.]*: can't open file ",
        rb"^[\w./-]{0,80}python[\d.]*: No module named (?!(?:pip|venv|virtualenv|ensurepip)\b)",
        rb"\b(?:python[\d.]*|torchrun|accelerate|deepspeed|mpirun|srun): command not found",
        rb"^slurmstepd: error: execve\(\): |^FATAL:   \S",  # the second of Apptainer
        rb"^Could not override '|^In '[^']{1,80}': Could not find '",  # Hydra
        # what a shell cannot read, or not even begin: it continues behind a command that it does not find
        rb"^[\w./~+-]{1,200}: (?:line )?\d+: (?:\S.{0,200}: )?"
        rb"(?:[Bb]ad substitution$|[Ss]yntax error\b|unbound variable$)",
        rb"^-?(?:(?:/usr)?/bin/)?(?:ba|da|k|z)?sh: (?:0: [Cc]an't open |\S+: No such file or directory$)",
        rb"^(?:/usr/bin/)?env: \S.*: No such file or directory$|^nohup: failed to run command ",
        rb"^Error: (?:No such (?:option|command)|Missing (?:option|argument)|Invalid value for)\b",
        rb"^ERROR: Could not consume arg: |^docker: Error response from daemon: ",
        rb"^\S{1,200}: error while loading shared libraries: ",
        rb"^\S{1,200}: Error while finding module specification for ",
        rb"^(?:\S{0,200}/)?luajit: \S{1,300}:\d+: \S",  # Lua
        needles=b"SyntaxError: |IndentationError: |TabError: |: error: |: can't open |: Can't open |"
        b": No module named |command not found|Could not |FATAL:   |ad substitution|yntax error|"
        b"nbound variable|: No such |: Missing |rror response|rror while |: Invalid value|luajit: ",
    ),
)
"""What may end a run."""
_ADVICE = re.compile(
    rb"might be|may be caused|could be|please try|[Cc]ompile with|DSA|error_if_nonfinite|\b[Ii]f you\b"
    rb"|\b[Ii]n case\b|\b[Hh]ow (?:do|to|can)\b|\bwill (?:send|be)\b|\bhandlers? (?:for|on)\b"
    rb"|\b[Rr]egister|(?<!/)\b[Ii]nstall|^\W{0,4}(?i:prompt|sample|user|assistant|question|answer|completion|generated)"
    rb"(?: \d+)?\W{0,3}: "
)
"""Words of advice, or of a text that a model writes, before words of trouble."""
_CODE_LINE = re.compile(rb"\s*(?://|(?:def|if|raise)\b|print\w*\(|\w*log\w*\.\w+\()")
"""Source code, which names trouble that has not come."""
_SURVIVED = re.compile(
    rb"\b[Ss]kipp(?:ing|ed)\b|\b[Rr]etrying\b"
    rb"|\b[Tt]rying (?:again|\d|(?:with )?(?:an? )?(?:smaller|lower|half))"
    rb"|\b(?:[Rr]educ|[Ll]ower|[Hh]alv|[Dd]ecreas)ing (?:the )?(?:micro[- ]?)?batch|\b[Ff]alling back\b"
)
"""What a program does instead of what failed: it has caught that."""


def trouble(line: bytes) -> tuple[str, re.Match[bytes]] | None:
    """Return the kind of trouble that a line shows, and the words that showed it."""
    found = TROUBLE.first(line)
    if found is None or _CODE_LINE.match(line) or b" 0 errors" in line:
        return None
    survived = found[0] in ("oom", "error") and _SURVIVED.search(line)
    return None if survived or _ADVICE.search(line, 0, found[1].end()) or denied(line, found[1]) else found
