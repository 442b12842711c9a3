"""One entry of `integrations:` for one tenant: settings, provisioning and kinds with every reference looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path as FilePath
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from pytest_sysint.core.errors import Mistake, Mistakes, SysintError
from pytest_sysint.core.integration import Settings
from pytest_sysint.core.registry import kinds
from pytest_sysint.core.secrets import learn_url, reveal
from pytest_sysint.declaration.blocks import Block
from pytest_sysint.declaration.checks import DeclaredCheck
from pytest_sysint.declaration.explain import choose, explain, mask, read_model, read_what_holds
from pytest_sysint.declaration.files import Source
from pytest_sysint.declaration.frame import Path
from pytest_sysint.declaration.kind_keys import own_kinds
from pytest_sysint.declaration.model import DeclaredIntegration, IntegrationClass, Rebuild, Urls, fill_value
from pytest_sysint.declaration.provisioning import EXISTING, ProvisionSettings, read_provision
from pytest_sysint.declaration.references import Late, Referenced, Unset
from pytest_sysint.declaration.resolving import Notes, markers, resolve, schemes_below
from pytest_sysint.declaration.shapes import fields_by_key, secret_fields
from pytest_sysint.declaration.words import suggest
from pytest_sysint.declaration.yaml_nodes import Node

P = TypeVar("P")

MAX_INSTANCES = 50_000
_SAME_FOR_ALL = frozenset({"env", "file", "integration"})


def read_instances(block: Block) -> None:
    """Add the integration to the block once per tenant that takes part; problems go to the report."""
    if block.cls is None:
        return
    block.frame.instances += len(block.tenants)
    if block.frame.instances > MAX_INSTANCES:
        block.problem((), f"more than {MAX_INSTANCES:,} integrations, counted once per tenant")
        return
    for tenant in block.tenants:
        instance = _Reader(block, block.cls, tenant).read()
        if instance is not None:
            block.instances.append(instance)


@dataclass(frozen=True, slots=True)
class _Provisioning:
    raw: Any
    settings: ProvisionSettings


@dataclass(frozen=True, slots=True)
class _Settings:
    raw: Mapping[str, Any]
    instance: Settings | None


@dataclass(slots=True)
class _Reader:
    """Reads one integration for one tenant."""

    block: Block
    cls: IntegrationClass
    tenant: str

    def read(self) -> DeclaredIntegration | None:
        block, common, frame = self.block, self.block.common, self.block.frame
        provisioning = self._once("provision", self._provisioning, [block.child("provision")])
        settings = self._once("settings", lambda: self._settings(provisioning), self._setting_nodes().values())
        read = {word: self._once(word, partial(self._kind, word), [block.child(word)]) for word in self._kinds()}
        if settings.instance is None:
            return None
        return DeclaredIntegration(
            id=block.id,
            tenant=self.tenant,
            type=block.type,
            cls=self.cls,
            category=common.category or self.cls.category,
            name=common.name or block.id,
            description=common.description,
            severity=common.severity or frame.defaults.severity,
            owner=common.owner,
            tags=common.tags,
            depends_on=block.depends_on,
            timeout=common.timeout or frame.defaults.timeout,
            retry=common.retry or frame.defaults.retry,
            budget=common.budget,
            settings=settings.instance,
            provision=provisioning.settings,
            kinds={word: value for word, value in read.items() if value is not None},
            references=frozenset(block.late),
            position=block.position,
            folder=block.source.path.parent,
            rebuild=self._rebuild(settings, provisioning),
        )

    def _once(self, part: str, build: Callable[[], P], nodes: Iterable[Node | None]) -> P:
        """A part as it is for this tenant; where nothing in it can differ between tenants, it is read only once."""
        known = self.block.shared_parts
        if part in known:
            found: P = known[part]
            return found
        built = build()
        if all(schemes_below(node) <= _SAME_FOR_ALL for node in nodes):
            known[part] = built
        return built

    def _resolve(self, node: Node, source: Source, at: Path) -> Any:
        """The plain value of a node that stands at a path from the root of a file; what is amiss is noted."""
        notes = Notes()
        value = resolve(node, self.block.frame.scope(source, self.tenant), notes, at)
        self._note(notes, source)
        return value

    def _note(self, notes: Notes, source: Source) -> None:
        for trouble in notes.troubles:
            if trouble.soft:
                self.block.lacking[trouble.path, trouble.message] = source
            else:
                self.block.frame.problem(source, trouble.path, trouble.message)
        for name, path in notes.late.items():
            self.block.late.setdefault(name, path)

    def _provisioning(self) -> _Provisioning:
        way = self.block.frame.environment.provision
        node = self.block.child("provision")
        if node is None:
            return _Provisioning(None, ProvisionSettings().under(way))
        raw = self._resolve(node, self.block.source, (*self.block.path, "provision"))
        try:
            return _Provisioning(raw, _provision_settings(raw, way, self.block.source.path.parent))
        except Mistakes as error:
            self.block.frame.mistakes(self.block.source, (*self.block.path, "provision"), error.mistakes)
        return _Provisioning(None, ProvisionSettings().under(way))

    def _setting_nodes(self) -> dict[str, Node]:
        keys = fields_by_key(self.cls.settings_model)
        nodes = {key: child for key, child in self.block.node.value.items() if key in keys}
        override = self.block.frame.urls.get(self.block.id)
        return nodes if override is None else {**nodes, "url": override}

    def _settings(self, provisioning: _Provisioning) -> _Settings:
        block, raw = self.block, {}
        for key, node in self._setting_nodes().items():
            source, path = self._place(key)
            if key == "url" and provisioning.settings.way != EXISTING:
                raw[key] = self._url(node, source, path)
            else:
                raw[key] = self._resolve(node, source, path)
        # A url that waits for another's is left to `resolve`: until then the type must not look into it.
        waits = isinstance(raw.get("url"), Late)
        instance, mistakes = read_what_holds(self.cls.settings_model, {**raw, "url": ""} if waits else raw)
        for mistake in mistakes:
            source, path = self._place(str(mistake.path[0])) if mistake.path else (block.source, block.path)
            block.frame.problem(source, (*path, *mistake.path[1:]), mistake.message)
        if instance is None:
            return _Settings(raw, self.cls.settings_model.model_construct() if block.lacking else None)
        _learn(instance, raw, (), lambda path: self._notice_written(block.source, (*block.path, *path)))
        if waits:
            return _Settings(raw, instance.model_copy(update={"url": str(raw["url"])}))
        self._check_url(instance.url, raw.get("url"))
        return _Settings(raw, instance)

    def _place(self, key: str) -> tuple[Source, Path]:
        """Where a key of the settings stands: the url may stand with the environment."""
        frame = self.block.frame
        if key == "url" and self.block.id in frame.urls:
            return frame.root, ("environments", frame.environment.name, "urls", self.block.id)
        return self.block.source, (*self.block.path, key)

    def _url(self, node: Node, source: Source, path: Path) -> Any:
        """The url; empty when a reference in it leads nowhere, because then the integration may be provisioned."""
        notes = Notes()
        value = resolve(node, self.block.frame.scope(source, self.tenant), notes, path)
        if notes.troubles and all(trouble.soft for trouble in notes.troubles):
            return ""
        self._note(notes, source)
        return value

    def _check_url(self, url: str, raw: Any) -> None:
        learn_url(url)
        source, path = self._place("url")
        schemes = self.cls.settings_model.schemes
        scheme, separator, _ = url.partition("://")
        if not url or isinstance(raw, Unset):
            return
        if schemes and not separator and url.partition(":")[0] not in schemes:
            self.block.frame.problem(source, path, f"expected a url such as {schemes[0]}://..., and this has no scheme")
        elif schemes and separator and scheme not in schemes:
            shown = "the scheme of this url" if isinstance(raw, Referenced) else f"the scheme '{scheme}'"
            said = f"{shown} is not one of type '{self.block.type}'{suggest(scheme, schemes)}"
            self.block.frame.problem(source, path, said)
        if not isinstance(raw, Referenced) and _password_of(url):
            self._notice_written(source, path)

    def _notice_written(self, source: Source, path: Path) -> None:
        said = f"{self.block.id}: a secret is written in the file; refer to it: `${{env:NAME}}` or `${{file:/path}}`"
        self.block.frame.notice(source, path, said)

    def _kinds(self) -> list[str]:
        return [word for word in own_kinds() if self.block.child(word) is not None]

    def _kind(self, word: str) -> Any:
        """What a kind reads from its key; None when it cannot."""
        block, node = self.block, self.block.child(word)
        assert node is not None
        notes = Notes()
        path = (*block.path, word)
        raw = resolve(node, block.frame.scope(block.source, self.tenant), notes, path)
        for name, at in notes.late.items():
            said = f"`${{integration:{name}...}}` can stand in settings and `provision` only"
            block.frame.problem(block.source, at, said)
        self._note(replace(notes, late={}), block.source)
        try:
            value = kinds().get(word).read(raw, self.cls, block.source.path.parent)
        except ValidationError as error:
            mistakes = explain(list(error.errors(include_input=False, include_url=False)), raw)
        except Mistakes as error:
            mistakes = error.mistakes
        except SysintError as error:
            mistakes = (Mistake((), error.message),)
        else:
            self._check_declared(value, raw, path)
            return value
        block.frame.mistakes(block.source, path, tuple(masked(mistake, raw) for mistake in mistakes))
        return None

    def _check_declared(self, value: Any, raw: Any, path: Path) -> None:
        """Hold the tenants and budgets that checks name to those that are declared."""
        frame = self.block.frame
        for index, check in enumerate(_checks_in(value)):
            at, written = ((*path, index), raw[index]) if isinstance(raw, list) else (path, raw)
            named = {"tenants": (check.tenants or (), frame.tenants), "budget": ((check.budget,), tuple(frame.budgets))}
            for key, (names, known) in named.items():
                hidden = isinstance(written, dict) and any(True for _ in markers(written.get(key)))
                for name in names:
                    if name and name not in known:
                        said = choose(Referenced(name) if hidden else name, known)
                        frame.problem(self.block.source, (*at, key), said)

    def _rebuild(self, settings: _Settings, provisioning: _Provisioning) -> Rebuild | None:
        if not any(isinstance(text, Late) for text in markers([settings.raw, provisioning.raw])):
            return None
        # Nothing of the file is held on to: the tree of a large declaration is given back after loading.
        way, folder = self.block.frame.environment.provision, self.block.source.path.parent
        return partial(_fill, self.cls.settings_model, settings.raw, provisioning, way, folder)


def _fill(
    model: type[Settings],
    raw: Mapping[str, Any],
    provisioning: _Provisioning,
    way: str,
    folder: FilePath,
    urls: Urls,
) -> tuple[Settings, ProvisionSettings]:
    """Settings and provisioning with the urls of other integrations put in."""
    settings = read_model(model, fill_value(dict(raw), urls))
    learn_url(settings.url)
    _learn(settings, None, (), lambda _: None)
    if provisioning.raw is None:
        return settings, provisioning.settings
    return settings, _provision_settings(fill_value(provisioning.raw, urls), way, folder)


def _provision_settings(raw: Any, way: str, folder: FilePath) -> ProvisionSettings:
    settings = read_provision(raw).under(way)
    return replace(settings, seed=_seed(settings.seed, folder))


def _learn(value: Any, raw: Any, path: Path, written: Callable[[Path], None]) -> None:
    """Teach the redactor every secret of the settings, and tell which of them stand in the file itself."""
    if isinstance(value, SecretStr):
        if reveal(value) and isinstance(raw, str) and not isinstance(raw, Referenced):
            written(path)
    elif isinstance(value, BaseModel):
        for key, name in secret_fields(type(value)):
            _learn(getattr(value, name), raw.get(key) if isinstance(raw, dict) else None, (*path, key), written)
    elif isinstance(value, dict):
        for key, child in value.items():
            _learn(child, raw.get(key) if isinstance(raw, dict) else None, (*path, key), written)


def _checks_in(value: Any) -> Iterator[DeclaredCheck]:
    """The declared checks in what a kind has read: a sequence of them, or an object that has one under `declared`."""
    found = value if isinstance(value, (list, tuple)) else getattr(value, "declared", ())
    return (item for item in found if isinstance(item, DeclaredCheck))


def masked(mistake: Mistake, raw: Any) -> Mistake:
    """The same without what must not be shown of the value that it is about."""
    value = raw
    for step in mistake.path:
        inner = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, list) and isinstance(step, int) and step < len(value):
            inner = value[step]
        if inner is None:
            break
        value = inner
    return Mistake(mistake.path, mask(mistake.message, value, mistake.path))


def _password_of(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def _seed(seed: str, folder: FilePath) -> str:
    """The seed beside the declaration, else as it is written (a path from where the run starts)."""
    beside = folder / seed
    return str(beside.resolve()) if seed and beside.exists() else seed
