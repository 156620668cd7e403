"""Samples all NVIDIA GPUs: cheap questions often, costly ones rarely, events as they come.

Every call takes the driver's lock, which training needs too, so what is costly
(clocks, links) is asked every ten seconds or twice a minute. One GPU that is denied or lost hides
only itself. Waiting for the next look is waiting for events: no second thread is
ever inside the driver.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from runwatch.core import text
from runwatch.core.sample import Alive, Gpu, GpuProcesses, Gpus, MachineEvent, Message, Sample
from runwatch.watcher.samplers.nvml import Denied, Device, Library, Lost, NoDriver

SLOW = 10.0
"""Seconds between looks at temperatures, clocks, errors, activity and processes."""
RARE = 30.0
"""Seconds between looks at links, and between tries to reach a lost GPU."""
REOPENS = 2.0
"""Times `RARE` between tries to open a driver again through which nothing can be reached."""
_SILENT = 2
"""Looks without any answer after which a GPU is lost: in a container every call may fail as "unknown"."""
_BEAT = 1.0
_QUIET = 10.0
"""Seconds in which the same Xid of one GPU is reported once."""

Send = Callable[[Message], None]


@dataclass
class _Card:
    """One GPU, and its state."""

    index: int
    device: Device | None = None
    slices: list[tuple[Device, str]] = field(default_factory=list)
    """Each MIG slice and its UUID."""
    state: Literal["ok", "denied", "lost"] = "ok"
    uuid: str = ""
    name: str = ""
    bus: str = ""
    retry_at: float = 0.0
    silent: int = -1
    """Looks in a row that gave nothing; -1 if it never gave anything."""

    def parts(self) -> list[tuple[str, Device]]:
        """Return the card and its slices with the names their values have."""
        whole = [(str(self.index), self.device)] if self.device is not None else []
        return whole + [(f"{self.index}:{n}", device) for n, (device, _) in enumerate(self.slices)]


class GpuSampler:
    """All GPUs of this machine, as far as they may be seen."""

    def __init__(self, send: Send, *, slow: float = SLOW, rare: float = RARE) -> None:
        self._send = send
        self._slow, self._rare = slow, rare
        self._library: Library | None = None
        self._cards: list[_Card] = []
        self._reported: tuple[tuple[Gpu, ...], str] | None = None
        self._events: Any = None
        self._recent: dict[tuple[str | None, int], float] = {}
        self._slow_at = self._rare_at = self._open_at = 0.0
        self.hopeless = False
        """Whether there is no driver or no GPU, and so nothing to come back for."""

    def sample(self, now: float) -> None:
        """Ask what is due at `now` (Unix time) and send it."""
        clock = time.monotonic()
        if self._library is not None and self._all_lost() and clock >= self._open_at:
            self._close()
        if self._library is None and not self._open(now):
            return
        slow, rare = clock >= self._slow_at, clock >= self._rare_at
        self._slow_at = clock + self._slow if slow else self._slow_at
        self._rare_at = clock + self._rare if rare else self._rare_at
        values: dict[str, float] = {}
        pids: dict[str, dict[int, float]] = {}
        for card in self._cards:
            if card.state == "lost" and clock >= card.retry_at:
                self._reach(card, now)
            if card.state == "ok":
                try:
                    self._ask(card, values, pids, slow=slow, rare=rare)
                    self._expect(card, values)
                except Lost:
                    self._lose(card, now)
            self._send(Alive())
        self._report(now)
        if values:
            self._send(Sample(now, values))
        if pids:
            self._send(GpuProcesses(now, pids))

    def wait(self, seconds: float) -> None:
        """Wait for the next look; Xid errors are reported as they come."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._wait_once(min(left, _BEAT))
            self._send(Alive())

    def _open(self, now: float) -> bool:
        if time.monotonic() < self._open_at:
            return False
        self._open_at = time.monotonic() + REOPENS * self._rare
        try:
            library = Library()
            count = library.count()
        except NoDriver as error:
            self.hopeless = error.hopeless
            self._announce(now, (), str(error))
            return False
        self._library = library
        self._cards = self._cards[:count] + [_Card(index) for index in range(len(self._cards), count)]
        for card in self._cards:
            self._reach(card, now)
        self._listen()
        if not count:
            self.hopeless = True
            self._announce(now, (), "no NVIDIA GPU")
        return True

    def _all_lost(self) -> bool:
        return bool(self._cards) and all(card.state == "lost" for card in self._cards)

    def _close(self) -> None:
        """Let go of a library through which nothing can be reached: the driver may have been loaded again."""
        assert self._library is not None
        with contextlib.suppress(Exception):
            self._library.nvml.nvmlShutdown()
        self._library = self._events = None

    def _reach(self, card: _Card, now: float) -> None:
        """Get hold of a GPU, or note why not."""
        assert self._library is not None
        before, card.retry_at = card.state, time.monotonic() + self._rare
        try:
            device = Device(self._library, self._library.handle(card.index))
            if before == "lost" and not any(value is not None for value in device.cheap().values()):
                return
            card.uuid = text.plain(device.text("nvmlDeviceGetUUID"), 80) or card.uuid
            card.name = text.plain(device.text("nvmlDeviceGetName"), 80) or card.name
            pci = device.ask("nvmlDeviceGetPciInfo")
            card.bus = text.plain(_words(pci.busId), 40) if pci is not None else card.bus
            card.slices = [(part, text.plain(part.text("nvmlDeviceGetUUID"), 80)) for part in device.slices()]
        except Denied:
            card.state = "denied"
            return
        except Lost:
            if before != "lost":
                self._lose(card, now)
            return
        card.device, card.state = device, "ok"
        if before == "lost":
            self._say("gpu_back", now, f"GPU {card.index} answers again", card)
            self._listen()

    def _lose(self, card: _Card, now: float) -> None:
        card.state, card.device, card.slices, card.silent = "lost", None, [], -1
        card.retry_at = time.monotonic() + self._rare
        self._say(
            "gpu_lost",
            now,
            f"GPU {card.index} does not answer any more (off the bus, or needs a reset)",
            card,
        )

    def _say(self, kind: Literal["gpu_lost", "gpu_back"], now: float, title: str, card: _Card) -> None:
        self._send(MachineEvent(kind, now, title, gpu=str(card.index)))

    def _ask(
        self,
        card: _Card,
        values: dict[str, float],
        pids: dict[str, dict[int, float]],
        *,
        slow: bool,
        rare: bool,
    ) -> None:
        """Put one GPU's answers into `values` and `pids`. Raises Lost."""
        for name, device in card.parts():
            found = device.cheap()
            found |= device.slow() if slow else {}
            found |= device.links() if rare and device is card.device else {}
            computing = device.processes() if slow else None
            if computing is not None:
                pids[name] = computing
            values |= {f"gpu/{name}/{what}": float(v) for what, v in found.items() if v is not None}

    def _expect(self, card: _Card, values: dict[str, float]) -> None:
        """Raise Lost if a GPU that reported values reports nothing any more, look after look."""
        if any(name.startswith(f"gpu/{card.index}/") for name in values):
            card.silent = 0
        elif card.silent >= 0:
            card.silent += 1
            if card.silent >= _SILENT:
                raise Lost

    def _report(self, now: float) -> None:
        """Send the GPUs if anything about them changed."""
        gpus = []
        for card in self._cards:
            about = {"uuid": card.uuid, "name": card.name, "bus": card.bus}
            gpus.append(Gpu(str(card.index), state=card.state, measure=_measure(card.device), **about))
            gpus += [
                Gpu(f"{card.index}:{n}", uuid, f"{card.name} MIG", card.bus, measure=_measure(device))
                for n, (device, uuid) in enumerate(card.slices)
            ]
        denied = [str(card.index) for card in self._cards if card.state == "denied"]
        note = f"no permission to see GPU {', '.join(denied)}" if denied else ""
        if self._cards:
            self._announce(now, tuple(gpus), note)

    def _announce(self, now: float, gpus: tuple[Gpu, ...], note: str) -> None:
        if self._reported != (gpus, note):
            self._reported = (gpus, note)
            driver = self._library.driver() if self._library is not None else ""
            self._send(Gpus(now, gpus, text.plain(driver, 40), note))

    def _listen(self) -> None:
        """Register for Xid and ECC events of every GPU that can be reached."""
        assert self._library is not None
        nvml = self._library.nvml
        wanted = nvml.nvmlEventTypeXidCriticalError | nvml.nvmlEventTypeDoubleBitEccError
        try:
            if self._events is None:
                self._events = nvml.nvmlEventSetCreate()
        except Exception:  # no events here: the looks continue without them
            return
        for card in self._cards:
            device = card.device
            if device is None:
                continue
            with contextlib.suppress(Lost):  # the next look finds out
                kinds = device.ask("nvmlDeviceGetSupportedEventTypes")
                if kinds and kinds & wanted:
                    device.ask("nvmlDeviceRegisterEvents", kinds & wanted, self._events)

    def _wait_once(self, seconds: float) -> None:
        if self._library is None or self._events is None:
            time.sleep(seconds)
            return
        nvml, begun = self._library.nvml, time.monotonic()
        try:
            event = nvml.nvmlEventSetWait_v2(self._events, max(1, int(1e3 * seconds)))
        except Exception as error:
            if (
                getattr(error, "value", None) != nvml.NVML_ERROR_TIMEOUT
            ):  # it may say so at once, again and again
                time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
            return
        self._take_event(event, time.time())

    def _take_event(self, event: Any, now: float) -> None:
        assert self._library is not None
        nvml = self._library.nvml
        card = next((c for c in self._cards if c.device and _same(c.device.handle, event.device)), None)
        gpu = None if card is None else str(card.index)
        where = "a GPU" if gpu is None else f"GPU {gpu}"
        if event.eventType & nvml.nvmlEventTypeXidCriticalError:
            xid = int(event.eventData)
            if now - self._recent.get((gpu, xid), float("-inf")) >= _QUIET:
                self._recent[gpu, xid] = now
                self._send(MachineEvent("xid", now, f"{where} reports Xid {xid}", gpu=gpu, xid=xid))
        elif event.eventType & nvml.nvmlEventTypeDoubleBitEccError:
            self._send(MachineEvent("ecc", now, f"{where} reports an uncorrectable memory error", gpu=gpu))


def _measure(device: Device | None) -> Literal["sm_activity", "util", "power", ""]:
    """Return which value shows best how busy a GPU is."""
    if device is None:
        return ""
    try:
        if device.has_activity:
            return "sm_activity"
    except Lost:
        return ""
    if device.knows("nvmlDeviceGetUtilizationRates"):
        return "util"
    return "power" if device.knows("nvmlDeviceGetPowerUsage") else ""


def _same(one: Any, other: Any) -> bool:
    """Whether two of the driver's handles are the same pointer."""
    return bool(ctypes.cast(one, ctypes.c_void_p).value == ctypes.cast(other, ctypes.c_void_p).value)


def _words(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
