"""What the user asked for, on the command line or in the configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_sysint.core.errors import UsageError, did_you_mean
from pytest_sysint.core.registry import formats, kinds, types, ways
from pytest_sysint.engine.plan import Selection

_CONCURRENCY = 32


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one run, checked as far as they can be without a declaration."""

    environment: str | None
    selection: Selection
    concurrency: int
    provision: str
    reports: tuple[tuple[str, Path], ...]
    """(format, path), in the order given."""
    reports_dir: Path

    @classmethod
    def of(cls, config: pytest.Config) -> Options:
        """Read them from pytest's configuration.

        Raises:
            UsageError: for a word that is not known, with the nearest one that is.

        """
        provision = _one(config, "provision") or ""
        if provision and provision != "auto":
            _known("--sysint-provision", [provision], ways().names())
        reports_dir = config.rootpath / (_one(config, "reports_dir") or "reports")
        return cls(
            environment=_one(config, "env"),
            selection=Selection(
                kinds=_known("--sysint-kind", _many(config, "kind"), kinds().names()),
                types=_known("--sysint-type", _many(config, "type"), types().names()),
                integrations=frozenset(_many(config, "integration")),
                tenants=frozenset(_many(config, "tenant")),
            ),
            concurrency=_count(_one(config, "concurrency")),
            provision=provision,
            reports=tuple(_report(text, reports_dir) for text in _many(config, "report") or ["json", "html"]),
            reports_dir=reports_dir,
        )


def _one(config: pytest.Config, name: str) -> str | None:
    given = config.getoption(f"sysint_{name}")
    return given if given is not None else config.getini(f"sysint_{name}") or None


def _many(config: pytest.Config, name: str) -> list[str]:
    given = config.getoption(f"sysint_{name}") or config.getini(f"sysint_{name}") or []
    return [word.strip() for item in given for word in item.split(",") if word.strip()]


def _known(option: str, words: list[str], allowed: tuple[str, ...]) -> frozenset[str]:
    for word in words:
        if word not in allowed:
            raise UsageError(f"{option}: unknown '{word}'{did_you_mean(word, allowed)}")
    return frozenset(words)


def _count(text: str | None) -> int:
    if text is None:
        return _CONCURRENCY
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise UsageError(f"--sysint-concurrency: '{text}' is not a number from 1 to 1000")
    return int(text)


def _report(text: str, folder: Path) -> tuple[str, Path]:
    name, _, path = text.partition(":")
    _known("--sysint-report", [name], formats().names())
    return name, Path(path) if path else folder / formats().get(name).default_path
