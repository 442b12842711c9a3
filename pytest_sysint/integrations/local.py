"""Type `local`: a folder of this machine, or one that is mounted on it."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.errors import CallError, Denied, Rejected, TimedOut
from pytest_sysint.core.integration import Rung
from pytest_sysint.core.provisioning import Embedded, Place, Running
from pytest_sysint.core.units import show
from pytest_sysint.integrations._file_operations import OPERATIONS, FreeRatio, FreeSpace
from pytest_sysint.integrations._files import Entry, Files, FileSettings, Reader

if TYPE_CHECKING:
    from fsspec.implementations.dirfs import DirFileSystem


def folder_of(url: str) -> Path:
    """The folder that a url or a plain path names; relative paths start where pytest runs.

    Raises:
        ValueError: when it is a url of another sort, or of another machine.

    """
    if "://" not in url:
        return Path(url.removeprefix("file:")).absolute()
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise ValueError("expected file:///path/to/folder, or the path of a folder of this machine")
    return Path(unquote(parts.path))


class Settings(FileSettings):
    """A folder: `url: file:///var/lib/documents`, or a plain path."""

    # No schemes to hold the url to: a plain path has none, and `_is_folder` looks at every url.
    writable: bool = Field(True, description="Whether we must be able to write there; the health check looks at it.")

    @field_validator("url")
    @classmethod
    def _is_folder(cls, url: str) -> str:
        if url and "${" not in url:
            try:
                folder_of(url)
            except ValueError as error:
                raise PydanticCustomError("sysint", "{text}", {"text": str(error)}) from None
        return url


class Local(Files[Settings]):
    """A folder. The system sets no limit to the time of a call: a mount that hangs holds the thread."""

    settings_model = Settings
    driver = "fsspec"
    operations = (*OPERATIONS, FreeSpace, FreeRatio)
    shell: ClassVar[dict[str, str]] = {
        "get": "cat {path}",
        "stat": "stat {path}",
        "list": "ls -lad {path}*",
        "delete": "rm {path}",
    }

    @cached_property
    def root(self) -> Path:
        """The folder.

        Raises:
            Rejected: when the url does not name one.

        """
        try:
            return folder_of(self.settings.url)
        except ValueError as error:
            raise Rejected(str(error), rung="ping") from None

    @cached_property
    def client(self) -> DirFileSystem:
        """The folder as an fsspec file system: paths are relative to it."""
        from fsspec.implementations.dirfs import DirFileSystem
        from fsspec.implementations.local import LocalFileSystem

        # fsspec hands out shared instances by default; one of our own cannot be changed by others.
        local = LocalFileSystem(auto_mkdir=True, skip_instance_cache=True)
        return DirFileSystem(str(self.root), local, skip_instance_cache=True)

    @property
    def where(self) -> str:
        return str(self.root)

    def place_of(self, path: str) -> str:
        return str(self.root / path)

    def reproduce(self) -> str:
        return f"ls -la {shlex.quote(self.where)}"

    def rungs(self) -> Iterable[Rung]:
        yield Rung("ping", self._is_there)
        yield Rung("read", self._is_readable)
        if self.settings.writable and not self.read_only:
            yield Rung("write", self._is_writable)

    def room(self, _timeout: float) -> tuple[int, int]:
        """Bytes that can still be written, and bytes in all that a user may fill (as `df` counts)."""
        with self._explained("", "read"):
            seen = os.statvfs(self.root)
        used = seen.f_blocks - seen.f_bfree
        return seen.f_bavail * seen.f_frsize, (used + seen.f_bavail) * seen.f_frsize

    def write(self, path: str, content: bytes, _content_type: str, timeout: float) -> Entry:
        with self._explained(path, "write"):
            self._contain(path)
            self.client.pipe_file(path, content)
        found = self.entry(path, timeout)
        if found is None:
            raise Rejected(f"{self.place_of(path)} was written, and is not there", rung="write")
        return found

    def entry(self, path: str, _timeout: float) -> Entry | None:
        with self._explained(path, "read"):
            self._contain(path)
            try:
                info = self.client.info(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
            if info["type"] != "file" and not stat.S_ISREG(info["mode"]):
                raise Rejected(f"{self.place_of(path)} is no file but a {info['type']}", code="EISDIR")
            return _entry(path, info)

    @contextmanager
    def opened(self, path: str, timeout: float) -> Iterator[tuple[Entry, Reader] | None]:
        found = self.entry(path, timeout)
        if found is None:
            yield None
            return
        with self._explained(path, "read"), self.client.open(path, "rb") as file:
            yield found, file.read

    def walk(self, prefix: str, _timeout: float) -> Iterator[Entry]:
        base = prefix.rpartition("/")[0]
        with self._explained(base, "read"):
            self.root.stat()  # without its root a listing is no empty one
            self._contain(base)
            if not (self.root / base).is_dir():
                return
            # fsspec's own walk leaves out what it cannot read, without a word.
            for folder, _, names in os.walk(self.root / base, onerror=_unless_gone):
                for name in names:
                    path = (Path(folder) / name).relative_to(self.root).as_posix()
                    entry = self._listed(path) if path.startswith(prefix) else None
                    if entry is not None:
                        yield entry

    def _listed(self, path: str) -> Entry | None:
        try:
            return self.entry(path, 0)
        except Rejected:
            return None  # no file; or a link that leads out of the root

    def remove(self, path: str, timeout: float) -> None:
        if self.entry(path, timeout) is not None:
            with self._explained(path, "write"):
                self.client.rm_file(path)

    def _contain(self, path: str) -> None:
        """Refuse what leads out of the folder over a symbolic link."""
        real, root = Path(os.path.realpath(self.root / path)), Path(os.path.realpath(self.root))
        if not real.is_relative_to(root):
            raise Rejected(
                f"{self.place_of(path)} leads out of the folder, to {real}",
                code="outside",
                hint="a symbolic link is followed only within the folder that the url names",
            )

    def _is_there(self, _: float) -> str:
        with self._explained("", "ping"):
            if not stat.S_ISDIR(self.root.stat().st_mode):
                raise Rejected(f"{self.root} is no folder", rung="ping", code="ENOTDIR")
        return f"folder {self.root}"

    def _is_readable(self, _: float) -> str:
        with self._explained("", "read"), os.scandir(self.root) as entries:
            return "it holds files or folders" if any(True for _ in entries) else "empty"

    def _is_writable(self, timeout: float) -> str:
        """Asks the system instead of writing: a health check leaves no traces."""
        if os.statvfs(self.root).f_flag & os.ST_RDONLY:
            raise Rejected(
                f"the file system of {self.root} is mounted read-only", rung="write", code="EROFS", hint=_NOT_NEEDED
            )
        effective = os.access in os.supports_effective_ids
        if not os.access(self.root, os.W_OK | os.X_OK, effective_ids=effective):
            raise _denied(self.root, "write", "EACCES")
        free, _ = self.room(timeout)
        return f"{show(free, 'size')} free"

    @contextmanager
    def _explained(self, path: str, rung: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise explain(error, self.root / path, rung) from None


_NOT_NEEDED = "if we need not write there, declare `writable: false`"


def explain(error: OSError, place: Path, rung: str) -> CallError:
    """What the system said of a file or folder, in words."""
    code = errno.errorcode.get(error.errno or 0, "")
    if isinstance(error, PermissionError):
        return _denied(place, rung, code)
    if isinstance(error, TimeoutError):
        return TimedOut(f"{place} gave no answer", rung=rung, code=code, hint="is the mount's server reachable?")
    said, hint = _SAID.get(error.errno or 0, (error.strerror or str(error), ""))
    return Rejected(f"{place}: {said}", rung=rung, code=code, hint=hint)


_SAID = {
    errno.ENOENT: ("there is no such folder or file", "create it, or mount it; is the path right?"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "is the path right?"),
    errno.EISDIR: ("it is a folder, not a file", "name a file in it"),
    errno.ENOSPC: ("no space is left", "free some, or enlarge the file system"),
    errno.EDQUOT: ("the quota of this user is used up", "free some space, or raise the quota"),
    errno.EROFS: ("the file system is mounted read-only", _NOT_NEEDED),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "use a shorter one"),
    errno.ESTALE: ("the mounted folder is gone on its server", "mount it again"),
    errno.EIO: ("the device reports an input/output error", "see `dmesg`"),
}


def _denied(place: Path, rung: str, code: str) -> Denied:
    user = os.geteuid()
    verb = "write" if rung == "write" else "read"
    hint = f"see `ls -ld {place}`"
    return Denied(
        f"user {user} may not {verb} {place}",
        rung=rung,
        code=code,
        hint=f"{hint}; {_NOT_NEEDED}" if rung == "write" else hint,
    )


def _unless_gone(error: OSError) -> None:
    """What disappears while a folder is listed is no error; a folder that cannot be read is."""
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error


def _entry(path: str, info: dict[str, Any]) -> Entry:
    return Entry(path, int(info["size"]), datetime.fromtimestamp(info["mtime"], UTC))


def _folder(place: Place) -> Running:
    folder = place.folder / "files"
    folder.mkdir(exist_ok=True)
    return Running(folder.as_uri(), lambda: None, "temporary folder")


Local.recipes = (Embedded("fsspec", _folder),)

TYPE = Local
