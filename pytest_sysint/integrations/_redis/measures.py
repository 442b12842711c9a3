"""Numbers that a Redis tells of itself, all from INFO. One that it does not tell is None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from pytest_sysint.core.errors import Rejected
from pytest_sysint.core.integration import Measure, Operation


class _Info(Measure):
    section: ClassVar[str]

    def measure(self, integration: Any, timeout: float) -> float | int | None:
        return self.reckon(integration.info(self.section, timeout))

    def reckon(self, info: Mapping[str, Any]) -> float | int | None:
        """The number, from that section; by default the entry of the measure's own name."""
        found: float | int | None = info.get(self.key())
        return found


class UsedMemory(_Info):
    """How much memory the data and the server take."""

    section = "memory"
    dimension = "size"
    used_memory: Any = Field(description='What it must satisfy, such as "< 2GiB".')


class MemoryHeadroom(_Info):
    """The share of `maxmemory` that is free; none where memory is not limited."""

    section = "memory"
    dimension = "ratio"
    memory_headroom: Any = Field(description='What it must satisfy, such as "> 10%".')

    def reckon(self, info: Mapping[str, Any]) -> float | None:
        limit = info.get("maxmemory")
        return (limit - info["used_memory"]) / limit if limit else None


class EvictedKeys(_Info):
    """How many keys were thrown out for lack of memory since the server started."""

    section = "stats"
    evicted_keys: Any = Field(description="What it must satisfy, such as 0.")


class RejectedConnections(_Info):
    """How many connections were refused because of `maxclients` since the server started."""

    section = "stats"
    rejected_connections: Any = Field(description="What it must satisfy, such as 0.")


class HitRatio(_Info):
    """The share of reads that found their key since the server started; none before the first read."""

    section = "stats"
    dimension = "ratio"
    hit_ratio: Any = Field(description='What it must satisfy, such as "> 80%".')

    def reckon(self, info: Mapping[str, Any]) -> float | None:
        hits, misses = info.get("keyspace_hits", 0), info.get("keyspace_misses", 0)
        return hits / (hits + misses) if hits + misses else None


class ConnectedClients(_Info):
    """How many clients are connected, ourselves included."""

    section = "clients"
    connected_clients: Any = Field(description='What it must satisfy, such as "< 500".')


class BlockedClients(_Info):
    """How many clients wait in a blocking command (BLPOP, XREAD BLOCK, ...)."""

    section = "clients"
    blocked_clients: Any = Field(description='What it must satisfy, such as "< 10".')


class UnsavedChanges(_Info):
    """How many changes a crash would lose, since the last snapshot (RDB)."""

    section = "persistence"
    unsaved_changes: Any = Field(description='What it must satisfy, such as "< 10000".')

    def reckon(self, info: Mapping[str, Any]) -> int | None:
        changes: int | None = info.get("rdb_changes_since_last_save")
        return changes


class ReplicationLag(_Info):
    """On a replica: since its primary was last heard of; on a primary: the lag of its slowest replica, if any."""

    section = "replication"
    dimension = "duration"
    replication_lag: Any = Field(description='What it must satisfy, such as "< 10s".')

    def reckon(self, info: Mapping[str, Any]) -> float | None:
        if info.get("role") == "slave":
            if info.get("master_link_status") != "up":
                primary = f"{info.get('master_host')}:{info.get('master_port')}"
                hint = "see `INFO replication` and the log of the replica"
                raise Rejected(f"the replica has lost its primary, {primary}", code="link down", hint=hint)
            return float(info["master_last_io_seconds_ago"])
        lags = [float(item["lag"]) for name, item in info.items() if name.startswith("slave") and "lag" in item]
        return max(lags, default=None)


MEASURES: tuple[type[Operation], ...] = (
    UsedMemory,
    MemoryHeadroom,
    EvictedKeys,
    RejectedConnections,
    HitRatio,
    ConnectedClients,
    BlockedClients,
    UnsavedChanges,
    ReplicationLag,
)
