"""The wire: pictures come as asked for, and a lost engine is said, not hidden."""

import msgspec
import pytest

from runwatch.tui.link import SnapshotReady
from runwatch.watcher.protocol import Failure, Hello, Subscribe


async def test_greets_and_asks_for_what_is_visible(open_app):
    async with open_app((120, 40)) as s:
        assert isinstance(s.engine.requests[0], Hello)
        view = s.engine.view
        widths = {c.metric: c.width for c in view.charts}
        assert set(widths) >= {"train/loss", "val/loss", "train/grad_norm", "perf/tokens_per_sec"}
        assert 45 < widths["train/loss"] <= 58
        assert view.log_lines == s.view.query_one("#log").size.height - 2


async def test_asks_again_only_when_the_view_changes(open_app):
    async with open_app() as s:
        asked = sum(isinstance(request, Subscribe) for request in s.engine.requests)
        await s.push(step=41_231)
        await s.push(step=41_232)
        assert sum(isinstance(request, Subscribe) for request in s.engine.requests) == asked


async def test_lost_engine_keeps_the_last_picture(open_app):
    async with open_app((120, 30)) as s:
        s.engine.hang_up()
        await s.until(lambda: s.scene.link == "lost")
        s.clock.now += 75
        s.app._tick()
        await s.settle()
        assert "WATCHING STOPPED 1m" in s.drawn("#head")
        assert "the process that reads the log ended" in s.drawn("#head")
        assert "41,230" in s.drawn("#head")
        await s.press("2", "1", "y")
        assert "log y" in s.drawn("#main-0")


async def test_a_broken_message_is_a_lost_engine(open_app):
    async with open_app() as s:
        s.engine._server.write(b'{"type": "frame", "snapshot": 3}\n')
        await s.until(lambda: s.scene.link == "lost")
        assert "broken connection" in s.scene.reason


async def test_failure_before_any_picture_ends_the_app(open_app):
    refusal = Failure("nothing readable at train.log", 3)
    async with open_app(make=lambda view: refusal, wait=False) as s:
        await s.until(lambda: s.app.return_value is not None)
        assert s.app.return_value == 3
        assert s.app.failure == "nothing readable at train.log"


async def test_failure_later_is_a_lost_engine(open_app):
    async with open_app() as s:
        s.engine.send(Failure("the disk is gone"))
        await s.until(lambda: s.scene.link == "lost")
        await s.settle()
        assert "the disk is gone" in s.drawn("#head")
        assert s.app.return_value is None


async def test_another_protocol_is_refused(open_app):
    async with open_app() as s:
        s.engine.send(Hello(version=99))
        await s.until(lambda: s.scene.link == "lost")
        assert "protocol 99" in s.scene.reason


@pytest.mark.parametrize("columns", [80, 120])
async def test_a_stale_run_says_so_and_has_no_eta(open_app, columns):
    async with open_app((columns, 30)) as s:
        assert "live 2s" in s.drawn("#head")
        assert "ETA 2d 14h" in s.drawn("#head")
        s.clock.now += 180
        s.app._tick()
        assert "STALE 3m" in s.drawn("#head")
        assert "ETA 2d" not in s.drawn("#head")
        assert ("no ETA: no line came lately" in s.drawn("#head")) == (columns >= 100)


async def test_messages_coalesce():
    assert SnapshotReady().can_replace(SnapshotReady())


async def test_a_blurred_window_asks_for_less(open_app):
    async with open_app() as s:
        s.app.on_app_blur()
        await s.settle()
        assert s.engine.view.interval > 0.5
        s.app.on_app_focus()
        await s.settle()
        assert s.engine.view.interval == 0.5


async def test_likely_curves_are_asked_for_before_it_is_known_what_a_run_has(open_app):
    async with open_app((120, 40), wait=False) as s:
        first = next(r for r in s.engine.requests if isinstance(r, Subscribe)) if s.engine.requests else None
        await s.until(lambda: s.scene.snapshot is not None)
        first = first or next(r for r in s.engine.requests if isinstance(r, Subscribe))
        assert {"train/loss", "train/grad_norm"} <= {chart.metric for chart in first.view.charts}
        await s.settle()
        assert {chart.metric for chart in s.engine.view.charts} <= {
            item.metric for item in s.scene.run.latest
        }


async def test_a_run_that_is_gone_leaves_the_choice_to_the_engine(open_app):
    async with open_app((100, 30)) as s:
        await s.press("]")
        assert s.scene.run_id == "r2"
        whole = s.engine.picture

        def known(view, ids):
            shown = whole(view)
            runs = tuple(msgspec.structs.replace(shown.runs[0], id=name) for name in ids)
            return msgspec.structs.replace(
                shown, runs=runs, run=shown.run if view.run in (None, *ids) else None
            )

        for ids, wanted in ((("r1", "r2#1", "r2#2"), "r2#2"), (("r1",), None)):
            s.engine.picture = lambda view, ids=ids: known(view, ids)
            s.engine.push()
            await s.until(lambda wanted=wanted: s.scene.run_id == wanted and s.scene.run is not None)
