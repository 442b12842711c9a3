"""YAML text -> nodes with positions, within limits."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_sysint.declaration import yaml_nodes
from pytest_sysint.declaration.resolving import bare
from pytest_sysint.declaration.yaml_nodes import MAX_BYTES, MAX_DEPTH, MAX_VALUES, YamlProblem, parse


def plain(text: str) -> Any:
    return bare(parse(text.encode()))


def problem(data: str | bytes) -> tuple[int, int, str]:
    with pytest.raises(YamlProblem) as caught:
        parse(data.encode() if isinstance(data, str) else data)
    return caught.value.line, caught.value.column, caught.value.message


@pytest.fixture(params=["libyaml", "pure"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything holds with PyYAML's own parser too."""
    if request.param == "pure":
        monkeypatch.setattr(yaml_nodes, "_LIBYAML", None)
    return str(request.param)


def test_values_are_plain() -> None:
    text = "a: 1\nb: [x, {y: no}, 'true', \"1\"]\n? c\n: ~\nd: |\n  two\n  lines\n"
    assert plain(text) == {"a": 1, "b": ["x", {"y": "no"}, "true", "1"], "c": None, "d": "two\nlines\n"}


def test_keys_are_texts() -> None:
    assert plain("{200: a, true: b, null: c, 1.0: d}") == {"200": "a", "true": "b", "null": "c", "1.0": "d"}


def test_every_key_and_value_has_its_position() -> None:
    node = parse(b"a: 1\nb:\n  - x\n  - {deep: here}\n")
    assert node.place("a") == (1, 1)
    assert node.find("a").column == 4
    assert node.place("b", 1) == (4, 5)
    assert node.place("b", 1, "deep") == (4, 6)
    assert node.place("b", 1, "missing", "x") == (4, 5)
    assert node.place() == (1, 1)
    assert node.find("b", 7) is None
    assert node.find("a", "b") is None


def test_columns_count_characters() -> None:
    assert parse("é: {ü: 1, x: 2}".encode()).place("é", "x") == (1, 11)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert bare(parse(b"\xef\xbb\xbfa: 1")) == {"a": 1}


def test_anchors_are_values_and_keep_their_position() -> None:
    node = parse(b"base: &b {x: 1}\nother: *b\n")
    assert bare(node)["other"] == {"x": 1}
    assert node.place("other") == (2, 1)
    assert node.place("other", "x") == (1, 11)


def test_merge_keys_fill_up_what_a_map_does_not_say() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: {y: 0, <<: *a}\ne: {'<<': 5}\n"
    read = plain(text)
    assert read["c"] == {"x": 3, "y": 1, "z": 2}
    assert read["d"] == {"x": 1, "y": 0}
    assert read["e"] == {"<<": 5}
    assert parse(text.encode()).place("c", "z") == (2, 14)


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("a: 1\na: 2\n", 2, 1, "the key 'a' stands twice in one map (first in line 1)"),
        ("a: &x [*x]\n", 1, 8, "the value would contain itself"),
        ("a: &x {b: {c: *x}}\n", 1, 15, "the value would contain itself"),
        ("a: *nowhere\n", 1, 4, "an anchor that is not defined"),
        ("--- {a: 1}\n--- {b: 2}\n", 2, 1, "a second YAML document"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, 4, "tags"),
        ("a: !mine 5\n", 1, 4, "tags"),
        ("a: {<<: 5}\n", 1, 9, "`<<` takes a map"),
        ("a: &a {}\nb: {<<: *a, <<: *a}\n", 2, 13, "`<<` stands twice"),
        ("a: &a 5\n? [a]\n: 1\n", 2, 3, "cannot be a key"),
        ("a: &a 5\n*a : 1\n", 2, 1, "only a text can be a key"),
        ("{'': 1}\n", 1, 2, "a key is missing"),
        ("a: {'${env:X}': 1}\n", 1, 5, "a key cannot hold a reference"),
        ("", 0, 0, "the file is empty"),
        ("# nothing\n", 0, 0, "the file is empty"),
    ],
)
def test_what_is_refused(text: str, line: int, column: int, said: str) -> None:
    at_line, at_column, message = problem(text)
    assert said in message
    assert (at_line, at_column) == (line, column)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\n\tb: 2\n", 2, "a tab indents this line"),
        ("a:\n\t- 2\n", 2, "a tab indents this line"),
        ("a: b: c\n", 1, "a `:` stands where it cannot"),
        ("a: 'x\n", 2, "a quote is not closed"),
        ("a: [1, 2\n", 2, "a bracket is not closed"),
        ("a: @x\n", 1, "needs quotes"),
        ('a: "\\q"\n', 1, "begins an escape"),
        ("a: 1\n  b: 2\n", 2, "a `:` stands where it cannot"),
    ],
)
def test_syntax_errors_say_what_to_do(text: str, line: int, said: str) -> None:
    at_line, _, message = problem(text)
    assert said in message
    assert abs(at_line - line) <= 1


def test_what_is_not_utf8_is_named_by_its_offset() -> None:
    assert problem(b"a: 1\nb: \xff\n") == (2, 4, "is not UTF-8: byte 0xff at offset 8; save the file as UTF-8")
    assert "UTF-16" in problem("a: 1".encode("utf-16"))[2]


def test_control_characters_are_refused_with_their_position() -> None:
    assert problem(b"a: 1\nb: x\x00\n") == (2, 5, "the character U+0000 is not allowed in YAML")


def test_a_large_file_is_refused_before_it_is_read() -> None:
    assert "a declaration has at most" in problem(b" " * (MAX_BYTES + 1))[2]


def test_aliases_are_counted_as_often_as_they_are_used(parser: str) -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 30))
    assert f"more than {MAX_VALUES:,} values" in problem(text)[2]


def test_a_merged_map_is_counted_too() -> None:
    text = "a: &a {" + ", ".join(f"k{index}: 1" for index in range(1000)) + "}\n"
    text += "".join(f"b{index}: {{<<: *a}}\n" for index in range(400))
    assert f"more than {MAX_VALUES:,} values" in problem(text)[2]


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_nodes, "MAX_VALUES", 10)
    assert problem("[" + "a," * 100 + "]")[1] < 30


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "{? b : "])
def test_nesting_has_a_limit(opening: str) -> None:
    assert f"more than {MAX_DEPTH} levels" in problem(opening * 5000)[2]


def test_what_is_just_within_the_limit_is_read() -> None:
    parse(("[" * MAX_DEPTH + "]" * MAX_DEPTH).encode())


def test_directives_do_not_pile_up() -> None:
    text = "".join(f"%TAG !a{index}! x\n" for index in range(1000))
    assert "directives" in problem(text)[2]


_EXPONENT = re.compile(r"[-+.0-9]+[eE][-+]?[0-9]+")
"""`1e3` is a number in YAML 1.2, which we read, and a text in 1.1, which the writer therefore does not quote."""
_TEXTS = st.text(max_size=20).filter(lambda text: not _EXPONENT.fullmatch(text))
_SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | _TEXTS
_KEYS = st.text(min_size=1, max_size=10).filter(lambda key: "${" not in key and not _EXPONENT.fullmatch(key))
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_what_a_yaml_writer_writes_is_read_back(value: Any) -> None:
    """The writer follows YAML 1.1: but for exponents, it quotes at least what 1.2 needs quoted."""
    text = yaml.safe_dump(value, allow_unicode=False)
    assert bare(parse(text.encode())) == value


@given(st.binary(max_size=300))
@example(b"&a [*a]")
@example(b"\xef\xbb\xbf")
def test_any_bytes_give_nodes_or_a_problem(data: bytes) -> None:
    try:
        parse(data)
    except YamlProblem as error:
        assert error.message


@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`#,?~<\n\t 0", max_size=60))
def test_any_yaml_like_text_gives_nodes_or_a_problem(text: str) -> None:
    try:
        parse(text.encode())
    except YamlProblem as error:
        assert error.message
