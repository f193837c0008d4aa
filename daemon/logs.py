"""Logging: one line per durable fact, key=value or JSON, to standard error.

Under systemd each line carries its priority as `<n>` (sd-daemon(3)) and no time, which the
journal adds itself. Values are escaped, so a line of a mail cannot make a second line of log.
A line that cannot be written (full disk, reader gone) is lost; it never stops a loop.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

import structlog

_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class _Steady(io.TextIOBase):
    """A stream whose trouble is not its writer's: mail goes on without a log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure(level: str, style: str, *, stream: TextIO | None = None) -> None:
    """Log at `level` (debug, info, warning, error) in `style` (text, json)."""
    out = cast("TextIO", _Steady(stream or sys.stderr))
    journald = bool(os.environ.get("JOURNAL_STREAM"))
    shown: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
    ]
    if not journald:
        shown.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    shown.append(structlog.processors.format_exc_info)
    shown.append(_json() if style == "json" else _text(journald=journald))
    structlog.configure(
        processors=shown,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=out, format="%(levelname)s %(name)s %(message)s")


def _json() -> structlog.typing.Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _text(*, journald: bool) -> Callable[[Any, str, Any], str]:
    def render(_: object, __: str, event: dict[str, Any]) -> str:
        level = event.pop("level", "info")
        at = event.pop("timestamp", "")
        name = event.pop("event", "")
        head = f"<{_PRIORITIES.get(level, 6)}>{name}" if journald else f"{at} {level:<7} {name}"
        trace = event.pop("exception", "")
        facts = " ".join(f"{key}={_value(value)}" for key, value in event.items() if value not in {None, ""})
        return " ".join(filter(None, (head, facts))) + (f" trace={_value(trace)}" if trace else "")

    return render


def _value(value: object) -> str:
    """One word as it is, anything else quoted with its controls escaped."""
    text = value if isinstance(value, str) else str(value)
    if text and all(char.isalnum() or char in "-_.:/@<>+" for char in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in escaped) + '"'
