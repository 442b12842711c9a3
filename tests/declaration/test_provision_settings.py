"""The `provision:` block: a word or a map, with the keys of the ways."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_sysint.core.errors import Mistakes
from pytest_sysint.core.model import Declared
from pytest_sysint.core.registry import ways
from pytest_sysint.declaration import ProvisionSettings, read_provision
from pytest_sysint.declaration.references import Referenced


class AlphaKeys(Declared):
    image: str = ""
    both: int = 0


class BetaKeys(Declared):
    needed: str
    both: int = 0


class Way:
    def __init__(self, model: type[Declared]) -> None:
        self.settings_model = model


@pytest.fixture(autouse=True)
def two_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only these ways are there."""
    found = {"alpha": Way(AlphaKeys), "beta": Way(BetaKeys), "existing": Way(Declared)}
    monkeypatch.setitem(ways().__dict__, "_built_in", frozenset())
    monkeypatch.setitem(ways().__dict__, "_joined", found)
    monkeypatch.setattr(ways(), "_loaded", found)
    from pytest_sysint.declaration.provisioning import _keys_of_ways

    _keys_of_ways.cache_clear()
    monkeypatch.setattr("pytest_sysint.declaration.provisioning._keys_of_ways", _keys_of_ways.__wrapped__)


def mistakes(raw: Any) -> list[tuple[Any, str]]:
    with pytest.raises(Mistakes) as caught:
        read_provision(raw)
    return [(each.path, each.message) for each in caught.value.mistakes]


def test_a_word_is_a_way() -> None:
    assert read_provision("alpha") == ProvisionSettings("alpha")
    assert read_provision("auto") == ProvisionSettings()


def test_a_map_has_the_common_keys_and_those_of_the_ways() -> None:
    settings = read_provision({"seed": "a.sql", "timeout": "2m", "image": "x", "both": Referenced("3")})
    assert (settings.way, settings.seed, settings.timeout) == ("auto", "a.sql", 120.0)
    assert settings.of("alpha") == AlphaKeys(image="x", both=3)
    with pytest.raises(Mistakes, match="'needed' is missing"):
        settings.of("beta")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("alhpa", [((), "unknown word 'alhpa', did you mean 'alpha'? (allowed: alpha, auto, beta, existing)")]),
        (5, [((), "expected the word of a way or a map, got the number 5")]),
        ({"way": "alhpa", "seed": 5},
         [(("seed",), "expected a text, got the number 5")]),
        ({"way": "alhpa"},
         [(("way",), "unknown word 'alhpa', did you mean 'alpha'? (allowed: alpha, auto, beta, existing)")]),
        ({"imgae": "x"},
         [(("imgae",), "unknown key, did you mean 'image'? (allowed: both, image, needed, seed, timeout, way)")]),
        ({"way": "beta", "image": "x", "needed": "y"},
         [(("image",), "belongs to the way alpha, and the way here is beta")]),
        ({"way": "beta"}, []),
        ({"way": "beta", "both": 1}, [((), "'needed' is missing")]),
        ({"both": "x"}, [(("both",), "expected a whole number, got the text 'x'")]),
        ({"image": 5, "needed": 5},
         [(("image",), "expected a text, got the number 5"), (("needed",), "expected a text, got the number 5")]),
        ({"timeout": 5}, [(("timeout",), "'5' has no unit; write a duration such as 250ms, 5s, 2m, 1h30m, 14d")]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(raw: Any, expected: list[tuple[Any, str]]) -> None:
    if expected:
        assert mistakes(raw) == expected
    else:
        read_provision(raw)


@pytest.mark.parametrize(
    ("raw", "environment", "way"),
    [
        ("auto", "auto", "auto"),
        ("auto", "alpha", "alpha"),
        ("alpha", "beta", "alpha"),
        ("alpha", "existing", "existing"),
        ({"image": "x"}, "alpha", "alpha"),
        ({"image": "x"}, "beta", "auto"),
        ({"image": "x"}, "existing", "existing"),
    ],
)
def test_what_an_environment_changes(raw: Any, environment: str, way: str) -> None:
    assert read_provision(raw).under(environment).way == way


def test_secrets_are_not_in_its_text() -> None:
    assert "canary" not in repr(read_provision({"image": "canary"}))
