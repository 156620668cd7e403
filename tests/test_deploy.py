"""The deployment files: valid, consistent with what runwatch takes and serves, and harmless where they fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from runwatch.config.loader import read
from tests import shell_lines

from .cli.live import Log
from .daemon.live import Daemon, Peer, until

DEPLOY = Path(__file__).parents[1] / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def documents(path: Path) -> list[dict]:
    return list(yaml.safe_load_all(path.read_text()))


def containers(path: Path):
    for each in documents(path):
        spec = each.get("spec", {})
        pod = spec.get("template", {}).get("spec", spec)
        for one in (*pod.get("initContainers", ()), *pod.get("containers", ())):
            yield pod, one


def test_every_file_is_listed():
    listed = (DEPLOY / "README.md").read_text()
    for path in DEPLOY.rglob("*"):
        name = path.relative_to(DEPLOY).as_posix()
        assert path.is_dir() or name in ("README.md", "slurm/common.sh") or f"`{name}`" in listed, name


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.toml")), ids=lambda path: path.name)
def test_configurations_are_valid(path):
    assert read(path).metrics.address() == (None, 9464)


@pytest.mark.parametrize("path", KUBERNETES[:1] + KUBERNETES[2:], ids=lambda path: path.name)
def test_manifests_fit_what_runwatch_takes_and_serves(path, tmp_path):
    maps = {each["metadata"]["name"]: each["data"] for each in documents(path) if each["kind"] == "ConfigMap"}
    seen = 0
    for pod, one in containers(path):
        if one["name"] != "runwatch":
            continue
        seen += 1
        shell_lines.check(["runwatch", *one["args"]])
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]}
        data = maps[volumes["config"]["configMap"]["name"]]
        (tmp_path / "runwatch.toml").write_text(data["runwatch.toml"])
        config = read(tmp_path / "runwatch.toml")
        assert f"{mounts['config']}/runwatch.toml" in one["args"]
        assert list(config.watch.paths) == [mounts["logs"]]
        assert config.metrics.address() == (None, one["ports"][0]["containerPort"])
        for probe in ("livenessProbe", "readinessProbe"):
            if probe in one:
                assert one[probe]["httpGet"]["path"] in ("/healthz", "/readyz")
                assert one[probe]["httpGet"]["port"] == one["ports"][0]["name"]
        assert one["securityContext"]["runAsNonRoot"]
    assert seen == 1


def test_the_monitor_selects_the_pods():
    (monitor,) = documents(DEPLOY / "kubernetes" / "podmonitor.yaml")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (wanted,) = monitor["spec"]["selector"]["matchExpressions"]
    for name in ("daemonset", "sidecar"):
        path = DEPLOY / "kubernetes" / f"{name}.yaml"
        pod = documents(path)[-1]
        labels = pod.get("spec", {}).get("template", pod)["metadata"]["labels"]
        assert labels[wanted["key"]] in wanted["values"]
        assert any(
            one["ports"][0]["name"] == endpoint["port"] for _, one in containers(path) if "ports" in one
        )


def test_the_image_runs_what_there_is():
    text = (DEPLOY / "container" / "Containerfile").read_text()
    entry, command = (
        yaml.safe_load(re.search(rf"^{word} (.+)$", text, re.MULTILINE)[1]) for word in ("ENTRYPOINT", "CMD")
    )
    shell_lines.check([*entry, *command])
    assert "USER 10001" in text


@pytest.mark.parametrize(
    "path", [p for p in DEPLOY.rglob("*") if p.suffix in (".sh", ".sbatch")], ids=lambda p: p.name
)
def test_scripts_are_valid(path):
    shell = "bash" if path.suffix == ".sbatch" else "sh"
    assert subprocess.run([shell, "-n", path], check=False).returncode == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_valid(tmp_path):
    text = (DEPLOY / "systemd" / "runwatch.service").read_text()
    line = re.search(r"^ExecStart=(\S+) (.+)$", text, re.MULTILINE)
    shell_lines.check(["runwatch", *line[2].split()])
    (tmp_path / "runwatch.service").write_text(text.replace(line[1], "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "runwatch.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [
        line for line in done.stderr.splitlines() if "runwatch.service" in line and "man runwatch" not in line
    ] == []


@pytest.fixture
def slurm(tmp_path):
    """What a prolog finds: a scheduler that knows one job, and runwatch."""
    tools = tmp_path / "tools"
    tools.mkdir()
    job = tmp_path / "job.log"
    (tools / "scontrol").write_text(
        f'#!/bin/sh\necho "JobId=7 JobName=x StdErr={job} StdIn=/dev/null StdOut={job} Power="\n'
    )
    (tools / "runwatch").write_text(f'#!/bin/sh\nexec {sys.executable} -m runwatch "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    return job, tools


def script(name: str, tools: Path, environ: dict[str, str], **more: str) -> int:
    path = f"{tools}:{environ['PATH']}"
    setting = {
        **environ,
        "PATH": path,
        "RUNWATCH": str(tools / "runwatch"),
        "SLURM_JOB_ID": "7",
        "RUNWATCH_LINGER": "0",
        **more,
    }
    return subprocess.run(["sh", DEPLOY / "slurm" / name], env=setting, check=False, timeout=100).returncode


@pytest.mark.deep
def test_a_job_is_watched_from_prolog_to_epilog(tmp_path, slurm):
    job, tools = slurm
    Log(job).steps(10)
    other = Log(tmp_path / "other.log")
    other.steps(10)
    with Daemon(tmp_path, other.path) as daemon, Peer(daemon.socket) as peer:
        assert script("prolog.sh", tools, daemon.environ, SLURM_NODEID="1") == 0
        assert script("prolog.sh", tools, daemon.environ) == 0
        until(lambda: peer.step("job") == 9)
        assert script("epilog.sh", tools, daemon.environ) == 0
        until(lambda: "job" not in peer.runs())


def test_a_prolog_never_fails(tmp_path, slurm):
    _, tools = slurm
    nowhere = {**os.environ, "RUNWATCH_STATE": str(tmp_path / "none")}
    for name in ("prolog.sh", "epilog.sh"):
        assert script(name, tools, nowhere) == 0
        assert script(name, tools, nowhere, RUNWATCH="/nowhere") == 0
        assert script(name, tools, {**nowhere, "PATH": "/usr/bin:/bin"}, SLURM_JOB_ID="") == 0
