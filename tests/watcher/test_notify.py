"""The notifier: configuration, routing, journal and a real endpoint together."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runwatch.alerts.incidents.incidents import Change
from runwatch.alerts.routing.silences import InMemory, silence
from runwatch.config.loader import read
from runwatch.core.snapshot import IncidentRow, Progress, RunRow, RunView, Snapshot
from runwatch.parsers.log import LogParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.service.notify import Notifier
from runwatch.watcher.service.silenced import marked
from runwatch.watcher.service.sockets import state_directory

from ..alerts.endpoints import HttpServer
from ..alerts.slack_api import TOKEN, SlackApi
from ..alerts.slack_server import SlackServer


@pytest.fixture
def slack():
    with SlackServer() as server:
        yield server


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def notifier(tmp_path):
    made = []

    def make(text: str, notices=None, **options) -> Notifier:
        path = tmp_path / "runwatch.toml"
        path.write_text(text)
        made.append(Notifier(read(path), ([] if notices is None else notices).append, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def change(name, kind="firing", severity="warning", run="r", send=True, **fields) -> Change:
    state = "resolved" if kind == "resolved" else kind.replace("escalated", "firing")
    return Change(
        kind, IncidentRow(name, run, "hang", severity, state, f"title {name}"), run, send, 0, **fields
    )


def hook(slack, more: str = "") -> str:
    return f"[slack]\nwebhook = '{slack.url}'\n{more}"


def test_with_a_webhook_alone_each_change_is_reported_as_it_happens(notifier, slack):
    one = notifier(hook(slack))
    for step in (
        change("a"),
        change("a", "acknowledged"),
        change("quiet", "pending", send=False),
        change("history", send=False),
        change("minor", severity="info"),
        change("a", "escalated", "critical"),
        change("a", "resolved", "critical"),
    ):
        one.submit(step)
    slack.wait(shown=3)
    one.close()
    assert slack.titles() == ["● Warning: title a (r)", "▲ Critical: title a (r)", "✓ Resolved: title a (r)"]


def test_a_group_speaks_when_its_time_has_come(notifier, slack):
    one = notifier(hook(slack, "[routing]\ngroup_by = ['run']\ngroup_wait = 0.3\ngroup_interval = 0.1"))
    for name in "abc":
        one.submit(change(name))
    slack.wait(shown=1)
    one.submit(change("d", severity="critical"))
    slack.wait(shown=2)
    assert slack.titles() == ["● Warning: title a (r)", "▲ Critical: title d (r)"]
    assert "title c" in str(slack.shown[0])


def test_closing_does_not_wait_for_a_group(notifier, slack):
    one = notifier(hook(slack, "[routing]\ngroup_wait = 600"))
    one.submit(change("a"))
    one.close()
    assert slack.titles() == ["● Warning: title a (r)"]


def test_what_a_killed_process_had_not_reported_is_reported_by_the_next(tmp_path, notifier, slack):
    """Also what still waited for its group, and so is in no queue yet."""
    (tmp_path / "runwatch.toml").write_text(hook(slack, "[routing]\ngroup_wait = 3600"))
    code = (
        "import os, signal; from pathlib import Path; from runwatch.config.loader import read;"
        "from runwatch.watcher.service.notify import Notifier; from tests.watcher.test_notify import change;"
        f"one = Notifier(read(Path({str(tmp_path / 'runwatch.toml')!r})), print);"
        "one.submit(change('a')); one.submit(change('b')); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONPATH": "."}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert slack.posts == []
    notifier(hook(slack, "[routing]\ngroup_wait = 3600")).close()
    assert slack.titles() == ["● Warning: title a (r)", "● Warning: title b (r)"]
    notifier(hook(slack)).close()
    assert len(slack.posts) == 2


def test_what_was_left_for_one_address_is_not_sent_to_another(notifier, slack):
    one = notifier("[slack]\nwebhook = 'http://127.0.0.1:9/services/x'")
    one.submit(change("a"))
    one.close()
    notifier(hook(slack)).close()
    assert slack.posts == []


def test_a_channel_whose_secret_is_missing_is_reported_and_the_others_continue(notifier, slack, monkeypatch):
    monkeypatch.delenv("NO_SUCH", raising=False)
    notices = []
    one = notifier(hook(slack, "[channels.phone]\ntype = 'ntfy'\ntopic = { env = 'NO_SUCH' }"), notices)
    one.submit(change("a"))
    slack.wait(shown=1)
    assert notices == ["channel phone is off: the secret is empty: env NO_SUCH: set $NO_SUCH"]
    assert [*one.channels.values()] == ["slack", "phone (off)"]


def test_without_a_channel_nothing_is_written(notifier):
    notifier("").submit(change("a"))
    assert not state_directory().exists()


def test_a_state_directory_that_cannot_be_written_is_reported_and_alerts_go_out(
    notifier, slack, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUNWATCH_STATE", str(tmp_path / "file"))
    notices = []
    one = notifier(hook(slack), notices)
    one.submit(change("a"))
    slack.wait(shown=1)
    assert len(notices) == 1
    assert "in memory only" in notices[0]


def test_a_storm_neither_blocks_nor_floods(notifier, slack):
    one = notifier(hook(slack))
    began = time.perf_counter()
    for number in range(500):
        one.submit(change(f"{number}", run=f"r{number % 10}"))
    assert time.perf_counter() - began < 10
    slack.wait(shown=30)
    one.close()
    assert len(slack.posts) <= 60  # a round of messages more for each that a slow machine begins meanwhile


LINE = b"step %05d/01000 (10.00%%) | loss: %s | lrm: 1.00 | dt: 100.00ms | tok/sec: 1,000 | mfu: 5.00\n"


def folded() -> list[Change]:
    """Return what the engine says of a log that is read live: two incidents begin, one of them ends."""
    engine, parser = Engine(), LogParser()
    engine.add_source("a", "a", "a")
    losses = {300: b"nan", 301: b"nan"}
    data = b"".join(LINE % (step, losses.get(step, b"2.5")) for step in range(400))
    tail = b'Traceback (most recent call last):\n  File "t.py", line 1, in <module>\nValueError: no\n'
    changes = []
    for piece in (data, tail, b""):
        changes += engine.fold("a", parser.feed(piece), live=True, arrival=1000.0)
    return [*changes, *engine.fold("a", parser.flush(), live=True, arrival=1001.0)]


def test_folding_the_same_log_twice_into_one_journal_sends_each_message_once(notifier, slack):
    sent = [(step.row.id, step.number) for step in folded() if step.send]
    assert len(sent) >= 2
    assert len(set(sent)) == len(sent)
    for _ in range(2):
        one = notifier(hook(slack), epoch="this fold")
        for step in folded():
            one.submit(step)
        one.close()
    once = slack.titles()
    assert len(once) == len(set(once)) == sum(step.row.severity != "info" for step in folded() if step.send)
    other = notifier(hook(slack), epoch="another fold")
    for step in folded():
        other.submit(step)
    other.close()
    assert slack.titles() == 2 * once


def test_another_configuration_continues_with_what_was_reported(notifier, slack):
    first = notifier(hook(slack, "[routing]\ngroup_by = ['run']"), epoch="e")
    first.submit(change("a"))
    slack.wait(shown=1)
    first.close(0.0)
    second = notifier(hook(slack, "per_minute = 20\n[routing]\ngroup_by = ['run']"), epoch="e")
    second.submit(change("a", "resolved"))
    slack.wait(shown=2)
    assert slack.titles() == ["● Warning: title a (r)", "✓ Resolved: title a (r)"]


class TestSilences:
    def test_one_keeps_back_until_it_is_ended(self, notifier, slack):
        one = notifier(hook(slack))
        quiet = silence(["run=r"], 3600.0, now=time.time(), author="me")
        one.silence(quiet)
        one.submit(change("a"))
        one.submit(change("b", run="s"))
        slack.wait(shown=1)
        assert slack.titles() == ["● Warning: title b (s)"]
        assert one.silences() == [quiet]
        assert one.unsilence(quiet.id)
        slack.wait(shown=2)
        assert slack.titles()[1] == "● Warning: title a (r)"
        assert not one.unsilence(quiet.id)

    def test_when_one_ends_by_itself_what_still_fires_is_reported(self, notifier, slack):
        one = notifier(hook(slack))
        one.silence(silence(["run=r"], 1.0, now=time.time()))
        one.submit(change("a"))
        slack.wait(shown=1)
        assert one.silences() == []

    def test_it_is_kept_where_the_next_process_looks(self, notifier, slack):
        kept = InMemory()
        first = notifier(hook(slack), silences=kept, epoch="e")
        first.silence(silence(["run=r"], 3600.0, now=time.time()))
        first.submit(change("a"))
        first.close()
        second = notifier(hook(slack), silences=kept, epoch="e")
        (quiet,) = second.silences()
        second.unsilence(quiet.id)
        slack.wait(shown=1)
        assert slack.titles() == ["● Warning: title a (r)"]

    def test_a_maintenance_window_of_the_configuration_holds(self, notifier, slack):
        one = notifier(
            hook(
                slack,
                "[[maintenance]]\nmatch = ['run=r']\nstarts = 2020-01-01T00:00:00Z\nends = 2999-01-01T00:00:00Z\n",
            )
        )
        one.submit(change("a"))
        one.submit(change("b", run="s"))
        one.close()
        assert slack.titles() == ["● Warning: title b (s)"]


class TestPagers:
    CONFIG = "[alerts]\nmode = 'alertmanager'\npeers = ['{url}']\nfallback = 1\n"

    def test_an_alertmanager_pages_and_our_channels_do_not(self, notifier, slack):
        with HttpServer() as manager:
            one = notifier(self.CONFIG.format(url=manager.url) + hook(slack))
            one.submit(change("a"))
            one.submit(change("a", "resolved"))
            one.close()
        sent = [body["labels"]["incident"] for request in manager.got for body in request.body]
        assert set(sent) == {"a"}
        assert slack.posts == []

    def test_while_it_cannot_be_reached_our_channels_do(self, notifier, slack, monkeypatch):
        monkeypatch.setattr("runwatch.alerts.channels.alertmanager.RESEND", 0.2)
        notices = []
        one = notifier(self.CONFIG.format(url="http://127.0.0.1:9") + hook(slack), notices)
        one.submit(change("a"))
        slack.wait(shown=1)
        one.submit(change("b"))
        one.submit(change("a", "resolved"))
        slack.wait(shown=3)
        assert slack.titles() == [
            "● Warning: title a (r)",
            "● Warning: title b (r)",
            "✓ Resolved: title a (r)",
        ]
        assert "alerts go to the channels instead" in notices[0]

    def test_where_prometheus_pages_nothing_is_sent(self, notifier, slack):
        one = notifier("[alerts]\nmode = 'prometheus'\n" + hook(slack))
        one.submit(change("a"))
        one.submit(change("a", "resolved"))
        one.close()
        assert slack.posts == []


class TestRuns:
    def test_they_are_reported_to_begin_and_to_crash_where_that_is_asked_for(self, notifier, slack):
        engine, parser = Engine(), LogParser()
        one = notifier(hook(slack, "lifecycle = true\nmin_severity = 'critical'\n"), engine=engine)
        engine.add_source("a", "a", "/logs/a.log")
        now = time.time()
        rows = b"".join(LINE % (step, b"2.5") for step in range(40))
        engine.fold("a", parser.feed(rows), live=True, arrival=now, written=now)
        one.tick(now, engine.groups)
        slack.wait(shown=1)
        trace = b'Traceback (most recent call last):\n  File "t.py", line 1, in <module>\nValueError: no\n'
        engine.fold("a", parser.feed(trace), live=True, arrival=now, written=now)
        engine.fold("a", parser.flush(), live=True, arrival=now, written=now)
        engine.tick(now + 60)
        one.tick(now + 60, engine.groups)
        slack.wait(shown=2)
        assert slack.titles() == [
            "▶ Started: a started at step 39 of 1,000",
            "✗ Crashed: a crashed at step 39 of 1,000",
        ]
        assert "loss 2.5" in str(slack.shown[1])

    def test_the_report_of_a_crash_goes_below_the_message_about_it_and_both_name_it(self, notifier, tmp_path):
        file = tmp_path / "a-0123456789ab.html"
        file.write_text("<html></html>")
        with SlackApi() as slack:
            one = notifier(
                f"[channels.team]\ntype = 'slack'\ntoken = '{TOKEN}'\nchannel = '#x'\napi = '{slack.url}'\n"
                "reports = true\nlifecycle = true\n[reports]\nenabled = true\n",
                engine=(engine := Engine()),
                report=lambda run_id, name: "https://reports/a.html",
            )
            parser, now = LogParser(), time.time()
            engine.add_source("a", "a", "/logs/a.log")
            rows = b"".join(LINE % (step, b"2.5") for step in range(40))
            changes = list(engine.fold("a", parser.feed(rows), live=True, arrival=now, written=now))
            one.tick(now)
            trace = b'Traceback (most recent call last):\n  File "t.py", line 1, in f\nValueError: no\n'
            changes += engine.fold("a", parser.feed(trace), live=True, arrival=now, written=now)
            changes += engine.fold("a", parser.flush(), live=True, arrival=now, written=now)
            changes += engine.tick(now + 60)
            for each in changes:
                one.submit(each)
            one.tick(now + 60)
            (_, watched), *_ = engine.runs()
            for _ in range(2):  # as after a restart
                one.attach(watched.run.id, "a", str(file), "40", now + 76)
                one.tick(now + 77)
            one.close()
            (end,) = (each for each in slack.messages if each["text"].startswith("✗ Crashed"))
            (crash,) = (each for each in slack.messages if each["text"].startswith("▲ Critical"))
            assert ["Report: https://reports/a.html" in str(each) for each in (end, crash)] == [True, True]
            assert [(each["thread_ts"], each["channel_id"]) for each in slack.files] == [(end["ts"], "C1")]

    def test_uploads_without_reports_are_said_to_be_missing(self, notifier):
        notices: list[str] = []
        notifier("[channels.team]\ntype = 'slack'\ntoken = 't'\nchannel = '#x'\nreports = true\n", notices)
        assert notices == ["channel team uploads reports, but [reports] enabled is false"]

    @pytest.mark.parametrize(
        ("config", "shown"),
        [("[[maintenance]]\nmatch = ['run=a', 'rule=started']\nweekly = 'mon-sun 00:00-23:59'\n", 0),
         ("[[maintenance]]\nmatch = ['run=b']\nweekly = 'mon-sun 00:00-23:59'\n", 1),
         ("[routing]\nquiet_hours = '00:00-23:59'\n", 0)],
    )  # fmt: skip
    def test_they_are_kept_quiet_as_alerts_are(self, notifier, slack, config, shown):
        engine, parser = Engine(), LogParser()
        one = notifier(hook(slack, f"lifecycle = true\n{config}"), engine=engine)
        engine.add_source("a", "a", "/logs/a.log")
        noon = time.mktime((2030, 1, 5, 12, 0, 0, 0, 0, -1))
        rows = b"".join(LINE % (step, b"2.5") for step in range(40))
        engine.fold("a", parser.feed(rows), live=True, arrival=noon, written=noon)
        one.tick(noon)
        one.tick(noon + 5)
        one.close()
        assert len(slack.shown) == shown

    def test_after_quiet_hours_they_are_reported(self, notifier, slack):
        engine, parser = Engine(), LogParser()
        one = notifier(
            hook(slack, "lifecycle = true\n[routing]\nquiet_hours = '22:00-07:00'\n"), engine=engine
        )
        engine.add_source("a", "a", "/logs/a.log")
        night = time.mktime((2030, 1, 5, 23, 0, 0, 0, 0, -1))
        rows = b"".join(LINE % (step, b"2.5") for step in range(40))
        engine.fold("a", parser.feed(rows), live=True, arrival=night, written=night)
        one.tick(night)
        one.tick(night + 7 * 3600)
        assert slack.posts == []
        one.tick(night + 8 * 3600 + 1)
        slack.wait(shown=1)

    def test_the_digest_comes_at_its_time(self, notifier, slack):
        engine = Engine()
        one = notifier(hook(slack, "digest = true"), engine=engine)
        one.submit(change("a"))
        slack.wait(shown=1)
        one.tick(time.time(), engine.groups)
        one.tick(time.time() + 2 * 86400, engine.groups)
        slack.wait(shown=2)
        assert slack.titles()[1] == f"☰ Digest: 0 runs, 1 incident ({socket.gethostname()})"


class TestActions:
    CONFIG = "[[actions]]\nname = 'save'\nmatch = ['rule=hang']\ncommand = ['/bin/touch', '{done}']\ndry_run = false\n"
    UNSAID = CONFIG.replace("dry_run = false\n", "")

    def test_people_are_informed_in_time_to_stop_it(self, notifier, slack, tmp_path):
        one = notifier(hook(slack, (self.CONFIG + "confirm = 600").format(done=tmp_path / "done")))
        one.submit(change("a"))
        slack.wait(shown=2)
        assert (
            sum("in 600 s touch is run, unless someone acknowledges" in str(post) for post in slack.shown)
            == 1
        )
        assert len(one.waiting()) == 1
        one.submit(change("a", "acknowledged"))
        assert one.waiting() == []
        assert not (tmp_path / "done").exists()

    def test_nothing_is_done_about_what_is_silenced(self, notifier, slack, tmp_path):
        one = notifier(hook(slack, (self.CONFIG + "confirm = 0").format(done=tmp_path / "done")))
        one.silence(silence(["run=r"], 3600.0, now=time.time()))
        one.submit(change("a"))
        one.close()
        assert (one.waiting(), slack.posts, (tmp_path / "done").exists()) == ([], [], False)

    @pytest.mark.parametrize(
        ("config", "result"), [(CONFIG, "touch ended with 0"), (UNSAID, "dry run: nothing was done")]
    )
    def test_nobody_stopping_it_it_is_done_if_so_configured(self, notifier, tmp_path, config, result):
        notices, done = [], tmp_path / "done"
        one = notifier((config + "confirm = 0.1").format(done=done), notices)
        one.submit(change("a"))
        end = time.monotonic() + 60
        while len(notices) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert notices[1] == f"action save: {result}"
        assert done.exists() == (config == self.CONFIG)


def test_nothing_that_is_kept_or_reported_holds_a_secret_that_a_server_repeats(notifier, tmp_path):
    """Refused and given up messages alike: notices and every file of the state directory."""
    token, key = "Sup3rS3cretTok", "T0k3nOfTheHeader"
    words = f"no %2Fhooks%2F{token} for {token}, nor {key} nor %54{key[1:]}"
    with HttpServer(*[(status, words, {}) for status in (400, 500, 401)]) as server:
        notices = []
        one = notifier(
            f'[channels.it]\ntype = "webhook"\nurl = "{server.url}/hooks/{token}"\ntoken = "{key}"\n', notices
        )
        for number in range(3):
            one.submit(change(f"i{number}"))
        one.close(3.0)
        assert len(server.got) >= 2
    kept = b"".join(path.read_bytes() for path in state_directory().rglob("*") if path.is_file())
    assert b"i1" in kept
    for secret in (token, key, key[1:]):
        assert secret.encode() not in kept
        assert secret not in "".join(notices)


def test_a_picture_says_which_alerts_and_runs_are_silenced():
    row = IncidentRow("i1", "exp", "hang", "critical", "firing", "no progress")
    other = IncidentRow("i2", "exp", "crash", "critical", "firing", "crashed")
    run = RunView("r1", "exp", "training", Progress(), incidents=(row, other))
    rows = (RunRow("r1", "exp", "training", Progress()), RunRow("r2", "base", "training", Progress()))
    shown = Snapshot(1000.0, rows, run)

    def said(*texts):
        made = [silence([text], 60.0, now=1000.0) for text in texts]
        return {name: found.ends for name, found in marked(shown, made, "login03").silenced.items()}

    assert marked(shown, [], "login03") is shown
    assert said("rule=hang") == {"i1": 1060.0}, "a run of which something is sent is not silenced"
    assert said("run=exp") == {"i1": 1060.0, "i2": 1060.0, "r1": 1060.0}
    assert said("host=elsewhere", "run=gone") == {}
    over = silence(["run=exp"], 60.0, now=900.0)
    assert marked(shown, [over], "login03").silenced == {}
