"""Debian's chromium without a window, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import subprocess
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import orjson

from scripts.real_servers import installed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from types import TracebackType

PLAIN_HOST = "thanoxy.test"
"""This machine by a name that browsers do not trust as they trust a loopback address."""

_START_S = 20.0
_ANSWER_S = 15.0
_LARGEST_MESSAGE_BYTES = 1 << 26


class Chromium:
    """A browser process; a context manager. `url` is where it can be told what to do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        options = (
            "--headless=new",
            "--remote-debugging-port=0",
            f"--user-data-dir={self._folder}",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-extensions",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1",
            "--no-first-run",
            "--no-proxy-server",
        )
        as_root = () if os.geteuid() else ("--no-sandbox",)
        command = [str(installed("chromium")), *options, *as_root, "about:blank"]
        log = (self._folder / "chromium.log").open("wb")
        with log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.url = self._address()
        return self

    def _address(self) -> str:
        file = self._folder / "DevToolsActivePort"
        give_up_s = time.monotonic() + _START_S
        while time.monotonic() < give_up_s:
            with contextlib.suppress(FileNotFoundError, ValueError):
                port, path = file.read_text().splitlines()
                return f"ws://127.0.0.1:{port}{path}"
            time.sleep(0.02)
        self.__exit__(None, None, None)
        raise RuntimeError((self._folder / "chromium.log").read_text(errors="replace"))

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


class Tab:
    """A page in a context of its own. complaints: what the console was told, the policy's too."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._session = ""
        self._next = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.complaints: list[str] = []

    async def read(self) -> None:
        async for message in self._socket:
            told = orjson.loads(message.data)
            if (future := self._waiting.pop(told.get("id"), None)) is not None:
                future.set_result(told)
            elif told.get("method") in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled"}:
                self.complaints.append(str(told["params"]))
            elif told.get("method") == "Log.entryAdded":
                self.complaints.append(told["params"]["entry"]["text"])

    async def say(self, method: str, **parameters: Any) -> Any:
        self._next += 1
        message: dict[str, Any] = {"id": self._next, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        future = self._waiting[self._next] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(orjson.dumps(message).decode())
        async with asyncio.timeout(_ANSWER_S):
            told = await future
        assert "error" not in told, (method, told["error"])
        return told["result"]

    async def open(self) -> str:
        """Begin; returns the context, to be thrown away at the end."""
        context = await self.say("Target.createBrowserContext")
        key: str = context["browserContextId"]
        target = await self.say("Target.createTarget", url="about:blank", browserContextId=key)
        attached = await self.say("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.say(f"{domain}.enable")
        return key

    async def close(self, context: str) -> None:
        self._session = ""
        await self.say("Target.disposeBrowserContext", browserContextId=context)

    async def run(self, script: str) -> Any:
        """The value of an expression; promises are waited for."""
        told = await self.say(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(_ANSWER_S):
            while not await self.run(f"Boolean({script})"):  # noqa: ASYNC110  it is another process
                await asyncio.sleep(0.02)

    async def visit(self, url: str) -> None:
        await self.say("Page.navigate", url=url)
        await self.until(f"location.href.startsWith({url!r}) && document.readyState === 'complete'")

    async def outer_html(self) -> str:
        """What the document is now, also where no script may run."""
        document = await self.say("DOM.getDocument")
        told = await self.say("DOM.getOuterHTML", nodeId=document["root"]["nodeId"])
        html: str = told["outerHTML"]
        return html

    async def click(self, selector: str) -> None:
        """With the mouse, as a reader would."""
        document = await self.say("DOM.getDocument")
        found = await self.say(
            "DOM.querySelector", nodeId=document["root"]["nodeId"], selector=selector
        )
        await self.say("DOM.scrollIntoViewIfNeeded", nodeId=found["nodeId"])
        box = await self.say("DOM.getBoxModel", nodeId=found["nodeId"])
        left, top, *_, right, bottom = (box["model"]["content"][place] for place in (0, 1, 4, 5))
        at = {"x": (left + right) / 2, "y": (top + bottom) / 2, "button": "left", "clickCount": 1}
        await self.say("Input.dispatchMouseEvent", type="mousePressed", **at)
        await self.say("Input.dispatchMouseEvent", type="mouseReleased", **at)

    async def key(self, name: str, code: int = 0, text: str = "") -> None:
        """Press and release a key."""
        key = {"key": name, "windowsVirtualKeyCode": code}
        await self.say(
            "Input.dispatchKeyEvent", type="keyDown", **key, **({"text": text} if text else {})
        )
        await self.say("Input.dispatchKeyEvent", type="keyUp", **key)

    async def look(self, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """The size of the window, and whether it is light or dark."""
        await self.say(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.say("Emulation.setEmulatedMedia", features=features)

    async def shoot(self) -> bytes:
        """The whole page as a picture."""
        shot = await self.say("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])


@asynccontextmanager
async def tab(chromium: Chromium) -> AsyncIterator[Tab]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(chromium.url, max_msg_size=_LARGEST_MESSAGE_BYTES) as socket,
    ):
        opened = Tab(socket)
        reading = asyncio.create_task(opened.read())
        context = await opened.open()
        try:
            yield opened
        finally:
            with contextlib.suppress(TimeoutError):
                await opened.close(context)
            reading.cancel()
            await asyncio.wait([reading])
