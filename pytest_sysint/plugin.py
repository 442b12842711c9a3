"""The pytest hooks and options, and nothing else.

Loaded into every pytest session of an environment that has the package, so at the top it imports nothing but the
standard library and pytest: what is not asked for costs nothing. The work begins in `pytest_sysint.session`, which is
imported when `--sysint` is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

_OPTIONS: tuple[tuple[str, Literal["string", "args"], dict[str, Any]], ...] = (
    ("env", "string", {"metavar": "NAME", "help": "environment of the declaration to test"}),
    ("kind", "args", {"action": "append", "metavar": "KIND", "help": "only checks of this kind (repeatable)"}),
    ("type", "args", {"action": "append", "metavar": "TYPE", "help": "only integrations of this type (repeatable)"}),
    ("integration", "args", {"action": "append", "metavar": "ID", "help": "only this integration (repeatable)"}),
    ("tenant", "args", {"action": "append", "metavar": "TENANT", "help": "only this tenant (repeatable)"}),
    ("concurrency", "string", {"metavar": "N", "help": "checks that run at once (default: 32)"}),
    ("provision", "string", {"metavar": "WAY", "help": "how integrations come to be there (default: as declared)"}),
    (
        "report",
        "args",
        {"action": "append", "metavar": "FORMAT[:PATH]", "help": "write this report (repeatable; default: json, html)"},
    ),
    ("reports-dir", "string", {"metavar": "DIR", "help": "where reports and the journal go (default: reports)"}),
)

_CATEGORIES = ("database", "api", "message_queue", "file_system", "external_service", "internal_service")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sysint", "system integration tests")
    group.addoption("--sysint", action="store_true", help="test the integrations declared in sysint.yaml files")
    parser.addini("sysint", "test declared integrations always, as if --sysint were given", type="bool", default=False)
    for name, ini_type, settings in _OPTIONS:
        group.addoption(f"--sysint-{name}", dest=_dest(name), default=None, **settings)
        parser.addini(_dest(name), f"{settings['help']} (as --sysint-{name})", type=ini_type, default=None)


def _dest(name: str) -> str:
    return f"sysint_{name.replace('-', '_')}"


def asked_for(config: pytest.Config) -> bool:
    """Whether this session tests integrations."""
    return bool(config.getoption("sysint") or config.getini("sysint"))


def pytest_plugin_registered(plugin: object, manager: pytest.PytestPluginManager) -> None:
    """Make our hooks known as soon as somebody implements one, so that nobody else pays for them."""
    if any(name.startswith("pytest_sysint_") for name in dir(plugin)):
        _add_hooks(manager)


def _add_hooks(manager: pytest.PytestPluginManager) -> None:
    known = getattr(manager.hook, "pytest_sysint_result", None)
    if known is None or not known.has_spec():
        from pytest_sysint import hookspecs

        manager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "sysint(ids=[], tenants=[]): which declared integrations a test over the integration fixtures is run with",
    )
    if asked_for(config):
        _add_hooks(config.pluginmanager)
        from pytest_sysint.session import begin

        begin(config)
    else:
        config.pluginmanager.register(_idle_fixtures(), "sysint-idle")


def _idle_fixtures() -> object:
    """The integration fixtures of a session without --sysint: each skips the test that asks for it."""
    folder = Path(__file__).parent / "integrations"
    types = [file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")]
    names = ["integration", *(f"{name}_integration" for name in (*_CATEGORIES, *types))]
    return type("IdleFixtures", (), {name: _skipping(name) for name in names})()


def _skipping(name: str) -> Any:
    @pytest.fixture(name=name)
    def skip(_: object) -> None:
        pytest.skip("needs the declared integrations: run pytest with --sysint")

    return skip
