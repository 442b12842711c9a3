"""The engine of SQLAlchemy for a url: how its connections are pooled, and how SQLite's are opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_sysint.core.errors import CallError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine


def in_memory(url: URL) -> bool:
    """Whether the database is one of SQLite that lives in one connection."""
    return url.get_backend_name() == "sqlite" and (not url.database or url.database == ":memory:")


def make_engine(url: URL, declared: Mapping[str, Any], *, read_only: bool) -> Engine:
    """An engine; `declared` are arguments for the driver's `connect`.

    Raises:
        CallError: when the driver that the url names is not there.

    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import QueuePool, StaticPool

    def open_sqlite(place: str) -> sqlite3.Connection:
        connection: sqlite3.Connection = sqlite3.connect(place, uri=True, check_same_thread=False, **declared)
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    options: dict[str, Any] = {"connect_args": dict(declared)}
    if url.get_backend_name() != "sqlite":
        options |= {"poolclass": QueuePool, "max_overflow": -1, "pool_pre_ping": True}
    elif in_memory(url):
        options |= {"poolclass": StaticPool, "creator": lambda: open_sqlite(":memory:")}
    elif not str(url.database).startswith("file:"):
        place = f"file:{quote(str(url.database))}?mode={'ro' if read_only else 'rw'}"
        options |= {"poolclass": QueuePool, "max_overflow": -1, "creator": lambda: open_sqlite(place)}
    try:
        return create_engine(url, **options)
    except (NoSuchModuleError, ArgumentError, ImportError) as error:
        name = getattr(error, "name", None) or url.drivername
        hint = "install the driver that the url names, see SQLAlchemy's page on dialects"
        raise CallError(f"the url needs '{name}', which is not installed", hint=hint) from None
