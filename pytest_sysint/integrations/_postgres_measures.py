"""What a PostgreSQL server tells about itself in one number."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from pytest_sysint.core.integration import Measure


class PostgresMeasure(Measure):
    """A measure that is one query with one value; NULL when the server has no such number."""

    sql: ClassVar[str]

    def measure(self, integration: Any, timeout: float) -> float | int | None:
        value: float | int | None = integration.value(self.sql, timeout)
        return value

    def reproduce(self, integration: Any) -> str:
        return str(integration.reproduce_query(self.sql, {}))


class ReplicationLag(PostgresMeasure):
    """How far the replica, or the slowest replica of a primary, is behind. None for a primary without replicas.

    A replica that has replayed all that it received is up to date only as long as it receives: without a receiver
    its lag is the age of the last transaction that it knows.
    """

    dimension: ClassVar[str] = "duration"
    sql: ClassVar[str] = """
        SELECT CASE
            WHEN NOT pg_is_in_recovery() THEN
                (SELECT max(coalesce(extract(epoch FROM replay_lag), 0)) FROM pg_stat_replication)
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
            ELSE extract(epoch FROM now() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))
        END"""
    replication_lag: Any = Field(description='How far the slowest replica is behind, such as `"< 10s"`.')


class Connections(PostgresMeasure):
    """How many clients are connected."""

    sql: ClassVar[str] = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    connections: Any = Field(description='How many clients are connected, such as `"< 80"`.')


class ConnectionHeadroom(PostgresMeasure):
    """Which part of the connections that ordinary users may have is still free."""

    dimension: ClassVar[str] = "ratio"
    sql: ClassVar[str] = """
        SELECT greatest(0, 1 - used::float8 / most) FROM
            (SELECT count(*) AS used FROM pg_stat_activity WHERE backend_type = 'client backend') AS clients,
            (SELECT current_setting('max_connections')::int
                  - current_setting('superuser_reserved_connections')::int AS most) AS limits"""
    connection_headroom: Any = Field(description='Which part of the connections is free, such as `"> 20%"`.')


class DatabaseSize(PostgresMeasure):
    """What the database takes on disk."""

    dimension: ClassVar[str] = "size"
    sql: ClassVar[str] = "SELECT pg_database_size(current_database())"
    database_size: Any = Field(description='What the database takes on disk, such as `"< 50GB"`.')


class LongestTransaction(PostgresMeasure):
    """The age of the oldest transaction of another client; 0 when there is none."""

    dimension: ClassVar[str] = "duration"
    sql: ClassVar[str] = """
        SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()"""
    longest_transaction: Any = Field(description='The age of the oldest open transaction, such as `"< 5m"`.')


class WaitingLocks(PostgresMeasure):
    """How many sessions wait for a lock."""

    sql: ClassVar[str] = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    waiting_locks: Any = Field(description="How many sessions wait for a lock, such as `0`.")


class Deadlocks(PostgresMeasure):
    """Deadlocks in this database since its statistics were reset."""

    sql: ClassVar[str] = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    deadlocks: Any = Field(description="Deadlocks since the statistics were reset, such as `0`.")


class CacheHitRatio(PostgresMeasure):
    """Which part of the blocks read was found in shared memory. None before anything was read."""

    dimension: ClassVar[str] = "ratio"
    sql: ClassVar[str] = """
        SELECT blks_hit::float8 / nullif(blks_hit + blks_read, 0)
        FROM pg_stat_database WHERE datname = current_database()"""
    cache_hit_ratio: Any = Field(description='Which part of the blocks was found in memory, such as `"> 95%"`.')


class DeadTuples(PostgresMeasure):
    """Which part of the rows of all tables is dead, waiting for vacuum. None without rows."""

    dimension: ClassVar[str] = "ratio"
    sql: ClassVar[str] = """
        SELECT sum(n_dead_tup)::float8 / nullif(sum(n_live_tup + n_dead_tup), 0) FROM pg_stat_user_tables"""
    dead_tuples: Any = Field(description='Which part of the rows waits for vacuum, such as `"< 20%"`.')


class TransactionIds(PostgresMeasure):
    """Which part of the transaction ids is used up: at 100% the server stops taking writes."""

    dimension: ClassVar[str] = "ratio"
    sql: ClassVar[str] = "SELECT max(age(datfrozenxid)) / 2147483648.0 FROM pg_database"
    transaction_ids: Any = Field(description='Which part of the transaction ids is used, such as `"< 50%"`.')


class RetainedWal(PostgresMeasure):
    """The most that a replication slot keeps from being removed. None without slots, and on a replica."""

    dimension: ClassVar[str] = "size"
    sql: ClassVar[str] = """
        SELECT CASE WHEN NOT pg_is_in_recovery() THEN
            (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) FROM pg_replication_slots) END"""
    retained_wal: Any = Field(description='What the slowest replication slot holds back, such as `"< 10GB"`.')


MEASURES: tuple[type[PostgresMeasure], ...] = (
    ReplicationLag,
    Connections,
    ConnectionHeadroom,
    DatabaseSize,
    LongestTransaction,
    WaitingLocks,
    Deadlocks,
    CacheHitRatio,
    DeadTuples,
    TransactionIds,
    RetainedWal,
)
