"""`tail --web` in a real browser: drawn, keys, mouse, sizes, several tabs, the end.

What is on the screen is read from what the browser was sent: it draws on a canvas.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil

import pyte
import pytest

from . import hostile
from .live import WAIT
from .served import serving

api = pytest.importorskip("playwright.async_api", reason="pip install 'runwatch[browser]'")
pytest.importorskip("textual_serve", reason="pip install textual-serve")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path, and CHROMIUM is not set"),
]

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DRAWN = """() => {
    const layer = document.querySelector(".xterm-text-layer");
    const {data} = layer.getContext("2d").getImageData(0, 0, layer.width, layer.height);
    const seen = new Set();
    for (let i = 0; i < data.length; i += 4) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
    return seen.size;
}"""
"""How many colours the terminal has on its canvas."""


class Tab:
    """A tab of the browser, and the terminal in it as its bytes say."""

    def __init__(self, page) -> None:
        self.page, self.requests, self.sent = page, [], b""
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        page.on("websocket", self._listen)
        page.on("request", lambda request: self.requests.append(request.url))

    def _listen(self, socket) -> None:
        sizes = dict(part.split("=") for part in socket.url.partition("?")[2].split("&"))
        self.screen(int(sizes["width"]), int(sizes["height"]))
        socket.on("framereceived", self._take)

    def screen(self, columns, rows):
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    def _take(self, data) -> None:
        if isinstance(data, bytes):
            self.sent += data
            self._stream.feed(data)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def columns(self) -> int:
        return self._screen.columns

    async def until(self, wanted):
        """Return the picture once it is as `wanted`."""
        deadline = asyncio.get_running_loop().time() + WAIT
        while not wanted(self.text):
            assert asyncio.get_running_loop().time() < deadline, self.text
            await self.page.wait_for_timeout(50)
        return self.text

    def below(self, words) -> tuple[float, float]:
        """Return the point of a desktop's page that is two rows below the first place with these words."""
        lines = self.text.splitlines()
        row = next(y for y, line in enumerate(lines) if words in line)
        column = lines[row].index(words) + 10
        wide, high = DESKTOP["width"] / self.columns, DESKTOP["height"] / self._screen.lines
        return (column + 0.5) * wide, (row + 2.5) * high

    async def key(self, *names):
        for name in names:
            await self.page.keyboard.press(name)


@contextlib.asynccontextmanager
async def browser():
    async with api.async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield running
        finally:
            await running.close()


async def opened(context, page, words="398/400"):
    """Open a page in a new tab; return it once the screen shows these words."""
    tab = Tab(await context.new_page())
    await tab.page.goto(page)
    await tab.until(lambda text: words in text)
    return tab


async def come_true(condition):
    deadline = asyncio.get_running_loop().time() + WAIT
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)


async def test_a_person_opens_it_looks_around_and_leaves(tmp_path):
    with serving(tmp_path) as served:
        async with browser() as chromium:
            context = await chromium.new_context(viewport=DESKTOP)
            tab = await opened(context, served.page)
            assert "token" not in tab.page.url, "the token stays out of the history"
            assert all(url.startswith(served.address) for url in tab.requests), tab.requests
            assert tab.columns >= 150
            assert "q Quit" in tab.text.splitlines()[-1]
            assert await tab.page.evaluate(DRAWN) > 20
            # Keys work at once, without a click before.
            await tab.key("2")
            await tab.until(lambda text: "[2]Metrics" in text)
            await tab.key("?")
            await tab.until(lambda text: "─ help ─" in text)
            await tab.key("Escape")
            await tab.until(lambda text: "─ help ─" not in text)
            await tab.key("1")
            await tab.until(lambda text: "[1]Overview" in text)
            # The mouse gives a panel the focus, which Enter then enlarges.
            await tab.page.mouse.click(*tab.below("─ step time"))
            await tab.key("z")
            await tab.until(lambda text: "─ step time" in text and "─ loss" not in text)
            await tab.key("q")
            await tab.page.wait_for_selector("body.-closed")
            assert await tab.page.get_by_text("This screen has ended.").is_visible()
            await come_true(lambda: not served.screens())
            await tab.page.get_by_role("button").click()
            await tab.until(lambda text: "398/400" in text and "[1]Overview" in text)


async def test_a_phone_a_window_that_changes_and_a_font_of_choice(tmp_path):
    with serving(tmp_path) as served:
        async with browser() as chromium:
            phone = await chromium.new_context(viewport=PHONE, is_mobile=True, has_touch=True)
            tab = await opened(phone, served.page)
            assert 56 <= tab.columns <= 80
            assert all(word in tab.text for word in ("loss", "? Help", "| loss: "))
            assert "q Quit" not in tab.text, "a touch at the corner is no wish to leave"
            await tab.page.goto(f"{served.address}/?fontsize=20")
            await tab.until(lambda text: tab.columns < 40)
            context = await chromium.new_context(viewport=DESKTOP)
            tab = await opened(context, served.page)
            tab.screen(66, 33)
            await tab.page.set_viewport_size({"width": 600, "height": 600})
            await tab.until(lambda text: "? Help" in text.splitlines()[-1] and "398/400" in text)


async def test_a_finger_taps_and_scrolls_and_a_button_brings_up_the_keyboard(tmp_path):
    with serving(tmp_path) as served:
        async with browser() as chromium:
            phone = await chromium.new_context(viewport=PHONE, is_mobile=True, has_touch=True)
            tab = await opened(phone, served.page)
            row = next(y for y, line in enumerate(tab.text.splitlines()) if "4Log" in line)
            column = tab.text.splitlines()[row].index("4Log")
            wide, high = PHONE["width"] / tab.columns, 13
            await tab.page.touchscreen.tap((column + 1.5) * wide, 2 + (row + 0.5) * high)
            newest = await tab.until(lambda text: "[4Log]" in text and "| loss: " in text)
            keys = tab.page.locator(".xterm-helper-textarea")
            assert await keys.evaluate("keys => keys.inputMode") == "none", "a tap brings up no keyboard"
            fingers = await phone.new_cdp_session(tab.page)
            for kind, y in (("touchStart", 300), *(("touchMove", y) for y in range(320, 700, 20))):
                point = {"type": kind, "touchPoints": [{"x": 150, "y": y}]}
                await fingers.send("Input.dispatchTouchEvent", point)
            await fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            newest_of = max(re.findall(r"step (\d{5})/", newest))
            await tab.until(lambda text: max(re.findall(r"step (\d{5})/", text), default="9") < newest_of)
            await tab.page.get_by_role("button", name="keyboard").tap()
            assert await keys.evaluate("keys => keys.inputMode") == "text"
            await tab.key("2")
            await tab.until(lambda text: "[2Met]" in text)


async def test_two_tabs_a_reload_and_a_tab_that_is_closed(tmp_path):
    with serving(tmp_path) as served:
        async with browser() as chromium:
            context = await chromium.new_context(viewport=DESKTOP)
            one = await opened(context, served.page)
            other = await opened(context, served.address)  # the cookie is enough
            await other.key("4")
            await other.until(lambda text: "[4]Logs" in text)
            assert "[1]Overview" in one.text
            assert len(served.screens()) == 2
            await other.page.reload()
            await other.until(lambda text: "[1]Overview" in text and "398/400" in text)
            await come_true(lambda: len(served.screens()) == 2)
            processes = served.screens()
            await other.page.close()
            await come_true(lambda: len(served.screens()) == 1)
            await one.key("2")
            await one.until(lambda text: "[2]Metrics" in text)
        await come_true(lambda: not any(process.is_running() for process in processes))


async def test_who_has_no_token_is_told_what_to_do(tmp_path):
    with serving(tmp_path) as served:
        async with browser() as chromium:
            page = await chromium.new_page()
            for query, words in (
                ("", "open the address with the token that runwatch printed"),
                ("?token=x", "this token is not valid"),
            ):
                answer = await page.goto(f"{served.address}/{query}")
                assert answer.status == 403
                assert words in await page.inner_text("body")
            assert not served.screens()


async def test_a_server_that_stops_is_told(tmp_path):
    with serving(tmp_path) as served:
        async with browser() as chromium:
            tab = await opened(await chromium.new_context(viewport=DESKTOP), served.page)
            processes = served.screens()
            served.process.terminate()
            await tab.page.wait_for_selector("body.-closed")
            await come_true(lambda: not any(process.is_running() for process in processes))


async def test_a_hostile_log_stays_in_its_cells(tmp_path):
    with serving(tmp_path, hostile.text_log()) as served:
        async with browser() as chromium:
            tab = await opened(await chromium.new_context(viewport=DESKTOP), served.page, "59/400")
            asked = []
            tab.page.on("dialog", lambda dialog: asked.append(dialog.message))
            for digit in "0234567":
                await tab.key(digit)
                await tab.until(
                    lambda text, digit=digit: f"[{digit}]" in text and "q Quit" in text.splitlines()[-1]
                )
            await tab.key("4")
            await tab.until(lambda text: "[@click=app.quit]" in text and "<b>&amp;" in text)
            assert hostile.got_out(tab.sent) == []
            assert await tab.page.title() == "runwatch"
            assert all(url.startswith(served.address) for url in tab.requests)
            assert not asked
            await tab.page.screenshot(path=os.environ.get("RUNWATCH_SHOT"))
