"""docs/configuration.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runwatch.config import loader
from runwatch.config.docs import comments, render

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == render(), "run: python -m runwatch.config.docs > docs/configuration.md"


def test_every_key_of_the_file_is_there():
    page = render()
    for field in msgspec.structs.fields(loader.Config):
        assert field.name == "path" or f"[{field.name}" in page


def test_every_plain_section_is_read(tmp_path):
    plain = [f for f in msgspec.structs.fields(loader.Config) if isinstance(f.default, msgspec.Struct)]
    assert {"tail", "watch", "state", "routing"} <= {field.name for field in plain}
    for field in plain:
        for key, value in msgspec.structs.asdict(field.default).items():
            if isinstance(value, float):
                (tmp_path / "runwatch.toml").write_text(f"[{field.name}]\n{key} = 61.0\n")
                section = getattr(loader.read(tmp_path / "runwatch.toml"), field.name)
                assert getattr(section, key) == 61.0, f"[{field.name}] {key}"


def test_what_is_said_of_a_key_is_read_from_under_it():
    class Some(msgspec.Struct):
        """A class."""

        one: int = 1
        """Said
        of | one."""
        two: int = 2

    assert comments(Some) == {"one": "Said of \\| one."}
