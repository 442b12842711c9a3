"""The content of a file as it comes: bytes, text, lines. Nothing of it is kept."""

from __future__ import annotations

import codecs
import hashlib
import time
import zlib
from collections.abc import Callable, Iterable, Iterator

from pytest_sysint.core.errors import TimedOut
from pytest_sysint.core.units import show

_CHUNK = 256 * 1024
_LONGEST_LINE = 16 * 2**20


class Flaw(Exception):
    """What is wrong with the content so that it cannot be read further. `promise` is which one it breaks."""

    def __init__(self, promise: str, message: str) -> None:
        super().__init__(message)
        self.promise = promise
        self.message = message


class Source:
    """The bytes of a file: counted, and with an algorithm hashed, as they are read."""

    def __init__(
        self, read: Callable[[int], bytes], path: str, timeout: float, limit: int, algorithm: str = ""
    ) -> None:
        self._read = read
        self._path = path
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._limit = limit
        self._hash = hashlib.new(algorithm, usedforsecurity=False) if algorithm else None
        self.size = 0

    def chunks(self) -> Iterator[bytes]:
        """What has not been read yet, piece by piece.

        Raises:
            TimedOut: when the time is over.
            Flaw: when there is more than may be read.

        """
        while chunk := self._read(_CHUNK):
            self.size += len(chunk)
            if self._hash is not None:
                self._hash.update(chunk)
            yield self._allowed(chunk)

    def _allowed(self, chunk: bytes) -> bytes:
        if self.size > self._limit:
            raise too_large(self._limit)
        if time.monotonic() > self._deadline:
            came, within = show(self.size, "size"), show(self._timeout, "duration")
            raise TimedOut(
                f"{self._path} was not read within {within}; {came} came",
                rung="read",
                hint="give this contract a longer `timeout`",
            )
        return chunk

    def digest(self) -> str:
        """The checksum, after the rest was read too: something may have ended the reading before the end."""
        for _ in self.chunks():
            pass
        assert self._hash is not None
        return self._hash.hexdigest()


def too_large(limit: int) -> Flaw:
    """The flaw of a content that is not read to its end."""
    return Flaw("content", f"it holds more than {show(limit, 'size')}, which are read at most: raise `max_size`")


def unpacked(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """What is packed by gzip, in one part or in several."""
    unpack, size, whole = zlib.decompressobj(31), 0, False
    for chunk in chunks:
        rest = chunk
        while rest:
            try:
                content = unpack.decompress(rest, _CHUNK)
            except zlib.error as error:
                raise Flaw("compression", f"it is not packed by gzip, or damaged: {error}") from None
            size += len(content)
            if size > limit:
                raise too_large(limit)
            yield content
            rest, whole = unpack.unconsumed_tail, unpack.eof
            if whole:
                rest, unpack = unpack.unused_data, zlib.decompressobj(31)
    if not whole:
        raise Flaw("compression", "it ends before what is packed in it does")


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Bytes as text. Without an encoding: UTF-8, and a mark at its beginning (BOM) is left out."""
    decoder = codecs.getincrementaldecoder(encoding or "utf-8-sig")()
    named, read, first = encoding or "UTF-8", 0, True
    for chunk in chunks:
        yield from _checked(_decode(decoder, chunk, named, read, final=False), first=first, marked=bool(encoding))
        read, first = read + len(chunk), False
    yield _decode(decoder, b"", named, read, final=True)


def _checked(text: str, *, first: bool, marked: bool) -> Iterator[str]:
    if first and marked and text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}"):
        raise Flaw("encoding", "it begins with a byte order mark (BOM); declare `encoding: utf-8-sig` if it may")
    yield text


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, named: str, read: int, *, final: bool) -> str:
    pending = len(decoder.getstate()[0])
    try:
        return decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        bad = error.object[error.start : error.start + 4].hex(" ")
        where = read - pending + error.start
        raise Flaw("encoding", f"it is not {named}: at byte {where:,} stands {bad} ({error.reason})") from None


def lines(texts: Iterable[str]) -> Iterator[str]:
    """Text line by line, with their ends."""
    pending, number = "", 1
    for text in texts:
        *whole, pending = (pending + text).split("\n")
        for line in whole:
            number += 1
            yield f"{line}\n"
        if len(pending) > _LONGEST_LINE:
            raise Flaw("format", f"line {number:,} is longer than {show(_LONGEST_LINE, 'size')}")
    if pending:
        yield pending
