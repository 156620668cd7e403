"""Take the pictures that `scenes` declares: `make pictures`, `make pictures ONLY="nan fleet" SIZES="80x24"`.

All of them go to build/pictures, with a page that shows them side by side; those that the documentation keeps
are copied to docs/pictures.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.pictures.paint import save
from benchmarks.pictures.runs import Feed
from benchmarks.pictures.scenes import AFTER, KEPT, SCENES, SHOWN, SIZES, VIEWS, Scene
from benchmarks.pictures.terminal import MissingError, Terminal

TOP = Path(__file__).parents[2]
BUILD, DOCS = TOP / "build" / "pictures", TOP / "docs" / "pictures"
FIRST = "120x40"
"""The size in which a run is watched until it has come to what is of interest."""
_FOLDER = "/nfs/research/training"
"""How the folder of a scene is called in pictures: where it is on this machine is nobody's business."""
WAITING = "waiting for its (history|lines)|reading history"
"""What the screen says while something of it is still to come."""


def take(scene: Scene, shots: Iterable[tuple[str, str]], out: Path, command: str = "") -> Iterator[Path]:
    """Take pictures of one scene, each of a size and a view, into `out`; yield each path."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        home, folder = Path(name, "home"), Path(name, scene.name)
        home.mkdir()
        folder.mkdir()
        watched = scene.make(folder)
        own = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_STATE_HOME": str(home)}
        if not command:  # this checkout's code, wherever its environment was installed from
            own["PYTHONPATH"] = str(TOP)
        called = [command, *watched.command[3:]] if command else watched.command
        with Terminal(called, SIZES[FIRST], own, folder) as terminal:
            feed = Feed(watched.sources)
            try:
                for pattern in scene.ready:
                    terminal.wait(pattern, 180.0)
                for size, view in shots:
                    terminal.resize(SIZES[size])
                    if scene.ours:
                        terminal.type(VIEWS[view])
                        terminal.wait(SHOWN[view])
                        terminal.wait_until_filled()
                    terminal.settle(1.0, 6.0)
                    terminal.wait(WAITING, gone=True)
                    terminal.rename(name, _FOLDER.ljust(len(name), "-")[: len(name)])
                    path = out / f"{scene.name}-{view}-{size}.png"
                    save(terminal.screen, path)
                    path.with_suffix(".txt").write_text("\n".join(terminal.lines()) + "\n")
                    yield path
                    terminal.type(AFTER.get(view, ""))
            finally:
                feed.close()


def _page(out: Path) -> None:
    """Write the page of all pictures there are in `out`."""
    rows = []
    for scene in SCENES:
        shown = [
            f'<figure><img src="{path.name}" loading="lazy"><figcaption>{view} {size}</figcaption></figure>'
            for view in VIEWS
            for size in SIZES
            if (path := out / f"{scene.name}-{view}-{size}.png").exists()
        ]
        rows.append(f"<h2>{scene.name}: {scene.title}</h2>" + "".join(shown))
    style = "body{background:#222;color:#ddd;font:14px sans-serif}figure{display:inline-block;margin:6px}"
    (out / "index.html").write_text(
        f"<!doctype html><meta charset=utf-8><style>{style}</style>" + "".join(rows)
    )


def _keep() -> None:
    """Copy what the documentation keeps, and write its page."""
    DOCS.mkdir(exist_ok=True)
    lines = ["# Pictures", "", "Taken by `make pictures`, in a real terminal, of runs that it makes itself."]
    for kept in KEPT:
        name = f"{kept.scene}-{kept.view}-{kept.size}.png"
        if (BUILD / name).exists():
            shutil.copy(BUILD / name, DOCS / name)
        lines += ["", f"**{kept.caption}**", "", f"![{kept.caption}]({name})"]
    (DOCS / "index.md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Take pictures, write the pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="scenes, with spaces between")
    parser.add_argument("--sizes", default=" ".join(SIZES))
    parser.add_argument("--views", default="")
    parser.add_argument("--kept", action="store_true", help="only what the documentation keeps")
    parser.add_argument("--runwatch", default="", help="another runwatch than this one's")
    parser.add_argument("--out", type=Path, default=BUILD, help="where the pictures go (build/pictures)")
    given = parser.parse_args()
    for scene in SCENES:
        if given.only and scene.name not in given.only.split():
            continue
        shots = [
            (size, view)
            for size in given.sizes.split()
            for view in scene.views
            if not given.views or view in given.views.split()
            if not given.kept or (scene.name, view, size) in {(k.scene, k.view, k.size) for k in KEPT}
        ]
        begun, count = time.monotonic(), 0
        try:
            for _ in take(scene, shots, given.out, given.runwatch) if shots else ():
                count += 1
        except MissingError as error:
            print(f"{scene.name}: {error}")
        print(f"{scene.name}: {count} pictures, {time.monotonic() - begun:.0f} s", flush=True)
    _page(given.out)
    if given.out == BUILD and not given.runwatch:
        _keep()


if __name__ == "__main__":
    main()
