"""GPUs as the unmodified pynvml sees them through a driver stand-in, in the real sampler process."""

from __future__ import annotations

import random
import re
import time

import pytest

from runwatch.core.sample import GpuProcesses, Gpus, MachineEvent, Sample, throttle_reasons
from runwatch.watcher.samplers.sampler import Setup
from tests.watcher.samplers.conftest import NVML

QUICK = Setup("gpu", interval=0.05, slow=0.0, rare=0.0)


def sample_with(name):
    return lambda message: name in message.values


def test_eight_busy_gpus(driver, sampling):
    driver.say("lib count 8", "all util 97", "all power 640", "all memory_used 7e10", "all temperature 71")
    driver.say("3 util 12", "all nvlinks 18", "0 nvlink_errors 5", "all sm_clock 1755")
    watched = sampling(QUICK, driver.environ)
    gpus = watched.expect(Gpus)
    assert [gpu.index for gpu in gpus.gpus] == [str(n) for n in range(8)]
    assert {gpu.state for gpu in gpus.gpus} == {"ok"}
    assert len({gpu.uuid for gpu in gpus.gpus}) == 8
    assert gpus.gpus[1].bus == "00000000:02:00.0"
    assert (gpus.driver, gpus.note) == ("550.54.15", "")
    values = watched.expect(Sample).values
    assert [values[f"gpu/{n}/util"] for n in range(8)] == [0.97, 0.97, 0.97, 0.12, 0.97, 0.97, 0.97, 0.97]
    assert values["gpu/7/power"] == 640.0
    assert values["gpu/7/power_limit"] == 700.0
    assert values["gpu/7/memory_used"] == 7e10, "memory the driver reserves is not used"
    assert values["gpu/7/temperature"] == 71.0
    assert values["gpu/7/temperature_margin"] == 19.0
    assert values["gpu/7/sm_clock"] == 1755e6
    assert values["gpu/0/nvlink_active"] == 18.0
    assert (values["gpu/0/nvlink_errors"], values["gpu/1/nvlink_errors"]) == (5.0, 0.0)


def test_costly_questions_are_rare(driver, sampling):
    watched = sampling(Setup("gpu", interval=0.05, slow=3600.0, rare=3600.0), driver.environ)
    first, second = watched.expect(Sample), watched.expect(Sample)
    assert "gpu/0/temperature" in first.values
    assert sorted(second.values) == [
        "gpu/0/memory_total",
        "gpu/0/memory_used",
        "gpu/0/power",
        "gpu/0/util",
    ]


def test_sm_activity_is_the_better_measure_where_there_is_one(driver, sampling):
    driver.say("lib count 2", "0 util 100", "0 sm_activity 9", "1 util 100")
    watched = sampling(QUICK, driver.environ)
    gpus = watched.expect(Gpus)
    assert [gpu.measure for gpu in gpus.gpus] == ["sm_activity", "util"]
    values = watched.expect(Sample, sample_with("gpu/0/sm_activity")).values
    assert values["gpu/0/sm_activity"] == pytest.approx(0.09)
    assert values["gpu/0/util"] == 1.0
    assert "gpu/1/sm_activity" not in values


def test_an_activity_that_is_no_number_is_left_out(driver, sampling):
    driver.say("lib count 2", "0 sm_activity nan", "1 sm_activity 9")  # an H200, right after the look before
    values = sampling(QUICK, driver.environ).expect(Sample, sample_with("gpu/1/sm_activity")).values
    assert "gpu/0/sm_activity" not in values


def test_processes_are_looked_at_as_often_as_temperatures(driver, sampling):
    driver.say("0 pids 77")
    watched = sampling(Setup("gpu", interval=0.05, slow=0.0, rare=3600.0), driver.environ)
    assert watched.expect(GpuProcesses).pids == watched.expect(GpuProcesses).pids == {"0": {77: 0.0}}


def test_throttling_is_reported_in_bits_and_words(driver, sampling):
    driver.say("0 throttle 68")
    bits = sampling(QUICK, driver.environ).expect(Sample).values["gpu/0/throttle"]
    assert throttle_reasons(bits) == ("power cap", "too hot (hardware)")


def test_memory_errors(driver, sampling):
    driver.say("0 ecc_uncorrected 2", "0 ecc_corrected 40", "0 remap_pending 1", "0 recovery_action 1")
    values = sampling(QUICK, driver.environ).expect(Sample).values
    names = ("ecc_uncorrected", "ecc_corrected", "remap_pending", "remap_failed", "recovery_action")
    assert [values[f"gpu/0/{name}"] for name in names] == [2.0, 40.0, 1.0, 0.0, 1.0]


def test_xid_is_reported_while_waiting_for_the_next_look(driver, sampling):
    driver.say("lib count 2", "1 xid 43")  # before anyone listened: the driver does not tell it
    watched = sampling(Setup("gpu", interval=3600.0), driver.environ)
    watched.expect(Sample)
    driver.say("1 xid 79")
    event = watched.expect(MachineEvent)
    assert (event.kind, event.gpu, event.xid) == ("xid", "1", 79)
    driver.say("1 xid 79", "0 double_bit 1")
    event = watched.expect(MachineEvent)
    assert (event.kind, event.gpu) == ("ecc", "0"), "the same Xid again so soon is not told twice"


def test_a_lost_gpu_is_an_event_and_hides_only_itself(driver, sampling):
    driver.say("lib count 3")
    watched = sampling(QUICK, driver.environ)
    watched.expect(Sample, sample_with("gpu/1/util"))
    driver.say("1 !* 15")
    event = watched.expect(MachineEvent)
    assert (event.kind, event.gpu) == ("gpu_lost", "1")
    assert [gpu.state for gpu in watched.expect(Gpus).gpus] == ["ok", "lost", "ok"]
    values = watched.expect(Sample).values
    assert "gpu/0/util" in values
    assert "gpu/2/util" in values
    assert "gpu/1/util" not in values
    driver.say("1 !* 0")
    assert watched.expect(MachineEvent).kind == "gpu_back"
    watched.expect(Sample, sample_with("gpu/1/util"))


def test_a_gpu_that_answers_nothing_any_more_is_lost(driver, sampling):
    driver.say("lib count 2")
    watched = sampling(QUICK, driver.environ)
    watched.expect(Sample, sample_with("gpu/1/util"))
    driver.say("1 !* 999")  # what a container sees that lost its access
    assert watched.expect(MachineEvent).kind == "gpu_lost"
    for _ in range(4):  # it is tried again in each of these looks
        watched.expect(Sample)
    assert not any(isinstance(m, MachineEvent) and m.kind == "gpu_back" for m in watched.seen)


def test_a_lost_gpu_takes_its_slices_with_it(driver, sampling):
    driver.say("lib count 2", "1 slices 2")
    watched = sampling(QUICK, driver.environ)
    watched.expect(Sample, sample_with("gpu/1:1/memory_used"))
    driver.say("1 !* 15")
    assert watched.expect(MachineEvent).kind == "gpu_lost"
    assert [gpu.index for gpu in watched.expect(Gpus).gpus] == ["0", "1"]
    assert {name.split("/")[1] for name in watched.expect(Sample).values} == {"0"}


def test_a_gpu_that_is_lost_while_events_are_asked_for(driver, sampling):
    driver.say("lib count 2", "1 !nvmlDeviceGetSupportedEventTypes 15")
    watched = sampling(QUICK, driver.environ)
    watched.expect(Sample, sample_with("gpu/0/util"))


def test_a_driver_that_was_loaded_again_is_opened_again(driver, sampling):
    watched = sampling(QUICK, driver.environ)
    watched.expect(Sample)
    driver.say("lib !nvmlDeviceGetHandleByIndex_v2 1", "0 !* 1", "lib !nvmlInitWithFlags 9")
    assert watched.expect(MachineEvent).kind == "gpu_lost"
    assert "not loaded" in watched.expect(Gpus, lambda gpus: not gpus.gpus).note
    driver.say("lib !nvmlDeviceGetHandleByIndex_v2 0", "0 !* 0", "lib !nvmlInitWithFlags 0")
    assert watched.expect(MachineEvent).kind == "gpu_back"
    watched.expect(Sample, sample_with("gpu/0/util"))


def test_a_denied_gpu_hides_only_itself(driver, sampling):
    driver.say("lib count 3", "1 !nvmlDeviceGetHandleByIndex_v2 4")
    watched = sampling(QUICK, driver.environ)
    gpus = watched.expect(Gpus)
    assert [gpu.state for gpu in gpus.gpus] == ["ok", "denied", "ok"]
    assert gpus.note == "no permission to see GPU 1"
    values = watched.expect(Sample).values
    assert {name.split("/")[1] for name in values} == {"0", "2"}


FUTILE = [
    ("nvmlDeviceGetUtilizationRates", "util"),
    ("nvmlDeviceGetPowerUsage", "power"),
    ("nvmlDeviceGetEnforcedPowerLimit", "power_limit"),
    ("nvmlDeviceGetMaxClockInfo", "sm_clock_max"),
    ("nvmlDeviceGetTotalEccErrors", "ecc_uncorrected"),
    ("nvmlDeviceGetRemappedRows", "remap_failed"),
    ("nvmlDeviceGetPcieReplayCounter", "pcie_replays"),
    ("nvmlDeviceGetClockInfo", "sm_clock"),
]


def test_every_metric_degrades_alone(driver, sampling):
    driver.say(f"lib count {len(FUTILE)}")
    for index, (function, _) in enumerate(FUTILE):
        driver.say(f"{index} !{function} {3 if index % 2 else 4}")
    values = sampling(QUICK, driver.environ).expect(Sample).values
    for index in range(len(FUTILE)):
        missing = [name for _, name in FUTILE if f"gpu/{index}/{name}" not in values]
        assert missing == [FUTILE[index][1]]


def test_slices_of_a_gpu(driver, sampling):
    driver.say("0 slices 2", "0 !nvmlDeviceGetUtilizationRates 3", "0:1 !nvmlDeviceGetUtilizationRates 3")
    driver.say("0:0 !nvmlDeviceGetUtilizationRates 3", "0 sm_activity 1", "0:0 sm_activity 88")
    driver.say("0:0 memory_used 9e9", "0:1 memory_used 1e9", "0:1 pids 77", "0:1 sm_activity 3")
    watched = sampling(QUICK, driver.environ)
    gpus = watched.expect(Gpus).gpus
    assert [(gpu.index, gpu.measure) for gpu in gpus] == [
        ("0", "sm_activity"),
        ("0:0", "sm_activity"),
        ("0:1", "sm_activity"),
    ]
    assert watched.expect(GpuProcesses).pids["0:1"] == {77: 1e9}
    values = watched.expect(Sample, sample_with("gpu/0:0/sm_activity")).values
    assert "gpu/0/util" not in values
    assert values["gpu/0:0/sm_activity"] == pytest.approx(0.88)
    assert (values["gpu/0:0/memory_used"], values["gpu/0:1/memory_used"]) == (9e9, 1e9)


def test_processes_by_gpu(driver, sampling):
    driver.say("lib count 2", "0 pids 11,12", "0 memory_used 4e9")
    watched = sampling(QUICK, driver.environ)
    assert watched.expect(GpuProcesses).pids == {"0": {11: 4e9, 12: 4e9}, "1": {}}


def test_an_old_driver_is_asked_the_old_way(old_driver, sampling):
    old_driver.say(
        "0 temperature 55", "0 throttle 8", "0 pids 9", "0 memory_used 1e9", "0 memory_reserved 5e8"
    )
    watched = sampling(QUICK, old_driver.environ)
    values = watched.expect(Sample).values
    assert watched.expect(GpuProcesses).pids == {"0": {9: 1e9}}
    assert (values["gpu/0/temperature"], values["gpu/0/throttle"]) == (55.0, 8.0)
    assert values["gpu/0/memory_used"] == 1.5e9


def test_no_driver_is_one_quiet_line(sampling):
    watched = sampling(QUICK, {"LD_LIBRARY_PATH": "/nonexistent"})
    gpus = watched.expect(Gpus)
    if gpus.gpus:
        pytest.skip("there is a real NVIDIA driver here")
    assert gpus.note.startswith("no NVIDIA GPU")
    assert watched.ended() == 0


@pytest.mark.parametrize(
    ("code", "word"), [(9, "not loaded"), (18, "was changed"), (4, "no permission"), (999, "does not start")]
)
def test_a_driver_that_does_not_start_says_why(driver, sampling, code, word):
    driver.say(f"lib !nvmlInitWithFlags {code}")
    gpus = sampling(QUICK, driver.environ).expect(Gpus)
    assert gpus.gpus == ()
    assert word in gpus.note


def test_no_gpu_in_the_machine(driver, sampling):
    driver.say("lib count 0")
    gpus = sampling(QUICK, driver.environ).expect(Gpus)
    assert (gpus.gpus, gpus.note) == ((), "no NVIDIA GPU")


def test_whatever_a_driver_returns_the_sampler_continues(driver, sampling):
    functions = sorted(set(re.findall(r"^API nvmlReturn_t (nvml\w+)\(", NVML.read_text(), re.MULTILINE)))
    codes = [*range(1, 31), 999]
    chance = random.Random(7)
    driver.say("lib count 4", "all sm_activity 50", "all nvlinks 2", "1 slices 2", "all pids 1")
    watched = sampling(Setup("gpu", interval=0.01, slow=0.0, rare=0.0), driver.environ)
    for number in range(60):
        scope = chance.choice(["0", "1", "2", "1:0", "lib"])
        driver.say(f"{scope} !{chance.choice(functions)} {chance.choice(codes)}", f"3 power {number}")
        watched.expect(Sample, lambda m, number=number: m.values.get("gpu/3/power") == number)
    assert len(functions) > 30


def test_events_that_fail_at_once_do_not_burn_the_processor(driver, sampling):
    driver.say("lib !nvmlEventSetWait_v2 15")
    watched = sampling(Setup("gpu", interval=0.5), driver.environ)
    watched.expect(Sample)
    begun = time.monotonic()
    watched.expect(Sample)
    watched.expect(Sample)
    alive = sum(type(message).__name__ == "Alive" for message in watched.seen)
    took = time.monotonic() - begun
    assert alive < 30 * (1 + took)  # a loop that burns says so thousands of times a second
