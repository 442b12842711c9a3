"""The declaration of the estate: it loads everywhere, shows enough, and its demo tokens open the local estate only."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from fixtures.estate import config, tokens
from pytest_sysint.core.registry import kinds
from pytest_sysint.declaration import load

SUITE = Path(__file__).parents[2] / "suites/writecarenotes/sysint.yaml"
DEMO_SECRET = "local-demo-only"


@pytest.fixture(scope="module")
def local():
    (declaration,) = load([SUITE], environment="local", env={})
    return declaration


@pytest.mark.parametrize("name", ["local", "staging", "production"])
def test_it_loads_in_every_environment(name):
    text = SUITE.read_text()
    env = dict.fromkeys(re.findall(r"\$\{env:(\w+_URL)", text), "")
    (declaration,) = load([SUITE], environment=name, env=env)
    assert declaration.tenants == ("oakwood", "elmhurst")
    assert len({item.id for item in declaration.integrations}) >= 11


def test_it_shows_enough(local):
    shown = {}
    for item in local.integrations:
        for name in kinds().names():
            for check in kinds().get(name).checks(item):
                shown.setdefault(item.id, []).append(check)
    without_rabbitmq = {name: checks for name, checks in shown.items() if name != "care-tasks"}
    assert len(without_rabbitmq) >= 10
    assert sum(map(len, without_rabbitmq.values())) >= 60
    assert {check.tenant for checks in shown.values() for check in checks} == {"oakwood", "elmhurst", "shared"}
    assert all(item.owner and item.description for item in local.integrations)


def test_the_demo_tokens_are_of_their_home_and_of_the_demo_secret(local):
    care = {item.tenant: item for item in local.integrations if item.id == "care-api"}
    for tenant, item in care.items():
        token = tokens.verify(item.settings.auth.bearer.get_secret_value(), DEMO_SECRET)
        assert (token.tenant, token.role) == (tenant, "manager")


def test_the_services_are_given_what_they_read(local):
    read = set(re.findall(r'"([A-Z_]+)"', inspect.getsource(config)))
    given = {name for item in local.integrations for name in item.provision.declared.get("environment", {})}
    assert given == read


def test_the_walkthrough_quotes_it_as_it_is():
    page = (SUITE.parents[2] / "docs/walkthrough.md").read_text()
    quotes = re.findall(r"```yaml fragment\n(.*?)```", page, re.DOTALL)
    assert len(quotes) >= 5
    (by_hand,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert by_hand in (SUITE.parent / "test_tenants.py").read_text()
    flat = "\n".join(line.strip() for line in SUITE.read_text().splitlines())
    for quote in quotes:
        assert "\n".join(line.strip() for line in quote.strip().splitlines()) in flat
