"""Ten thousand findings over a hundred runs: few messages, nothing lost, flat memory."""

import re
import time

import psutil

from runwatch.alerts.channels.settings import SlackConfig
from runwatch.alerts.incidents import IncidentBook
from runwatch.alerts.secret import Secret
from runwatch.alerts.settings import RoutingConfig
from runwatch.config import Config
from runwatch.findings import Finding, Severity, Verdict
from runwatch.watcher.notify import Notifier

from ..alerts.slack_server import SlackServer

RUNS, FINDINGS = 100, 10_000


def wave(notifier: Notifier, books: list[IncidentBook], verdict: Verdict) -> float:
    """Let every rule of every run find something; return the longest time that one took, in seconds."""
    longest = 0.0
    for number in range(FINDINGS):
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


def test_a_storm_becomes_few_messages_and_takes_no_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNWATCH_STATE", str(tmp_path / "state"))
    process, rss, notices = psutil.Process(), [], []
    with SlackServer() as slack:
        config = Config(
            slack=SlackConfig(webhook=Secret(slack.url)),
            routing=RoutingConfig(group_by=("run",), group_wait=1.0, group_interval=5.0),
        )
        notifier = Notifier(config, notices.append, epoch="storm")
        books = [IncidentBook(f"id{number}", f"run{number}") for number in range(RUNS)]
        began = time.monotonic()
        longest = wave(notifier, books, Verdict.FIRING)
        took = time.monotonic() - began
        slack.wait(shown=20, seconds=30)
        assert all(len(book.every()) == FINDINGS // RUNS for book in books)
        named = [text for post in slack.shown for text in re.findall(r"finding [\d]+", str(post))]
        left_out = [
            int(n.replace(",", ""))
            for post in slack.shown
            for n in re.findall(r"and ([\d,]+) more", str(post))
        ]
        for _ in range(3):
            wave(notifier, books, Verdict.CLEAR)
            wave(notifier, books, Verdict.FIRING)
            rss.append(process.memory_info().rss)
        notifier.close()
        minutes = (time.monotonic() - began) / 60 + 1
        posts = len(slack.posts)
    print(
        f"{FINDINGS} findings in {took:.1f} s (longest {longest * 1e3:.0f} ms), {posts} messages in all, "
        f"RSS {[size >> 20 for size in rss]} MiB, {len(set(named))} named, {sum(left_out)} counted"
    )
    assert posts <= 31 * minutes
    assert sum(left_out) + len(set(named)) >= FINDINGS // 10
    assert rss[-1] - rss[0] < 40 << 20
    assert notices == []
