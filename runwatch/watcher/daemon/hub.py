"""The screen's side of daemons here and elsewhere: several links made into one.

A process of its own between the screen and the daemons. To the screen it speaks
as one engine does; to each daemon as a client. A link that breaks is made again,
and meanwhile the last that was known is shown with its age.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time

from msgspec.structs import replace

from runwatch import __version__
from runwatch.core import jobs
from runwatch.core.snapshot import RunRow, RunView, Silenced, Snapshot
from runwatch.render import numbers
from runwatch.watcher import protocol
from runwatch.watcher.daemon import joined
from runwatch.watcher.daemon.joined import APART, Node
from runwatch.watcher.daemon.remote import HERE, NOTHING, SLOW, Host
from runwatch.watcher.processes.handover import taken
from runwatch.watcher.processes.waiting import wait
from runwatch.watcher.service.clock import Clock
from runwatch.watcher.service.launch import Attachment
from runwatch.watcher.service.requests import serve_screen, take_requests

TICK = 1.0
PACE = 0.2
"""Seconds between two looks for news, for a client that shows nothing."""
_OF_HOST = ("id", "run", "former")
"""What two hosts may call their runs alike, in objects of the headless stream."""


class Hub:
    """One screen, some hosts."""

    def __init__(self, setup: Attachment, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._clock = Clock()
        self._view: protocol.View | None = None
        self._chosen: Host | None = None
        """Whose run is shown."""
        self._dirty = asyncio.Event()
        self._urgent = asyncio.Event()
        self.hosts = [
            Host(name, setup.ssh, setup.remote, self._received, self._changed) for name in setup.hosts
        ]
        self._many = len(self.hosts) > 1
        self._following = False
        self._parts: dict[str, tuple[tuple[Host, RunRow], ...]] = {}
        """Id of a run in the list -> its part on each host."""
        self._away: set[Host] = set()
        """Hosts whose loss was reported to a following client."""

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve the screen until it leaves."""
        tasks = [asyncio.create_task(host.run()) for host in self.hosts]
        tasks += [asyncio.create_task(self._tick()), asyncio.create_task(self._serve())]
        try:
            await take_requests(reader, self._take)
        finally:
            for host in self.hosts:
                host.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._writer.close()

    def _take(self, request: protocol.Request) -> None:
        if isinstance(request, protocol.Subscribe):
            self._view = request.view
            self._subscribe()
            self._urgent.set()
        elif isinstance(request, protocol.Follow):
            self._following = True
            for host in self.hosts:
                host.follow(request)
        elif isinstance(request, protocol.Silence | protocol.Unsilence) and request.about:
            self._silence(request)
        elif isinstance(request, protocol.Query):
            for host, run, _ in self._reached(request.run, request.id)[:1]:
                host.send(replace(request, run=run))
        elif isinstance(request, protocol.Acknowledge):
            for host, incident, _ in self._reached(request.incident, request.id):
                host.send(replace(request, incident=incident))
        elif not isinstance(request, protocol.Hello | protocol.Shutdown):
            for host, *_ in self._reached("", request.id):
                host.send(request)

    def _silence(self, request: protocol.Silence | protocol.Unsilence) -> None:
        """Hand a silence, or its end, to the daemons of a run, or say which of them cannot be reached.

        A daemon gets the name that it has for the run. Of several answers the screen gets the first
        daemon's, and what the others refuse.
        """
        whose, number = self._reached(request.about, request.id), request.id
        for host, _, row in whose:
            if isinstance(request, protocol.Silence) and row is not None:
                named = (f"run={row.name}" if each[:4] == "run=" else each for each in request.matchers)
                host.send(replace(request, about="", matchers=tuple(named), id=number))
            elif isinstance(request, protocol.Silence) or len(whose) == 1 or request.silence in _held(host):
                host.send(replace(request, about="", id=number))
            else:
                continue
            number = -abs(number)

    def _reached(self, name: str, number: int) -> list[tuple[Host, str, RunRow | None]]:
        """Return `_whose` that can be reached; say of the others, to request `number`, that they cannot."""
        whose = self._whose(name)
        if not whose:
            self._write(protocol.Refused("it is not known whose that is: nothing changed", number))
        for host in (host for host, *_ in whose if not host.live):
            self._write(protocol.Refused(f"{host.label} cannot be reached: nothing changed there", number))
        return [each for each in whose if each[0].live]

    def _whose(self, name: str) -> list[tuple[Host, str, RunRow | None]]:
        """Return the hosts of a run or an incident, the leader first, with the id there and the run's row."""
        if parts := self._parts_of(name):
            return [(host, row.id, row) for host, row in parts]
        of, apart, rest = name.partition(APART)
        if not apart:
            return [(self._chosen or self.hosts[0], name, None)]
        return [(host, rest, None) for host in self.hosts if host.name == of]

    def _parts_of(self, name: str) -> tuple[tuple[Host, RunRow], ...]:
        """Return where the run with this id is, the leader first.

        The leader is within reach, if any host is, and has a loss. It does not change with every step.
        """

        def leads(part: tuple[Host, RunRow]) -> tuple[bool, bool, int]:
            host, row = part
            return not host.live, row.loss is None and not row.loss_text, self.hosts.index(host)

        parts = self._parts.get(name) or next((p for p in self._parts.values() if self._has(p, name)), ())
        return tuple(sorted(parts, key=leads))

    def _has(self, parts: tuple[tuple[Host, RunRow], ...], name: str) -> bool:
        """Return whether this is the id of one of the parts."""
        return any(name == self._id(host, row.id) for host, row in parts)

    def _subscribe(self) -> None:
        """Send each host what is shown of it."""
        view = self._view
        if view is None:
            return
        self._chosen = self._most_urgent()
        whose = self._whose(self._picked(self._chosen) if view.run is None else view.run)
        picks = view.run is None and (self._chosen.live or not whose)
        if not picks:
            self._chosen = whose[0][0] if whose else None
        asked = {host: run for host, run, _ in whose}
        for host in self.hosts:
            if host is self._chosen:
                others = tuple(self._there(host, each) for each in view.compare)
                run = None if picks else asked[host]
                host.show(replace(view, run=run, compare=tuple(filter(None, others))))
            elif host in asked:
                bare = protocol.View(machine=view.machine, interval=view.interval, trends=view.trends)
                host.show(replace(bare, run=asked[host]))
            else:
                host.show(protocol.View(run=NOTHING, interval=max(SLOW, view.interval), trends=view.trends))

    def _picked(self, host: Host) -> str:
        """Return the id of the run that a host shows."""
        shown = host.snapshot.run if host.snapshot is not None else None
        return "" if shown is None else self._id(host, shown.id)

    def _there(self, host: Host, name: str) -> str:
        """Return what a host calls the run with this id; "" if it has no part of it."""
        return next((run for each, run, _ in self._whose(name) if each is host), "")

    def _most_urgent(self) -> Host:
        """Return the host whose run is shown while nobody chose one: it stays unless another has worse."""

        def urgency(host: Host) -> tuple[int, int, float]:
            rows = host.snapshot.runs if host.snapshot is not None else ()
            ages = [row.age for row in rows if row.age is not None]
            return sum(row.critical for row in rows), int(host is self._chosen), -min(ages, default=1e18)

        return max(self.hosts, key=urgency)

    def _received(self, host: Host, reply: protocol.Reply) -> None:
        """Take what a host says, other than its pictures."""
        if isinstance(reply, protocol.Done) and reply.id < 0:
            return
        if isinstance(reply, protocol.Refused) and reply.id < 0:
            reply = replace(reply, id=-reply.id, message=f"{host.label}: {reply.message}")
        if isinstance(reply, protocol.Line) and self._many:
            apart = {key: f"{host.label}:{reply.body[key]}" for key in _OF_HOST if key in reply.body}
            reply = protocol.Line({**reply.body, **apart})
        elif isinstance(reply, protocol.Notice) and self._many:
            reply = protocol.Notice(f"{host.label}: {reply.message}")
        self._write(reply)

    def _changed(self, host: Host) -> None:
        """Note that there is a newer picture of a host, or that its link came or went."""
        if self._following and host.live == (host in self._away):
            word = f"{host.title} is within reach again" if host.live else host.word(time.monotonic())
            self._away ^= {host}
            self._write(protocol.Notice(word))
        if self._view is not None and self._view.run is None and self._most_urgent() is not self._chosen:
            self._subscribe()
        if host is self._chosen:  # its daemon keeps to the view's interval
            self._urgent.set()
        self._dirty.set()

    async def _tick(self) -> None:
        """Update the age of hosts that cannot be reached; reconnect after a sleep."""
        while True:
            await asyncio.sleep(TICK)
            if self._clock.look(TICK):
                for host in self.hosts:
                    host.hang_up("this machine slept")
            if any(not host.live for host in self.hosts):
                self._dirty.set()

    async def _serve(self) -> None:
        """Greet once every host answered or cannot be reached; then send pictures, never a queue."""
        for host in self.hosts:
            await host.tried.wait()
        if not any(host.live for host in self.hosts):
            named = [host for host in self.hosts if host.name != HERE]
            reasons = "; ".join(
                f"{host.name}: {host.reason}" if host in named else host.reason for host in self.hosts
            )
            self._write(protocol.Failure(reasons))
            return
        self._write(protocol.Hello(software=f"runwatch {__version__}", host=socket.gethostname()))
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            self._urgent.clear()
            if self._view is not None:
                picture = self.merged(time.monotonic())
                self._subscribe()  # which hosts have a part of the run may have changed
                self._write(protocol.Frame(picture))
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
            await wait(self._urgent, self._view.interval if self._view else PACE)

    def merged(self, now: float) -> Snapshot:
        """Return one picture of all hosts at a monotonic time."""
        notices: list[str] = []
        parts: dict[str, tuple[Host, RunRow]] = {}
        engines: set[tuple[str, int]] = set()
        for host in self.hosts:
            if word := host.word(now):
                notices.append(word)
            if host.snapshot is None:
                continue
            again, engines = host.engine in engines, engines | {host.engine}
            prefix = f"{host.label}: " if self._many else ""
            notices += [f"{prefix}{text}" for text in host.snapshot.notices]
            for row in host.snapshot.runs:
                parts[self._id(host, row.id)] = host, replace(row, job="") if again else row
        self._parts = {}
        rows = [self._row(group, parts, now) for group in jobs.groups(self._named(parts, now))]
        chosen = self._chosen
        lost = chosen.lost if chosen is not None else ""
        compared = () if chosen is None or chosen.snapshot is None else chosen.snapshot.compared
        return Snapshot(
            time.time(),
            tuple(rows),
            self._shown(now),
            tuple(notices),
            # Only runs of the same host have curves to lay over each other.
            compared=tuple(replace(c, id=self._listed(self._id(chosen, c.id))) for c in compared if chosen),
            lost=lost,
            advice=chosen.advice(now) if chosen is not None and lost else "",
            late=now - chosen.received if chosen is not None and lost else 0.0,
            silenced=self._silenced(),
        )

    def _named(self, parts: dict[str, tuple[Host, RunRow]], now: float) -> list[RunRow]:
        """Return the rows of all hosts, by their ids here."""
        return [
            replace(row, id=name, host=host.label, age=None if row.age is None else row.age + host.late(now))
            for name, (host, row) in parts.items()
        ]

    def _row(self, group: tuple[RunRow, ...], parts: dict[str, tuple[Host, RunRow]], now: float) -> RunRow:
        """Return the row of a run, and keep where its parts are."""
        if len(group) == 1:
            (row,) = group
            found = replace(row, name=self._name(parts[row.id][0], row.name))
        else:
            found = joined.row([self._node(parts[row.id][0], row, now) for row in group])
        self._parts[found.id] = tuple(parts[row.id] for row in group)
        return found

    def _node(self, host: Host, row: RunRow, now: float) -> Node:
        """Return what is shown of a run's part, whose row has its id here."""
        view = host.snapshot.run if host.snapshot is not None else None
        late = host.late(now)
        unseen = f"{host.lost}, shown as it was {numbers.brief(late)} ago" if host.lost else ""
        its = view is not None and self._id(host, view.id) == row.id
        return Node(host.name, row, view if its else None, unseen, late)

    def _shown(self, now: float) -> RunView | None:
        """Return the run that is shown: on several nodes as one."""
        host = self._chosen
        run = host.snapshot.run if host is not None and host.snapshot is not None else None
        if host is None or run is None:
            return None
        parts = self._parts_of(self._id(host, run.id))
        stages = tuple(replace(stage, id=self._id(host, stage.id)) for stage in run.stages)
        if len(parts) < 2:
            age = None if run.age is None else run.age + host.late(now)
            name = self._name(host, run.name)
            return replace(run, id=self._id(host, run.id), name=name, age=age, stages=stages)
        rows = self._named({self._id(each, row.id): (each, row) for each, row in parts}, now)
        rows.sort(key=lambda row: (row.host, row.id))
        hosts = {self._id(each, row.id): each for each, row in parts}
        nodes = [self._node(hosts[row.id], row, now) for row in rows]
        return joined.view(replace(run, stages=stages), nodes)

    def _silenced(self) -> dict[str, Silenced]:
        """Return what is silenced: runs of several nodes if all their parts are."""
        found: dict[str, Silenced] = {}
        for name, parts in self._parts.items():
            held = [host.snapshot.silenced.get(row.id) for host, row in parts if host.snapshot is not None]
            known = [each for each in held if each is not None]
            if known and len(known) == len(parts):
                ids = tuple(dict.fromkeys(each for one in known for each in one.ids))
                found[name] = Silenced(min(each.ends for each in known), ids)
            for host, row in parts:
                view = host.snapshot.run if host.snapshot is not None else None
                if host.snapshot is None or view is None or view.id != row.id:
                    continue
                for each in view.incidents:
                    if each.id in host.snapshot.silenced:
                        incident = self._id(host, each.id) if len(parts) > 1 else each.id
                        found[incident] = host.snapshot.silenced[each.id]
        return found

    def _listed(self, name: str) -> str:
        """Return the id in the list of the run that has this part."""
        return next((listed for listed, parts in self._parts.items() if self._has(parts, name)), name)

    def _id(self, host: Host, run: str) -> str:
        return f"{host.name}{APART}{run}"

    def _name(self, host: Host, run: str) -> str:
        return f"{host.label}:{run}" if self._many else run

    def _write(self, message: protocol.Reply) -> None:
        if not self._writer.is_closing():
            self._writer.write(protocol.encode(message))


def _held(host: Host) -> set[str]:
    """Return the ids of the silences that a host shows."""
    held = host.snapshot.silenced if host.snapshot is not None else {}
    return {each for found in held.values() for each in found.ids}


def main() -> None:
    """Run as a hub: the only argument names the descriptor of its setup."""
    setup = taken(sys.argv[1], Attachment)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_screen(setup.socket, lambda reader, writer: Hub(setup, writer).run(reader)))


if __name__ == "__main__":
    main()
