"""What launchers put before each line of one process: torchrun, srun, mpirun, Ray, pdsh, compose, ...

One table. A tag that could as well be part of a message, as `12: ` could be a step, counts only where
the message behind it shows a step of its own or opens something.
"""

from __future__ import annotations

NOT_TRAINING = rb"(?![ *]*(?i:val|eval|test|dev|pred|infer))"
"""What says whose numbers follow is no name of a host, a container or a logger."""
NO_COUNTER = (
    rb"(?!(?i:(?:global_?)?step|iter|epoch|ep|batch|update|round|fold|layer|it|loss|lr)[a-z]{0,8}[-_. ]?\d"
    rb"|(?i:e\d{1,6}(?:[/_-]?(?:b|s|it?)\d{1,6})?)(?![\w.-]))"
)
NO_PLACE = (
    rb"(?! ?\d{1,9} ?[,/] {0,8}\d{1,9} ?[\])])"
    rb"(?! ?(?i:(?:global_?)?step|iter|epoch|ep|batch|update)[a-z]{0,8}[ :=#]{0,3}\d)"
)
"""What says in brackets where training is, `[1, 200]` or `(epoch 1, step 4)`, belongs to the message."""
RANK = (
    rb"[\[(<] ?(?:(?i:rank)[ :=]{0,2}|default)(?P<rank>\d{1,5})[\])>]:?"  # torchrun, also --tee, DeepSpeed
    rb"|\[\d{1,5},(?:mpirank:)?(?P<mpi>\d{1,5})(?:,[\w-]{1,40})?\]<std(?:out|err)>: ?"  # mpirun
    rb"|[Rr]ank ?(?P<said>\d{1,5}): "
    rb"|[\[(](?i:gpu|worker|proc|process)[ :=_-]{0,2}(?P<on>\d{1,5})[\])]:?"
    rb"(?= (?![^\r\n]{0,80}\d%\|))"  # no bar's
)
"""Tags that show the rank and are nothing else."""
PROCESS = (
    rb"\[(?:pod/[\w.-]{1,120}/[\w.-]{1,80}|(?i:pid)[ :=]{1,2}\d{1,9})\](?= )"
    rb"|\(\w[\w.:-]{0,80} pid=\d{1,9}(?:, ip=[\d.:a-f]{2,40})?\)"
)
"""That of kubectl, or a number of one, and Ray's: the process, not the rank."""
TASK = rb"\[(?P<local>\d{1,5})\]:|(?P<node>\d{1,5}):"
"""Tags that show the rank, or the node before another tag, and may be a counter: `[3]: `, srun -l."""
_NO_COLUMN = (
    rb"(?!(?i:\w{0,30}?(?:step|iter(?:ation)?|epoch|batch|update|sample|example|token)s?(?:_[a-z]{1,6})?"
    rb"|(?:itr?|ep|mb)(?:_[a-z]{1,6})?) {1,20}\|)"
)
"""The first column of a table, which counts: `tokens_seen | loss`."""
CONTAINER = (
    rb"(?!INFO |DEBUG )(?=[A-Za-z][\w.-]{0,62} {1,20}\| )"
    + NOT_TRAINING + NO_COUNTER + _NO_COLUMN + rb"[\w.-]+ +\|"
)  # fmt: skip
"""docker compose."""
SERVICE = (
    rb"(?=[\w.-]{1,60}[-_]\d{1,3} {1,20}\| {1,8}(?:(?!nan|inf|[Nn]one)[A-Za-z]|- [A-Za-z]"
    rb"|\d[\d.]* {2,20}[^\s|]))" + CONTAINER
)
"""The same with the number of its replica, before anything that is no cell of a table."""
VALIDATES = rb"(?= {0,8}[=>#* -]{0,12}(?i:val|eval|test|dev)[A-Za-z]{0,12}\b[^\r\n]{0,60}? \d{1,9}\.\d)"
"""A message that begins with a word for held-out data and holds a score."""
HOST = NOT_TRAINING + NO_COUNTER + rb"(?=[A-Za-z_.-]{0,62}\d)[\w.-]{2,63}:(?= )"
"""pdsh, mpssh: `worker-3: `, `10.0.0.4: `."""
_NO_RATE = rb"(?<![A-Za-z])(?<!\ds/)(?<! s/)(?<!ms/)(?<!sec/)(?<!time/)(?<!per )"
SPEAKS = (
    rb"(?= {0,8}(?:[\[{(<|]|\d{1,9}/\d{1,9} |-{10}|[*-][ *]{1,8}[A-Za-z]|\xe2\x94"
    rb"| [ \t]{1,32}[A-Za-z|][\w ./|-]{0,40}[:=>]? {0,20}[\d.eE+-]{1,24} ?[A-Za-z/%]{0,12}\s*$"
    rb"|(?i:(?:running |begin |start )?(?:val(?:id\w{0,8})?|eval\w{0,8}|test(?:ing)?|dev)\b)[^\d\r\n]{0,60}$|"
    rb"\d{1,9}:\s{1,16}(?:learn|test):"
    rb"|\d[\d.eE+-]{0,40}(?:,[\d.eE+-]{1,40})+\s*$"
    rb"|(?:(?!(?i:loss|eta\b|time|elapsed))[^=\r\n]){0,80}?\d\d:\d\d:\d\d"
    rb"|[^\r\n]{0,300}?(?:%\||"
    + _NO_RATE
    + rb"(?i:(?:global_?)?steps?|iter(?:ation)?s?|epochs?|batch|updates?"
    rb"|episodes?|time_?steps?)(?![A-Za-z]|/s(?:ec)?\b)(?! time)|: {1,8}(?:INFO|DEBUG))))(?! *[\d.]+, )"
)
"""A message that shows its own step, or opens something: what precedes it is no counter."""


def rank_and_node(found: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return where rank and node are, of the tags found by their names."""
    if not found:
        return {}
    node = found.pop("node", None)
    if not found:
        return {} if node is None else {"rank": node}  # srun -l with a task per rank
    rank = {"rank": next(iter(found.values()))}
    return rank if node is None else rank | {"node": node}
