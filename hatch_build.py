"""What a distribution has besides the modules: a README for package indexes, manual pages, examples."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")
"""A link to a file of the repository; with a `!` in front, a picture."""


def absolute(text: str, source: str) -> str:
    """Return Markdown whose links to files of the repository work anywhere."""

    def link(found: re.Match[str]) -> str:
        kind = "raw" if found[1] else "blob"
        return f"{found[1]}[{found[2]}]({source}/{kind}/main/{found[3]})"

    return LINK.sub(link, text)


class IndexPage(MetadataHookInterface):
    """The README and the addresses that a package index shows."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add both; the address of the repository is a setting of this hook."""
        source = self.config["source"].rstrip("/")
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, source)}
        pages = {"Documentation": "docs/index.md", "Changelog": "CHANGELOG.md"}
        metadata["urls"] = {
            "Source": source,
            **{name: f"{source}/blob/main/{page}" for name, page in pages.items()},
            "Issues": f"{source}/issues",
        }


class Extras(BuildHookInterface):  # type: ignore[type-arg]
    """Manual pages, where `man` finds them, and the examples."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them to a wheel; an editable one reads the checkout."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from runwatch.cli.manual import write
        finally:
            sys.path.remove(self.root)
        self._made = tempfile.TemporaryDirectory()
        for page in write(Path(self._made.name)):
            build_data["shared_data"][str(page)] = f"share/man/man1/{page.name}"
        build_data["force_include"][str(Path(self.root) / "examples")] = "runwatch/examples"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was made for the wheel."""
        if version != "editable":
            self._made.cleanup()
