"""What a RabbitMQ broker holds: queues, exchanges and bindings. AMQP alone tells little more than that they are there.

Items are looked at by their names, so that a contract works without the management API as far as AMQP goes.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from pydantic import Field

from pytest_sysint.core.description import NOT_KNOWN, DurationLeaf, Leaf, Section, SizeLeaf, Spelled
from pytest_sysint.core.errors import Denied, Rejected
from pytest_sysint.core.model import Declared
from pytest_sysint.integrations._rabbitmq import by_hand

_ONLY_MANAGEMENT = (
    "AMQP does not tell it; enable the plugin `rabbitmq_management` and declare `management_url: http://host:15672`"
)
_IN_EFFECT = "effective_policy_definition"
_NOT_YET = "the broker has not told yet which policy is in effect for it: ask again in some seconds"
_ARROW = " -> "
_CLASSIC = "classic"
_DIRECT = ""
"""The default exchange: it sends to every queue by its name."""

Item = dict[str, Any]
Policies = Mapping[str, Mapping[str, Any]]
"""The definitions of the vhost's policies by their names."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else sorted(value) if isinstance(value, list) else value


KeysLeaf = Annotated[Any, Spelled(_listed)]


class Queue(Declared):
    """What can be promised of a queue."""

    shorthand: ClassVar[str] = "type"

    type: Leaf = Field(None, description="classic, quorum, stream.")
    durable: Leaf = Field(None, description="Whether it is there after the broker was started again.")
    auto_delete: Leaf = Field(None, description="Whether it goes with its last consumer.")
    exclusive: Leaf = Field(None, description="Whether it belongs to one connection.")
    dead_letter_exchange: Leaf = Field(None, description="Where what is refused or expires goes; null when nowhere.")
    dead_letter_key: Leaf = Field(None, description="The routing key that it gets there; null for its own.")
    message_ttl: DurationLeaf = Field(None, description="How long a message waits at most; null when for ever.")
    expires: DurationLeaf = Field(None, description="After what time without use the queue goes; null when never.")
    max_length: Leaf = Field(None, description="How many messages it takes; null when any number.")
    max_size: SizeLeaf = Field(None, description="How much it takes; null when any amount.")
    overflow: Leaf = Field(None, description="What happens then: drop-head, reject-publish, reject-publish-dlx.")
    delivery_limit: Leaf = Field(None, description="How often a quorum queue delivers a message.")
    single_active_consumer: Leaf = Field(None, description="Whether one consumer at a time gets messages.")
    policy: Leaf = Field(None, description="The name of the policy in effect; null without one.")
    arguments: dict[str, Leaf] | None = Field(None, description="What it was declared with, by AMQP's names.")
    consumers: Leaf = Field(None, description="How many read from it now.")
    messages: Leaf = Field(None, description="How many messages wait to be delivered now.")


class Exchange(Declared):
    """What can be promised of an exchange."""

    shorthand: ClassVar[str] = "type"

    type: Leaf = Field(None, description="direct, fanout, topic, headers, or what a plugin brings.")
    durable: Leaf = Field(None, description="Whether it is there after the broker was started again.")
    auto_delete: Leaf = Field(None, description="Whether it goes with its last binding.")
    internal: Leaf = Field(None, description="Whether only other exchanges may send to it.")
    alternate_exchange: Leaf = Field(None, description="Where goes what no binding takes; null when nowhere.")
    policy: Leaf = Field(None, description="The name of the policy in effect; null without one.")
    arguments: dict[str, Leaf] | None = Field(None, description="What it was declared with, by AMQP's names.")


class Binding(Declared):
    """What can be promised of the bindings from an exchange to a queue or another exchange."""

    shorthand: ClassVar[str] = "keys"

    keys: KeysLeaf = Field(None, description="The routing keys, sorted.")
    to: Leaf = Field(None, description="queue, or exchange.")
    arguments: Leaf = Field(None, description="The arguments of each binding that has any, in the order of the keys.")


# Where a property comes from: the argument of the declaration, or else the policy in effect.
_SETTINGS: Mapping[str, tuple[str, float]] = {
    "dead_letter_exchange": ("dead-letter-exchange", 0),
    "dead_letter_key": ("dead-letter-routing-key", 0),
    "message_ttl": ("message-ttl", 1000),
    "expires": ("expires", 1000),
    "max_length": ("max-length", 0),
    "max_size": ("max-length-bytes", 0),
    "overflow": ("overflow", 0),
    "delivery_limit": ("delivery-limit", 0),
}
_FLAGS = ("durable", "auto_delete", "exclusive")


def queue_of(told: Mapping[str, Any], policies: Policies) -> Item:
    """A queue as the management API tells it."""
    arguments = dict(told.get("arguments") or {})
    item = {
        "type": told.get("type") or arguments.get("x-queue-type", _CLASSIC),
        **{name: bool(told.get(name)) for name in _FLAGS},
        "single_active_consumer": bool(arguments.get("x-single-active-consumer")),
        "arguments": arguments,
    }
    if policies and _IN_EFFECT not in told:
        # It stands among the statistics, which a queue does not have in its first seconds.
        return {**item, NOT_KNOWN: dict.fromkeys((*_SETTINGS, "policy"), _NOT_YET)}
    policy = dict(told.get(_IN_EFFECT) or {})
    settings = {name: _setting(arguments, policy, *source) for name, source in _SETTINGS.items()}
    return {**item, **settings, "policy": told.get("policy") or None}


def _setting(arguments: Mapping[str, Any], policy: Mapping[str, Any], name: str, per_unit: float) -> Any:
    """Of both, the one in effect: of two numbers the broker takes the smaller, else the argument."""
    found = [value for value in (arguments.get(f"x-{name}"), policy.get(name)) if value is not None]
    if not found:
        return None
    value = min(found) if all(isinstance(each, (int, float)) for each in found) else found[0]
    return value / per_unit if per_unit else value


def exchange_of(told: Mapping[str, Any], policies: Policies) -> Item:
    """An exchange as the management API tells it. Of its policy it tells the name alone."""
    arguments, policy = dict(told.get("arguments") or {}), told.get("policy") or None
    flags = {name: bool(told.get(name)) for name in ("durable", "auto_delete", "internal")}
    item = {"type": told["type"], **flags, "policy": policy, "arguments": arguments}
    alternate = arguments.get("alternate-exchange")
    if alternate is None and policy is not None:
        alternate = policies.get(policy, {}).get("alternate-exchange")
    return {**item, "alternate_exchange": alternate}


def bindings_of(told: list[Mapping[str, Any]]) -> dict[str, Item]:
    """Bindings as the management API tells them, by where they lead from and to."""
    found: dict[str, Item] = {}
    for each in sorted(told, key=lambda each: (each["source"], each["destination"], each["routing_key"])):
        if each["source"] != _DIRECT:
            name = f"{each['source']}{_ARROW}{each['destination']}"
            item = found.setdefault(name, {"keys": [], "to": each["destination_type"], "arguments": []})
            item["keys"].append(each["routing_key"])
            item["arguments"] += [each["arguments"]] if each.get("arguments") else []
    return found


def look_at_queue(integration: Any, name: str, timeout: float) -> Item | None:
    """A queue by its name."""
    if not integration.settings.management_url:
        return _passively(partial(_counts, integration, name, timeout), set(Queue.model_fields))
    found = _one(queue_of, integration, f"queues/{{vhost}}/{quote(name, safe='')}", timeout)
    return None if found is None else {**found, **_counted(found, integration, name, timeout)}


def look_at_exchange(integration: Any, name: str, timeout: float) -> Item | None:
    """An exchange by its name."""
    if not integration.settings.management_url:
        there = partial(integration.exchange_is_there, name, timeout)
        return _passively(lambda: there() or {}, set(Exchange.model_fields))
    return _one(exchange_of, integration, f"exchanges/{{vhost}}/{quote(name, safe='')}", timeout)


def look_at_binding(integration: Any, name: str, timeout: float) -> Item | None:
    """What leads from an exchange to a queue or exchange: `care.events -> letters`."""
    if not integration.settings.management_url:
        return {NOT_KNOWN: {"*": _ONLY_MANAGEMENT}}
    return _bindings(integration, timeout).get(_ARROW.join(part.strip() for part in name.split("->")))


def _counted(found: Item, integration: Any, name: str, timeout: float) -> Item:
    """The counts of now, by AMQP: those of the management API are some seconds old, or not there yet."""
    try:
        return _counts(integration, name, timeout)
    except (Rejected, Denied) as error:
        return {NOT_KNOWN: {**found.get(NOT_KNOWN, {}), **dict.fromkeys(("consumers", "messages"), error.message)}}


def _counts(integration: Any, name: str, timeout: float) -> Item:
    facts = integration.queue(name, timeout).facts
    return {"messages": facts["messages"], "consumers": facts["consumers"]}


def _passively(ask: Callable[[], Item], properties: set[str]) -> Item | None:
    """What AMQP tells of a thing that is there; nothing when the broker says that it is not."""
    try:
        told = ask()
    except Rejected as error:
        if error.code != "404":
            raise
        return None
    return {**told, NOT_KNOWN: dict.fromkeys(sorted(properties - set(told)), _ONLY_MANAGEMENT)}


def _one(read: Callable[..., Item], integration: Any, path: str, timeout: float) -> Item | None:
    try:
        told = integration.managed(path, timeout)
    except Rejected as error:
        if error.code != "404":
            raise
        return None
    return read(told, _policies(integration, timeout))


def _policies(integration: Any, timeout: float) -> Policies:
    """Those of the vhost's users, and of the operator."""
    paths = ("operator-policies/{vhost}", "policies/{vhost}")
    told = [each for path in paths for each in integration.managed(path, timeout)]
    return {each["name"]: each["definition"] for each in told}


def _bindings(integration: Any, timeout: float) -> dict[str, Item]:
    return bindings_of(integration.managed("bindings/{vhost}", timeout))


def describe(integration: Any, section: str, timeout: float) -> dict[str, Item]:
    """Every item of a section.

    Raises:
        CallError: when the management API is not declared, does not answer or refuses: AMQP lists nothing.

    """
    if section == BINDINGS.name:
        return _bindings(integration, timeout)
    read, path = (queue_of, "queues") if section == QUEUES.name else (exchange_of, "exchanges")
    told = integration.managed(f"{path}/{{vhost}}", timeout)
    own = (each for each in told if not (each["name"] == _DIRECT or each["name"].startswith("amq.")))
    policies = _policies(integration, timeout)
    return {each["name"]: read(each, policies) for each in sorted(own, key=lambda each: str(each["name"]))}


def _queue_by_hand(integration: Any, name: str) -> str:
    words = f"list queues name type durable arguments policy | grep -F {shlex.quote(name)}"
    return by_hand.rabbitmqadmin(integration, words)


QUEUES = Section(
    "queues",
    Queue,
    "Queues, with what they are set to.",
    left_out=frozenset({NOT_KNOWN, "consumers", "messages"}),
    look=look_at_queue,
    by_hand=_queue_by_hand,
)
EXCHANGES = Section(
    "amqp_exchanges", Exchange, "The exchanges of the vhost.", left_out=frozenset({NOT_KNOWN}), look=look_at_exchange
)  # fmt: skip
BINDINGS = Section(
    "bindings",
    Binding,
    "What leads from an exchange to a queue or another exchange: `care.events -> letters`.",
    left_out=frozenset({NOT_KNOWN}),
    look=look_at_binding,
)
SECTIONS = (QUEUES, EXCHANGES, BINDINGS)
