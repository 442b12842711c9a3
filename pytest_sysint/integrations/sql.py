"""Any database that SQLAlchemy speaks to, SQLite among them."""

from __future__ import annotations

import shlex
import sqlite3
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import Field

from pytest_sysint.core.capabilities import Batch
from pytest_sysint.core.description import Description, Section
from pytest_sysint.core.errors import CallError, Rejected, TimedOut
from pytest_sysint.core.integration import Integration, Observation, Operation, Rung, Stopwatch
from pytest_sysint.core.integration import Settings as BaseSettings
from pytest_sysint.core.model import Secret
from pytest_sysint.core.provisioning import Embedded, Place, Running
from pytest_sysint.core.secrets import learn, learn_url, redact, reveal
from pytest_sysint.integrations._deadline import within
from pytest_sysint.integrations._net import network_rungs, too_late
from pytest_sysint.integrations._sql import (
    BATCH,
    GIVES_ROWS,
    Query,
    literal,
    observe,
    plain,
    read,
    refuse_params,
    seed_files,
    split,
    streamable,
    too_many,
    unique,
)
from pytest_sysint.integrations._sql_description import SECTIONS, describe
from pytest_sysint.integrations._sql_engine import in_memory, make_engine
from pytest_sysint.integrations._sql_errors import explain

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

T = TypeVar("T")
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521, "cockroachdb": 26257}


class Settings(BaseSettings):
    """Where the database is, as an SQLAlchemy url, and how it is talked to."""

    password: Secret | None = None
    """The password, where it is not in the url."""
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Arguments for the driver's `connect`, such as `sslmode: verify-full`."""


class Sql(Integration[Settings]):
    """A database behind SQLAlchemy."""

    category = "database"
    settings_model = Settings
    operations: ClassVar[tuple[type[Operation], ...]] = (Query,)
    sections: ClassVar[tuple[Section, ...]] = SECTIONS
    driver = "sqlalchemy"

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        learn_url(settings.url)
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._one_at_a_time: AbstractContextManager[Any] = nullcontext()

    @property
    def url(self) -> URL:
        """The url, taken apart.

        Raises:
            CallError: when it cannot be read.

        """
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(self.settings.url)
        except (ArgumentError, ValueError):  # their text may repeat the url
            hint = "write dialect+driver://user:password@host:port/database, or sqlite:////absolute/path.db"
            raise CallError("the url cannot be read as one of SQLAlchemy", rung="dns", hint=hint) from None
        learn(url.password)
        return url.set(password=reveal(self.settings.password)) if self.settings.password else url

    @property
    def where(self) -> str:
        """The database in a message."""
        url = self.url
        return f"{url.host}:{url.port}" if url.port else url.host or url.database or "the database in memory"

    @property
    def client(self) -> Engine:
        """The `sqlalchemy.Engine`."""
        with self._lock:
            if self._engine is None:
                url = self.url
                if in_memory(url):
                    self._one_at_a_time = threading.Lock()
                self._engine = make_engine(url, self.settings.options, read_only=self.read_only)
            return self._engine

    def close(self) -> None:
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def query(self, text: str, params: Mapping[str, Any], timeout: float, *, max_rows: int = 10_000) -> Observation:
        """Carry out SQL with `:name` parameters in one transaction; in a read-only environment nothing is kept.

        The payload is the rows of the last statement that gives any, as maps of plain JSON values. Facts: count,
        columns, affected (rows changed).

        Raises:
            CallError: for everything that goes wrong.

        """
        script = read(text)
        refuse_params(script, params)
        if self.read_only and script.effect != "read":
            hint = "the environment allows reading only: see `allow`"
            raise Rejected("the query would change the database", code="25006", hint=hint)
        watch = Stopwatch()

        def act(connection: Connection) -> tuple[list[str], list[Any], int]:
            columns: list[str] = []
            rows: list[Any] = []
            affected = 0
            for statement in split(text):
                with closing(self._execute(connection, statement, params)) as result:
                    if result.returns_rows:
                        columns, rows = list(result.keys()), list(result.fetchmany(max_rows + 1))
                    else:
                        affected += max(result.rowcount, 0)
                if len(rows) > max_rows:
                    raise too_many(max_rows)
            return columns, rows, affected

        columns, rows, affected = self._call(act, timeout)
        return observe(text, params, columns, rows, affected, watch)

    def stream(self, text: str, params: Mapping[str, Any], timeout: float) -> Generator[Batch, None, None]:
        """The rows of a query that only reads, on a connection of its own, as far as the driver can read in parts.

        Raises:
            CallError: as `query`.

        """
        before, query = streamable(text, params)
        watch = Stopwatch()
        held: list[Any] = []

        def call(act: Callable[[], T]) -> T:
            return self._timely(act, max(timeout - watch.elapsed(), 0.001), held)

        engine = self.client  # which says whether only one may talk at a time
        with self._one_at_a_time:
            connection = call(engine.connect)
            held.append(connection.connection.dbapi_connection)
            try:
                for statement in split(before):
                    call(partial(self._execute, connection, statement, params)).close()
                result = call(partial(self._execute, connection, query, params))
                columns = unique(list(result.keys()))
                while True:
                    rows = call(partial(result.fetchmany, BATCH))
                    yield Batch(columns, [[plain(value) for value in row] for row in rows])
                    if len(rows) < BATCH:
                        return
                    if watch.elapsed() > timeout:
                        raise too_late(self.where, "read", timeout)
            finally:
                connection.close()

    def _execute(self, connection: Connection, statement: str, params: Mapping[str, Any]) -> Any:
        script = read(statement)
        if script.statements[0].first in GIVES_ROWS and script.effect == "read":
            connection = connection.execution_options(stream_results=True)
        written, values = _for_driver(statement, params, connection.dialect.paramstyle)
        return connection.exec_driver_sql(written, values)

    def _call(self, act: Callable[[Connection], Any], timeout: float) -> Any:
        """Run `act` with a connection and within the time; what it did is kept, unless the environment is read-only."""
        engine = self.client
        pool = engine.pool
        held: list[Any] = []

        def work() -> Any:
            try:
                with self._one_at_a_time, engine.connect() as connection:
                    held.append(connection.connection.dbapi_connection)
                    if engine.dialect.name == "sqlite":
                        connection.exec_driver_sql(f"PRAGMA busy_timeout = {max(1, int(timeout * 1000))}")
                    found = act(connection)
                    if not self.read_only:
                        connection.commit()
                    return found
            finally:
                if self._engine is not engine:  # closed meanwhile: nobody else closes what comes back so late
                    pool.dispose()

        return self._timely(work, timeout, held)

    def _timely(self, act: Callable[[], T], timeout: float, held: list[Any]) -> T:
        """What `act` gives within the time; the driver's connections that are held by then are told to stop, if not."""
        where = self.where

        def late() -> TimedOut:
            for connection in held:
                stop = getattr(connection, "interrupt", None) or getattr(connection, "cancel", None)
                if stop is not None:
                    stop()
            return too_late(where, "read" if held else "authentication", timeout)

        try:
            return within(timeout, act, late)
        except CallError:
            raise
        except Exception as error:
            raise explain(error, where, connected=bool(held)) from error

    def describe(self, sections: Collection[str], timeout: float) -> Description:
        """What is there now of the named sections.

        Raises:
            CallError: when it cannot be read.

        """
        return {name: self._call(partial(describe, section=name), timeout) for name in sections}

    def rungs(self) -> Iterable[Rung]:
        url = self.url
        port = url.port or _PORTS.get(url.get_backend_name())
        if url.host and port:
            yield from network_rungs(url.host, port)
            yield Rung("authentication", self._authenticate)
        yield Rung("ping", self._ping)
        yield Rung("read", self._read)

    def _authenticate(self, timeout: float) -> str:
        self._call(lambda _: None, timeout)
        return f"user '{self.url.username}'" if self.url.username else "no user"

    def _ping(self, timeout: float) -> str:
        url = self.url
        if url.get_backend_name() != "sqlite":
            version = self._call(lambda connection: connection.dialect.server_version_info, timeout)
            return f"{url.get_backend_name()} {'.'.join(map(str, version or ()))}".strip()
        if not in_memory(url) and not str(url.database).startswith("file:") and not Path(str(url.database)).is_file():
            hint = "check the path: it is relative to where pytest runs, and four slashes begin an absolute one"
            raise Rejected(f"there is no file '{url.database}'", rung="ping", hint=hint)
        version = self.query("SELECT sqlite_version() AS v", {}, timeout).payload[0]["v"]
        return f"SQLite {version}"

    def _read(self, timeout: float) -> str:
        from sqlalchemy import inspect

        tables = self._call(lambda connection: inspect(connection).get_table_names(), timeout)
        return f"{len(tables)} tables"

    def seed(self, path: Any, timeout: float) -> None:
        """Carry out an SQL file, or the `*.sql` of a folder by name.

        Raises:
            CallError: with the file, for the first statement that fails.

        """
        for file in seed_files(path):
            text = file.read_text(encoding="utf-8")
            try:
                self._call(partial(_run_script, text), timeout)
            except CallError as error:
                error.message = f"{file.name}: {error.message}"
                raise

    def reproduce(self) -> str:
        return self.reproduce_query("SELECT 1", {})

    def reproduce_query(self, text: str, params: Mapping[str, Any]) -> str:
        """The command of the database's own shell for a query, without a password; empty where none is known."""
        try:
            url = _without_password(self.url)
        except CallError:
            return ""
        sql = shlex.quote(redact(read(text).write(lambda name: literal(params[name]))))
        backend = url.get_backend_name()
        if backend == "sqlite":
            return f"sqlite3 -readonly {shlex.quote(url.database or ':memory:')} {sql}"
        if backend == "postgresql":
            return f"psql {shlex.quote(url.set(drivername='postgresql').render_as_string())} -c {sql}"
        if backend in ("mysql", "mariadb"):
            words = f"mysql -h {url.host} -P {url.port or 3306} -u {url.username} -p"
            return f"{words} {shlex.quote(url.database or '')} -e {sql}"
        return ""


def _without_password(url: URL) -> URL:
    return type(url).create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)


def _for_driver(text: str, params: Mapping[str, Any], style: str) -> tuple[str, Any]:
    """A statement with the placeholders of a driver, and the values as it takes them.

    Styles (PEP 249): qmark `?`, format `%s`, numeric `:1`, named `:name`, pyformat `%(name)s`.
    """
    order: list[str] = []

    def place(name: str) -> str:
        order.append(name)
        marks = {"qmark": "?", "format": "%s", "pyformat": f"%({name})s", "named": f":{name}"}
        return marks.get(style) or f"{'$' if style == 'numeric_dollar' else ':'}{len(order)}"

    script = read(text)
    percent = style in ("format", "pyformat") and bool(script.names)
    written = script.write(place, (lambda piece: piece.replace("%", "%%")) if percent else str)
    if not order:
        return written, None
    if style in ("named", "pyformat"):
        return written, {name: params[name] for name in order}
    return written, tuple(params[name] for name in order)


def _run_script(text: str, connection: Connection) -> None:
    own = getattr(connection.connection.dbapi_connection, "executescript", None)
    if own is not None:  # SQLite knows best where a statement ends: triggers hold semicolons
        own(text)
        return
    for statement in split(text):
        connection.exec_driver_sql(statement)


def _start_embedded(place: Place) -> Running:
    file = place.folder / "data.db"
    sqlite3.connect(file).close()
    return Running(f"sqlite:///{file}", lambda: None, f"SQLite {sqlite3.sqlite_version}")


Sql.recipes = (Embedded("sqlalchemy", _start_embedded),)
TYPE = Sql
