"""The configuration of a run, where it is read from, and the names of its metrics."""

import msgspec

from .fake_engine import picture


async def test_steps_of_the_newest_checkpoint_are_written_as_on_the_screen(open_app):
    about = {"summary.checkpoint.step": "18000", "config.batch_size": "65536", "summary.note": "step 18000"}
    async with open_app(about=about) as s:
        await s.press("7")
        text = s.drawn("#fact-table")
        assert "step            18,000" in text
        assert "65536" in text, "a setting is shown as it was given"
        assert "step 18000" in text, "words too"


async def test_where_a_run_is_read_from_is_said_once_and_its_metrics_have_both_names(open_app):
    def make(view, **_):
        shown = picture(view, about={}, facts={"read from": "2 sources (next to it)", "lines": "50,000"})
        latest = tuple(
            msgspec.structs.replace(item, printed="lm loss" if "loss" in item.metric else item.metric)
            for item in shown.run.latest
        )
        return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, latest=latest))

    async with open_app((120, 60), make=make) as s:
        await s.press("7")
        text = s.drawn("#fact-table")
        assert "train.log" in text
        assert "read from" not in text
        assert "train/loss (lm loss)" in text
        assert "perf/step_time " in text
        assert "iteration 50000" in s.drawn("#log"), "the rows that are left are the log's"
        await s.press("slash", *"lm", "enter")
        text = s.drawn("#fact-table")
        assert ("train/loss" in text, "perf/step_time" in text) == (True, False)


async def test_extremes_that_have_no_column_on_a_phone_are_below_their_metric(open_app):
    def make(view, **_):
        shown = picture(view, about={})
        latest = tuple(
            msgspec.structs.replace(item, printed=f"{item.metric} of it") for item in shown.run.latest
        )
        return msgspec.structs.replace(shown, run=msgspec.structs.replace(shown.run, latest=latest))

    for width, below in ((120, False), (60, True)):
        async with open_app((width, 64), make=make) as s:
            await s.press("7")
            rows = s.drawn("#fact-table").splitlines()
            at = next(y for y, row in enumerate(rows) if "train/loss" in row)
            assert ("  min " in rows[at + 1] and "  max " in rows[at + 1]) is below, rows[at + 1]
            heading = next(row for row in rows if " last" in row)
            assert ("max" in heading) is not below


async def test_facts_are_in_two_columns_on_a_wide_screen_in_halves_where_one_is_too_long(open_app):
    for count, below in ((4, "metrics 7"), (120, "key_75")):
        about = {f"key_{n}": str(n) for n in range(count)}
        async with open_app((200, 50), about=about) as s:
            await s.press("7")
            first, *_, last = s.drawn("#fact-table").splitlines()[1:-1]
            assert first.index("configuration") == 1
            row = next(row for row in s.drawn("#fact-table").splitlines() if below in row)
            assert row.index(below) > 90
            assert ("more below" in s.drawn("#fact-table")) == (count > 100), last
