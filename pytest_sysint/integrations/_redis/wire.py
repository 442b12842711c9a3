"""Connections of redis-py that are kept and reused, each call with a timeout of its own.

A pool of redis-py gives all its connections one timeout; here every check has its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.integration import Stopwatch
from pytest_sysint.core.secrets import reveal
from pytest_sysint.integrations._redis.settings import Target
from pytest_sysint.integrations._tls import Tls

if TYPE_CHECKING:
    import redis

_LEAST = 0.001


class Connections:
    """The connections to one server. Safe for threads."""

    def __init__(self, target: Target, tls: Tls) -> None:
        self._target = target
        self._tls = tls
        self._resting: list[Any] = []
        self._protocol = 3
        self._lock = threading.Lock()

    def converse(
        self, words: tuple[str, ...], timeout: float, watch: Stopwatch, *, fresh: bool = False, again: bool = False
    ) -> Any:
        """Send a command and give its reply: bytes, numbers, None, lists, maps, sets.

        `fresh`: on a new connection. `again`: it may be sent twice, should the server just have closed a connection
        that rested.

        Raises:
            redis.RedisError, OSError: whatever went wrong.

        """
        import redis

        deadline = time.monotonic() + timeout
        rested = None if fresh else self._rested()
        if rested is None:
            connection = self._connect(timeout)
            watch.lap("connect")
            return self._exchange(connection, words, deadline)
        try:
            return self._exchange(rested, words, deadline)
        except redis.ConnectionError:
            if not again:
                raise
        return self.converse(words, timeout, watch, fresh=True)

    def _exchange(self, connection: Any, words: tuple[str, ...], deadline: float) -> Any:
        import redis

        try:
            connection.send_command(*words)
            reply = self._reply(connection, deadline)
        except redis.ResponseError:
            self._rest(connection)  # an answer, though no pleasing one
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._rest(connection)
        return reply

    def converse_all(self, commands: Sequence[Sequence[str | bytes]], timeout: float, *, lenient: bool) -> list[Any]:
        """Send commands that read in one round trip, and give their replies.

        `lenient`: where the server refuses one of them, its error is the reply, instead of being raised.

        Raises:
            redis.RedisError, OSError: whatever went wrong.

        """
        import redis

        deadline = time.monotonic() + timeout
        rested = self._rested()
        if rested is not None:
            try:
                return self._exchange_all(rested, commands, deadline, lenient)
            except redis.ConnectionError:
                pass  # the server closed it while it rested; reading may be done twice
        return self._exchange_all(self._connect(timeout), commands, deadline, lenient)

    def _exchange_all(
        self, connection: Any, commands: Sequence[Sequence[str | bytes]], deadline: float, lenient: bool
    ) -> list[Any]:
        import redis

        replies: list[Any] = []
        refused: Exception | None = None
        try:
            connection.send_packed_command(connection.pack_commands(commands))
            for _ in commands:
                try:
                    replies.append(self._reply(connection, deadline))
                except redis.ResponseError as error:
                    replies.append(error)
                    refused = refused or error
        except BaseException:
            connection.disconnect()
            raise
        self._rest(connection)
        if refused is not None and not lenient:
            raise refused
        return replies

    def _reply(self, connection: Any, deadline: float) -> Any:
        if not connection.can_read(timeout=max(_LEAST, deadline - time.monotonic())):
            raise TimeoutError
        return connection.read_response(disable_decoding=True)

    def client(self, connections: int) -> redis.Redis:
        """A native client, with a pool of its own."""
        import redis

        cls, options = self._recipe(5.0)
        pool = redis.ConnectionPool(cls, max_connections=connections, decode_responses=True, **options)
        return redis.Redis(connection_pool=pool)

    def close(self) -> None:
        """Close the connections that rest."""
        with self._lock:
            connections, self._resting = self._resting, []
        for connection in connections:
            connection.disconnect()

    def _rested(self) -> Any:
        import redis

        while True:
            with self._lock:
                if not self._resting:
                    return None
                connection = self._resting.pop()
            try:
                if not connection.can_read(timeout=0):
                    return connection
            except redis.ConnectionError:
                pass  # the server closed it while it rested
            connection.disconnect()

    def _rest(self, connection: Any) -> None:
        with self._lock:
            self._resting.append(connection)

    def _connect(self, timeout: float) -> Any:
        import redis

        cls, options = self._recipe(timeout)
        connection = cls(protocol=self._protocol, **options)
        try:
            connection.connect()
        except redis.ResponseError as error:
            if self._protocol == 2 or "unknown command" not in str(error).lower():
                raise
            self._protocol = 2  # a server before Redis 6
            return self._connect(timeout)
        return connection

    def _recipe(self, timeout: float) -> tuple[Any, dict[str, Any]]:
        from redis import Connection, SSLConnection, UnixDomainSocketConnection

        target = self._target
        options: dict[str, Any] = {
            "username": target.username or None,
            "password": target.password or None,
            "db": target.database,
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
        }
        if target.path:
            return UnixDomainSocketConnection, {**options, "path": target.path}
        options |= {"host": target.host, "port": target.port}
        return (SSLConnection, {**options, **self._encryption()}) if target.secure else (Connection, options)

    def _encryption(self) -> dict[str, Any]:
        import inspect
        import ssl

        from redis import SSLConnection

        tls = self._tls
        options: dict[str, Any] = {
            "ssl_cert_reqs": "required" if tls.verify else "none",
            "ssl_check_hostname": tls.verify,
            "ssl_ca_certs": tls.ca or None,
            "ssl_certfile": tls.cert or None,
            "ssl_keyfile": tls.key or tls.cert or None,
            "ssl_password": reveal(tls.key_password) or None,
            "ssl_min_version": ssl.TLSVersion.TLSv1_3 if tls.minimum == "1.3" else ssl.TLSVersion.TLSv1_2,
        }
        if "ssl_exclude_verify_flags" in inspect.signature(SSLConnection).parameters:
            # From Python 3.13 on it refuses many certificates of private authorities, which the rung `tls` takes.
            options["ssl_exclude_verify_flags"] = [ssl.VERIFY_X509_STRICT]
        return options
