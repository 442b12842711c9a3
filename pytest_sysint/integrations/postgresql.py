"""PostgreSQL."""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from pytest_sysint.core.capabilities import Batch
from pytest_sysint.core.description import Description, Section
from pytest_sysint.core.errors import CallError, Rejected
from pytest_sysint.core.integration import Integration, Observation, Operation, Rung, Stopwatch
from pytest_sysint.core.integration import Settings as BaseSettings
from pytest_sysint.core.model import Secret
from pytest_sysint.core.secrets import learn, learn_url, redact, reveal
from pytest_sysint.integrations._net import any_of, network_rungs, too_late, unix_rung
from pytest_sysint.integrations._postgres import Result, Session, connect
from pytest_sysint.integrations._postgres_description import SECTIONS, describe
from pytest_sysint.integrations._postgres_measures import MEASURES
from pytest_sysint.integrations._postgres_recipes import RECIPES
from pytest_sysint.integrations._postgres_tls import WITH_TLS, ask_for_tls, tls_of, words_of
from pytest_sysint.integrations._rest import Rest
from pytest_sysint.integrations._sql import (
    BATCH,
    Query,
    Script,
    Statement,
    literal,
    observe,
    read,
    refuse_params,
    seed_files,
    streamable,
    unique,
)
from pytest_sysint.integrations._tls import Tls, context_for

REST: Rest[Session] = Rest(64)
_MOST_ITEMS = 100_000
"""Tables of one database, or migrations: more are not described."""
_ALONE = frozenset({("CREATE", "DATABASE"), ("DROP", "DATABASE"), ("ALTER", "SYSTEM"), ("CREATE", "TABLESPACE")})
_COPY = re.compile(
    r"^(?P<head>(?i:COPY\s[^;]*?\sFROM\s+stdin)[^;]*;)[^\n]*\n(?P<data>.*?)^\\\.\n", re.MULTILINE | re.DOTALL
)
_META = re.compile(r"^\\(?:un)?restrict[^\n]*\n", re.MULTILINE)


class Settings(BaseSettings):
    """Where the database is, and how it is talked to."""

    schemes: ClassVar[tuple[str, ...]] = ("postgresql", "postgres")

    password: Secret | None = None
    """The password, where it is not in the url."""
    tls: Tls | None = None
    """How the encrypted channel is made. Left out, `sslmode` in the url decides, and without that the server."""
    search_path: str = ""
    """The schemas in which names are looked up, such as `care, public`."""
    application_name: str = "pytest-sysint"
    """The name by which the sessions are seen on the server."""


class PostgreSQL(Integration[Settings]):
    """A PostgreSQL database."""

    category = "database"
    settings_model = Settings
    operations: ClassVar[tuple[type[Operation], ...]] = (Query, *MEASURES)
    sections: ClassVar[tuple[Section, ...]] = SECTIONS
    driver = "psycopg"
    images = ("postgis", "timescaledb", "pgvector")
    recipes: ClassVar[tuple[Any, ...]] = RECIPES

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        learn_url(settings.url)
        self._lock = threading.Lock()
        self._client: Session | None = None

    @cached_property
    def words(self) -> dict[str, str]:
        """The connection parameters of libpq.

        Raises:
            CallError: when the url cannot be read.

        """
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        settings = self.settings
        try:
            found = {key: str(value) for key, value in conninfo_to_dict(settings.url).items() if value is not None}
        except psycopg.Error:  # its text repeats the url
            found = {"port": "none"}
        if not all(port.isdigit() or not port for port in found.get("port", "").split(",")):
            hint = "write postgresql://user:password@host:port/database; percent-encode what is special in a password"
            raise CallError("the url cannot be read as one of PostgreSQL", rung="dns", hint=hint) from None
        learn(found.get("password"))
        if settings.password is not None:
            found["password"] = reveal(settings.password)
        own = {"application_name": settings.application_name, "client_encoding": "utf8", "gssencmode": "disable"}
        return {**own, **found, **words_of(settings.tls)}

    @property
    def hosts(self) -> list[tuple[str, int]]:
        """Where it listens: one host and port, or several of which one is enough."""
        hosts = (self.words.get("hostaddr") or self.words.get("host") or "localhost").split(",")
        ports = self.words.get("port", "5432").split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        return [(host or "localhost", int(port or 5432)) for host, port in zip(hosts, ports, strict=False)]

    @property
    def where(self) -> str:
        """The server in a message."""
        return ", ".join(f"{host}:{port}" for host, port in self.hosts)

    @property
    def client(self) -> Any:
        """A `psycopg.Connection` in autocommit mode, of its own; read-only where the environment allows no writing."""
        with self._lock:
            if self._client is None or self._client.connection.closed:
                words = {**self.words}
                if self.read_only:
                    words["options"] = f"{words.get('options', '')} -c default_transaction_read_only=on".strip()
                self._client = self._connect(30, words)
            return self._client.connection

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
        REST.drop(self)

    def query(self, text: str, params: Mapping[str, Any], timeout: float, *, max_rows: int = 10_000) -> Observation:
        """Carry out SQL with `:name` parameters, in one transaction and one round trip.

        The payload is the rows of the last statement that gives any, as maps of plain JSON values. Facts: count,
        columns, affected (rows changed).

        Raises:
            CallError: TimedOut by the server's own limit, Rejected with its SQLSTATE, TooLarge beyond `max_rows`, ...

        """
        script = read(text)
        refuse_params(script, params)
        watch = Stopwatch()
        session, left = REST.take(self), timeout
        if session is None:
            session = self._connect(timeout)
            left = max(timeout - watch.elapsed(), 0.001)
        watch.lap("connect")
        try:
            results = self._carry_out(session, script, params, left, max_rows)
        finally:
            if session.rest() and not script.marks:
                REST.give(self, session)
            else:
                session.close()
        last = next((result for result in reversed(results) if result.columns), Result())
        return observe(text, params, last.columns, last.rows, sum(result.affected for result in results), watch)

    def stream(self, text: str, params: Mapping[str, Any], timeout: float) -> Generator[Batch, None, None]:
        """The rows of a query that only reads, by a cursor of the server, in a read-only transaction of its own.

        Raises:
            CallError: as `query`.

        """
        before, query = streamable(text, params)
        watch = Stopwatch()

        def left() -> float:
            return max(timeout - watch.elapsed(), 0.001)

        session = self._connect(timeout)
        try:
            body, asked = (session.write(_placed(read(part), params), params) for part in (before, query))
            head = ["BEGIN READ ONLY", f"SET LOCAL statement_timeout = {max(1, int(timeout * 1000))}"]
            if self.settings.search_path:
                head.append(f"SET LOCAL search_path = {self.settings.search_path}")
            session.run(
                f"{'; '.join(head)};\n{body}\n;DECLARE sysint_rows NO SCROLL CURSOR FOR {asked}", left(), 10_000
            )
            while True:
                (got,) = session.run(f"FETCH {BATCH} FROM sysint_rows", left(), BATCH, whole=True)
                yield Batch(unique(got.columns), got.rows)
                if len(got.rows) < BATCH:
                    return
                if watch.elapsed() > timeout:
                    raise too_late(self.where, "read", timeout)
        finally:
            session.close()

    def value(self, sql: str, timeout: float) -> Any:
        """The first value of the first row; None without a row."""
        rows = self.query(sql, {}, timeout).payload
        return next(iter(rows[0].values())) if rows else None

    def describe(self, sections: Collection[str], timeout: float) -> Description:
        """What is there now of the named sections.

        Raises:
            CallError: when it cannot be read.

        """
        watch = Stopwatch()

        def ask(sql: str) -> list[dict[str, Any]]:
            left = max(timeout - watch.elapsed(), 0.001)
            rows: list[dict[str, Any]] = self.query(sql, {}, left, max_rows=_MOST_ITEMS).payload
            return rows

        return {name: describe(name, ask) for name in sections}

    def _carry_out(
        self, session: Session, script: Script, params: Mapping[str, Any], timeout: float, max_rows: int
    ) -> list[Result]:
        body = session.write(_placed(script, params), params)
        if script.steers or any(map(_alone, script.statements)):
            if self.read_only:
                hint = "this environment allows reading only: leave BEGIN, COMMIT and the like to the check"
                raise Rejected("the query cannot be carried out in a read-only transaction", code="25006", hint=hint)
            return session.run(body, timeout, max_rows)
        head = ["BEGIN READ ONLY" if self.read_only else "BEGIN"]
        head.append(f"SET LOCAL statement_timeout = {max(1, int(timeout * 1000))}")
        if self.settings.search_path:
            head.append(f"SET LOCAL search_path = {self.settings.search_path}")
        try:
            results = session.run(f"{'; '.join(head)};\n{body}\n;COMMIT", timeout, max_rows)
        except CallError:
            if not session.connection.closed:
                session.run("ROLLBACK", 1, 0)
            raise
        return results[len(head) : -1]

    def _connect(self, timeout: float, words: Mapping[str, str] | None = None) -> Session:
        server_name = self.settings.tls.server_name if self.settings.tls else ""
        return connect(words or self.words, timeout, self.where, server_name)

    def rungs(self) -> Iterable[Rung]:
        yield from any_of([self._network_rungs(host, port) for host, port in self.hosts])
        yield Rung("authentication", self._authenticate)
        yield Rung("ping", self._ping)
        yield Rung("read", self._read)

    def _network_rungs(self, host: str, port: int) -> list[Rung]:
        if host.startswith(("/", "@")):
            return [unix_rung(f"{host}/.s.PGSQL.{port}")]
        mode = self.words.get("sslmode", "")
        if mode not in WITH_TLS:
            return network_rungs(host, port)
        tls = self.settings.tls or tls_of(self.words)
        if self.words.get("sslnegotiation") == "direct":
            return network_rungs(host, port, tls=context_for(tls, ("postgresql",)), server_name=tls.server_name)
        return network_rungs(host, port, tls=context_for(tls), server_name=tls.server_name, starttls=ask_for_tls)

    def _authenticate(self, timeout: float) -> str:
        session = self._connect(timeout)
        REST.give(self, session)
        return f"user '{session.connection.info.user}'"

    def _ping(self, timeout: float) -> str:
        return f"PostgreSQL {self.value('SHOW server_version', timeout)}"

    def _read(self, timeout: float) -> str:
        sql = "SELECT current_database() AS name, pg_is_in_recovery() AS replica, count(*) AS tables FROM pg_class"
        row = self.query(sql, {}, timeout).payload[0]
        return f"database '{row['name']}', {'replica' if row['replica'] else 'primary'}"

    def seed(self, path: Any, timeout: float) -> None:
        """Carry out an SQL file, or the `*.sql` of a folder by name. What pg_dump writes as plain text can be read.

        Raises:
            CallError: with the file, for the first statement that fails.

        """
        watch, files = Stopwatch(), seed_files(path)
        session = self._connect(timeout)
        try:
            for file in files:
                self._seed_file(session, file, timeout, watch)
        finally:
            session.close()

    def _seed_file(self, session: Session, file: Path, timeout: float, watch: Stopwatch) -> None:
        try:
            for sql, data in _parts(file):
                session.run(sql, max(timeout - watch.elapsed(), 0.001), 10_000_000, data)
        except CallError as error:
            error.message = f"{file.name}: {error.message}"
            raise

    def reproduce(self) -> str:
        return self.reproduce_query("SELECT version()", {})

    def reproduce_query(self, text: str, params: Mapping[str, Any]) -> str:
        """The psql command for a query, empty when the url cannot be read; psql asks for the password, or finds it."""
        try:
            host, port = self.hosts[0]
        except CallError:
            return ""
        kept = {"sslmode": self.words.get("sslmode", ""), "host": host if host.startswith("/") else ""}
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in kept.items() if value)
        user = quote(self.words.get("user", ""), safe="")
        place = f"{f'{user}@' if user else ''}{'' if kept['host'] else host}:{port}"
        url = f"postgresql://{place}/{self.words.get('dbname', '')}{f'?{query}' if query else ''}"
        sql = read(" ".join(text.split()) if "--" not in text else text).write(lambda name: literal(params[name]))
        return f"psql {shlex.quote(url)} -c {shlex.quote(redact(sql))}"


def _placed(script: Script, params: Mapping[str, Any]) -> str:
    """The script with psycopg's placeholders."""
    escape = (lambda piece: piece.replace("%", "%%")) if params else str
    return script.write(lambda name: f"%({name})s", escape)


def _alone(statement: Statement) -> bool:
    """Whether PostgreSQL refuses it within a transaction."""
    words = statement.words
    return words[0] == "VACUUM" or words[:2] in _ALONE or "CONCURRENTLY" in words


def _parts(file: Path) -> Iterator[tuple[str, bytes | None]]:
    """The texts of an SQL file one after the other, with the data of those that are a COPY FROM STDIN."""
    text, at = _META.sub("", file.read_text(encoding="utf-8")), 0
    for block in _COPY.finditer(text):
        yield text[at : block.start("head")], None
        yield block["head"], block["data"].encode()
        at = block.end()
    yield text[at:], None


TYPE = PostgreSQL
