"""Type `sftp`: a folder of a server that is reached over SSH.

asyncssh and neither paramiko nor sshfs: waiting for it can be given up at any moment (paramiko waits without a limit in
several places), one connection carries the requests of all threads at once, and the embedded server comes with it.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pytest_sysint.core.errors import CallError, Rejected
from pytest_sysint.core.integration import Rung
from pytest_sysint.core.secrets import learn_url
from pytest_sysint.integrations._file_operations import OPERATIONS, FreeRatio, FreeSpace
from pytest_sysint.integrations._files import Entry, Files, Reader
from pytest_sysint.integrations._net import network_rungs
from pytest_sysint.integrations._sftp.acts import look, names, opened, read, real_place, upload
from pytest_sysint.integrations._sftp.links import Links, Talk
from pytest_sysint.integrations._sftp.recipes import EMBEDDED, OPENSSH
from pytest_sysint.integrations._sftp.settings import ANY, Settings, Target, target_of
from pytest_sysint.integrations._sftp.trouble import HOST_KEY

if TYPE_CHECKING:
    from asyncssh import SFTPAttrs, SFTPClient

T = TypeVar("T")
_FILE, _FOLDER, _LINK = (1, 5), (2, 5), 3
"""The protocol's types of files; 5 is what a server does not tell."""


class SyncClient:
    """asyncssh's SFTP client, whose calls are waited for. `root` is the folder that the url names."""

    def __init__(self, links: Links, where: str) -> None:
        self._links = links
        self._where = where

    @property
    def root(self) -> str:
        """The folder, as the server spells it out."""
        with self._links.use(self._where, "ping", 5.0) as talk:
            return talk.link.root

    def run(self, call: Callable[[SFTPClient], Coroutine[Any, Any, T]], timeout: float = 5.0) -> T:
        """What a call gives: `client.run(lambda sftp: sftp.readlink("/inbox/latest"))`.

        Raises:
            CallError: what went wrong.

        """
        with self._links.use(self._where, "read", timeout) as talk:
            return talk.run(call(talk.sftp))


class Sftp(Files[Settings]):
    """A folder of a server. All threads share one connection."""

    settings_model = Settings
    driver = "asyncssh"
    images = ("openssh-server", "sftpgo")
    operations = (*OPERATIONS, FreeSpace, FreeRatio)
    recipes = (EMBEDDED, OPENSSH)
    shell: ClassVar[dict[str, str]] = {
        "get": "get {path}",
        "stat": "ls -la {path}",
        "list": "ls -la {path}*",
        "put": "put FILE {path}",
        "delete": "rm {path}",
    }

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        learn_url(settings.url)

    @cached_property
    def target(self) -> Target:
        """Host, port, folder and user.

        Raises:
            Rejected: when the url does not name them.

        """
        try:
            return target_of(self.settings)
        except ValueError as error:
            raise Rejected(str(error), rung="dns") from None

    @cached_property
    def _links(self) -> Links:
        return Links(self.settings, self.target)

    @property
    def client(self) -> SyncClient:
        """The SFTP client of asyncssh: `client.run(lambda sftp: sftp.readlink("/inbox/latest"))`."""
        return SyncClient(self._links, self.where)

    @property
    def where(self) -> str:
        return f"sftp://{self.target.where}/{self.target.folder.lstrip('/')}".rstrip("/")

    def place_of(self, path: str) -> str:
        return posixpath.join(self.target.folder, path) or "."

    def by_hand(self, verb: str, path: str) -> str:
        target = self.target
        words = ["sftp", *(["-P", str(target.port)] if target.port != 22 else [])]
        words += ["-i", target.private_key_file] if target.private_key_file else []
        words.append(f"{target.username}@{target.host}" if target.username else target.host)
        command = super().by_hand(verb, path)
        return f"echo {shlex.quote(command)} | {shlex.join(words)}" if command else ""

    def reproduce(self) -> str:
        return self.by_hand("stat", "")

    def close(self) -> None:
        if "_links" in self.__dict__:
            self._links.close()

    def rungs(self) -> Iterable[Rung]:
        yield from network_rungs(self.target.host, self.target.port)
        yield Rung(HOST_KEY, self._identify)
        yield Rung("authentication", self._authenticate)
        yield Rung("ping", self._ping)
        yield Rung("read", self._read)

    def write(self, path: str, content: bytes, content_type: str, timeout: float) -> Entry:
        with self.talk(path, "write", timeout) as talk:
            place = self._contain(talk, path)
            talk.run(upload(talk.sftp, place, content, atomic=self.settings.atomic))
            return _entry(path, talk.run(talk.sftp.stat(place)))

    def entry(self, path: str, timeout: float) -> Entry | None:
        with self.talk(path, "read", timeout) as talk:
            return self._entry(talk, path)

    @contextmanager
    def opened(self, path: str, timeout: float) -> Iterator[tuple[Entry, Reader] | None]:
        with self.talk(path, "read", timeout) as talk:
            found = self._entry(talk, path)
            if found is None:
                yield None
                return
            file = talk.run(opened(talk.sftp, posixpath.join(talk.link.root, path)))
            try:
                yield found, lambda size: talk.run(read(file, size))
            finally:
                with suppress(TimeoutError):
                    talk.run(file.close())

    def walk(self, prefix: str, timeout: float) -> Iterator[Entry]:
        with self.talk(prefix, "read", timeout) as talk:
            base = prefix.rpartition("/")[0]
            self._look_at_root(talk)
            self._contain(talk, base)
            yield from self._below(talk, base, prefix)

    def remove(self, path: str, timeout: float) -> None:
        with self.talk(path, "write", timeout) as talk:
            if self._entry(talk, path) is not None:
                talk.run(talk.sftp.remove(posixpath.join(talk.link.root, path)))

    def room(self, timeout: float) -> tuple[int, int]:
        """Bytes that can still be written, and bytes in all that a user may fill (as `df` counts)."""
        with self.talk("", "read", timeout) as talk:
            seen = talk.run(talk.sftp.statvfs(talk.link.root))
        used = seen.blocks - seen.bfree
        return seen.bavail * seen.frsize, (used + seen.bavail) * seen.frsize

    @contextmanager
    def talk(self, path: str, rung: str, timeout: float) -> Iterator[Talk]:
        """The connection, with errors that name the path and the rung."""
        where = f"{self.where}/{path}".rstrip("/")
        with self._links.use(where, rung, timeout) as talk:
            yield talk

    def _entry(self, talk: Talk, path: str) -> Entry | None:
        place = self._contain(talk, path)
        attributes = talk.run(look(talk.sftp, place))
        if attributes is None:
            self._look_at_root(talk)
            return None
        if attributes.type not in _FILE:
            raise Rejected(f"{self.where}/{path} is no file", code="EISDIR", hint="name a file in it")
        return _entry(path, attributes)

    def _contain(self, talk: Talk, path: str) -> str:
        """Where the path is on the server. Refuses what leads out of the folder over a symbolic link."""
        root = talk.link.root
        place = posixpath.join(root, path) if path else root
        real = talk.run(real_place(talk.sftp, place))
        if real != root and not real.startswith(f"{root.rstrip('/')}/"):
            raise Rejected(
                f"{self.where}/{path} leads out of the folder, to {real}",
                code="outside",
                hint="a symbolic link is followed only within the folder that the url names",
            )
        return place

    def _look_at_root(self, talk: Talk) -> SFTPAttrs:
        """Without its root a listing is no empty one."""
        attributes = talk.run(look(talk.sftp, talk.link.root))
        if attributes is None:
            hint = "create it; is the url's path right? It is absolute; /~/folder is below the user's own folder"
            raise Rejected(f"{self.where}: there is no such folder", rung="ping", code="FX_2", hint=hint)
        if attributes.type not in _FOLDER:
            raise Rejected(f"{self.where} is no folder", rung="ping", code="ENOTDIR")
        return attributes

    def _below(self, talk: Talk, folder: str, prefix: str) -> Iterator[Entry]:
        place = posixpath.join(talk.link.root, folder) if folder else talk.link.root
        attributes = talk.run(look(talk.sftp, place))
        if attributes is None or attributes.type not in _FOLDER:
            return
        folders = []
        for name in names(talk, place):
            path = posixpath.join(folder, str(name.filename))
            if not (path.startswith(prefix) or prefix.startswith(f"{path}/")):
                continue
            if name.attrs.type == _FOLDER[0]:
                folders.append(path)
            else:
                yield from self._listed(talk, path, name.attrs)
        for path in folders:
            yield from self._below(talk, path, prefix)

    def _listed(self, talk: Talk, path: str, attributes: SFTPAttrs) -> Iterator[Entry]:
        if attributes.type in _FILE:
            yield _entry(path, attributes)
        elif attributes.type == _LINK:
            with suppress(Rejected):  # no file; or a link that leads out of the root
                found = self._entry(talk, path)
                if found is not None:
                    yield found

    def _identify(self, timeout: float) -> str:
        """Who the server is; whether it knows us shows on the next rung."""
        try:
            with self.talk("", HOST_KEY, timeout) as talk:
                key = talk.link.connection.get_server_host_key()
        except CallError as error:
            if error.rung in ("dns", "tcp", HOST_KEY):
                raise
            key = self._links.shown
        shown = f"{key.get_algorithm()} {key.get_fingerprint()}" if key is not None else "trusted"
        return f"{shown}, not verified" if self.target.host_key == ANY else shown

    def _authenticate(self, timeout: float) -> str:
        with self.talk("", "authentication", timeout) as talk:
            return f"as {talk.link.connection.get_extra_info('username')}"

    def _ping(self, timeout: float) -> str:
        with self.talk("", "ping", timeout) as talk:
            self._look_at_root(talk)
            return f"folder {talk.link.root}, SFTP version {talk.sftp.version}"

    def _read(self, timeout: float) -> str:
        with self.talk("", "read", timeout) as talk:
            return "it holds files or folders" if any(True for _ in names(talk, talk.link.root)) else "empty"


def _entry(path: str, attributes: SFTPAttrs) -> Entry:
    modified = datetime.fromtimestamp(attributes.mtime, UTC) if attributes.mtime is not None else None
    return Entry(path, attributes.size or 0, modified)


TYPE = Sftp
