"""One NVIDIA device through NVML, where every question may fail by itself.

A question the driver does not know here is not asked again; one that is denied
neither. A lost GPU raises Lost, whichever question found out. pynvml is imported
by whoever makes a Library: only in the GPU sampler's process, because a sick
driver may never return from a call, or crash.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")
Values = dict[str, float | None]
_SM_ACTIVITY = 2
"""The metric of GPM that is asked for."""
_RECOVERY_ACTION = 230
_MAX_LINKS = 18


class Lost(Exception):  # noqa: N818  a state of the world, not a mistake
    """The GPU does not answer any more: off the bus, or in need of a reset."""


class Denied(Exception):  # noqa: N818
    """The GPU exists, but this user or job may not look at it."""


class NoDriver(Exception):  # noqa: N818
    """There is no NVML to ask; the message says why in one sentence."""

    def __init__(self, message: str, *, hopeless: bool) -> None:
        """`hopeless` means that asking again later is of no use: no driver is installed."""
        super().__init__(message)
        self.hopeless = hopeless


class Library:
    """NVML itself, opened once for the life of the process."""

    def __init__(self) -> None:
        """Load and initialize it. Raises NoDriver."""
        try:
            import pynvml
        except ImportError:
            raise NoDriver("no NVIDIA GPU (nvidia-ml-py is not installed)", hopeless=True) from None

        self.nvml: Any = pynvml
        self._gone = {pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED}
        self._hidden = {
            pynvml.NVML_ERROR_NOT_SUPPORTED,
            pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
            pynvml.NVML_ERROR_NO_PERMISSION,
            pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
            pynvml.NVML_ERROR_DEPRECATED,
            pynvml.NVML_ERROR_INVALID_ARGUMENT,
            pynvml.NVML_ERROR_VGPU_ECC_NOT_SUPPORTED,
        }
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            raise self._no_driver(error.value) from None

    def _no_driver(self, code: int) -> NoDriver:
        nvml = self.nvml
        messages = {
            nvml.NVML_ERROR_LIBRARY_NOT_FOUND: "no NVIDIA GPU (no driver library)",
            nvml.NVML_ERROR_DRIVER_NOT_LOADED: "the NVIDIA driver is installed but not loaded",
            nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "the NVIDIA driver was changed while it was loaded: "
            "library and kernel module differ; reboot or reload the module",
            nvml.NVML_ERROR_NO_PERMISSION: "no permission to use the NVIDIA driver (/dev/nvidiactl)",
            nvml.NVML_ERROR_GPU_NOT_FOUND: "no NVIDIA GPU",
        }
        message = messages.get(code, f"the NVIDIA driver does not start (NVML error {code})")
        return NoDriver(message, hopeless=code == nvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    def count(self) -> int:
        """Return how many GPUs the driver counts, also those that are denied. Raises NoDriver."""
        try:
            return int(self.nvml.nvmlDeviceGetCount())
        except self.nvml.NVMLError as error:
            raise self._no_driver(error.value) from None

    def driver(self) -> str:
        """Return the driver's version, "" if it is unknown."""
        try:
            return str(self.nvml.nvmlSystemGetDriverVersion())
        except Exception:  # pynvml raises errors that are not NVMLError, too
            return ""

    def handle(self, index: int) -> Any:
        """Return a GPU's handle. Raises Denied or Lost."""
        try:
            return self.nvml.nvmlDeviceGetHandleByIndex(index)
        except self.nvml.NVMLError as error:
            if error.value == self.nvml.NVML_ERROR_NO_PERMISSION:
                raise Denied from None
            raise Lost from None

    def verdict(self, error: Exception) -> str:
        """Return what an error means: "lost", "never" (do not ask again) or "later"."""
        code = getattr(error, "value", None)
        if code in self._gone:
            return "lost"
        # without a code it is pynvml that does not know the function, or finds the library too old
        return "never" if code is None or code in self._hidden else "later"


class Device:
    """A GPU, or a slice of one (MIG), and the questions it has answered so far."""

    def __init__(self, library: Library, handle: Any, parent: Device | None = None) -> None:
        self._library = library
        self._nvml = library.nvml
        self.handle = handle
        self._parent = parent
        self._mute: set[str] = set()
        self._gpm_here: bool | None = None
        self._gpm: Any = None
        """The GPM sample before this one."""

    def ask(self, function: str, *arguments: Any, key: str = "") -> Any:
        """Return what an NVML function says of this device, or None if nothing, now or ever. Raises Lost.

        What is futile is remembered by `key`, by default the function's name.
        """
        return self.attempt(key or function, lambda: getattr(self._nvml, function)(self.handle, *arguments))

    def attempt(self, key: str, question: Callable[[], _T]) -> _T | None:
        """Return an answer, or None if there is none now or ever. Raises Lost."""
        if key in self._mute:
            return None
        try:
            return question()
        except Exception as error:  # pynvml raises more than NVMLError; no question may end the sampling
            verdict = self._library.verdict(error)
            if verdict == "lost":
                raise Lost from None
            if verdict == "never":
                self._mute.add(key)
            return None

    def first(self, *functions: str, arguments: tuple[Any, ...] = ()) -> Any:
        """Return what the first of several functions says, the older where the newer is not known."""
        for function in functions:
            if self.knows(function):
                answer = self.ask(function, *arguments)
                if answer is not None or self.knows(function):
                    return answer
        return None

    def knows(self, name: str) -> bool:
        """Whether a question has not been found to be futile."""
        return name not in self._mute

    def text(self, function: str) -> str:
        """Return a textual fact, "" if it is unknown."""
        answer = self.ask(function)
        return "" if answer is None else str(answer)

    def cheap(self) -> Values:
        """Return what may be asked every second: use, memory, power."""
        rates = self.ask("nvmlDeviceGetUtilizationRates")
        return {
            "util": None if rates is None else rates.gpu / 100.0,
            "power": _scaled(self.ask("nvmlDeviceGetPowerUsage"), 1e-3),
            **self._memory(),
        }

    def _memory(self) -> Values:
        """Return used and total bytes; the older form counts what the driver reserves as used."""
        function, version = "nvmlDeviceGetMemoryInfo", self._nvml.nvmlMemory_v2
        answer = self.ask(function, version, key="memory v2")
        if answer is None and not self.knows("memory v2"):
            answer = self.ask(function)
        if answer is None or not answer.total:
            return {}
        return {"memory_used": answer.used, "memory_total": answer.total}

    def slow(self) -> Values:
        """Return what costs more or changes slowly: temperatures, clocks, errors, activity."""
        return self._limits() | self._temperatures() | self._errors() | self.activity()

    def _limits(self) -> Values:
        sm = self._nvml.NVML_CLOCK_SM
        return {
            "power_limit": _scaled(self.ask("nvmlDeviceGetEnforcedPowerLimit"), 1e-3),
            "sm_clock": _scaled(self.ask("nvmlDeviceGetClockInfo", sm), 1e6),
            "sm_clock_max": _scaled(self.ask("nvmlDeviceGetMaxClockInfo", sm), 1e6),
            "throttle": self.first(
                "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"
            ),
        }

    def _temperatures(self) -> Values:
        nvml = self._nvml
        heat = self.first(
            "nvmlDeviceGetTemperatureV",
            "nvmlDeviceGetTemperature",
            arguments=(nvml.NVML_TEMPERATURE_GPU,),
        )
        margin = self.ask("nvmlDeviceGetMarginTemperature")
        if margin is None and heat is not None:
            threshold = nvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
            most = self.ask("nvmlDeviceGetTemperatureThreshold", threshold)
            margin = most - heat if most else None
        return {"temperature": heat, "temperature_margin": margin}

    def _errors(self) -> Values:
        nvml, count = self._nvml, "nvmlDeviceGetTotalEccErrors"
        rows = self.ask("nvmlDeviceGetRemappedRows")
        kinds = {
            "ecc_uncorrected": nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
            "ecc_corrected": nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED,
        }
        found = {
            name: self.ask(count, kind, nvml.NVML_VOLATILE_ECC, key=name) for name, kind in kinds.items()
        }
        return {
            **found,
            "remap_pending": None if rows is None else rows[2],
            "remap_failed": None if rows is None else rows[3],
            "recovery_action": self._field(_RECOVERY_ACTION),
        }

    def links(self) -> Values:
        """Return errors of the links: replays on PCIe, and NVLink's links and errors."""
        found: Values = {"pcie_replays": self.ask("nvmlDeviceGetPcieReplayCounter")}
        active, errors = 0, 0.0
        for link in range(_MAX_LINKS):
            state = self.ask("nvmlDeviceGetNvLinkState", link, key=f"link {link}")
            if link == 0 and not self.knows("link 0"):
                return found  # no NVLink here
            if not state:
                continue
            active += 1
            for kind in range(self._nvml.NVML_NVLINK_ERROR_COUNT):
                function = "nvmlDeviceGetNvLinkErrorCounter"
                errors += self.ask(function, link, kind, key=f"link error {kind}") or 0
        return found | {"nvlink_active": active, "nvlink_errors": errors}

    def activity(self) -> Values:
        """Return the share of the SMs that worked since the last call (Hopper and newer).

        Right after the last call an H200 answers NaN: it has counted nothing in between.
        """
        if not self.has_activity:
            return {}
        before, self._gpm = self._gpm, self.attempt("gpm sample", self._take_gpm)
        if before is None or self._gpm is None:
            self._free_gpm(before)
            return {}
        answer = self.attempt("gpm", lambda: self._compare_gpm(before, self._gpm))
        self._free_gpm(before)
        return answer or {}

    @property
    def has_activity(self) -> bool:
        """Whether it knows how many of its SMs work, not only that some kernel runs."""
        whole = self._parent or self
        if whole._gpm_here is None:
            support = whole.ask("nvmlGpmQueryDeviceSupport")
            whole._gpm_here = support is not None and bool(support.isSupportedDevice)
        return whole._gpm_here and all(map(self.knows, ("gpm sample", "gpm")))

    def _take_gpm(self) -> Any:
        sample = self._nvml.nvmlGpmSampleAlloc()
        try:
            if self._parent is None:
                return self._nvml.nvmlGpmSampleGet(self.handle, sample)
            slice_id = self._nvml.nvmlDeviceGetGpuInstanceId(self.handle)
            return self._nvml.nvmlGpmMigSampleGet(self._parent.handle, slice_id, sample)
        except Exception:
            self._free_gpm(sample)
            raise

    def _free_gpm(self, sample: Any) -> None:
        if sample is not None:
            self.attempt("gpm free", lambda: self._nvml.nvmlGpmSampleFree(sample))

    def _compare_gpm(self, before: Any, after: Any) -> Values:
        request = self._nvml.c_nvmlGpmMetricsGet_t()
        request.version = self._nvml.NVML_GPM_METRICS_GET_VERSION
        request.numMetrics = 1
        request.sample1, request.sample2 = before, after
        request.metrics[0].metricId = _SM_ACTIVITY
        self._nvml.nvmlGpmMetricsGet(request)
        answer = request.metrics[0]
        known = answer.nvmlReturn == 0 and not math.isnan(answer.value)
        return {"sm_activity": answer.value / 100.0} if known else {}

    def processes(self) -> dict[int, float] | None:
        """Return pid -> bytes of the processes that compute here; None if that is unknown."""
        name = "nvmlDeviceGetComputeRunningProcesses"
        found = self.first(f"{name}_v3", f"{name}_v2")
        return None if found is None else {item.pid: float(item.usedGpuMemory or 0) for item in found}

    def slices(self) -> list[Device]:
        """Return the MIG slices of a GPU; empty if it is not divided."""
        mode = self.ask("nvmlDeviceGetMigMode")
        if mode is None or not mode[0]:
            return []
        handles = [
            self.ask("nvmlDeviceGetMigDeviceHandleByIndex", number, key=f"slice {number}")
            for number in range(self.ask("nvmlDeviceGetMaxMigDeviceCount") or 0)
        ]
        return [Device(self._library, found, self) for found in handles if found is not None]

    def _field(self, field: int) -> float | None:
        """Return one of the driver's numbered values."""
        key = f"field {field}"
        answer = self.ask("nvmlDeviceGetFieldValues", [field], key=key)
        if answer is None:
            return None
        value = answer[0]
        if value.nvmlReturn != self._nvml.NVML_SUCCESS:
            if self._library.verdict(self._nvml.NVMLError(value.nvmlReturn)) == "never":
                self._mute.add(key)
            return None
        kinds = {0: "dVal", 1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal", 5: "siVal"}
        return float(getattr(value.value, kinds.get(value.valueType, "uiVal")))


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
