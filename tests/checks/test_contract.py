"""The kind `contract`: what its map takes, and what it says of what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sysint.checks.contract import KIND
from pytest_sysint.core.errors import Mistakes
from pytest_sysint.core.registry import types


@pytest.mark.parametrize("raw", [{}, [], "tables", None, 3])
def test_it_must_be_a_map_with_something_in_it(raw: object) -> None:
    with pytest.raises(Mistakes, match="expected a map of contracts"):
        KIND.read(raw, types().get("rest"), Path())


def test_an_unknown_form_is_said() -> None:
    with pytest.raises(Mistakes, match="openapii"):
        KIND.read({"openapii": "x.yaml"}, types().get("rest"), Path())


def test_without_the_key_there_is_no_check(bench) -> None:
    assert not bench.checks(bench.declare("local", {"url": "."}), "contract")
