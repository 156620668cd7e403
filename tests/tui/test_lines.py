"""What is told of log lines, and a hostile log on the screen."""

import re
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwatch.core.snapshot import Snapshot
from runwatch.core.text import plain
from runwatch.tui.lines import Lines, painted, rank_of, role_of, step_of
from runwatch.tui.search import Search

from .fake_engine import picture


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("step 00046/00340 (13.53%) | loss: 3.13", 46),
        (" iteration    41229/  120000 | consumed samples: 1", 41229),
        ("{'loss': 2.1, 'step': 500}", 500),
        ("global_step=1,234 loss=2", 1234),
        ("Epoch 3: loss 2.0", None),
        ("stepping stone 5", None),
    ],
)
def test_the_step_of_a_line(text, step):
    assert step_of(text) == step


@pytest.mark.parametrize(
    ("text", "rank"),
    [
        ("[rank37]: RuntimeError", 37),
        ("12:41:09 [r37] WARNING NCCL", 37),
        ("Rank 1 | 0/3 (0.00%)", 1),
        ("rank=5, ready", 5),
        ("frank 5 said", None),
        ("r2d2 is no rank", None),
    ],
)
def test_the_rank_of_a_line(text, rank):
    assert rank_of(text) == rank


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        ("step 7 | loss: nan | lr: 1e-3", [("nan", "warn")]),
        ("WARNING: retrying", [("WARNING", "warn"), ("retrying", "warn")]),
        ("loss=-inf", [("inf", "warn")]),
        ("saved /runs/nan/model.pt", []),
        ("IndexError: index 7", [("IndexError: index 7", "crit")]),
    ],
)
def test_of_a_line_only_what_warns_has_a_color(line, marked):
    assert [(text, role) for text, role in painted(line) if role] == marked
    assert "".join(text for text, _ in painted(line)) == line


@given(st.text(max_size=60))
def test_any_line_can_be_asked(text):
    assert role_of(text) in ("", "warn", "crit")
    assert step_of(text) is None or step_of(text) >= 0
    assert rank_of(text) is None or rank_of(text) >= 0


def test_a_long_line_takes_no_time():
    begin = time.process_time()
    for text in ("step " * 300_000, "rank" * 300_000, "NCCL" * 300_000, " " * 1_000_000):
        role_of(text), step_of(text), rank_of(text)
    assert time.process_time() - begin < 20  # a search in all of it would take minutes


def test_only_lines_near_the_place_are_kept():
    lines = Lines()
    lines.learn(((n, f"line {n}") for n in range(12_000)), near=6_000)
    assert 6_000 in lines
    assert 0 not in lines
    assert len(lines.known()) < 6_000


def test_filters():
    lines = Lines()
    lines.learn([(1, "[rank0] step 1"), (2, "[rank1] step 1"), (3, "[rank1] error")], near=3)
    assert lines.ranks() == [0, 1]
    lines.rank = 1
    assert lines.shown() == [2, 3]
    assert lines.errors() == [3]
    assert lines.of_step(1) == (1, 0)


HOSTILE = (
    "\x1b[31mred\x1b[0m \x1b[2J\x1b[10;10H \x1b]0;title\x07 \x1b]8;;http://x\x07link\x1b]8;;\x07",
    "\x9b31m\x90q\x9c \x00\x08\x08\x08 \r over",
    "[bold red]x[/] \\[y] [link=file:///]z {x} $y",
    "\u202eevil\u202c \u2066x\u2069 \u200bzero\u200d \u0301\u0301\u0301 combining",
    "模型训练 " * 30 + "👨‍👩‍👧‍👦 🇩🇪 ﷽",
    "x" * 1_000_000,
)


@pytest.mark.few(1)
@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 40), marks=pytest.mark.deep)])
@pytest.mark.parametrize("key", ["1", "4"])
async def test_a_hostile_log_stays_in_its_panel(open_app, size, key):
    log = tuple((n, plain(text)) for n, text in enumerate(HOSTILE, 1))
    quiet = tuple((n, "line") for n in range(1, len(HOSTILE) + 1))
    async with open_app(size, log=quiet) as s:
        await s.press(key)
        before = [line[:1] + line[-1:] for line in s.text().splitlines()]
        await s.push(
            log=log, name=plain(HOSTILE[0] + HOSTILE[3]), facts={plain(HOSTILE[3]): plain(HOSTILE[4])}
        )
        text = s.text()
        assert [line[:1] + line[-1:] for line in text.splitlines()][1:-1] == before[1:-1]
        assert not any(char < " " or "\x7f" <= char < "\xa0" for char in text.replace("\n", ""))
        assert not set("\u202e\u2066\u200b\u200d\u0301") & set(text)
        await s.press("4", "w", "pageup", "slash", *"evil", "enter")
        assert "cannot show" not in s.text()


def _poisoned(said):
    """The same with something hostile in each text but the words that runwatch chooses from."""
    if isinstance(said, dict):
        return {_poisoned(key) if "/" in key else key: _poisoned(value) for key, value in said.items()}
    if isinstance(said, list | tuple):
        return [_poisoned(each) for each in said]
    chosen = not isinstance(said, str) or re.fullmatch("[a-z]*", said)
    return said if chosen else f"{said[:3]}{HOSTILE[0]}{HOSTILE[1]}{HOSTILE[3]}{said[3:]}"


async def test_a_hostile_daemon_stays_in_the_cells_of_every_view(open_app):
    """One on another host may send what no engine of ours would."""

    def hostile(view):
        same = msgspec.structs.replace(view, run=None)  # whichever run it is asked for
        return msgspec.convert(_poisoned(msgspec.to_builtins(picture(same))), Snapshot)

    async with open_app(make=hostile) as s:
        for key in "01234567":
            await s.press(key)
            text = s.text()
            assert "[31mred[0m" in text  # what is left of it is shown
            assert "cannot show" not in text
            assert not any(char < " " or "\x7f" <= char < "\xa0" for char in text.replace("\n", ""))
            assert not set("\u202e\u2066\u200b\u200d\u0301") & set(text)


def test_a_search_that_takes_too_long_is_given_up():
    search = Search(r"(\w+\s?)*$!")
    assert not search.finds("a" * 4000)
    assert search.slow
    assert search.hits("a!") == []


def test_a_search_for_what_is_no_expression_takes_it_as_it_is():
    search = Search("loss (")
    assert search.hits("the LOSS (mean)") == [(4, 10)]
    assert not search.slow
