"""What an HTTP body is: how it is written for a request, read from an answer, and shown to a person."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from pytest_sysint.core.errors import CallError, Garbled
from pytest_sysint.core.integration import EXCHANGE_LIMIT
from pytest_sysint.core.secrets import MASK, telling
from pytest_sysint.integrations._wire import Answer, too_large

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_TEXT = ("text/", "application/xml", "application/javascript", "application/x-www-form-urlencoded", "+xml")


def write_body(options: Mapping[str, Any]) -> tuple[bytes, str]:
    """The bytes of `json`, `form` or `body`, whichever is there, and their content type."""
    if "json" in options:
        text = json.dumps(options["json"], ensure_ascii=False, separators=(",", ":"))
        return text.encode(), "application/json"
    if options.get("form"):
        return write_query(options["form"]).encode(), "application/x-www-form-urlencoded"
    body = options.get("body") or ""
    return (body if isinstance(body, bytes) else str(body).encode()), ""


def write_query(values: Mapping[str, Any], *, safe: str = "") -> str:
    """A query string: lists repeat their name, booleans are true and false, None is left out; `safe` is not escaped."""
    pairs = {name: _plain(value) for name, value in values.items() if value is not None}
    return urlencode(pairs, doseq=True, safe=safe)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def fold(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; what is repeated is joined, cookies by line since they may hold commas."""
    folded: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in folded:
            value = folded[name] + ("\n" if name == "set-cookie" else ", ") + value
        folded[name] = value
    return folded


def decode(answer: Answer, headers: Mapping[str, str], where: str, limit: int) -> bytes:
    """The body with its content encodings undone, never larger than `limit`.

    Raises:
        Garbled: when it is not what its header says.
        TooLarge: when it swells beyond the limit.

    """
    body = answer.body
    for encoding in reversed(headers.get("content-encoding", "").lower().split(",")):
        name = encoding.strip()
        if body and name in ("gzip", "x-gzip", "deflate"):
            body = _inflate(body, name, where, limit)
        elif body and name not in ("", "identity"):
            raise Garbled(
                f"{where} answered in the encoding '{name}', which was not asked for",
                rung="read",
                hint="the server ignores the Accept-Encoding header; only gzip and deflate are read",
            )
    return body


def _inflate(body: bytes, name: str, where: str, limit: int) -> bytes:
    # 47 takes the header of gzip or of zlib, -15 none: some servers send deflate without its header.
    for bits in (47, -15):
        reader = zlib.decompressobj(bits)
        try:
            plain = reader.decompress(body, limit + 1)
        except zlib.error:
            continue
        if len(plain) > limit:
            raise too_large(where, limit)
        if reader.eof:
            return plain
    raise Garbled(f"{where} says that its answer is {name}, but it is not, or not whole", rung="read")


def read_payload(body: bytes, headers: Mapping[str, str], status: int, where: str) -> Any:
    """The body as plain JSON values: parsed JSON, else text, else None for what is binary or empty.

    Raises:
        Garbled: for a success that says it is JSON and is not. Of an error answer the text is worth more than that.

    """
    if not body:
        return None
    media, _, parameters = headers.get("content-type", "").partition(";")
    media = media.strip().lower()
    if media.endswith(("/json", "+json")):
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            if status < 400:
                raise _not_json(error, where) from None
    charset = parameters.partition("charset=")[2].split(";")[0].strip().strip("\"'") or "utf-8"
    if media.startswith(_TEXT) or media.endswith(("json", "+xml")):
        return _as_text(body, charset)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _as_text(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, errors="replace")
    except LookupError:  # a charset that nobody knows
        return body.decode("utf-8", errors="replace")


def _not_json(error: Exception, where: str) -> CallError:
    said = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
    hint = "the service broke off, or an error page was sent under the wrong content type"
    return Garbled(f"{where} says that its answer is JSON, but it is not: {said}", rung="read", hint=hint)


def digest(body: bytes) -> str:
    """SHA-256 of a body, in hex."""
    return hashlib.sha256(body).hexdigest()


def show_message(
    first: str, headers: Iterable[tuple[bytes, bytes]], body: bytes, hidden: frozenset[bytes] = frozenset()
) -> str:
    """A request or an answer as text for a report, without what must not be seen and cut to size."""
    lines = [first]
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1")
        lines.append(f"{name}: {MASK if raw_name in hidden or secret_header(name) else raw_value.decode('latin-1')}")
    text = body[:EXCHANGE_LIMIT].decode("utf-8", errors="replace")
    if len(body) > EXCHANGE_LIMIT:
        text += f"\n... ({len(body) - EXCHANGE_LIMIT:,} more bytes)"
    return "\n".join([*lines, "", text])


def secret_header(name: str) -> bool:
    """Whether a header of this name is a secret."""
    return name.lower() in _SECRET_HEADERS or telling(name)
