"""The way `existing`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.provision import Provided

Provide = Callable[..., Provided]


def test_a_url_comes_before_everything(provide: Provide) -> None:
    options = {"command": "{python} -m http.server {port}", "image": "redis"}
    assert provide(url="stand-in://there", options=options) == Provided("stand-in://there", "existing")


def test_named_alone_it_needs_the_url(provide: Provide) -> None:
    with pytest.raises(Unavailable, match=r"cannot be provided as 'existing' on this machine\n.*set its `url:`"):
        provide(way="existing")
