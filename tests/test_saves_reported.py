"""Which lines report the same save, which saves a directory shows, and how many are kept."""

from __future__ import annotations

import pytest

from runwatch.core.batch import Event
from runwatch.core.checkpoint import Checkpoint, State
from runwatch.core.fold.saves import FAILED, KIND, MAX_SAVES, Save, Saves, is_about_save, reconcile


def event(line: int, step: int | None = None, kind: str = KIND, **data: object) -> Event:
    return Event(kind, 100 * line, line, "saved", None, step, {k: str(v) for k, v in data.items()})


def kept(*events: Event) -> list[tuple[int | None, str]]:
    """Return step and path of what is known after some events, oldest first."""
    saves = Saves()
    for each in events:
        saves.add(each)
    return [(save.at, save.path) for save in saves]


def seen(path: str, **more) -> Checkpoint:
    return Checkpoint(path, path, "torch", State.COMPLETE, **more)


def test_only_a_save_and_one_that_failed_are_reported():
    assert is_about_save(event(1))
    assert is_about_save(event(1, kind="oom", state=FAILED))
    assert not is_about_save(event(1, kind="oom", state="saved"))
    assert not is_about_save(event(1, kind="oom"))


SAME = [
    (event(1, 10), event(2, 10, path="b.pt"), True),
    (event(1, 10, path="a.pt"), event(2, 20, path="a.pt"), False),
    (event(1), event(2), True),  # nothing shows which
    (event(1, after=10), event(2, after=10, path="x.pt"), True),
    (event(1, after=10), event(2, after=20), False),
    (event(1, after=10, epoch=1), event(2, after=10, epoch=2), False),
    (event(1, after=10, epoch=1), event(2, after=10, epoch=1), True),
    (event(1, after=10, epoch=1), event(2, after=10), True),
    (event(1, after=10, path="out/m_10.pt"), event(2, after=20, path="/data/out/m_10.pt"), True),
    (event(1, after=10, path="out/m_10.pt"), event(2, after=20, path="in/m_10.pt"), False),
    (event(1, after=10, path="last.pt"), event(2, after=20, path="last.pt"), False),  # written again
    (event(1, after=10, path="last.pt"), event(2, path="last.pt"), True),
    (event(1, path="last.pt"), event(2), False),
]


@pytest.mark.parametrize(("one", "two", "same"), SAME)
def test_two_lines_are_of_one_save(one, two, same):
    assert Save.of(one).is_same(Save.of(two)) is Save.of(two).is_same(Save.of(one)) is same
    assert len(kept(one, two)) == 2 - same


def test_what_lines_say_of_one_save_is_put_together():
    saves = Saves()
    saves.add(event(1, after=10, until=20))
    assert saves.version == 1
    whole = saves.add(event(2, after=10, until=30, path="m.pt", epoch=3, state="saved"))
    assert (whole.line, whole.after, whole.until, whole.epoch, whole.path) == (1, 10, 20, 3, "m.pt")
    assert whole.done
    assert saves.add(event(3, 11, path="m.pt", epoch=3)) == whole.__class__(
        11, 10, 3, 1, "m.pt", "", 20, True
    )
    assert saves.version == 3
    saves.add(event(4, 11))
    assert saves.version == 3, "nothing was new"


def test_a_save_that_failed_is_withdrawn_unless_it_was_done():
    saves = Saves()
    saves.add(event(1, 10))
    saves.add(event(2, 20, state="saved"))
    for step in (10, 20, 30):
        before = saves.version
        saves.withdraw(event(3, step, state=FAILED))
        assert saves.version - before == (step == 10)
    assert [save.step for save in saves] == [20]


def test_what_another_source_reports_again_repeats_it():
    saves = Saves()
    assert not saves.repeats(event(1))
    saves.add(event(1, 10, path="out/m10.pt", source="a.log"))
    assert saves.repeats(event(2, 10, source="b.log"))
    assert not saves.repeats(event(2, 10, source="a.log"))
    assert not saves.repeats(event(2, 11, source="b.log"))
    assert not saves.repeats(event(2, 10, kind="oom", source="b.log"))
    assert saves.repeats(event(2, source="b.log")), "it names no other"
    assert saves.holds(event(2, 10, path="/x/out/m10.pt", source="b.log"))
    assert not saves.holds(event(2, 10, path="/x/out/m10.pt", source="a.log"))
    assert not saves.holds(event(2, 10, path="/x/in/m10.pt", source="b.log"))
    assert not saves.holds(event(2, 10, source="b.log"))
    assert not saves.holds(event(2, 10, kind="oom", path="/x/out/m10.pt", source="b.log"))


def test_a_step_that_is_saved_again_is_the_newest_and_was_as_it_was_before():
    saves = Saves()
    for line, step in enumerate((10, 20, 30), 1):
        saves.add(event(line, step, after=step, source="a.log"))
    saves.add(event(4, 10, after=10, source="b.log"))  # a copy, no restart
    assert [save.step for save in saves.newest()] == [30, 20, 10]
    saves.add(event(5, 20, after=20, source="a.log"))
    assert [save.step for save in saves.newest()] == [20, 30, 10]
    assert [save.step for save in saves.newest(4)] == [30, 20, 10]
    assert [save.step for save in saves.newest(5)] == [20, 30, 10]
    assert [save.step for save in saves.newest(2)] == [20, 10]


def test_a_file_that_is_written_again_holds_the_newest_and_a_directory_all():
    names = [event(line, 10 * line, path=path) for line, path in enumerate(("a.pt", "d", "a.pt", "d"), 1)]
    saves = Saves()
    for each in names:
        saves.add(each)
    assert [save.step for save in saves.newest()] == [40, 30, 20]


def test_a_line_that_comes_late_is_no_restart():
    saves = Saves()
    for line, step in ((1, 10), (2, 20)):
        saves.add(event(line, step, after=step))
    saves.add(event(3, 10, after=20))  # it was written in the background
    assert [save.step for save in saves.newest()] == [20, 10]
    saves.add(event(4, 10, after=19))
    assert [save.step for save in saves.newest()] == [10, 20]


def test_the_newest_saves_are_kept_and_found():
    saves = Saves()
    for line in range(4 * MAX_SAVES):
        saves.add(event(line, line, after=line, path=f"out/m{line}.pt"))
        assert len(saves._where) <= 8 * MAX_SAVES
    assert [save.step for save in saves] == list(range(3 * MAX_SAVES, 4 * MAX_SAVES))
    assert not saves.repeats(event(1, 3 * MAX_SAVES - 1, source="b.log"))
    for step in (3 * MAX_SAVES, 4 * MAX_SAVES - 1):
        assert saves.repeats(event(1, step, source="b.log"))


# -- what directories show ---------------------------------------------------------------------------


def unseen(reported: list[Event], *there: Checkpoint) -> list[int | None]:
    return [save.at for save in reconcile([Save.of(each) for each in reported], there).unseen]


def test_without_a_directory_all_are_from_the_log():
    found = reconcile([Save.of(event(1, 10)), Save.of(event(2, 20))], [])
    assert [save.step for save in found.unseen] == [10, 20]
    assert found.marks == {10, 20}


@pytest.mark.parametrize(
    ("step", "shown"),
    [(10, []), (20, []), (15, []), (21, [21])],
    ids=["seen", "the newest", "gone", "newer than all that were seen"],
)
def test_one_that_a_directory_would_show_is_gone(step, shown):
    there = [seen("out/m10", step=10), seen("out/m20", step=20)]
    assert unseen([event(1, step, path=f"out/m{step}")], *there) == shown
    assert unseen([event(1, step)], *there) == shown
    found = reconcile([Save.of(event(1, step))], there)
    assert found.marks == (set() if step in (10, 20) else {step})


def test_one_elsewhere_is_not_expected_in_a_directory():
    there = [seen("out/m10", step=10), seen("out/m20", step=20)]
    assert unseen([event(1, 15, path="other/w15")], *there) == [15]
    assert unseen([event(1, 15, path="other/m15")], *there) == [], "its name is like those"
    assert unseen([event(1, 15, path="run/out/w15")], *there) == [15]
    assert unseen([event(1, 15, path="out")], *there) == [], "their directory itself"


def test_where_only_epochs_are_known_those_count():
    there = [seen("out/e1.pt", epoch=1), seen("out/e3.pt", epoch=3)]
    assert unseen([event(1, epoch=1)], *there) == []
    assert unseen([event(1, epoch=2)], *there) == []
    assert [reconcile([Save.of(event(1, after=5, epoch=n))], there).marks for n in (1, 2)] == [set(), {5}]
    assert unseen([event(1, epoch=3, path="a/b/e3.pt")], *there) == []
    assert [save.epoch for save in reconcile([Save.of(event(1, epoch=4))], there).unseen] == [4]


@pytest.mark.parametrize(
    ("after", "until", "shown"),
    [
        (8, 9, False),
        (8, 10, True),
        (8, None, False),  # the next step is not known: one further at most
        (9, None, True),
        (11, 19, True),  # some count from 0
        (12, 19, False),
        (12, 20, True),
        (21, None, True),
        (22, None, False),
    ],
)
def test_a_save_between_two_steps_is_the_checkpoint_between_them(after, until, shown):
    there = [seen("out/m10", step=10), seen("out/m20", step=20)]
    data = {"after": after} | ({} if until is None else {"until": until})
    assert reconcile([Save.of(event(1, **data))], there).marks == (set() if shown else {after})


def test_a_checkpoint_without_a_number_gets_the_newest_step_that_a_log_says():
    there = [seen("out/last.pt"), seen("out/m10.pt", step=10)]
    reported = [
        event(1, 5, path="./out/last.pt"),
        event(2, 15, path="x/out/last.pt"),
        event(3, 10, path="m10.pt"),
    ]
    found = reconcile([Save.of(each) for each in reported], there)
    assert found.steps == {"out/last.pt": 15}
    assert found.marks == {5, 15}
    assert not found.unseen


def test_the_checkpoint_may_be_named_by_one_of_the_last_three_parts_of_a_path():
    there = [seen("m10", step=10)]
    for path, known in [("m10/a/b", True), ("m10/a/b/c", False), ("C:\\x\\m10\\a.pt", True)]:
        assert (reconcile([Save.of(event(1, 99, path=path))], there).marks == set()) is known, path
