"""Which configuration is read where one is found by looking around."""

import os
import stat
import struct
from pathlib import Path

import platformdirs
import pytest

from runwatch.config.loader import find, is_judged, load
from runwatch.core.errors import ConfigError
from runwatch.system.file_trust import FilePlace, User, objection, open_to_all
from tests.cli.command import called
from tests.cli.live import Follower

ME, OTHER, OWN_GROUP, TEAM = 1000, 1001, 1000, 500
USER = User(ME, OWN_GROUP)
MARKED = "[tail]\ninterval = 7\n"
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.mark.parametrize(
    ("kind", "owner", "group", "mode", "said"),
    [
        ("file", ME, TEAM, 0o644, None),
        ("file", 0, 0, 0o644, None),
        ("file", OTHER, TEAM, 0o600, "it belongs to another user"),
        ("file", ME, TEAM, 0o646, "others can write it"),
        ("file", ME, TEAM, 0o664, "its group can write it"),
        ("file", ME, OWN_GROUP, 0o664, None),  # umask 002
        ("file", 0, 0, 0o664, "its group can write it"),
        ("file", 0, 0, 0o646, "others can write it"),
        ("directory", ME, TEAM, 0o755, None),
        ("directory", ME, OWN_GROUP, 0o775, None),
        ("directory", ME, TEAM, 0o2775, "its group can write its directory"),
        ("directory", ME, TEAM, 0o777, "others can write its directory"),
        ("directory", 0, 0, 0o1777, None),  # as /tmp
        ("directory", OTHER, TEAM, 0o1777, "its directory belongs to another user"),
        ("directory", OTHER, TEAM, 0o755, "its directory belongs to another user"),
        ("link", ME, TEAM, 0o777, None),
        ("link", OTHER, TEAM, 0o777, "a link to it belongs to another user"),
    ],
)
def test_who_can_write_it_decides(kind, owner, group, mode, said):
    found = objection(FilePlace("p", kind, owner, group, mode), USER)
    assert (found is None) == (said is None)
    if said is not None:
        assert found.why.startswith(said)
        assert found.writable == ("p" if "can write" in said else "")


def test_an_access_list_may_add_writers_to_a_private_group():
    assert objection(FilePlace("p", "file", ME, OWN_GROUP, 0o664, access_list=True), USER) is not None
    assert objection(FilePlace("p", "file", ME, OWN_GROUP, 0o644, access_list=True), USER) is None


@pytest.mark.parametrize("target", ["runwatch.toml", "."])
def test_one_that_an_access_list_lets_others_write_is_passed_over(place, target, monkeypatch):
    user = User(os.geteuid(), place.stat().st_gid)
    monkeypatch.setattr("runwatch.system.file_trust.current_user", lambda: user)
    (place / target).chmod(0o775)
    assert read_by(place) == (7.0, [])
    with_another(place / target)
    interval, said = read_by(place)
    assert interval != 7.0
    assert "its group can write" in said[0]


def with_another(path: Path) -> None:
    """Let another user write to it, by an access list of Linux: tag, rights and user of each entry."""
    everyone = 2**32 - 1
    rows = ((1, 7, everyone), (2, 7, NOBODY), (4, 5, everyone), (16, 7, everyone), (32, 5, everyone))
    found = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)
    try:
        os.setxattr(path, "system.posix_acl_access", found)
    except (AttributeError, OSError):
        pytest.skip("no access lists here")


def test_without_a_private_group_no_group_may_write():
    assert objection(FilePlace("p", "file", ME, OWN_GROUP, 0o664), User(ME)) is not None


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A working directory with a configuration, which only its owner can write."""
    work = tmp_path / "work"
    work.mkdir(mode=0o755)
    monkeypatch.chdir(work)
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path / "user" / name)
    (work / "runwatch.toml").write_text(MARKED)
    (work / "runwatch.toml").chmod(0o644)
    return work


def read_by(place: Path) -> tuple[float, list[str]]:
    """Return what the configuration found there says, and what was said about it."""
    said: list[str] = []
    return load(environ={}, report=said.append).tail.interval, said


def test_one_that_only_its_owner_can_write_is_read(place):
    assert read_by(place) == (7.0, [])
    assert is_judged(find(environ={}))


@pytest.mark.parametrize("target", ["runwatch.toml", "."])
def test_one_that_others_can_write_is_passed_over(place, target):
    (place / target).chmod(0o777)
    user = place.parent / "user" / "runwatch" / "runwatch.toml"
    user.parent.mkdir(parents=True)
    user.write_text("[tail]\ninterval = 9\n")
    user.chmod(0o666)  # where the user looks by themselves, nothing is judged
    interval, said = read_by(place)
    assert interval == 9.0
    assert len(said) == 1
    assert said[0].startswith("configuration not read, others can write it")
    assert f": {place / 'runwatch.toml'}: chmod go-w {place / target}".removesuffix("/.") in said[0]
    assert "--config" in said[0]
    assert load(Path("runwatch.toml"), environ={}).tail.interval == 7.0  # named: the user's own will
    assert load(environ={"RUNWATCH_CONFIG": "runwatch.toml"}).tail.interval == 7.0


def test_a_link_is_judged_with_what_it_leads_to(place):
    elsewhere = place.parent / "elsewhere"
    elsewhere.mkdir()
    (place / "runwatch.toml").rename(elsewhere / "mine.toml")
    (place / "runwatch.toml").symlink_to("../elsewhere/mine.toml")
    assert read_by(place) == (7.0, [])
    elsewhere.chmod(0o777)
    interval, said = read_by(place)
    assert interval != 7.0
    assert "others can write its directory" in said[0]


def test_one_found_before_is_judged_again(place):
    path = place / "runwatch.toml"
    assert load(path, environ={}, found=True).tail.interval == 7.0
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="others can write it"):
        load(path, environ={}, found=True)


def test_secrets_that_everyone_can_read_are_reported(place, monkeypatch):
    path = place / "runwatch.toml"
    path.write_text('[slack]\nwebhook = "https://hooks.slack.com/services/T0/B0/hush"\n')
    monkeypatch.setattr(
        "runwatch.system.file_trust.open_to_all", lambda path, mode: bool(mode & stat.S_IROTH)
    )
    assert "everyone can read the secrets" in read_by(place)[1][0]
    assert "hush" not in read_by(place)[1][0]
    path.chmod(0o600)
    assert read_by(place)[1] == []
    path.chmod(0o644)
    path.write_text('[slack]\nwebhook = { env = "HOOK" }\n')
    assert read_by(place)[1] == []


def test_a_file_behind_a_closed_directory_is_not_open_to_all(tmp_path):
    path = tmp_path / "closed" / "file"
    path.parent.mkdir(mode=0o700)
    path.touch()
    assert not open_to_all(str(path), 0o100644)
    assert open_to_all("/etc/passwd", os.stat("/etc/passwd").st_mode)


def test_the_engine_of_tail_says_so_and_goes_by_its_defaults(place):
    (place / "runwatch.toml").write_text("[rules.nonfinite]\nenabled = false\n")
    place.chmod(0o777)
    losses = [*(2 + 1 / n for n in range(1, 40)), "nan"]
    lines = [f"step {step}/1000 | loss {loss} | lr 1e-3\n" for step, loss in enumerate(losses)]
    (place / "train.log").write_text("".join(lines))
    with Follower("train.log", "--exit") as follower:
        follower.says("configuration not read, others can write its directory")
        follower.until(lambda body: body["type"] == "incident" and body["incident"]["rule"] == "nonfinite")


@as_root
@pytest.mark.parametrize("theirs", ["file", "directory", "link"])
def test_what_another_user_owns_is_not_read_and_runs_nothing(place, theirs):
    mark = place.parent / "ran"
    config = place / "runwatch.toml"
    config.write_text(
        f'[channels.hook]\ntype = "webhook"\nurl = {{ command = ["touch", "{mark}"] }}\n[rules.hang]\nleast = 7654\n'
    )
    if theirs == "link":
        config.rename(place.parent / "mine.toml")
        config.symlink_to("../mine.toml")
    os.chown(place if theirs == "directory" else config, NOBODY, NOBODY, follow_symlinks=False)
    for words in (["rules", "hang"], ["formats"], ["notify", "list"]):
        done = called(*words, cwd=place)
        assert done.returncode == 0
        assert "7654" not in done.stdout
        assert "hook" not in done.stdout
        assert done.stderr.count("configuration not read") == 1
        assert str(config) in done.stderr
    assert not mark.exists()
    assert "7654" in called("rules", "hang", "--config", config, cwd=place).stdout
