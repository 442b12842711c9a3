"""What the provider's team declares for the verification: how a state is set up, and where messages come from.

provider_states: {request: "POST /_pact/states"}      # or {command: ./states.sh}, or {python: "states:set_up"}
messages_from: {request: "POST /_pact/messages"}
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.errors import Rejected
from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Effect
from pytest_sysint.core.secrets import redact

_TAIL = 300


class ProviderStates(Declared):
    """How the provider gets into the state that an interaction needs: one of request, command and python."""

    request: str = Field(default="", description="A request that is sent {state, params, action} as JSON.")
    command: str = Field(default="", description="A program that reads the same from its input.")
    python: str = Field(default="", description="A function (state, params, action), as module:function.")
    teardown: bool = Field(default=False, description="Whether it is called with the action `teardown` afterwards.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(bool(each) for each in (self.request, self.command, self.python)) != 1:
            raise _refusal("give exactly one of request, command, python")
        if self.python and not all(part.strip() for part in self.python.partition(":")):
            raise _refusal("python names a function as module:function")
        return self


class MessagesFrom(Declared):
    """Where the provider gives the message that a description names."""

    request: str = Field(description="A request that is sent {description, providerStates} as JSON.")


def _refusal(text: str) -> PydanticCustomError:
    return PydanticCustomError("sysint", "{text}", {"text": text})


class Relayed(Operation):
    """A request that the verifier made, sent by the integration. Its payload is the bytes of the body."""

    relayed: str
    """The method."""
    path: str
    """Path and query."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Its headers."""
    body: bytes = b""
    """Its body."""
    as_it_is: bool = False
    """Whether it goes with its own credentials, or none, instead of the integration's."""

    def effect(self) -> Effect:
        return "read" if self.relayed in ("GET", "HEAD", "OPTIONS", "TRACE") else "write"

    def title(self) -> str:
        return f"{self.relayed} {self.path}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        auth = {"auth": "none"} if self.as_it_is else {}
        found: Observation = integration.request(
            self.relayed, self.path, timeout=timeout, headers=self.headers, body=self.body, raw=True, **auth
        )
        return found


Run = Callable[[Mapping[str, Any], float], Mapping[str, Any]]
"""(state, params, action; seconds) -> values for what the pact generates from the state."""


def by_command(command: str, folder: Path) -> Run:
    """A program that reads the state from its input, and may print a JSON map of values."""

    def run(state: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
        try:
            done = subprocess.run(
                shlex.split(command),
                input=json.dumps(state),
                capture_output=True,
                text=True,
                timeout=timeout,
                cwd=folder,
                check=False,
            )
        except (OSError, ValueError) as error:
            raise Rejected(f"the command of `provider_states` cannot be run: {error}") from None
        except subprocess.TimeoutExpired:
            raise Rejected(f"the command of `provider_states` did not end within {timeout:g}s") from None
        if done.returncode:
            said = redact((done.stderr or done.stdout).strip()[-_TAIL:])
            raise Rejected(f"the command of `provider_states` ended with code {done.returncode}: {said}")
        return _values(done.stdout)

    return run


def by_python(named: str, folder: Path) -> Run:
    """A function, looked for where Python looks, then beside the declaration."""
    module, _, name = (part.strip() for part in named.partition(":"))

    def run(state: Mapping[str, Any], _timeout: float) -> Mapping[str, Any]:
        function = _function(module, name, folder)
        try:
            found = function(state["state"], dict(state.get("params") or {}), state["action"])
        except Exception as error:  # noqa: BLE001 - whatever the hook raises is a state that was not set up
            raise Rejected(f"{named} raised {type(error).__name__}: {error}") from None
        return found if isinstance(found, Mapping) else {}

    return run


def _function(module: str, name: str, folder: Path) -> Callable[..., Any]:
    found = _module(module, folder)
    function: Callable[..., Any] | None = getattr(found, name, None)
    if not callable(function):
        raise Rejected(f"the module '{module}' has no function '{name}' for `provider_states`")
    return function


def _module(module: str, folder: Path) -> Any:
    beside = (folder / module.replace(".", "/")).with_suffix(".py")
    try:
        if beside.is_file() and importlib.util.find_spec(module.partition(".")[0]) is None:
            specification = importlib.util.spec_from_file_location(module, beside)
            assert specification is not None
            assert specification.loader is not None
            found = importlib.util.module_from_spec(specification)
            specification.loader.exec_module(found)
            return found
        return importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - the module is the user's own
        said = f"the module '{module}' of `provider_states` cannot be imported: {type(error).__name__}: {error}"
        raise Rejected(said) from None


def _values(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
