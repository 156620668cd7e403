"""Who is served first, and what comes between."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from runwatch.watcher.service.turns import LITTLE, Share, Turns


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def test_who_used_little_goes_before_who_used_much():
    turns, much, little = Turns(), Share(), Share()
    order: list[str] = []
    much.use(10 * LITTLE)

    def piece(name: str) -> None:
        order.append(name)
        burn(0.002)

    greedy = [asyncio.create_task(turns.do(much, lambda: piece("much"))) for _ in range(20)]
    await asyncio.sleep(0)
    await turns.do(little, lambda: piece("little"))
    assert order.index("little") <= 1
    await asyncio.gather(*greedy)
    assert order.count("much") == 20


async def test_a_picture_lets_a_question_pass():
    turns = Turns()
    order: list[str] = []
    first = asyncio.create_task(turns.do(Share(), lambda: burn(0.01)))
    pictures = [
        asyncio.create_task(turns.do(Share(), lambda: order.append("picture"), patient=True))
        for _ in range(5)
    ]
    await asyncio.sleep(0)
    question = asyncio.create_task(turns.do(Share(), lambda: order.append("question")))
    await asyncio.gather(first, question, *pictures)
    assert order[0] == "question"


async def test_the_loop_does_other_things_between_two_pieces():
    turns, share, rounds = Turns(), Share(), 0
    share.use(10 * LITTLE)

    async def other() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    for _ in range(50):
        await turns.do(share, lambda: None)
    beside.cancel()
    assert rounds >= 49


async def test_where_there_is_nothing_else_to_do_the_next_piece_follows_at_once():
    turns, share = Turns(), Share()
    share.use(10 * LITTLE)
    loop, begun = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    await turns.do(share, lambda: None)
    turns._rest = begun + 3600.0  # a very long piece
    turns._pass_on(0.0)
    await turns.do(share, lambda: None)
    assert loop.time() - begun < 1800.0


async def test_what_else_there_is_to_do_has_as_long_as_the_piece_took(monkeypatch):
    now = 100.0  # the only clock: however busy the machine is, what works takes that long

    def work(seconds: float) -> None:
        nonlocal now
        now += seconds

    clock = SimpleNamespace(thread_time=lambda: now, monotonic=lambda: now)
    monkeypatch.setattr("runwatch.watcher.service.turns.time", clock)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    turns, share, worked = Turns(), Share(), 0.0
    share.use(10 * LITTLE)

    async def other() -> None:
        nonlocal worked
        while True:
            work(0.002)
            worked += 0.002
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    for _ in range(10):
        await turns.do(share, lambda: work(0.01))
    beside.cancel()
    assert 0.01 * 9 <= worked <= 2 * 0.01 * 9


async def test_a_client_that_leaves_while_it_waits_holds_up_nobody():
    turns = Turns()
    busy = asyncio.create_task(turns.do(Share(), lambda: burn(0.01)))
    gone = [asyncio.create_task(turns.do(Share(), lambda: None)) for _ in range(3)]
    await asyncio.sleep(0)
    gone[0].cancel()
    await busy
    for task in gone[1:]:
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    assert await turns.do(Share(), lambda: 5) == 5


async def test_what_fails_fails_for_its_client_alone():
    turns = Turns()
    with pytest.raises(ZeroDivisionError):
        await turns.do(Share(), lambda: 1 // 0)
    assert await turns.do(Share(), lambda: 5) == 5
