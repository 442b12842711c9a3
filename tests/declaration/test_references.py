"""The text of a reference, and what it is replaced by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sysint.core.errors import SysintError
from pytest_sysint.core.secrets import MASK, redact
from pytest_sysint.declaration import references, scope, url_parts
from pytest_sysint.declaration.references import BadReference, Late, Reference, late_names, read_template, schemes_in
from pytest_sysint.declaration.scope import Nowhere, Scope, fill


def expand(text: str, env: dict[str, str] | None = None, **options: Any) -> str:
    return Scope(env or {}, options.pop("folder", Path()), **options).expand(read_template(text))


class EntryPoint:
    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value

    def load(self) -> Any:
        return self.value


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that resolves `${vault:...}`."""

    def resolve(what: str, tenant: str) -> str | None:
        if what == "broken":
            raise KeyError("no-such-path-canary")
        if what == "sealed":
            raise SysintError("the vault is sealed")
        return None if what == "nothing" else f"{what} of {tenant}"

    point = EntryPoint("vault", resolve)
    for module in (references, scope):
        monkeypatch.setattr(module, "offered", lambda: {"vault": point})
    scope._resolver.cache_clear()
    references.read_template.cache_clear()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("$[0].n and $5 and {port}", "$[0].n and $5 and {port}"),
        ("${env:A}", "one"),
        ("a ${env:A} b ${env:B}", "a one b two"),
        ("${env:MISSING:-other}", "other"),
        ("${env:MISSING:-}", ""),
        ("${env:EMPTY:-other}", "other"),
        ("${env:EMPTY}", ""),
        ("${env:MISSING:-${env:A}!}", "one!"),
        ("${env:MISSING:-${env:ALSO:-deep}}", "deep"),
        ("${env:A:-${env:MISSING}}", "one"),
        ("$${env:A}", "${env:A}"),
        ("$${env:A} ${env:A}", "${env:A} one"),
        ("${ env:A }", "one"),
        ("${env:MISSING:-a:-b}", "a:-b"),
        ("${env:TRICKY}", "${env:A}"),
        ("$$${env:A}", "$${env:A}"),
        ("${env:MISSING:-$${x} y}", "${x y}"),
        ("a } b", "a } b"),
    ],
)
def test_what_a_text_becomes(text: str, value: str) -> None:
    env = {"A": "one", "B": "two", "EMPTY": "", "TRICKY": "${env:A}"}
    assert expand(text, env) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${env:A", "not closed"),
        ("${env:A:-x", "not closed"),
        ("${A}", "such as `${env:NAME}`"),
        ("${}", "such as `${env:NAME}`"),
        ("${evn:A}", "did you mean 'env'?"),
        ("${env:}", "refers to nothing"),
        ("${env:${env:A}}", "cannot itself be a reference"),
        ("${integration:x}", "must say what of it: `${integration:x.url}`"),
        ("${integration:x.hots}", "did you mean 'host'?"),
        ("${env:A:-" * 10 + "x" + "}" * 10, "nested more than"),
        ("${env:A}" * 1001, "more than 1,000 references in one text"),
        ("${env:A:-" + "$" * 100_000, "not closed"),
    ],
)
def test_what_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(BadReference) as caught:
        read_template(text)
    assert said in str(caught.value)


@given(st.text(alphabet="${}:-env.file integration\\ab", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_template(text)
    except BadReference as error:
        assert str(error)


def test_every_missing_value_is_told_at_once() -> None:
    found = Scope({}, Path("/none")).missing(read_template("${env:A}${env:B}${file:/none/c}${tenant:d}"))
    assert [each.split(" ")[0] for each in found] == ["the", "the", "the", "`${tenant:d}`"]
    assert "A is not set" in found[0]
    assert "/none/c cannot be read: no such file" in found[2]


def test_a_file_is_read_without_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("file-canary-1\n")
    assert expand("<${file:secret}>", folder=tmp_path) == "<file-canary-1>"
    assert redact("file-canary-1") == MASK


@pytest.mark.parametrize(
    ("name", "said"), [("binary", "not UTF-8"), ("large", "larger than 1 MiB"), ("folder", "is a directory")]
)
def test_a_file_that_is_no_text(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "large").write_bytes(b"x" * (2**20 + 1))
    (tmp_path / "folder").mkdir()
    with pytest.raises(Nowhere, match=said):
        expand(f"${{file:{name}}}", folder=tmp_path)


def test_a_tenant_has_its_id_its_keys_and_its_variables() -> None:
    keys: dict[tuple[str, str], str] = {
        ("oak-wood", "token"): "declared-canary",
        ("oak-wood", "region"): "written-region",
    }
    options: dict[str, Any] = {"tenant": "oak-wood", "tenant_keys": lambda tenant, key: keys.get((tenant, key))}
    env = {"OAK_WOOD_API_KEY": "variable-canary", "OAK_WOOD_TOKEN": "not this"}
    assert expand("${tenant:id}", env, **options) == "oak-wood"
    assert expand("${tenant:token}", env, **options) == "declared-canary"
    assert expand("${tenant:api-key}", env, **options) == "variable-canary"
    assert expand("${tenant:region}", env, **options) == "written-region"
    assert redact("declared-canary variable-canary oak-wood written-region") == f"{MASK} {MASK} oak-wood written-region"
    with pytest.raises(Nowhere, match="OAK_WOOD_OTHER is not set"):
        expand("${tenant:other}", env, **options)


def test_there_is_no_tenant_outside_one() -> None:
    with pytest.raises(Nowhere, match="no tenant here"):
        expand("${tenant:id}")


def test_only_telling_variables_are_secrets() -> None:
    expand("${env:API_TOKEN_1} ${env:HOST_NAME_1}", {"API_TOKEN_1": "telling-canary", "HOST_NAME_1": "host-canary"})
    assert redact("telling-canary host-canary") == f"{MASK} host-canary"


def test_the_password_of_a_url_is_a_secret_whatever_holds_it() -> None:
    expand("${env:BACKEND_7}", {"BACKEND_7": "redis://me:url-canary@host"})
    assert redact("url-canary host") == f"{MASK} host"


def test_a_variable_that_is_not_utf8() -> None:
    with pytest.raises(Nowhere, match="not UTF-8"):
        expand("${env:A}", {"A": "\udcff"})


def test_what_waits_for_a_url_keeps_everything_else_resolved() -> None:
    value = expand("${env:A}://${integration:db.host:-${env:B}}/$${x}", {"A": "p", "B": "}${env:A}"})
    assert isinstance(value, Late)
    assert late_names(value.template) == {"db"}
    assert fill(value.template, {"db": {"url": "postgresql://h:5/x"}}) == "p://h/${x}"
    assert fill(value.template, {}) == "p://}${env:A}/${x}"


def test_a_default_may_wait_too_and_only_when_it_is_needed() -> None:
    text = "${env:A:-${integration:db.url}}"
    assert expand(text, {"A": "set"}) == "set"
    assert isinstance(expand(text), Late)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("url", "amqp://u:p%40ss@h:5672/v"),
        ("host", "h"),
        ("port", "5672"),
        ("username", "u"),
        ("password", "p@ss"),
        ("path", "/v"),
    ],
)
def test_the_parts_of_a_url(attribute: str, value: str) -> None:
    template = read_template(f"${{integration:q.{attribute}}}")
    assert fill(template, {"q": {"url": "amqp://u:p%40ss@h:5672/v"}}) == value


def test_what_is_given_wins_over_what_the_url_says() -> None:
    template = read_template("${integration:q.host}")
    assert fill(template, {"q": {"url": "amqp://h", "host": "other"}}) == "other"


def test_a_missing_part_is_told() -> None:
    with pytest.raises(Nowhere, match="integration 'q' has no port"):
        fill(read_template("${integration:q.port}"), {"q": {"url": "amqp://h"}})


def test_a_url_that_is_none_has_only_itself() -> None:
    assert url_parts("http://[") == {"url": "http://["}
    assert url_parts("http://h:notaport") == {"url": "http://h:notaport"}


def test_another_package_resolves(vault: None) -> None:
    assert expand("${vault:db/password}", tenant="oakwood") == "db/password of oakwood"
    assert expand("${vault:nothing:-x}") == "x"
    assert schemes_in(read_template("${env:A:-${vault:x}}")) == {"env", "vault"}
    assert redact("db/password of oakwood") == MASK


@pytest.mark.parametrize(
    ("what", "said"),
    [("nothing", "has no value"), ("broken", r"could not be resolved \(KeyError\)"), ("sealed", "is sealed")],
)
def test_another_package_that_has_no_value(vault: None, what: str, said: str) -> None:
    with pytest.raises(Nowhere, match=said) as caught:
        expand(f"${{vault:{what}}}")
    assert "canary" not in str(caught.value)


def test_another_package_cannot_take_a_built_in_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "entry_points", lambda group: [EntryPoint("env", None)])
    references.offered.cache_clear()
    try:
        with pytest.raises(SysintError, match="'env', which is built in"):
            references.offered()
    finally:
        monkeypatch.undo()
        references.offered.cache_clear()


def test_a_reference_is_written_as_it_is_read() -> None:
    text = "a ${env:A:-b ${integration:x.url} $${c}} d"
    template = read_template(text)
    assert references.text_of(template) == text
    assert str(Reference("env", "X")) == "${env:X}"
