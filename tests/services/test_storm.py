"""Ten thousand findings over a hundred runs: few messages, nothing lost, flat memory."""

import re
import time

import psutil

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.slack import SlackConfig
from runwatch.alerts.incidents.incidents import MAX_RESOLVED, IncidentBook
from runwatch.alerts.settings import RoutingConfig
from runwatch.config.loader import Config
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.watcher.service.notify import Notifier

from ..alerts.slack_server import SlackServer

RUNS, FINDINGS = 100, 10_000


def wave(notifier: Notifier, books: list[IncidentBook], verdict: Verdict, seconds: float = 0.0) -> float:
    """Let every rule of every run find something, spread over `seconds`.

    Return the longest time that one took, in seconds.
    """
    longest, start = 0.0, time.monotonic()
    for number in range(FINDINGS):
        time.sleep(max(0.0, start + number * seconds / FINDINGS - time.monotonic()))
        book = books[number % RUNS]
        finding = Finding(
            f"rule{number // RUNS}", verdict, Severity.WARNING, f"finding {number}", step=number
        )
        began = time.perf_counter()
        change = book.apply(finding, now=time.time(), live=True)
        if change is not None:
            notifier.submit(change)
        longest = max(longest, time.perf_counter() - began)
    return longest


def aged(number: int) -> IncidentBook:
    """Return a book that remembers as many incidents as one can: from here on it does not grow."""
    book = IncidentBook(f"id{number}", f"run{number}")
    for nth in range(MAX_RESOLVED):
        for verdict in (Verdict.FIRING, Verdict.CLEAR):
            finding = Finding("past", verdict, Severity.WARNING, f"past {nth}", step=nth)
            book.apply(finding, now=1.0, live=False)
    return book


def test_a_storm_becomes_few_messages_and_takes_no_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNWATCH_STATE", str(tmp_path / "state"))
    process, rss, notices = psutil.Process(), [], []
    with SlackServer() as slack:
        config = Config(
            slack=SlackConfig(webhook=Secret(slack.url)),
            routing=RoutingConfig(group_by=("run",), group_wait=1.0, group_interval=5.0),
        )
        notifier = Notifier(config, notices.append, epoch="storm")
        books = [aged(number) for number in range(RUNS)]
        began = time.monotonic()
        longest = wave(notifier, books, Verdict.FIRING, 60.0)
        took = time.monotonic() - began
        slack.wait(shown=31, seconds=60)
        assert all(
            sum(row.state == "firing" for row in book.every()) == FINDINGS // RUNS for book in books
        ), "history holds all"

        def reported() -> int:
            shown = [str(post) for post in slack.shown]
            named = {name for post in shown for name in re.findall(r"finding \d+", post)}
            more = (count for post in shown for count in re.findall(r"and ([\d,]+) more", post))
            return len(named) + sum(int(count.replace(",", "")) for count in more)

        end = time.monotonic() + 60
        while reported() < FINDINGS and time.monotonic() < end:
            time.sleep(0.2)
        counted, first = reported(), len(slack.posts)
        for _ in range(8):
            wave(notifier, books, Verdict.CLEAR)
            wave(notifier, books, Verdict.FIRING)
            rss.append(process.memory_info().rss)
        notifier.close()
        minutes = (time.monotonic() - began) / 60 + 1
        posts = len(slack.posts)
    print(
        f"{FINDINGS} findings in {took:.1f} s (longest {longest * 1e3:.0f} ms), {first} messages that tell of "
        f"{counted}, {posts} in all, RSS {[size >> 20 for size in rss]} MiB"
    )
    assert counted >= FINDINGS
    assert posts <= 31 * minutes
    assert rss[-1] - rss[-3] < 3 << 20, "it has come to an end"
    assert notices == []
