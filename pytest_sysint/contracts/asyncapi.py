"""AsyncAPI documents (2.0 to 2.6, 3.0 and 3.1), used as they are: each channel's messages must be what it says.

asyncapi: contracts/care-events.asyncapi.yaml
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from pytest_sysint.contracts._asyncapi.document import Channel, channels_of
from pytest_sysint.contracts._asyncapi.fetching import fetched, is_url
from pytest_sysint.contracts._asyncapi.judging import Sort
from pytest_sysint.contracts._asyncapi.located import Documents
from pytest_sysint.contracts._asyncapi.places import Pattern, placed, suits
from pytest_sysint.contracts._asyncapi.run import ChannelRun, Remote, for_tenant
from pytest_sysint.contracts._check import contract_check, slugs_of
from pytest_sysint.contracts._messages.documents import read_document
from pytest_sysint.contracts._messages.registry import (
    RegistryKeys,
    reachable,
    read_registry,
    registry_schema,
    spelt_out,
    used_by,
)
from pytest_sysint.contracts._messages.sampling import HowMany, keys_of, sample_of, sampling_of
from pytest_sysint.core.capabilities import Samples
from pytest_sysint.core.check import Check, Context
from pytest_sysint.core.errors import Mistake, Mistakes, Rejected
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.secrets import learn_url, redact
from pytest_sysint.declaration.documents import find_document
from pytest_sysint.declaration.explain import Gathered, came, read_model
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.shapes import model_schema
from pytest_sysint.declaration.words import suggest

Type = type[Integration[Any]]


class ChannelKeys(HowMany):
    """What is said of one channel beside the document."""

    skip: bool = Field(False, description="Leave this channel out.")
    place: str = Field("", description="Look here instead: the topic, queue or exchange that the channel really is.")


class AsyncApiKeys(HowMany):
    """An AsyncAPI document, and how its channels are looked at."""

    document: str = Field(min_length=1, description="The document: a file, or a url.")
    server: str = Field("", description="The server of the document that this integration is; default: any that fits.")
    parameters: dict[str, str] = Field(
        default_factory=dict, description="Values for the parameters of addresses; those without one are a pattern."
    )
    channels: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Channels by their names: `skip`, `place`, and how they are looked at."
    )
    registry: RegistryKeys | Literal[False] | None = Field(
        None, description="The schema registry at which messages name their schemas."
    )


@dataclass(frozen=True, slots=True)
class Promises:
    """A document, read as far as it can be before the run."""

    keys: AsyncApiKeys
    cls: Type
    registry: RegistryKeys | None = field(default=None, repr=False)
    channels: tuple[ChannelRun, ...] | None = None
    """None when the document is fetched when the check runs."""


class AsyncApi:
    """The form `asyncapi`."""

    options: ClassVar[dict[str, Any]] = {"registry": registry_schema()}

    def suits(self, cls: Type) -> bool:
        return issubclass(cls, Samples)

    def needs(self) -> str:
        return "a message queue whose messages can be looked at"

    def read(self, raw: Any, cls: Type, folder: Path, whole: dict[str, Any]) -> Promises:
        raw = {"document": raw} if isinstance(raw, str) else raw
        if not isinstance(raw, Mapping):
            raise Mistakes(Mistake((), f"expected a document, or a map with one; got {came(raw)}"))
        keys = read_model(AsyncApiKeys, spelt_out(raw))
        registry = read_registry(whole) if keys.registry is None else keys.registry or None
        learn_url(keys.document)
        if is_url(keys.document):
            return Promises(keys, cls, registry)
        path = find_document(keys.document, folder)
        documents = Documents(path.name, read_document(path), path.parent)
        return Promises(keys, cls, registry, _runs(documents, keys, cls, registry))

    def schema(self, cls: Type) -> dict[str, Any]:
        own = model_schema(AsyncApiKeys)
        own["properties"]["channels"]["additionalProperties"] = model_schema(keys_of(ChannelKeys, cls))
        own["properties"]["registry"] = registry_schema()
        short = {"type": "string", "description": "The document: a file, or a url."}
        return {"description": "An AsyncAPI document whose channels are judged.", "anyOf": [short, own]}

    def checks(self, value: Promises, declared: DeclaredIntegration) -> Iterable[Check]:
        if value.channels is None:
            yield _remote(value, declared)
            return
        names = [f"asyncapi {channel.key}" for channel in value.channels]
        for channel, name, slug in zip(value.channels, names, slugs_of(names), strict=True):
            yield _check(for_tenant(channel, declared.tenant), value.registry, declared, name, slug)


def _runs(documents: Documents, keys: AsyncApiKeys, cls: Type, registry: RegistryKeys | None) -> tuple[ChannelRun, ...]:
    """The channels of a document that are for this integration.

    Raises:
        Mistakes: what is wrong with the document, or with what is said of it.

    """
    mistakes = Gathered()
    known = channels_of(documents)
    _check_names(known, keys, mistakes)
    suiting = [channel for channel in known if suits(channel, sampling_of(cls).protocols, keys.server)]
    if not suiting:
        protocols = ", ".join(sampling_of(cls).protocols)
        there = ", ".join(sorted({each for channel in known for each in channel.protocols})) or "none"
        on = f" on the server '{keys.server}'" if keys.server else ""
        said = f"'{documents.uri}' has no channel{on} for this integration ({protocols}); its servers speak {there}"
        mistakes.keep(Mistake((), said))
    found = [mistakes.attempt(_run, channel, keys, cls, registry) for channel in suiting]
    if mistakes.failed:
        raise Mistakes(*mistakes.found)
    return tuple(run for run in found if run is not None)


def _check_names(known: Sequence[Channel], keys: AsyncApiKeys, mistakes: Gathered) -> None:
    names = [channel.key for channel in known]
    for key in keys.channels:
        if key not in names:
            mistakes.keep(Mistake(("channels", key), f"the document has no such channel{suggest(key, names)}"))
    parameters = {name for channel in known for name in channel.parameters}
    parameters |= {name for channel in known for name in channel.in_address}
    for name in keys.parameters:
        if name not in parameters:
            mistakes.keep(Mistake(("parameters", name), f"no address has this parameter{suggest(name, parameters)}"))


def _run(channel: Channel, keys: AsyncApiKeys, cls: Type, registry: RegistryKeys | None) -> ChannelRun | None:
    """One channel, ready to be looked at; None when it is left out."""
    own, sampling = keys.channels.get(channel.key, {}), sampling_of(cls)
    place, how = placed(channel, sampling, keys.parameters)
    common: dict[str, Any] = {
        name: getattr(keys, name) for name in ("sample", "wait", "none") if name in keys.model_fields_set - own.keys()
    }
    try:
        chosen = read_model(keys_of(ChannelKeys, cls), {**({} if "place" in own else how), **own}).model_copy(
            update=common
        )
    except Mistakes as error:
        raise error.under("channels", channel.key) from None
    if chosen.skip:
        return None
    place = chosen.place or place
    if not place:
        said = f"the document does not tell its address; say `channels: {{{channel.key}: {{place: ...}}}}`"
        raise Mistakes(Mistake(("channels", channel.key), said))
    try:
        sorts = tuple(Sort.of(message, sampling.protocols) for message in channel.messages)
    except Mistakes as error:
        raise Mistakes(*(Mistake((), f"channel '{channel.key}': {each.message}") for each in error.mistakes)) from None
    return ChannelRun(channel.key, place, chosen, sorts, Pattern.of(place, channel), registry)


def _check(
    channel: ChannelRun, registry: RegistryKeys | None, declared: DeclaredIntegration, name: str, slug: str
) -> Check:
    operation = sample_of(channel.place, channel.keys)
    return contract_check(
        declared,
        name,
        reachable(channel, registry, declared),
        operation.title(),
        slug=slug,
        effect=operation.effect(),
        timeout=declared.timeout + (channel.keys.wait or 0.0),
        uses=used_by(registry, declared),
    )


def _remote(value: Promises, declared: DeclaredIntegration) -> Check:
    keys, where = value.keys, redact(value.keys.document)

    def channels(context: Context) -> Iterator[ChannelRun]:
        documents = fetched(keys.document, context)
        try:
            runs = _runs(documents, keys, value.cls, value.registry)
        except Mistakes as error:
            said = "; ".join(each.message for each in error.mistakes)
            raise Rejected(f"the document at {where} cannot be used: {said}") from None
        yield from (for_tenant(run, declared.tenant) for run in runs)

    effect = sampling_of(value.cls).model_validate({}).effect()
    return contract_check(
        declared,
        "asyncapi",
        reachable(Remote(where, lambda context: list(channels(context))), value.registry, declared),
        f"channels of {where}",
        effect=effect,
        timeout=declared.timeout + (keys.wait or 0.0),
        uses=used_by(value.registry, declared),
    )


FORM = AsyncApi()
