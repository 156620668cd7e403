"""Hints for new users: one line, gone once its key was used, and after three sessions."""

from runwatch.tui import actions, hints

from .fake_engine import SPIKE


async def test_a_hint_goes_once_its_key_was_used_and_is_not_there_in_the_next_session(
    open_app, tmp_path, monkeypatch
):
    monkeypatch.delenv(hints.OFF)
    for hint in ("? explains this screen", ": finds every command"):
        async with open_app((100, 30), hints=hints.load(tmp_path / "state")) as s:
            assert hint in s.drawn("#hint")
            await s.press("question_mark", "escape")
            assert ": finds every command" in s.drawn("#hint")


async def test_what_is_wrong_goes_first(open_app, tmp_path, monkeypatch):
    monkeypatch.delenv(hints.OFF)
    async with open_app((100, 30), incidents=(SPIKE,), hints=hints.load(tmp_path)) as s:
        assert "5 shows what is wrong" in s.drawn("#hint")
        await s.pilot.click("#hint", offset=(4, 0))
        await s.settle()
        assert s.view.view == actions.ALERTS
        assert "what is wrong" not in s.drawn("#hint")


async def test_a_hint_names_its_key_in_ascii_too(open_app, tmp_path, monkeypatch):
    monkeypatch.delenv(hints.OFF)
    for ascii_only, keys in ((False, "←→"), (True, "<>")):
        known = hints.load(tmp_path)
        known.kept.used |= {*hints._HINTS} - {"cursor_left"}
        async with open_app((100, 30), hints=known, ascii_only=ascii_only) as s:
            assert f"tip {keys} reads values off charts" in s.drawn("#hint")


async def test_hints_end_after_three_sessions(open_app, tmp_path, monkeypatch):
    monkeypatch.delenv(hints.OFF)
    for _ in range(hints.SESSIONS):
        known = hints.load(tmp_path)
    assert known.on
    async with open_app((100, 30), hints=known) as s:
        assert s.view.query_one("#hint").display
    async with open_app((100, 30), hints=hints.load(tmp_path)) as s:
        assert not s.view.query_one("#hint").display


async def test_a_state_that_cannot_be_read_means_no_hint(open_app, tmp_path, monkeypatch):
    monkeypatch.delenv(hints.OFF)
    (tmp_path / "state").write_text("a file")
    async with open_app((100, 30), hints=hints.load(tmp_path / "state")) as s:
        assert not s.view.query_one("#hint").display
    (tmp_path / "hints.json").write_text("[no json")
    async with open_app((100, 30), hints=hints.load(tmp_path)) as s:
        assert s.view.query_one("#hint").display


async def test_nothing_moves_when_a_hint_or_an_incident_comes_or_goes(open_app, tmp_path, monkeypatch):
    monkeypatch.delenv(hints.OFF)
    async with open_app((100, 30), hints=hints.load(tmp_path)) as s:
        before = s.view.query_one("#log").region
        s.app.hints.kept.used |= {*hints._HINTS}
        await s.push()
        assert s.drawn("#hint").strip() == ""
        assert s.view.query_one("#log").region == before
        await s.push(incidents=(SPIKE,))
        assert "CRITICAL" in s.text()
        assert s.view.query_one("#keys").region.y == 29


async def test_a_low_screen_has_no_room_for_one(open_app, tmp_path, monkeypatch):
    monkeypatch.delenv(hints.OFF)
    async with open_app((40, 12), hints=hints.load(tmp_path)) as s:
        assert not s.view.query_one("#hint").display
