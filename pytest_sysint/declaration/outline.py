"""Reads the frame of a declaration: version, system, tenants, environments, defaults, budgets, gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from pytest_sysint.core import units
from pytest_sysint.core.errors import UsageError, did_you_mean
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import SHARED, Effect
from pytest_sysint.declaration.explain import came, choose, mask
from pytest_sysint.declaration.files import Report, Source
from pytest_sysint.declaration.frame import Defaults, Frame, Path
from pytest_sysint.declaration.kind_keys import claimed
from pytest_sysint.declaration.model import Environment, Raw
from pytest_sysint.declaration.provisioning import AUTO, way_names
from pytest_sysint.declaration.references import Referenced
from pytest_sysint.declaration.resolving import bare
from pytest_sysint.declaration.words import suggest
from pytest_sysint.declaration.yaml_nodes import Node

VERSION = 1
LOCAL = "local"
"""The environment of a run that names none."""
_ROOT_KEYS = ("system", "tenants", "environments", "defaults", "gate")
"""Keys of the declaration file itself, and not of those that it includes."""


def _included_keys() -> tuple[str, ...]:
    return ("sysint", "include", "budgets", "integrations", *claimed())


class EnvironmentKeys(Declared):
    """One environment: what may be done there, and how its integrations come to be there."""

    allow: frozenset[Effect] | None = Field(
        default=None, description="The effects that checks may have there; left out, existing services are only read."
    )
    provision: str = Field(
        default=AUTO, description="The way for integrations that name none; under `existing` nothing is started at all."
    )
    urls: dict[str, str] = Field(
        default_factory=dict, description="Integration id -> its url in this environment, instead of its own."
    )


def read_frame(sources: list[Source], env: Mapping[str, str], report: Report) -> Frame:
    """Read everything of a declaration but its integrations and its environment; problems go to the report."""
    frame = Frame(sources, report, env)
    for source in sources:
        _check_keys(frame, source)
        _read_budgets(frame, source)
    _read_tenants(frame)
    system = frame.value(frame.root, ("system",))
    if system is not None and not isinstance(system, str):
        frame.problem(frame.root, ("system",), f"expected a text, got {came(system)}")
    frame.system = str(system or "")
    frame.defaults = frame.block(frame.root, ("defaults",), Defaults) or frame.defaults
    frame.environments = tuple(name for name, _ in frame.entries(frame.root, "environments"))
    _read_gate(frame)
    return frame


def _check_keys(frame: Frame, source: Source) -> None:
    node, is_root, included = source.node, source is frame.root, _included_keys()
    if not isinstance(node.value, dict):
        frame.problem(source, (), f"expected a map that begins with `sysint: {VERSION}`, got {came(bare(node))}")
        return
    _check_version(frame, source, is_root=is_root)
    for key in node.value:
        if key not in (*_ROOT_KEYS, *included):
            frame.problem(
                source, (key,), f"unknown key{suggest(key, (*_ROOT_KEYS, *included) if is_root else included)}"
            )
        elif not is_root and key not in included:
            allowed = ", ".join(included)
            said = f"stands in the file that includes this one, {frame.root.shown}, and not here (allowed: {allowed})"
            frame.problem(source, (key,), said)


def _check_version(frame: Frame, source: Source, *, is_root: bool) -> None:
    node = source.node.find("sysint")
    if node is None:
        if is_root:
            said = f"the version of the format is missing: begin the file with `sysint: {VERSION}`"
            frame.problem(source, (), said)
    elif type(node.value) is not int or node.value != VERSION:
        said = f"this version of pytest-sysint reads format {VERSION}, got {came(bare(node))}"
        frame.problem(source, ("sysint",), said)


def _read_budgets(frame: Frame, source: Source) -> None:
    for name, _ in frame.entries(source, "budgets"):
        path = ("budgets", name)
        value = frame.value(source, path)
        if name in frame.budgets:
            frame.problem(source, path, "this budget is declared twice")
        try:
            frame.budgets[name] = units.quantity(value, "rate")
        except ValueError as error:
            frame.problem(source, path, mask(str(error), value, path))
            frame.budgets[name] = 1.0
        if frame.budgets[name] <= 0:
            frame.problem(source, path, "must be greater than 0")


def _read_gate(frame: Frame) -> None:
    node = frame.root.node.find("gate")
    if node is None:
        return
    if not isinstance(node.value, dict):
        frame.problem(frame.root, ("gate",), f"expected a map, got {came(bare(node))}")
    frame.gate = Raw(bare(node), frame.root.shown, node)
    frame.notice(frame.root, ("gate",), "a gate is declared, and this version does not apply its policy")


def _read_tenants(frame: Frame) -> None:
    names: dict[str, None] = {}
    for path, name in _tenant_names(frame, frame.root.node.find("tenants")):
        if not isinstance(name, str):
            frame.problem(frame.root, path, f"expected the id of a tenant, got {came(name)}")
        elif name == SHARED:
            frame.problem(frame.root, path, f"'{SHARED}' is the name for what belongs to no tenant; choose another id")
        elif name in names:
            frame.problem(frame.root, path, f"tenant '{name}' stands twice")
        elif frame.slug(frame.root, path, name):
            names[name] = None
    frame.tenants = tuple(names)


def _tenant_names(frame: Frame, node: Node | None) -> Iterable[tuple[Path, Any]]:
    if node is None:
        return []
    if isinstance(node.value, list):
        return [(("tenants", index), bare(item)) for index, item in enumerate(node.value)]
    if not isinstance(node.value, dict):
        frame.problem(frame.root, ("tenants",), f"expected a list of ids, or a map of ids, got {came(bare(node))}")
        return []
    for name, keys in node.value.items():
        _check_tenant_keys(frame, ("tenants", name), keys)
    return [(("tenants", name), name) for name in node.value]


def _check_tenant_keys(frame: Frame, path: Path, keys: Node) -> None:
    if keys.value is not None and not isinstance(keys.value, dict):
        frame.problem(frame.root, path, "expected the keys of the tenant as a map")
        return
    for key, child in (keys.value or {}).items():
        if isinstance(child.value, (dict, list)):
            frame.problem(frame.root, (*path, key), f"expected a text, got {came(bare(child))}")
        elif key == "id":
            frame.problem(frame.root, (*path, key), "`id` is the tenant's id itself; choose another key")


def choose_tenants(frames: Sequence[Frame], asked: Sequence[str] | None) -> None:
    """Set which tenants take part.

    Raises:
        UsageError: for a tenant that no declaration has.

    """
    known = dict.fromkeys(name for frame in frames for name in frame.tenants)
    for name in asked or ():
        if name not in known and name != SHARED:
            raise UsageError(f"unknown tenant '{name}'{did_you_mean(name, {*known, SHARED})}")
    for frame in frames:
        frame.selected = tuple(name for name in frame.tenants if asked is None or name in asked)


def choose_environment(frames: Sequence[Frame], asked: str | None) -> None:
    """Read the environments of all declarations, and set the one of the run; `local` need not be declared.

    Raises:
        UsageError: for an environment that no declaration has.

    """
    name = asked or LOCAL
    known = dict.fromkeys(each for frame in frames for each in frame.environments)
    for frame in frames:
        for declared in frame.environments:
            environment = _environment(frame, declared)
            if declared == name:
                frame.environment = environment
                urls = frame.root.node.find("environments", declared, "urls")
                frame.urls = urls.value if urls is not None and isinstance(urls.value, dict) else {}
        if name not in frame.environments:
            frame.environment = Environment(name)
    if name != LOCAL and name not in known:
        raise UsageError(f"unknown environment '{name}'{did_you_mean(name, {*known, LOCAL})}")


def _environment(frame: Frame, name: str) -> Environment:
    path = ("environments", name)
    keys = frame.block(frame.root, path, EnvironmentKeys, omit=("urls",)) or EnvironmentKeys()
    way = keys.provision
    if way not in way_names():
        node = frame.root.node.find(*path, "provision")
        frame.problem(
            frame.root, (*path, "provision"), choose(Referenced(way) if node and node.refers else way, way_names())
        )
        way = AUTO
    urls = frame.root.node.find(*path, "urls")
    texts: dict[str, str] = {}
    if urls is not None and not isinstance(urls.value, dict):
        frame.problem(frame.root, (*path, "urls"), f"expected a map, integration id -> url, got {came(bare(urls))}")
    elif urls is not None:
        texts = {key: str(child.value) for key, child in urls.value.items()}
    return Environment(name, keys.allow, way, texts)
