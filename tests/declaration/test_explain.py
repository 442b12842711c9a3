"""pydantic's errors in sentences of ours, none of which shows what must not be seen."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pytest_sysint.core.errors import Mistakes
from pytest_sysint.core.model import Declared, Secret
from pytest_sysint.core.units import Duration, Size
from pytest_sysint.declaration import read_model
from pytest_sysint.declaration.explain import explain, read_what_holds
from pytest_sysint.declaration.references import Late, Referenced, Unset, read_template
from pytest_sysint.declaration.sentences import BUILT_IN, EXPECTED


def _even(value: int) -> int:
    if value % 2:
        raise ValueError(f"{value} is not even")
    return value


def _custom(value: str) -> str:
    raise PydanticCustomError("sysint", "{text}", {"text": f"'{value}' is not ours"})


class Inner(Declared):
    a: int
    b: Literal["x", "yes"] = "x"


class Cat(Declared):
    sort: Literal["cat"]
    lives: int = 9


class Dog(Declared):
    sort: Literal["dog"]


def about(annotation: Any, value: Any, **constraints: Any) -> str:
    """The one sentence about a value of a field."""
    model = create_model("Model", __base__=Declared, field=(annotation, Field(**constraints)))
    with pytest.raises(Mistakes) as caught:
        read_model(model, {"field": value})
    return " | ".join(f"{'.'.join(map(str, each.path))}: {each.message}" for each in caught.value.mistakes)


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (str, 5, "field: expected a text, got the number 5"),
        (str, None, "field: expected a text, got nothing"),
        (int, "5", "field: expected a whole number, got the text '5'"),
        (int, 1.5, "field: expected a whole number, got the number 1.5"),
        (float, "x", "field: expected a number, got the text 'x'"),
        (bool, "yes", "field: expected true or false, got the text 'yes'"),
        (bool, 1, "field: expected true or false, got the number 1"),
        (int, True, "field: expected a whole number, got true"),
        (list[int], {}, "field: expected a list, got a map"),
        (tuple[str, ...], "a", "field: expected a list, got the text 'a'"),
        (frozenset[str], 5, "field: expected a list, got the number 5"),
        (dict[str, int], [], "field: expected a map, got a list"),
        (Inner, "a", "field: expected a map, got the text 'a'"),
        (Path, 5, "field: expected a text, got the number 5"),
        (UUID, "x", "field: expected a UUID, got the text 'x'"),
        (date, "tomorrow", "field: expected a date such as 2026-12-31, got the text 'tomorrow'"),
        (HttpUrl, "x", "field: expected a url, got the text 'x'"),
        (int | None, "x", "field: expected a whole number, got the text 'x'"),
        (str | int, 1.5, "field: expected a text or a whole number, got the number 1.5"),
        (str | list[str], {}, "field: expected a text or a list, got a map"),
        (str | list[str], [1], "field.0: expected a text, got the number 1"),
        (str | Inner, {"a": "x"}, "field.a: expected a whole number, got the text 'x'"),
        (str | Inner, {"a": 1, "c": 2}, "field.c: unknown key (allowed: a, b)"),
        (Inner, {"b": "z"}, "field: 'a' is missing | field.b: unknown word 'z' (allowed: x, yes)"),
        (Inner, {"a": 1, "b": "yse"}, "field.b: unknown word 'yse', did you mean 'yes'? (allowed: x, yes)"),
        (Inner, {"a": 1, "b": 3}, "field.b: expected one of x, yes, got the number 3"),
        (Literal[1, 2, True], 3, "field: expected one of 1, 2, true, got the number 3"),
        (dict[str, Inner], {"k": {"a": 1, "aa": 2}}, "field.k.aa: unknown key, did you mean 'a'? (allowed: a, b)"),
        (list[Inner], [{"a": 1}, {}], "field.1: 'a' is missing"),
        (Duration, 5, "field: '5' has no unit; write a duration such as 250ms, 5s, 2m, 1h30m, 14d"),
        (Size, "5s", "field: '5s' is a duration; expected a size such as 512B, 64KiB, 2MiB, 1GB"),
        (Annotated[int, AfterValidator(_even)], 3, "field: 3 is not even"),
        (Annotated[str, AfterValidator(_custom)], "abc", "field: 'abc' is not ours"),
        (str, "x" * 100, None),
        (int, "x" * 100, f"field: expected a whole number, got the text '{'x' * 40}...'"),
    ],
)  # fmt: skip
def test_each_sort_of_error_has_its_sentence(annotation: Any, value: Any, said: str | None) -> None:
    if said is None:
        read_model(create_model("Model", field=(annotation, ...)), {"field": value})
    else:
        assert about(annotation, value) == said


@pytest.mark.parametrize(
    ("annotation", "constraints", "value", "said"),
    [
        (int, {"gt": 0}, 0, "must be greater than 0"),
        (int, {"ge": 1}, 0, "must be 1 or more"),
        (float, {"lt": 0.5}, 1, "must be less than 0.5"),
        (int, {"le": 10}, 11, "must be 10 or less"),
        (int, {"multiple_of": 5}, 3, "must be a multiple of 5"),
        (float, {"allow_inf_nan": False}, float("inf"), "must be a finite number"),
        (list[int], {"min_length": 2}, [1], "needs at least 2 items, and has 1"),
        (list[int], {"max_length": 1}, [1, 2], "takes at most 1 item"),
        (str, {"min_length": 1}, "", "must not be empty"),
        (str, {"min_length": 3}, "a", "needs 3 characters"),
        (str, {"max_length": 2}, "abc", "takes at most 2 characters"),
        (str, {"pattern": "^a+$"}, "b", "must match the pattern ^a+$"),
    ],
)
def test_each_limit_has_its_sentence(annotation: Any, constraints: dict[str, Any], value: Any, said: str) -> None:
    assert about(annotation, value, **constraints) == f"field: {said}"


def test_a_choice_of_forms_says_which_there_are() -> None:
    tagged = Annotated[Cat | Dog, Field(discriminator="sort")]
    assert "cat, dog" in about(tagged, {"sort": "cow"})
    assert "'sort' must say which form this has" in about(tagged, {})


def test_a_missing_key_says_what_it_is_for() -> None:
    model = create_model("Model", __base__=Declared, bucket=(str, Field(description="Where objects are.\nMore.")))
    with pytest.raises(Mistakes, match=r"'bucket' is missing \(Where objects are\)"):
        read_model(model, {})


def test_keys_are_known_by_the_name_that_is_declared() -> None:
    model = create_model("Model", __base__=Declared, json_=(int, Field(alias="json")))
    with pytest.raises(Mistakes, match=r"jsno: unknown key, did you mean 'json'\? \(allowed: json\)"):
        read_model(model, {"jsno": 1})


def test_an_error_type_without_a_sentence_still_gets_a_plain_one() -> None:
    error = {"type": "callable_type", "loc": ("a",), "msg": "canary-text", "ctx": {}}
    assert explain([error], {"a": 5})[0].message == "the number 5 cannot be used here"


def test_every_expected_type_is_one_of_pydantic() -> None:
    assert set(EXPECTED) <= BUILT_IN


def test_lists_become_tuples_and_texts_paths_and_dates() -> None:
    model = create_model(
        "Model",
        __base__=Declared,
        words=(tuple[str, ...], ...),
        path=(Path, ...),
        day=(date, ...),
        few=(frozenset[str], ...),
    )
    read = read_model(model, {"words": ["a"], "path": "x/y", "day": "2026-12-31", "few": ["b"]})
    assert read.model_dump() == {"words": ("a",), "path": Path("x/y"), "day": date(2026, 12, 31), "few": frozenset("b")}


class Typed(Declared):
    text: str = ""
    number: int = 0
    ratio: float = 0.0
    switch: bool = False
    either: str | int = ""
    many: tuple[int, ...] = ()


def test_a_reference_becomes_a_number_only_where_a_text_does_not_fit() -> None:
    raw = {
        "text": Referenced("5"),
        "number": Referenced(" 5 "),
        "ratio": Referenced("5"),
        "switch": Referenced("true"),
        "either": Referenced("5"),
        "many": [1, Referenced("2")],
    }
    read = read_model(Typed, raw)
    assert read == Typed(text="5", number=5, ratio=5.0, switch=True, either="5", many=(1, 2))
    assert type(read.text) is str


@pytest.mark.parametrize(("field", "value"), [("number", "1.5"), ("number", "true"), ("switch", "1"), ("ratio", "no")])
def test_a_reference_of_another_type_is_refused_and_not_shown(field: str, value: str) -> None:
    with pytest.raises(Mistakes, match="got a text from a reference") as caught:
        read_model(Typed, {field: Referenced(value)})
    assert value not in str(caught.value).replace("true or false", "")


def test_what_waits_for_a_url_fits_a_number_for_now() -> None:
    late = Late.of(read_template("${integration:x.port}"))
    assert read_model(Typed, {"number": late, "text": late}).number == 1


def test_what_follows_from_an_unset_reference_is_not_told() -> None:
    with pytest.raises(Mistakes) as caught:
        read_model(Typed, {"number": Unset(), "switch": 5})
    assert [each.path for each in caught.value.mistakes] == [("switch",)]


def test_the_keys_that_hold_are_read_beside_mistakes() -> None:
    found, mistakes = read_what_holds(Typed, {"number": "x", "text": "kept", "unknown": 1, "ratio": Unset()})
    assert found == Typed(text="kept")
    assert {each.path for each in mistakes} == {("number",), ("unknown",)}


def test_nothing_is_read_when_a_needed_key_is_mistaken() -> None:
    found, mistakes = read_what_holds(Inner, {"a": "x", "b": "x"})
    assert found is None
    assert len(mistakes) == 1


CANARY = "canary-secret-1"


class Wary(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    secret: Secret | None = None
    number: int = 0
    word: Literal["a"] = "a"
    checked: Annotated[str, AfterValidator(_custom)] = ""
    limited: str = Field("", max_length=3)
    token: int = 0
    nested: Inner | None = None
    url: int = 0

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "fail" in raw:
            raise ValueError(f"cannot use {raw['fail']}")
        return raw


@pytest.mark.parametrize(
    "raw",
    [
        {"number": Referenced(CANARY)},
        {"word": Referenced(CANARY)},
        {"checked": Referenced(CANARY)},
        {"limited": Referenced(CANARY)},
        {"token": CANARY},
        {"secret": {"x": CANARY}},
        {"passwrd": CANARY},
        {"nested": {"secret_token": CANARY}},
        {"nested": {"a": Referenced(CANARY), "b": Referenced(CANARY)}},
        {"nested": Referenced(CANARY)},
        {"fail": Referenced(CANARY)},
        {"url": f"http://u:{CANARY}@h/"},
    ],
)
def test_no_message_shows_a_secret(raw: dict[str, Any]) -> None:
    with pytest.raises(Mistakes) as caught:
        read_model(Wary, raw)
    error: BaseException | None = caught.value
    while error is not None:
        assert not isinstance(error, ValidationError)
        assert CANARY not in str(error)
        error = error.__cause__ or error.__context__
