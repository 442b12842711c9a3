"""What is done on an SFTP server, request by request."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pytest_sysint.integrations._sftp.links import Talk

if TYPE_CHECKING:
    from asyncssh import SFTPAttrs, SFTPClient, SFTPClientFile, SFTPName

_BATCH = 200
"""How many names of a folder are taken over from the loop at once."""


def names(talk: Talk, place: str) -> Iterator[SFTPName]:
    """What a folder holds, as it comes."""
    found: AsyncIterator[SFTPName] = talk.sftp.scandir(place)
    try:
        while batch := talk.run(_some(found)):
            yield from (name for name in batch if name.filename not in (".", ".."))
    finally:
        with suppress(TimeoutError):
            talk.run(_let_go(found))


async def _some(names: AsyncIterator[SFTPName]) -> list[SFTPName]:
    batch = []
    async for name in names:
        batch.append(name)
        if len(batch) == _BATCH:
            break
    return batch


async def _let_go(names: Any) -> None:
    """Close the folder on the server."""
    await names.aclose()


async def opened(sftp: SFTPClient, place: str) -> SFTPClientFile:
    """A file, open for reading."""
    return await sftp.open(place, "rb")


async def read(file: Any, size: int) -> bytes:
    """The next bytes; none at the end."""
    content: bytes = await file.read(size)
    return content


async def look(sftp: SFTPClient, place: str) -> SFTPAttrs | None:
    """What is known of a place, over links; None when there is nothing."""
    import asyncssh

    try:
        return await sftp.stat(place)
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory):
        return None


async def real_place(sftp: SFTPClient, place: str) -> str:
    """Where a place really is; of what does not exist, where it would be."""
    import asyncssh

    rest = ""
    while True:
        try:
            return posixpath.normpath(posixpath.join(await sftp.realpath(place), rest))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory):
            place, _, last = place.rpartition("/")
            rest = posixpath.join(last, rest) if rest else last
            if not place:
                return f"/{rest}"


async def upload(sftp: SFTPClient, place: str, content: bytes, *, atomic: bool) -> None:
    """Write a file, in place of what is there. Atomic: under another name that is then changed."""
    folder, _, name = place.rpartition("/")
    written = posixpath.join(folder, f".{name}.{token_hex(8)}.part") if atomic else place
    try:
        await _fill(sftp, folder, written, content)
        if atomic:
            await _rename(sftp, written, place)
    except Exception:
        if atomic:
            with suppress(Exception):  # the first error tells more
                await sftp.remove(written)
        raise


async def _fill(sftp: SFTPClient, folder: str, place: str, content: bytes) -> None:
    import asyncssh

    try:
        file = await sftp.open(place, "wb")
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        await sftp.makedirs(folder, exist_ok=True)
        file = await sftp.open(place, "wb")
    async with file:
        await file.write(content)


async def _rename(sftp: SFTPClient, written: str, place: str) -> None:
    """In place of what is there; where a server cannot do that in one step, in two."""
    import asyncssh

    try:
        await sftp.posix_rename(written, place)
    except asyncssh.SFTPOpUnsupported:
        with suppress(asyncssh.SFTPNoSuchFile):
            await sftp.remove(place)
        await sftp.rename(written, place)
