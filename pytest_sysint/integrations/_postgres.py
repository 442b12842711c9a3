"""Sessions with PostgreSQL that keep to a deadline and stop reading at a number of rows.

psycopg's own calls wait as long as the server does, and read a result to its end before they give the first row. So the
conversation is held here, on psycopg's libpq interface; values are converted by psycopg.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.errors import CallError, Rejected, TimedOut, Unreachable
from pytest_sysint.integrations._net import resolve, too_late
from pytest_sysint.integrations._postgres_errors import explain_refusal, explain_state
from pytest_sysint.integrations._rest import readable
from pytest_sysint.integrations._sql import number, too_many

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGconn, PGresult

KEEP_SECONDS = 300.0
GRACE = 0.3
"""Seconds that the server is given beyond the timeout to say itself that the time is over."""


@dataclass(slots=True)
class Result:
    """What one statement gave."""

    columns: list[str] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    affected: int = 0


class Session:
    """One connection. Used by one thread at a time."""

    def __init__(self, connection: psycopg.Connection[Any], where: str) -> None:
        self.connection = connection
        self._pg = connection.pgconn
        self._where = where
        self._since = time.monotonic()

    def stale(self) -> bool:
        """Whether it rested too long, or the server has ended it."""
        old = time.monotonic() - self._since > KEEP_SECONDS
        return self.connection.closed or old or readable(self._pg.socket)

    def close(self) -> None:
        """End the session."""
        self.connection.close()

    def rest(self) -> bool:
        """Make ready for another use; False when there can be none."""
        from psycopg import pq

        self._since = time.monotonic()
        return not self.connection.closed and self._pg.transaction_status == pq.TransactionStatus.IDLE

    def write(self, text: str, params: Mapping[str, Any]) -> str:
        """A text with `%(name)s` placeholders as SQL, each value quoted as the session needs it."""
        import psycopg

        return psycopg.ClientCursor(self.connection).mogrify(text, params) if params else text

    def run(
        self, sql: str, timeout: float, max_rows: int, copy: bytes | None = None, *, whole: bool = False
    ) -> list[Result]:
        """Carry out one text of one or several statements; `copy` is what a COPY FROM STDIN gets.

        `whole` takes each result at once, and not row by row: for those that are known to be small.

        After an error the session is closed, unless the server itself ended the statement.

        Raises:
            CallError: for everything that goes wrong; TooLarge as soon as more than `max_rows` rows come.

        """
        talk = _Talk(self.connection, self._where, timeout, max_rows)
        try:
            talk.hold(sql.encode(), copy, whole=whole)
        except BaseException:
            self._pg.finish()
            raise
        if talk.failed is not None:
            raise talk.failed
        return talk.results


class _Talk:
    """One exchange: a text goes out, results come back until there are no more."""

    def __init__(self, connection: psycopg.Connection[Any], where: str, timeout: float, max_rows: int) -> None:
        from psycopg.adapt import Transformer

        self.results: list[Result] = []
        self.failed: CallError | None = None
        """What the server said when it ended a statement; the session is in order then."""
        self._pg = connection.pgconn
        self._transformer = Transformer(connection)
        self._where = where
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout + GRACE
        self._max_rows = max_rows
        self._growing: Result | None = None

    def hold(self, sql: bytes, copy: bytes | None, *, whole: bool = False) -> None:
        from psycopg.pq import ExecStatus as Status

        self._attempt(lambda: self._pg.send_query(sql))
        if not whole:
            self._pg.set_single_row_mode()
        self._flush()
        while (got := self._next()) is not None:
            if got.status in (Status.SINGLE_TUPLE, Status.TUPLES_OK):
                self._take(got, got.status == Status.TUPLES_OK)
            elif got.status == Status.COMMAND_OK:
                self.results.append(Result(affected=got.command_tuples or 0))
            elif got.status == Status.FATAL_ERROR:
                self.failed = self.failed or self._failure(got)
            elif got.status == Status.COPY_IN and copy is not None:
                self._copy_in(copy)
            elif got.status != Status.EMPTY_QUERY:
                raise Rejected("COPY cannot be used in a query", hint="read with SELECT, load data with `seed:`")

    def _take(self, got: PGresult, last: bool) -> None:
        """One row of a result, or its end; or all of it."""
        result, first = self._growing, self._growing is None
        if result is None:
            names = [(got.fname(index) or b"").decode("utf-8", "replace") for index in range(got.nfields)]
            result = Result(names)
            self.results.append(result)
        self._growing = None if last else result
        if last:
            changed = not (got.command_status or b"").startswith((b"SELECT", b"FETCH"))
            result.affected = (got.command_tuples or 0) if changed else 0
        if not got.ntuples:
            return
        if len(result.rows) + got.ntuples > self._max_rows:
            raise too_many(self._max_rows)
        self._transformer.set_pgresult(got, set_loaders=first)
        result.rows += self._transformer.load_rows(0, got.ntuples, tuple)

    def _next(self) -> PGresult | None:
        while self._pg.is_busy():
            self._wait(select.POLLIN)
            self._attempt(self._pg.consume_input)
        return self._pg.get_result()

    def _flush(self) -> None:
        while self._attempt(self._pg.flush):
            self._wait(select.POLLIN | select.POLLOUT)
            self._attempt(self._pg.consume_input)

    def _copy_in(self, data: bytes) -> None:
        for at in range(0, len(data), 1 << 20):
            self._pg.put_copy_data(data[at : at + (1 << 20)])
            self._flush()
        self._pg.put_copy_end()
        self._flush()

    def _attempt(self, act: Callable[[], Any]) -> Any:
        import psycopg

        try:
            return act()
        except psycopg.Error as error:
            raise self._lost(str(error)) from None

    def _lost(self, text: str) -> CallError:
        told = explain_refusal(text, self._where)
        return told if isinstance(told, Unreachable) else Unreachable(told.message, rung="read", hint=told.hint)

    def _failure(self, result: PGresult) -> CallError:
        from psycopg.pq import DiagnosticField as Field

        fields = (Field.SQLSTATE, Field.MESSAGE_PRIMARY, Field.MESSAGE_DETAIL, Field.MESSAGE_HINT)
        state, primary, detail, hint = ((result.error_field(name) or b"").decode("utf-8", "replace") for name in fields)
        if not state:  # libpq's own words: the connection broke
            return self._lost(result.get_error_message())
        return explain_state(state, primary, detail, hint)

    def _wait(self, events: int) -> None:
        _wait_for(self._pg.socket, events, self._deadline, self._late)

    def _late(self) -> TimedOut:
        return too_late(self._where, "read", self._timeout)


def _wait_for(descriptor: int, events: int, deadline: float, late: Callable[[], CallError]) -> None:
    poll = select.poll()
    poll.register(descriptor, events)
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise late()


def connect(words: Mapping[str, str], timeout: float, where: str, server_name: str = "") -> Session:
    """A new session. `words` are libpq's connection parameters; `server_name` is what the certificate must be for.

    Raises:
        CallError: with the rung at which it ended.

    """
    import psycopg
    from psycopg import pq
    from psycopg.conninfo import make_conninfo

    deadline = time.monotonic() + timeout
    pg = pq.PGconn.connect_start(make_conninfo("", **_addressed(words, timeout, server_name)).encode())
    try:
        _poll(pg, deadline, lambda: too_late(where, "authentication", timeout), where)
    except BaseException:
        pg.finish()
        raise
    pg.nonblocking = 1
    connection: psycopg.Connection[Any] = psycopg.Connection(pg)
    connection.autocommit = True
    _adapt(connection)
    return Session(connection, where)


def _poll(pg: PGconn, deadline: float, late: Callable[[], CallError], where: str) -> None:
    from psycopg.pq import ConnStatus, PollingStatus

    while True:
        status = PollingStatus.FAILED if pg.status == ConnStatus.BAD else pg.connect_poll()
        if status == PollingStatus.OK:
            return
        if status == PollingStatus.FAILED:
            raise explain_refusal(pg.get_error_message(), where)
        _wait_for(pg.socket, select.POLLIN if status == PollingStatus.READING else select.POLLOUT, deadline, late)


def _addressed(words: Mapping[str, str], timeout: float, server_name: str) -> dict[str, str]:
    """The parameters with the addresses of their hosts: libpq would look them up without a time limit."""
    hosts = [host for host in words.get("host", "").split(",") if host]
    if "hostaddr" in words or not hosts or any(host.startswith(("/", "@")) for host in hosts):
        return dict(words)
    ports = (words.get("port") or "5432").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    found = [
        (server_name or host, port or "5432", str(address[0]))
        for host, port in zip(hosts, ports, strict=False)
        for _, address in resolve(host, int(port or 5432), timeout)
    ]
    names, numbers, addresses = (",".join(part) for part in zip(*found, strict=True))
    return {**words, "host": names, "port": numbers, "hostaddr": addresses}


def _adapt(connection: psycopg.Connection[Any]) -> None:
    """Values come as plain JSON ones, and maps go as jsonb."""
    from psycopg.types.json import JsonbDumper

    connection.adapters.register_dumper(dict, JsonbDumper)
    for name, loader in _loaders().items():
        connection.adapters.register_loader(name, loader)


@cache
def _loaders() -> dict[str, Any]:
    from psycopg.adapt import Loader

    class Text(Loader):
        def load(self, data: Any) -> str:
            return bytes(data).decode("utf-8", "replace")

    class Moment(Loader):
        """`2026-01-31 10:00:00+01` as ISO 8601; `infinity` and years before Christ stay as they are."""

        def load(self, data: Any) -> str:
            return bytes(data).decode().replace(" ", "T", 1)

    class Numeric(Loader):
        def load(self, data: Any) -> Any:
            return number(Decimal(bytes(data).decode()))

    class Bytes(Loader):
        """Hexadecimal text, without the mark before it."""

        def load(self, data: Any) -> str:
            return bytes(data).decode().removeprefix("\\x")

    texts = ["uuid", "date", "time", "timetz", "interval", "inet", "cidr"]
    texts += ["int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"]
    moments = ("timestamp", "timestamptz")
    return {**dict.fromkeys(texts, Text), **dict.fromkeys(moments, Moment), "numeric": Numeric, "bytea": Bytes}
