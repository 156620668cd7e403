"""What spans lines is one event: tracebacks of every look, torchrun's table of failures."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .logs import parse


def test_a_traceback_is_one_event_with_its_last_line():
    text = (
        b"[rank3]: Traceback (most recent call last):\n"
        b'[rank3]:   File "train.py", line 9, in <module>\n'
        b"[rank3]:     main()\n"
        b"[rank3]: ValueError: bad shard \x1b[31m<!channel>\x1b[0m\n"
    )
    (event,) = parse(text).events
    assert (event.kind, event.rank, event.line) == ("traceback", 3, 4)
    assert event.title == "ValueError: bad shard <!channel>"
    assert event.data["program"] == "train.py"
    assert "main()" in event.data["frames"]


FRAMES = (
    b'  File "train.py", line 9, in <module>\n    main()\n  File "loop.py", line 4, in main\n    step()\n'
)


def test_a_traceback_may_have_lost_its_head():
    (event,) = parse(b"step 9\n\n" + FRAMES + b"ValueError: bad shard\n").events
    assert (event.kind, event.title) == ("traceback", "ValueError: bad shard")
    assert "step()" in event.data["frames"]


@pytest.mark.parametrize("behind", [b"", b"step 10\n" * 9, b"Epoch 2/3\nloading\n"])
def test_a_list_of_calls_that_nothing_was_raised_from_is_no_traceback(behind):
    assert not parse(b"Stack (most recent call last):\n" + FRAMES + behind).events


def test_of_a_deep_traceback_the_last_frames_are_kept_with_their_indentation():
    frames = "".join(
        f'  File "deep.py", line {i}, in call_{i}\n    call_{i + 1}()\n    ~~~~~^^\n' for i in range(40)
    )
    text = f"Traceback (most recent call last):\n{frames}RecursionError: too deep\n"
    (event,) = parse(text.encode()).events
    assert "program" not in event.data
    assert event.data["frames"].splitlines()[-3:] == [
        '  File "deep.py", line 39, in call_39', "    call_40()", "    ~~~~~^^",
    ]  # fmt: skip


def test_chained_exceptions_are_one_event():
    text = (
        b"Traceback (most recent call last):\n  File a\nKeyError: 1\n\n"
        b"During handling of the above exception, another exception occurred:\n\n"
        b"Traceback (most recent call last):\n  File b\ntorch.OutOfMemoryError: CUDA out of memory.\n"
    )
    assert [event.kind for event in parse(text).events] == ["traceback", "oom"]


def test_the_exception_that_a_hook_could_not_show_is_not_of_another_program():
    error = (
        b'Traceback (most recent call last):\n  File "a.py", line 8, in <module>\n    run()\nKeyError: 1\n'
    )
    hook = b'Error in sys.excepthook:\nTraceback (most recent call last):\n  File "b.py", line 6, in hook\nOSError: 2\n\n'
    mains = [
        event.data.get("main") for event in parse(error + hook + b"Original exception was:\n" + error).events
    ]
    assert mains == ["1", None, None]


def test_a_traceback_cut_off_is_still_reported():
    (event,) = parse(b"Traceback (most recent call last):\n  File a\n").events
    assert event.kind == "traceback"


def test_a_step_line_ends_a_traceback():
    text = b"step 1/9 (1.00%) | loss: 1.0\nTraceback (most recent call last):\n  File a\nstep 2/9 (2.00%) | loss: 1.0\nKeyError: 1\n"
    parsed = parse(text)
    assert [event.kind for event in parsed.events] == ["traceback"]
    assert parsed.column("step").tolist() == [1, 2]


LOGURU = (
    "2030-01-02 03:04:05.678 | ERROR    | core.launch:launch:98 - An error has been caught in function 'launch':\n"
    "Traceback (most recent call last):\n\n"
    '  File "train.py", line 133, in <module>\n    main(args)\n    \u2502    \u2514 Namespace(a=1,\n'
    "\u2502 keys \u2502 values \u2502\n    \u2514 <function main>\n\n"
    '> File "launch.py", line 98, in launch\n    f(*args)\n    \u2514 <function f>\n\n'
    "FileNotFoundError: [Errno 2] No such file: 'a.json'\n"
)
RICH = (
    "\u256d\u2500\u2500\u2500 Traceback (most recent call last) \u2500\u2500\u2500\u256e\n"
    "\u2502 train.py:9 in <module>   \u2502\n\u2502 \u2771 9 main()               \u2502\n\u2570\u2500\u2500\u2500\u256f\n"
    "ValueError: bad shard\n"
)
INDENTED = (
    "[1]:\n  rank      : 1 (local_rank: 1)\n  traceback : Traceback (most recent call last):\n"
    '    File "train.py", line 9, in <module>\n      main()\n  ValueError: bad shard\n'
)
LOGGED = (
    "2030-01-02 03:04:05,678 - root - ERROR - Traceback (most recent call last):\n"
    '  File "train.py", line 9\nsocket.timeout: timed out\n'
)
EVERY_LINE = "".join(
    f"E0102 03:04:0{i}.678901 4242 api.py:12] {line}\n"
    for i, line in enumerate(("Traceback (most recent call last):", '  File "a.py", line 9', "KeyError: 'x'"))
)
RAY = "".join(
    f"(TaskRunner pid=4242) {line}\n"
    for line in ("Traceback (most recent call last):", '  File "a.py", line 9', "KeyError: 'x'")
)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (LOGURU, "FileNotFoundError: [Errno 2] No such file: 'a.json'"),
        (RICH, "ValueError: bad shard"),
        (INDENTED, "ValueError: bad shard"),
        (LOGGED, "socket.timeout: timed out"),
        (EVERY_LINE, "KeyError: 'x'"),
        (RAY, "KeyError: 'x'"),
    ],
)
def test_every_look_of_a_traceback(text, title):
    events = parse(text.encode()).events
    assert [(event.kind, event.title) for event in events] == [("traceback", title)]


def test_tracebacks_of_ranks_that_mix_are_distinguished():
    lines = ["Traceback (most recent call last):", '  File "a.py", line 9', "    main()"]
    text = "".join(f"3: [default{rank}]:[rank{rank}]: {line}\n" for line in lines for rank in range(4))
    text += "".join(f"3: [default{rank}]:[rank{rank}]: ValueError: shard {rank}\n" for rank in (2, 0, 1))
    events = parse(text.encode()).events
    reported = [(event.rank, event.title) for event in events]
    assert reported[:3] == [(rank, f"ValueError: shard {rank}") for rank in (2, 0, 1)]
    assert reported[3:] == [(3, "Traceback without its last line")]


@pytest.mark.parametrize(
    "tag",
    [
        "[rank: {}] ",
        "[Rank {}] ",
        "Rank {}: ",
        "2030-01-02 03:04:0{} [rank{}]: ",
        "[2030-01-02 03:04:05][rank{1}] ",
    ],
)
def test_ranks_that_programs_write_themselves_distinguish_tracebacks(tag):
    lines = ["Traceback (most recent call last):", '  File "a.py", line 9', "ValueError: bad shard"]
    text = "".join(f"{tag.format(rank, rank)}{line}\n" for line in lines for rank in range(3))
    reported = [(event.rank, event.title) for event in parse(text.encode()).events]
    assert reported == [(rank, "ValueError: bad shard") for rank in range(3)]


def test_an_event_behind_a_time_and_a_rank_shows_both():
    (event,) = parse(b"2030-01-02T03:04:05Z [rank3]: torch.OutOfMemoryError: CUDA out of memory\n").events
    assert (event.rank, event.data["time"]) == (3, "1893553445.000")


GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 1, in <module>
  |     raise ExceptionGroup("load", errors)
  | ExceptionGroup: load (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "a.py", line 2, in f
    | ValueError: bad shard
    +---------------- 2 ----------------
    | torch.OutOfMemoryError: CUDA out of memory.
    +------------------------------------
"""


@pytest.mark.parametrize("tag", ["", "[rank1]: "])
def test_a_group_of_exceptions_and_those_in_it(tag):
    text = "".join(f"{tag}{line}\n" for line in GROUP.splitlines())
    events = parse(text.encode()).events
    assert [(event.kind, event.line) for event in events] == [("traceback", 4), ("traceback", 8), ("oom", 10)]
    assert [event.title for event in events[:2]] == [
        "ExceptionGroup: load (2 sub-exceptions)",
        "ValueError: bad shard",
    ]


def test_a_line_of_another_process_does_not_break_a_traceback():
    text = (
        b"Traceback (most recent call last):\nW0407 08:18:54.025 79282 api.py:1] closing signal SIGTERM\n"
        b'  File "a.py", line 9\nValueError: bad shard\n'
    )
    assert [event.title for event in parse(text).events] == ["ValueError: bad shard"]


def test_what_follows_a_traceback_that_was_cut_is_still_read():
    text = b"Traceback (most recent call last):\n  File a\n" + b"noise\n" * 9 + b"Killed\n"
    assert [event.kind for event in parse(text).events] == ["traceback", "killed"]


ROOT = (
    "{0}ChildFailedError:\n{0}============\n{0}train.py FAILED\n{0}------------\n{0}Failures:\n"
    "{0}  <NO_OTHER_FAILURES>\n{0}------------\n{0}Root Cause (first observed failure):\n{0}[0]:\n"
    "{0}  time      : 2030-01-02_03:04:05\n{0}  host      : node17\n{0}  rank      : 21 (local_rank: 1)\n"
    "{0}  exitcode  : {1} (pid: 4242)\n{0}  error_file: <N/A>\n{0}  traceback : To enable traceback see: docs\n"
    "{0}============\n"
)


@pytest.mark.parametrize("prefix", ["", "5: ", "[default1]:"])
@pytest.mark.parametrize(
    ("code", "kind", "title"),
    [
        (1, "elastic", "rank 21 failed first: exit code 1 on node17"),
        (-9, "killed", "rank 21 failed first: signal 9 (SIGKILL) on node17"),
        (-11, "segfault", "rank 21 failed first: signal 11 (SIGSEGV) on node17"),
        (-15, "elastic", "rank 21 failed first: signal 15 (SIGTERM) on node17"),
    ],
)
def test_torchruns_table_names_who_failed_first(prefix, code, kind, title):
    event = parse(ROOT.format(prefix, code).encode()).events[-1]
    assert (event.kind, event.rank, event.title) == (kind, 21, title)
    assert event.data == {"host": "node17", "exitcode": str(code), "pid": "4242"}


def test_a_table_cut_off_is_still_reported():
    text = ROOT.format("", 1).split("  error_file")[0]
    assert parse(text.encode()).events[-1].rank == 21


LOGGING = (
    '--- Logging error ---\nTraceback (most recent call last):\n  File "/py/logging/__init__.py", line 1103, in emit\n'
    "    stream.write(msg)\n{}"
)
OF_THREAD = (
    "Exception in thread Thread-4:\nTraceback (most recent call last):\n"
    '  File "/py/threading.py", line 926, in _bootstrap_inner\n    self.run()\n'
    '  File "/x/{}.py", line 144, in run\n    resp = self._communicate(req)\n{}\n'
)
OF_TASK = (
    "2025-03-04 05:06:07 asyncio ERROR {}\nTraceback (most recent call last):\n"
    '  File "/x/retry.py", line 151, in retry\n    ret = await target(*args)\n{}\n'
)
NOT_AWAITED = (
    "Task exception was never retrieved\nfuture: <Task finished name='T-9' exception=NameError('f')>"
)
OF_CALLBACK = "Exception in callback Wakeup()\nhandle: <Handle Wakeup()>"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (OF_TASK.format(OF_CALLBACK, "RuntimeError: Cannot enter into task"), []),
        (OF_TASK.format(NOT_AWAITED, "NameError: name 'f' is not defined"), []),
        (OF_TASK.format(NOT_AWAITED, "torch.OutOfMemoryError: CUDA out of memory."), ["oom"]),
        (OF_TASK.format("it failed", "NameError: name 'f' is not defined"), ["traceback"]),
        (LOGGING.format("UnicodeEncodeError: 'charmap' codec can't encode\n"), []),
        (LOGGING.format(""), []),  # cut off
        (LOGGING.format("OSError: [Errno 28] No space left on device\n"), ["error"]),
        (
            "Exception ignored in: <function Iter.__del__ at 0x7f>\n" + LOGGING[22:].format("TypeError: x\n"),
            [],
        ),
        (
            OF_THREAD.format("site-packages/wandb/sdk/wandb_run", "Exception: backend has shutdown"),
            ["tracker_gone"],
        ),
        (OF_THREAD.format("site-packages/wandb/sdk/wandb_run", "    raise EOFError"), ["tracker_gone"]),
        (OF_THREAD.format("site-packages/wandb/sdk/wandb_run", "ValueError: no such field"), []),
        (OF_THREAD.format("tqdm/_monitor", "RuntimeError: Set changed size during iteration"), []),
        (OF_THREAD.format("torch/utils/data/_utils/pin_memory", "ValueError: bad"), ["traceback"]),
        (OF_THREAD.format("site-packages/wandb/run", "torch.OutOfMemoryError: CUDA out of memory."), ["oom"]),
    ],
)
def test_what_python_or_the_thread_of_a_tracker_continues_after_is_no_event(text, kinds):
    for behind in ("", "noise\n"):
        assert [event.kind for event in parse((text + behind).encode()).events] == kinds


LISTED = (
    "Graph execution error:\n\nDetected at node 'cast' defined at (most recent call last):\n"
    '  File "a.py", line 1, in <module>\n    run()\n\n'
)
PIECES = [
    OF_TASK.format(NOT_AWAITED, "NameError: x"),
    LOGGING.format("TypeError: x\n"),
    OF_THREAD.format("tqdm/_monitor", "RuntimeError: Set changed"),
    LOGURU,
    RICH,
    INDENTED,
    LOGGED,
    RAY,
    ROOT.format("5: ", 1),
    ROOT.format("", -9),
    "noise\n",
    "Killed\n",
    f'Traceback (most recent call last):\n  File "a.py", line 1\nBad.Error: {LISTED}12 values, not 13\n',
    'Traceback (most recent call last):\n  File "a.py", line 1\nException: \nthe folder is empty\n',
]
PIECES += [
    "step 3/9 (1.00%) | loss: 2.5\n",
    "[rank1]: Traceback (most recent call last):\n",
    "[rank1]: KeyError: 1\n",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.data())
@settings(max_examples=60, deadline=None)
def test_cuts_do_not_matter(pieces, data):
    text = "".join(pieces).encode()
    whole = parse(text)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    parse(text, cuts).same_as(whole)
    much = b"step 3/9 (1.00%) | loss: 2.5\n" * 300
    parse(much + text + much + text).same_as(parse(much + text + much + text, bulk=False))


@pytest.mark.parametrize(
    ("raised", "title"),
    [
        ("Exception: \nthe folder is empty\n", "Exception: the folder is empty"),
        ("acme.WorkerError:\n  it was stopped\n", "acme.WorkerError: it was stopped"),
        (
            "RuntimeError: Errors in the state:\n\tsize of a\n\tsize of b\n",
            "RuntimeError: Errors in the state: size of a",
        ),
        ("E.Failed: the backend raised:\nKeyError: 1\n", "E.Failed: the backend raised: KeyError: 1"),
        (f"Bad.Error: {LISTED}12 values, not 13\n", "Bad.Error: Graph execution error: 12 values, not 13"),
        (f"Bad.Error: {LISTED}", "Bad.Error: Graph execution error:"),
        ("KeyError: one of:\nepoch done\n", "KeyError: one of:"),
        ("acme.WorkerError:\n=====\n", "acme.WorkerError:"),
        ("AssertionError\n", "AssertionError: assert width == 3"),
        ("AssertionError: too wide\n", "AssertionError: too wide"),
    ],
)
@pytest.mark.parametrize("marks", ["", "           ^^^^^^^^^^\n"])
def test_what_an_exception_says_may_be_on_other_lines(raised, title, marks):
    head = 'ready\nTraceback (most recent call last):\n  File "a.py", line 1, in <module>\n    assert width == 3\n'
    events = parse((head + marks + raised).encode()).events
    assert [(event.kind, event.title) for event in events] == [("traceback", title)]


@pytest.mark.parametrize("behind", ["epoch done\n", "  what it says\n", "", "\n\nepoch done\n"])
def test_an_exception_without_its_message_is_on_its_own_line(behind):
    text = (
        'ready\nTraceback (most recent call last):\n  File "a.py", line 1, in <module>\nacme.WorkerError:\n'
    )
    (event,) = parse((text + behind).encode()).events
    assert event.line == 4


FOLDED = (
    "python.exe : Traceback (most recent call last):\n"
    "{between}"
    '  File "C:\\work\\some-long-name\\kno\n'
    'w\\Run.py", line 40, in <module>\n'
    "    train(\n"
    "{between}"
    '  File "C:\\work\\some-long-name\\kno\n'
    'w\\Run.py", line 10, in train\n'
    "    open('out')\n"
)
"""As PowerShell writes what a program says, at a width of 32."""


@pytest.mark.parametrize("between", ["", "loaded\n" * 12])
def test_a_folded_traceback_is_one_event_with_all_that_was_raised(between):
    width = len('  File "C:\\work\\some-long-name\\kno')
    said = "FileNotFoundError: " + "x" * (width - 19)
    text = FOLDED.format(between=between)
    (event,) = parse((text + said + "\nand more\nepoch 3\n").encode()).events
    assert (event.kind, event.title) == ("traceback", said + "and more")
    (event,) = parse((text + "ValueError: too short\nepoch 3\n").encode()).events
    assert event.title == "ValueError: too short"


NARROW = (
    "python : Traceback \n"
    "(most recent call \n"
    "last):\n"
    "In Zeile:1 Zeichen:1\n"
    "    + CategoryInfo     \n"
    "     : NotSpecified: (T\n"
    "   raceback) \n"
    '  File "C:\\work\\Ru\n'
    'n.py", line 40, in \n'
    "<module>\n"
    "    from acme.mod\n"
    "el.layers import \n"
    "Layer\n"
    "{raised}"
)
"""The same at a width of 19."""


@pytest.mark.parametrize("cut", ["Traceback \n", "Traceback (most \n", "Traceback (most recent \n"])
def test_a_traceback_whose_head_is_folded_is_one_event(cut):
    head = cut + "Traceback (most recent call last):\n".removeprefix(cut[:-1])
    text = NARROW.replace("Traceback \n(most recent call \nlast):\n", head)
    (event,) = parse(text.format(raised="acme.LayerError: \nno such \nlayer\nepoch 3\n").encode()).events
    assert (event.kind, event.line, event.title) == ("traceback", 13, "acme.LayerError: no such layer")
    assert 'File "C:\\work\\Ru' in event.data["frames"]


@pytest.mark.parametrize(
    "behind", ["", "(most likely) a word\n", "(most recent call \nlast):\n" + "a line\n" * 80]
)
def test_the_word_alone_begins_no_traceback(behind):
    assert parse(f"log : Traceback \n{behind}done with it\n".encode()).events == []


def test_a_traceback_of_conda_is_the_end_of_what_it_runs():
    text = '  Traceback (most recent call last):\n    File "{}", line 2, in __call__\n  UnicodeError: x\n'
    conda, own = (
        parse(text.format(name).encode()).events[0] for name in ("/x/conda/exception_handler.py", "/x/own.py")
    )
    assert "caught" in own.data
    assert not {"caught", "inner"} & conda.data.keys()


@pytest.mark.parametrize(
    "quoted",
    [
        lambda text: json.dumps({"level": "ERROR", "msg": "it failed", "exc_info": text}),
        lambda text: json.dumps({"message": f"it failed\n{text}", "code": 3}),
        lambda text: f"E [worker]: {text!r}",
    ],
)
def test_a_traceback_within_the_text_of_a_line_is_read(quoted):
    frames = '  File "/w/a.py", line 9, in <module>\n    go("x")\n'
    text = f"Traceback (most recent call last):\n{frames}KeyError: 'a'\n"
    second = f"\nDuring handling of the above exception, another exception occurred:\n\n{text}"
    (event,) = parse(f"ready\n{quoted(text)}\nbye\n".encode()).events
    assert (event.kind, event.title, event.line) == ("traceback", "KeyError: 'a'", 2)
    assert 'go("x")' in event.data["frames"]
    (event,) = parse(quoted(text + second.replace("KeyError: 'a'", "ValueError: b")).encode()).events
    assert (event.title, event.data.get("handling")) == ("ValueError: b", "1")
    assert parse(quoted("Traceback (most recent call last): none").encode()).events == []


@pytest.mark.parametrize("indent", ["\t", "  \t"])
def test_tabs_may_indent_a_traceback(indent):
    lines = ["Traceback (most recent call last):", *FRAMES.decode().splitlines(), "ValueError: bad shard"]
    (event,) = parse("".join(f"{indent}{line}\n" for line in lines).encode()).events
    assert event.title == "ValueError: bad shard"


def test_a_value_that_quotes_another_traceback_is_part_of_the_one_that_shows_it():
    quote = r"""'in worker 0\nTraceback (most recent call last):\n  File "b.py", line 2, in f\n    g()"""
    text = (
        b"Traceback (most recent call last):\n" + FRAMES + f"          - {quote}\n".encode()
    )  # as loguru shows it
    (event,) = parse(text + b"ValueError: bad shard\n").events
    assert event.title == "ValueError: bad shard"
