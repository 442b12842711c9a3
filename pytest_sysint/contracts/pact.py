"""Consumer contracts: Pact documents of the versions 2 to 4, verified against the provider, a check an interaction.

contract:
  pact: pacts/                                        # a file, a list of files, a folder, or a url
  provider_states: {request: "POST /_pact/states"}
  messages_from: {request: "POST /_pact/messages"}
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pytest_sysint.checks._operation import holds
from pytest_sysint.contracts._check import contract_check, slugs_of
from pytest_sysint.contracts._form import Type
from pytest_sysint.contracts._pact.documents import Interaction
from pytest_sysint.contracts._pact.hooks import MessagesFrom, ProviderStates
from pytest_sysint.contracts._pact.source import Remote, read_places
from pytest_sysint.contracts._pact.verification import Hooks, Verification
from pytest_sysint.core.capabilities import Requestable
from pytest_sysint.core.check import Check, Context, Outcome
from pytest_sysint.core.errors import CallError, Mistake, Mistakes, Rejected
from pytest_sysint.declaration.checks import operations_of, read_check
from pytest_sysint.declaration.explain import Gathered, came, read_model
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.shapes import model_schema

_LIBRARY = "pact"
_STATES, _MESSAGES, _PROVIDER = "provider_states", "messages_from", "provider"
_OF_MANY = 60
"""How many conversations a pact of unknown size is given time for."""


@dataclass(frozen=True, slots=True)
class Pacts:
    """The validated value of `pact:` and of the keys beside it."""

    interactions: tuple[Interaction, ...]
    remote: tuple[Remote, ...]
    hooks: Hooks
    provider: str


class PactForm:
    """The key `pact`."""

    options: ClassVar[dict[str, Any]] = {
        _STATES: {
            **model_schema(ProviderStates),
            "description": "How the provider gets into the state that an interaction of `pact` needs.",
        },
        _MESSAGES: {
            **model_schema(MessagesFrom),
            "description": "Where the provider gives the messages that `pact` describes.",
        },
        _PROVIDER: {"type": "string", "description": "The provider whose pacts these are, where there are several."},
    }

    def suits(self, cls: Type) -> bool:
        """HTTP APIs: messages too are asked for by HTTP."""
        return issubclass(cls, Requestable)

    def needs(self) -> str:
        """What a type must be able to do."""
        return "an HTTP API"

    def read(self, raw: Any, cls: Type, folder: Path, whole: dict[str, Any]) -> Pacts:
        """Read where the pacts are, the pacts themselves where they are files, and the hooks.

        Raises:
            Mistakes: everything that is wrong with them.

        """
        places = [raw] if isinstance(raw, str) else raw
        if not isinstance(places, list) or not places or not all(isinstance(each, str) and each for each in places):
            raise Mistakes(Mistake((), f"expected a file, a folder, a url, or a list of these; got {came(raw)}"))
        if importlib.util.find_spec(_LIBRARY) is None:
            said = f"'pact' needs the Python module '{_LIBRARY}', which is not installed"
            raise Mistakes(Mistake((), f"{said}: pip install 'pytest-sysint[pact]'"))
        mistakes = Gathered()
        states = mistakes.attempt(_read_states, whole.get(_STATES), cls) if _STATES in whole else None
        messages = mistakes.attempt(_read_messages, whole.get(_MESSAGES), cls) if _MESSAGES in whole else None
        found = mistakes.attempt(read_places, places, folder, str(whole.get(_PROVIDER) or ""))
        if found is not None and messages is None and _MESSAGES not in whole:
            mistakes.keep(*_lacking_messages(found[0]))
        if mistakes.failed or found is None:
            raise Mistakes(*mistakes.found)
        return Pacts(*found, Hooks(states, messages, folder), str(whole.get(_PROVIDER) or ""))

    def schema(self, cls: Type) -> dict[str, Any]:
        """The JSON Schema of the key."""
        place = {"type": "string", "minLength": 1}
        return {
            "description": "Pact documents (version 2 to 4) of the consumers: a file, a list, a folder, or a url.",
            "anyOf": [place, {"type": "array", "minItems": 1, "items": place}],
        }

    def checks(self, value: Pacts, declared: DeclaredIntegration) -> Iterator[Check]:
        """A check for each interaction; one for a whole pact that is fetched from a url."""
        names = [each.name for each in value.interactions] + [each.shown for each in value.remote]
        slugs = iter(slugs_of(f"pact {name}" for name in names))
        for each in value.interactions:
            verification = Verification(each, value.hooks, declared.tenant)
            yield contract_check(
                declared,
                each.name,
                verification,
                f"{each.title}, as {each.consumer} expects it",
                slug=next(slugs),
                effect=_effect(each, value.hooks),
                conversations=max(3, verification.conversations + 1),
            )
        for remote in value.remote:
            yield contract_check(
                declared,
                f"pact {remote.shown}",
                Whole(remote, value.hooks, value.provider, declared.tenant),
                f"every interaction of {remote.shown}",
                slug=next(slugs),
                effect="write",
                conversations=_OF_MANY,
            )


def _effect(each: Interaction, hooks: Hooks) -> str:
    """Setting up a state writes; and so does whoever asks for a message to be made."""
    sets = bool(each.states) and hooks.states is not None
    return "read" if each.reads and not sets else "write"


def _read_states(raw: Any, cls: Type) -> ProviderStates:
    try:
        found = read_model(ProviderStates, raw)
        _check_request(found.request, cls)
    except Mistakes as error:
        raise _beside(error, _STATES) from None
    return found


def _read_messages(raw: Any, cls: Type) -> MessagesFrom:
    try:
        found = read_model(MessagesFrom, raw)
        _check_request(found.request, cls)
    except Mistakes as error:
        raise _beside(error, _MESSAGES) from None
    return found


def _beside(error: Mistakes, key: str) -> Mistakes:
    """The mistakes of a key that stands beside `pact`: their path cannot lead there, so their text does."""
    said = (f"`{'.'.join([key, *map(str, each.path)])}`: {each.message}" for each in error.mistakes)
    return Mistakes(*(Mistake((), text) for text in said))


def _check_request(request: str, cls: Type) -> None:
    if request and "request" in operations_of(cls):
        read_check({"request": request}, cls)
        if len(request.split(maxsplit=1)) != 2:
            raise Mistakes(Mistake(("request",), "expected a method and a path, such as POST /_pact/states"))


def _lacking_messages(interactions: tuple[Interaction, ...]) -> list[Mistake]:
    messages = [each.description for each in interactions if each.is_message]
    if not messages:
        return []
    said = f"'{messages[0]}' is a message; say where the provider gives it"
    return [Mistake((), f"{said}: `messages_from: {{request: POST /_pact/messages}}` beside `pact`")]


@dataclass(frozen=True, slots=True)
class Whole:
    """Verifies every interaction of a pact at a url."""

    remote: Remote
    hooks: Hooks
    provider: str
    tenant: str

    def __call__(self, context: Context) -> Outcome:
        """Raises CallError when the pact cannot be fetched, or the provider not be talked to."""
        interactions = [each for each in self.remote.read(context) if self.provider in ("", each.provider)]
        if not interactions:
            raise Rejected(f"the pact {self.remote.shown} is not of the provider '{self.provider}'")
        if self.hooks.messages is None and (lacking := _lacking_messages(tuple(interactions))):
            raise Rejected(lacking[0].message)
        outcomes: list[Outcome] = []
        for number, each in enumerate(interactions, 1):
            context.progress(f"interaction {number} of {len(interactions)}: {each.name}")
            try:
                outcome = Verification(each, self.hooks, self.tenant)(context)
            except CallError as error:
                error.message = f"{each.name}: {error.message}"
                raise
            outcomes.append(_named(outcome, each))
        return _together(outcomes)


def _named(outcome: Outcome, each: Interaction) -> Outcome:
    told = tuple(
        one.model_copy(update={"name": f"{one.name} ({each.name})", "message": f"{each.name}: {one.message}"})
        for one in outcome.assertions
    )
    return replace(outcome, assertions=told)


def _together(outcomes: list[Outcome]) -> Outcome:
    phases: Mapping[str, float] = {"total": sum(each.phases.get("total", 0.0) for each in outcomes)}
    bad = next((each for each in outcomes if not holds(each.assertions)), Outcome(()))
    return Outcome(
        tuple(one for each in outcomes for one in each.assertions),
        phases,
        metrics={"interactions": len(outcomes)},
        reproduce=bad.reproduce,
        cause=bad.cause,
    )


FORM = PactForm()
