"""What an internal error of the screen leaves: in tests/cli/test_screen_fault.py it is a real one."""

from __future__ import annotations

import pytest

from runwatch.core.errors import ExitCode
from runwatch.tui import fault
from runwatch.tui.scene import Scene


def raised(act=lambda: Scene.first_step(None)):
    """Return an error with its traceback."""
    with pytest.raises((AttributeError, ValueError)) as found:
        act()
    return found.value


def quoting():
    raise ValueError("bad row\n\x1b]0;x\x07" + "x" * 4000 + "password=hunter2")


def test_one_line_that_says_what_where_and_what_to_do(tmp_path):
    state = tmp_path / "new" / "state"
    error = fault.report(raised(), state, "the run is not affected")
    assert error.exit_code is ExitCode.INTERNAL
    what, kind, *rest = str(error).split(": ")
    assert (what, kind) == ("internal error in the screen", "AttributeError")
    assert "(runwatch/tui/step_range.py, line " in rest[0]
    assert rest[1] == f"the run is not affected; report what is in {state}/screen-error.txt"
    report = (state / fault.FILE).read_text()
    assert report.startswith("runwatch ")
    assert "AttributeError" in report.splitlines()[-1]


def test_what_an_error_quotes_is_harmless(tmp_path):
    said = str(fault.report(raised(quoting), tmp_path, "x"))
    assert len(said) < 400
    assert "\x1b" not in said + (tmp_path / fault.FILE).read_text()
    assert "hunter2" not in (tmp_path / fault.FILE).read_text()


def test_the_file_is_for_its_owner_and_has_the_newest_error(tmp_path):
    fault.report(raised(quoting), tmp_path, "x")
    fault.report(raised(), tmp_path, "x")
    assert "bad row" not in (tmp_path / fault.FILE).read_text()
    assert (tmp_path / fault.FILE).stat().st_mode & 0o077 == 0


def test_without_a_place_for_the_file_it_says_so(tmp_path):
    (tmp_path / "state").write_text("")
    said = str(fault.report(raised(), tmp_path / "state", "the run is not affected"))
    assert "cannot write the traceback (is not a directory); set RUNWATCH_DEBUG=1" in said
