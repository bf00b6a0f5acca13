"""One page's conversation: messages in, answers out in their order, and what the page is told unasked.

    {"id": 7, "ask": "chain.step", ...} -> {"id": 7, "answer": {...}} or {"id": 7, "error": "one clear sentence"}
    {"push": "images.training", ...}

Each page has a thread of its own for its answers, so that a slow one holds up that page alone. What waits for a page is
bounded in both directions: a page that sends too fast is told so and then read more slowly, and of what is pushed to a page
that does not keep up the oldest is dropped.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from harmonium.errors import InputError
from harmonium.lab import answers
from harmonium.lab.ask import Ask, Page

MOST_BYTES = 1 << 20
"""The longest message that is read."""
RATE, BURST = 200.0, 400.0
"""Messages a second that are answered, and how many may come at once after a rest; a chain at full speed sends 25."""
MOST_WAITING = 64
"""Messages that wait for their answers; the rest wait in the network."""
MOST_PUSHES = 64
TOO_FAST = f"too many messages: at most {RATE:g} a second are answered; this one was not"

log = logging.getLogger("harmonium.lab")


class Connection:
    """One page, from its first message to its last. It is the `Page` that answers see."""

    def __init__(self, socket: WebSocket, model_path: Path | None, answered: Callable[[], None] = lambda: None) -> None:
        """`answered` is called after each answer."""
        self.keep: dict[str, Any] = {}
        self.model_path = model_path
        self._socket = socket
        self._answered = answered
        self._loop = asyncio.get_running_loop()
        self._writing = asyncio.Lock()
        self._pushes: deque[str] = deque(maxlen=MOST_PUSHES)
        self._pushed = asyncio.Event()
        self._gone = False
        self._thread = AnswerThread()

    def push(self, name: str, payload: dict[str, Any]) -> None:
        """Tell the page something unasked, from any thread."""
        text = encode({"push": name, **payload})
        with suppress(RuntimeError):  # the server's loop has ended
            self._loop.call_soon_threadsafe(self._push, text)

    def _push(self, text: str) -> None:
        if not self._gone:
            self._pushes.append(text)
            self._pushed.set()

    async def run(self) -> None:
        """Talk until the page goes; then close what it kept."""
        waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_WAITING)
        tasks = [asyncio.create_task(part) for part in (self._read(waiting), self._answer(waiting), self._send_pushes())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._gone = True
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect | OSError):
                    log.error("a page's connection failed", exc_info=result)
            self.close()

    def close(self) -> None:
        """Close what the page kept, after the answer under way; returns at once."""
        self._gone = True
        self._thread.end(lambda: close_all(self.keep))

    def join(self, seconds: float) -> bool:
        """Whether all has been closed, after waiting up to `seconds`."""
        return self._thread.join(seconds)

    async def _read(self, waiting: asyncio.Queue[dict[str, Any]]) -> None:
        allowed, last = BURST, time.monotonic()
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                return
            now = time.monotonic()
            allowed, last = min(BURST, allowed + (now - last) * RATE), now
            text = event.get("text")
            if allowed < 1:
                await self._send({"id": rough_id(text), "error": TOO_FAST})
                await asyncio.sleep(1 / RATE)
                continue
            allowed -= 1
            try:
                message = parse(text)
            except InputError as error:
                await self._send({"id": rough_id(text), "error": str(error)})
                continue
            await waiting.put(message)

    async def _answer(self, waiting: asyncio.Queue[dict[str, Any]]) -> None:
        while True:
            message = await waiting.get()
            done: asyncio.Future[str] = self._loop.create_future()
            self._thread.do(lambda message=message, done=done: self._finish(done, answer(message, self)))  # type: ignore[misc]
            text = await done
            async with self._writing:
                await self._socket.send_text(text)
            self._answered()

    def _finish(self, done: asyncio.Future[str], text: str) -> None:
        def finish() -> None:
            if not done.done():
                done.set_result(text)

        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(finish)

    async def _send_pushes(self) -> None:
        while True:
            await self._pushed.wait()
            self._pushed.clear()
            while self._pushes:
                async with self._writing:
                    await self._socket.send_text(self._pushes.popleft())

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._writing:
            await self._socket.send_text(encode(message))


class AnswerThread:
    """A thread that does one thing after the other. The end of the program does not wait for it."""

    def __init__(self) -> None:
        self._todo: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="lab page", daemon=True)
        self._thread.start()

    def do(self, what: Callable[[], None]) -> None:
        self._todo.put(what)

    def end(self, last: Callable[[], None]) -> None:
        """Do `last` after what is under way, and no more."""
        if not self._ended:
            self._ended = True
            self._todo.put(last)
            self._todo.put(None)

    def join(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (what := self._todo.get()) is not None:
            what()


def parse(text: Any) -> dict[str, Any]:
    """The JSON object of a message.

    Raises:
        InputError: it is too long, no text, or no JSON object with an `id`.
    """
    if not isinstance(text, str):
        raise InputError("a message must be text, but is binary")
    if len(text) > MOST_BYTES:
        raise InputError(f"a message must have at most {MOST_BYTES:,} characters, but has {len(text):,}")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("a message must be JSON") from error
    if not isinstance(message, dict):
        raise InputError("a message must be a JSON object")
    number = message.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 2**53:
        raise InputError('a message must have an "id", a whole number')
    return message


def rough_id(text: Any) -> int | None:
    """The id of a message that is not read as a whole: the page writes it at one of its ends."""
    if not isinstance(text, str):
        return None
    found = re.findall(r'"id": ?(\d{1,16})\b', text[:200] + text[-200:])
    return int(found[-1]) if found else None


def answer(message: dict[str, Any], page: Page) -> str:
    """The answer to a message, as JSON; never raises."""
    number = message["id"]
    try:
        return encode({"id": number, "answer": answers.find(message.get("ask"))(Ask(message, page))})
    except InputError as error:
        return encode({"id": number, "error": str(error)})
    except Exception as error:
        log_once(message.get("ask"), error)
        return encode({"id": number, "error": "the lab made a mistake here; its terminal says more"})


_logged: set[tuple[Any, ...]] = set()


def log_once(name: Any, error: Exception) -> None:
    """Log an exception that no check foresaw with its traceback, each place in the code once."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = (type(error), trace and (trace.tb_frame.f_code.co_filename, trace.tb_lineno))
    if place not in _logged and len(_logged) < 100:
        _logged.add(place)
        log.error("an answer to %.60r failed", name, exc_info=error)


def close_all(keep: dict[str, Any]) -> None:
    """Close what has a `close()`; what fails is logged."""
    for value in list(keep.values()):
        if hasattr(value, "close"):
            try:
                value.close()
            except Exception as error:
                log_once("close", error)
    keep.clear()


def encode(message: dict[str, Any]) -> str:
    """JSON with finite numbers; null stands where a number is none."""
    try:
        return json.dumps(message, allow_nan=False, default=_plain, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(message), allow_nan=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if hasattr(value, "__array__"):  # JAX's
        return np.asarray(value).tolist()
    raise TypeError(f"{type(value).__name__} cannot be sent to a page")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return _finite(_plain(value))
