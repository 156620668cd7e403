"""Keys of the log: scrolling through the protocol, sources, searches, marks."""

import msgspec
import pytest

from runwatch.tui import actions

from .fake_engine import picture


async def test_log_scrolls_through_the_protocol(open_app):
    async with open_app((100, 30)) as s:
        await s.press("4")
        assert "following" in s.text()
        assert s.engine.view.log_before is None
        for _ in range(8):
            await s.press("pageup")
        assert s.engine.view.log_before < 50_000
        bottom = s.view.log_view.bottom
        assert f"{bottom} " in s.drawn("#log-view")
        await s.press("home")
        assert " 1 12:41" in s.drawn("#log-view")
        await s.press("f")
        assert s.engine.view.log_before is None
        assert "50000 " in s.drawn("#log-view")


async def test_log_of_another_source(open_app):
    async with open_app((100, 30)) as s:
        await s.press("4", "home", "r")
        assert s.engine.view.log_source == "/runs/llama/train.err"
        assert "log /runs/llama/train.err" in s.drawn("#log-view")
        assert "following" in s.drawn("#log-view")
        await s.press("r")
        assert "log /runs/llama/train.log" in s.drawn("#log-view")


async def test_log_search(open_app):
    async with open_app((100, 30)) as s:
        await s.press("4", "slash", *"slow [allreduce")
        await s.press("enter")
        assert "nothing found" in s.drawn("#log-view")
        await s.press("slash", *"allreduce", "enter")
        assert s.view.log_view.at == 49_977
        await s.press("N")
        assert s.view.log_view.at == 49_937
        await s.press("n")
        assert s.view.log_view.at == 49_977
        await s.press("escape", "escape")
        assert s.view.view == actions.OVERVIEW


async def test_a_search_that_is_taken_back_before_the_lines_come_leads_nowhere(open_app):
    async with open_app((100, 30), log=()) as s:
        await s.press("4", "slash", *"loss", "enter")
        assert "searching" in s.drawn("#log-view")
        await s.press("escape")
        await s.push(step=41_231)
        view = s.view.log_view
        assert (view.waiting, view.at, view.following) == (0, None, True)


@pytest.mark.deep
async def test_next_error(open_app):
    async with open_app((100, 30)) as s:
        await s.press("4", "E")
        assert s.view.log_view.at == 49_977
        await s.press("E", "E")
        assert s.view.log_view.at == 49_900
        assert "[bold]not markup[/bold] \\[x]" in s.text()
        await s.press("e")
        assert s.view.log_view.at == 49_937


async def test_wrap(open_app):
    async with open_app((80, 24)) as s:
        await s.press("4")
        assert "2.03 s" not in s.text()
        await s.press("w")
        assert "2.03 s" in s.text()


async def test_a_wrapped_line_keeps_a_name_and_its_value_together(open_app):
    async with open_app(
        (40, 24), log=((1242, "step 01240/05000 (24.80%) | loss: 4.472221 | lrm: 1.00"),)
    ) as s:
        await s.press("4")
        assert "loss: 4.472221" in s.drawn("#log-view")


async def test_a_phone_wraps_long_lines_until_somebody_chooses(open_app):
    async with open_app((48, 40)) as s:
        await s.press("4")
        assert "2.03 s" in s.text()
        await s.press("w")
        assert "2.03 s" not in s.text()


async def test_carets_below_a_line_that_is_broken_point_at_nothing(open_app):
    code = "    loss = model(tokens, labels).loss.backward(retain_graph=True)"
    log = ((7, code), (8, " " * 11 + "^" * 40), (9, "    loss.step()"), (10, "    ^^^^^^^^^^^"))
    for width, shown in ((48, 1), (100, 2)):
        async with open_app((width, 40), log=log) as s:
            await s.press("4")
            assert sum("^^^" in line for line in s.drawn("#log-view").splitlines()) == shown, width


async def test_log_filters_and_marks(open_app):
    log = tuple((n, f"[rank{n % 2}] step {n} ok") for n in range(1, 60))
    async with open_app((100, 30), log=log) as s:
        await s.press("4", "p")
        assert "only rank 0" in s.drawn("#log-view")
        assert "[rank1]" not in s.drawn("#log-view")
        await s.press("p", "p")
        assert "only" not in s.drawn("#log-view").splitlines()[0]
        await s.press("slash", *"step 5", "enter", "ampersand")
        shown = [line for line in s.drawn("#log-view").splitlines()[1:] if "step" in line]
        assert len(shown) == 11
        await s.press("k", "escape", "escape", "b")
        marked = s.view.log_view.chosen()
        assert f"{marked}◦" in s.drawn("#log-view") or f"{marked}▸" in s.drawn("#log-view")
        await s.press("f", "B")
        assert s.view.log_view.at == marked


@pytest.mark.deep
async def test_the_time_at_which_lines_were_read(open_app, monkeypatch):
    monkeypatch.setattr("runwatch.render.plain.clock", lambda unix, seconds=False: f"12:00:{int(unix):02}")
    log = tuple((n, f"line {n}.") for n in range(1, 9))
    async with open_app((80, 24), log=log, log_read=((1, 0.0), (3, 7.0), (6, 9.0))) as s:
        await s.press("4", "t")
        drawn = s.drawn("#log-view").splitlines()
        shown = {n: next(line for line in drawn if f"line {n}." in line) for n in range(1, 9)}
        assert "12:00" not in shown[2]
        assert "12:00:07 line 3." in shown[3]
        assert "12:00:07 line 5." in shown[5]
        assert "12:00:09 line 8." in shown[8]
        await s.press("t")
        assert "12:00" not in s.drawn("#log-view")
    async with open_app((80, 24)) as s:
        await s.press("4")
        assert not s.app.available("times")


async def test_of_a_line_that_is_kept_no_more_this_is_said_above_the_oldest(open_app):
    def make(asked):
        full = picture(asked)
        kept = tuple(each for each in full.run.log if each[0] > 49_000)
        return msgspec.structs.replace(full, run=msgspec.structs.replace(full.run, log=kept))

    async with open_app((100, 30), make=make) as s:
        await s.press("4")
        s.app.show_line(7)
        await s.until(lambda: "line 7 is older than what is kept" in s.drawn("#log-view"))
        assert "│49001 " in s.drawn("#log-view")
