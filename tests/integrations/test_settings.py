"""Settings of the types with urls of their own: a url that cannot be read keeps its password to itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pytest_sysint.core.errors import CallError
from pytest_sysint.core.registry import types
from pytest_sysint.integrations._net import host_port

TYPES = {"kafka": "kafka", "rabbitmq": "amqp", "redis": "redis", "smtp": "smtp"}
WRONG = ["user:hidden/word@host", "user:hidden\N{ADDRESSED TO THE SUBJECT}word@host:x", "[hidden"]


@pytest.mark.parametrize("rest", WRONG)
@pytest.mark.parametrize(("name", "scheme"), TYPES.items())
def test_a_url_that_cannot_be_read_is_not_repeated(name: str, scheme: str, rest: str) -> None:
    cls: Any = types().get(name)
    url = f"{scheme}://{rest}"
    with pytest.raises(ValidationError) as refused:
        cls.settings_model(url=url)
    assert "hidden" not in str(refused.value.errors(include_input=False))
    live = cls(cls.settings_model.model_construct(**{**dict(cls.settings_model()), "url": url}))
    with pytest.raises(CallError) as error:
        list(live.rungs())
    assert (error.value.rung, "hidden" in str(error.value)) == ("dns", False)
    assert f"the url that begins with '{scheme}://' cannot be used" in str(error.value)


@pytest.mark.parametrize("url", ["user:hidden/word@host", "hidden:word", "x://user:hidden/word@host"])
def test_a_url_without_a_scheme_is_not_repeated_either(url: str) -> None:
    with pytest.raises(CallError, match="cannot be read") as error:
        host_port(url, 80)
    assert "hidden" not in str(error.value)
