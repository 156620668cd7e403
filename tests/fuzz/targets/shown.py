"""What people are shown of hostile text: in a terminal, in Slack, in markdown and in HTML."""

from __future__ import annotations

import json
import re

from runwatch.alerts.delivery.message import compose
from runwatch.alerts.routing.notification import Notification
from runwatch.core import text
from runwatch.core.redaction import redact
from runwatch.parsers.stream import StreamParser
from runwatch.render.glyphs import UNICODE
from runwatch.reports.analysis import Options
from runwatch.reports.evidence import gather
from runwatch.reports.renderers.as_json import as_json
from runwatch.reports.renderers.html import html
from runwatch.reports.renderers.markdown import markdown
from runwatch.reports.renderers.terminal import terminal
from runwatch.reports.report import report
from runwatch.watcher.engine.engine import Engine

from ...cli.hostile import BIDI, ESCAPES, MARKUP, WIDE, metrics_log, text_log
from ...parsers.fuzzing import NASTY
from ...watcher.test_engine import FAULTY, NOW
from ..target import Target

_TAG = re.compile(r"<(?!/?(?:[a-z][a-z0-9-]*)(?:[\s>/])|!DOCTYPE|!doctype)")
"""What no renderer of ours writes: a bracket that begins no element."""


def words(data: bytes) -> None:
    """Any text is made safe once, and stays what it is then."""
    said = data.decode("utf-8", "surrogateescape")
    for safe in (text.plain(said), text.decode(data), text.path(said).replace("/", ""), text.shown(said)):
        assert text.plain(safe, 1 << 20) == safe.rstrip(), repr(safe)
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", text.slack(said))
    strict = data.decode("utf-8", "replace")
    assert json.loads(text.escaped(json.dumps(strict, ensure_ascii=False))) == strict
    assert redact(redact(said)) == redact(said)


def reports(data: bytes) -> None:
    """A report of any log, and the message of each incident, hold no control and no element that is not ours."""
    engine, parser = Engine(), StreamParser()
    engine.add_source("run", MARKUP, "run.log")
    for batch in (parser.feed(data), parser.flush()):
        engine.fold("run", batch, written=NOW - 9e5)
    engine.finish(NOW)
    documents = tuple(report(run, NOW, Options(None, None)) for run in gather(engine, NOW))
    page = html(documents)
    assert not _TAG.search(page), _TAG.search(page)
    assert not re.search(r"<script|\son\w+=", page)
    json.loads(as_json(documents))
    for line in [*page.splitlines(), *markdown(documents).splitlines(), *terminal(documents, 80, UNICODE)]:
        assert text.plain(line, 1 << 22) == line.rstrip(), repr(line)
    for _, watched in engine.runs():
        for row in watched.incidents.every():
            message = compose(Notification("1", watched.run.name, "firing", row, "host", NOW))
            for line in [message.subject, *message.body().splitlines()]:
                assert text.plain(line, 1 << 20) == line.rstrip(), repr(line)


def _hostile() -> list[bytes]:
    return [text_log(12)[-6000:], metrics_log(8)[:9000], *(log[:9000] for log in FAULTY.values())]


_WORDS = (
    *NASTY,
    *(
        part.encode("utf-8", "surrogatepass")
        for part in (ESCAPES, MARKUP, BIDI, WIDE, "<b>", "&lt;", "`", "|")
    ),
)
TARGETS = (
    Target(
        "words",
        words,
        lambda: [*_WORDS, b"WANDB_API_KEY=0123456789abcdef Basic dXNlcjpwYXNz https://u:p@h/x"],
        words=_WORDS,
        most=2000,
    ),
    Target("reports", reports, _hostile, words=_WORDS, slow=10.0),
)
