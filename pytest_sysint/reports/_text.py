"""Values and texts as a person reads them in a report."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from pytest_sysint.core.units import show

_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_LOOKS_LIKE_JSON = re.compile(r"(true|false|null|-?\d[\d.eE+-]*|[\[{\"].*|)", re.DOTALL)


def plain(text: str) -> str:
    """The text without the colour codes of terminals, and with other control characters made visible."""
    if text.isprintable():
        return text
    return _TERMINAL_CODES.sub("", text).replace("\r\n", "\n").translate(_CONTROLS)


def clipped(text: str, limit: int) -> str:
    """The text, readable, at most `limit` characters of it; says how much is missing."""
    text = plain(text)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text) - limit:,} more characters)"


def value(found: Any, subject: str = "") -> str:
    """An expected or actual value. Texts stand as they are, unless they could be taken for a number or the like."""
    if isinstance(found, str):
        return json.dumps(found) if _LOOKS_LIKE_JSON.fullmatch(found) else plain(found)
    if isinstance(found, (int, float)) and not isinstance(found, bool) and _is_duration(subject):
        return show(found, "duration")
    return plain(json.dumps(found, ensure_ascii=False, default=str))


def _is_duration(subject: str) -> bool:
    return subject == "latency" or subject.startswith(("latency.", "phases."))


def duration(ms: float) -> str:
    """Milliseconds with a unit that fits: `0.43 ms`, `412 ms`, `5.2 s`, `3 min 20 s`."""
    if ms < 1000:
        return f"{ms:.3g} ms"
    if ms < 60_000:
        return f"{ms / 1000:.3g} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def moment(at: datetime) -> str:
    """A time of day, with the date."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def plural(count: int, noun: str) -> str:
    """`1 check`, `1,200 checks`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: list[str], most: int = 4) -> str:
    """`a`, `a and b`, `a, b and 3 more`."""
    shown, rest = names[:most], len(names) - most
    if rest > 0:
        return f"{', '.join(shown)} and {rest:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
