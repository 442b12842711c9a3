"""From files to declarations: environments, tenants, urls, includes, and what hangs together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.errors import DeclarationError, Unavailable, UsageError
from pytest_sysint.core.registry import kinds, types
from pytest_sysint.core.secrets import MASK, redact
from pytest_sysint.declaration import Declaration, DeclaredIntegration, load
from pytest_sysint.declaration.files import MAX_PROBLEMS
from pytest_sysint.declaration.words import MAX_GUESSES

Read = Callable[..., Declaration]
Problems = Callable[..., list[str]]
Write = Callable[..., Path]

MINIMAL = """\
sysint: 1
integrations:
  a: {type: probe}
"""


def integrations(*entries: str, head: str = "") -> str:
    """A declaration with one integration a line, the first in the line after `integrations:`."""
    return "\n".join([f"sysint: 1{head}", "integrations:", *(f"  {entry}" for entry in entries)])


def one(declaration: Declaration, tenant: str = "shared") -> DeclaredIntegration:
    (found,) = (item for item in declaration.integrations if item.tenant == tenant)
    return found


def test_the_least_declaration(read: Read) -> None:
    found = one(read(MINIMAL))
    assert (found.id, found.type, found.name, found.tenant, found.category) == (
        "a", "probe", "a", "shared", "external_service",
    )  # fmt: skip
    assert (found.timeout, found.severity, found.retry.attempts, found.settings.url) == (5.0, "high", 3, "")
    assert (found.provision.way, found.kinds, found.references, found.unusable) == ("auto", {}, frozenset(), "")
    assert (found.position.file, found.position.line, found.position.column) == ("sysint.yaml", 3, 3)


def test_everything_that_integrations_have_in_common(read: Read) -> None:
    declaration = read("""\
        sysint: 1
        system: care
        defaults: {timeout: 2s, severity: low, retry: {attempts: 5}}
        budgets: {slow: 30/m}
        integrations:
          a:
            type: probe
            url: probe://host
            name: The A
            description: Words
            category: database
            severity: critical
            owner: team
            tags: [x, y]
            depends_on: b
            timeout: 250ms
            retry: {attempts: 1, backoff: constant}
            budget: slow
            port: 5
            pool: {size: 2, idle: 1m}
            health:
              - fetch: /
          b: {type: probe}
        """)
    a, b = declaration.integrations
    assert (declaration.system, declaration.budgets) == ("care", {"slow": 0.5})
    assert (a.name, a.description, a.category, a.severity, a.owner) == (
        "The A",
        "Words",
        "database",
        "critical",
        "team",
    )
    assert (a.tags, a.depends_on, a.timeout, a.budget) == (("x", "y"), ("b",), 0.25, "slow")
    assert (a.retry.attempts, a.retry.backoff) == (1, "constant")
    assert (a.settings.url, a.settings.port, a.settings.pool.size, a.settings.pool.idle) == ("probe://host", 5, 2, 60.0)
    assert [check.line for check in a.kinds["health"].declared] == [22]
    assert (b.timeout, b.severity, b.retry.attempts) == (2.0, "low", 5)


def test_the_digest_is_of_all_texts(write: Write) -> None:
    text = "sysint: 1\ninclude: [part.yaml]\n"
    part = "integrations: {a: {type: probe}}\n"
    write(part, "part.yaml")
    (declaration,) = load([write(text)], env={})
    digests = hashlib.sha256(text.encode()).digest() + hashlib.sha256(part.encode()).digest()
    assert declaration.digest == hashlib.sha256(digests).hexdigest()
    assert [path.name for path in declaration.files] == ["sysint.yaml", "part.yaml"]


# --- urls -----------------------------------------------------------------------------------------------------------

URL = "sysint: 1\nintegrations:\n  a: {type: probe, url: 'probe://${env:HOST}/x'%s}\n"


def test_an_unset_url_is_none_where_the_integration_may_be_provisioned(read: Read) -> None:
    assert one(read(URL % "")).settings.url == ""
    assert one(read(URL % "", env={"HOST": "h"})).settings.url == "probe://h/x"


def test_an_unset_url_is_a_problem_where_it_must_exist(problems: Problems) -> None:
    said = ["3:20 integrations.a.url: the environment variable HOST is not set"]
    assert problems(URL % ", provision: existing") == said
    assert problems("environments: {local: {provision: existing}}\n" + URL % "") == [
        each.replace("3:", "4:") for each in said
    ]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("prob://h", "the scheme 'prob' is not one of type 'probe', did you mean 'probe'? (allowed: probe, probes)"),
        ("localhost", "expected a url such as probe://..., and this has no scheme"),
        ("host:80", "expected a url such as probe://..., and this has no scheme"),
        ("${env:X}", "the scheme of this url is not one of type 'probe' (allowed: probe, probes)"),
    ],
)
def test_the_scheme_is_held_to_the_type(problems: Problems, url: str, said: str) -> None:
    text = f"sysint: 1\nintegrations:\n  a: {{type: probe, url: '{url}'}}\n"
    assert problems(text, env={"X": "canary://secret"}) == [f"3:20 integrations.a.url: {said}"]


def test_a_password_in_the_file_is_masked_and_remarked_on(read: Read) -> None:
    declaration = read(MINIMAL.replace("probe}", "probe, url: 'probe://u:written-canary@h', password: other-canary}"))
    assert declaration.notices == (
        "sysint.yaml:3: a: a secret is written in the file; refer to it: `${env:NAME}` or `${file:/path}`",
    )
    assert redact("written-canary other-canary") == f"{MASK} {MASK}"
    assert "canary" not in repr(declaration)


def test_a_password_by_reference_is_masked_and_not_remarked_on(read: Read) -> None:
    text = MINIMAL.replace("probe}", "probe, url: '${env:U}', password: '${env:P}'}")
    declaration = read(text, env={"U": "probe://u:from-url-canary@h", "P": "from-p-canary"})
    assert declaration.notices == ()
    assert redact("from-url-canary from-p-canary") == f"{MASK} {MASK}"
    assert "canary" not in repr(declaration)


# --- environments ---------------------------------------------------------------------------------------------------

ENVIRONMENTS = """\
sysint: 1
environments:
  local: {provision: auto}
  staging: {allow: [read, write], provision: existing, urls: {a: "probe://${env:STAGE}"}}
  production: {allow: [read]}
integrations:
  a: {type: probe, url: probe://own, provision: embedded}
"""


def test_local_is_what_a_run_takes_that_names_none(read: Read) -> None:
    declaration = read(ENVIRONMENTS)
    assert (declaration.environment.name, declaration.environment.allow) == ("local", None)
    assert read(MINIMAL).environment.name == "local"
    assert read(MINIMAL, environment="local").environment.name == "local"


def test_an_environment_says_what_is_allowed_and_where_things_are(read: Read) -> None:
    declaration = read(ENVIRONMENTS, environment="staging", env={"STAGE": "stage"})
    assert declaration.environment.allow == frozenset({"read", "write"})
    assert one(declaration).settings.url == "probe://stage"
    assert one(declaration).provision.way == "existing"
    assert one(read(ENVIRONMENTS)).provision.way == "embedded"


def test_the_url_of_an_environment_is_told_where_it_stands(problems: Problems) -> None:
    assert problems(ENVIRONMENTS, environment="staging") == [
        "4:63 environments.staging.urls.a: the environment variable STAGE is not set"
    ]
    wrong = ENVIRONMENTS.replace("{a: ", "{b: ")
    assert problems(wrong, environment="staging", env={"STAGE": "x"}) == [
        "4:63 environments.staging.urls.b: there is no integration of this id (allowed: a)"
    ]
    assert problems(ENVIRONMENTS.replace('"probe://${env:STAGE}"', "5"), environment="staging") == [
        "4:63 environments.staging.urls.a: expected a text, got the number 5"
    ]


def test_an_unknown_environment(read: Read) -> None:
    with pytest.raises(UsageError, match=r"unknown environment 'stagin', did you mean 'staging'\?"):
        read(ENVIRONMENTS, environment="stagin")
    with pytest.raises(UsageError, match=r"unknown environment 'prod' \(allowed: local\)"):
        read(MINIMAL, environment="prod")


def test_problems_of_the_files_come_before_a_wrong_name(problems: Problems) -> None:
    assert len(problems(MINIMAL.replace("probe", "porbe"), environment="nope", tenants=["nope"])) == 1


def test_an_environment_that_only_another_file_has_changes_nothing_here(write: Write) -> None:
    other = write(MINIMAL.replace("a:", "b:"), "other.sysint.yaml")
    first, second = load([write(ENVIRONMENTS), other], environment="production", env={})
    assert (first.environment.allow, second.environment.allow) == (frozenset({"read"}), None)
    assert second.environment.name == "production"


# --- tenants --------------------------------------------------------------------------------------------------------

TENANTS = """\
sysint: 1
tenants: [oak-wood, elm]
integrations:
  every: {type: probe, tenants: all, password: "${tenant:token}", mode: "${tenant:id}"}
  some: {type: probe, tenants: [elm]}
  none: {type: probe}
  implied: {type: probe, health: [{fetch: "/${tenant:id}"}]}
"""
TOKENS = {"OAK_WOOD_TOKEN": "oak-canary", "ELM_TOKEN": "elm-canary"}


def test_one_integration_per_tenant(read: Read) -> None:
    declaration = read(TENANTS, env=TOKENS)
    assert declaration.tenants == ("oak-wood", "elm")
    assert [(item.id, item.tenant) for item in declaration.integrations] == [
        ("every", "oak-wood"), ("every", "elm"), ("some", "elm"), ("none", "shared"),
        ("implied", "oak-wood"), ("implied", "elm"),
    ]  # fmt: skip
    settings: list[Any] = [item.settings for item in declaration.integrations[:2]]
    assert [each.password.get_secret_value() for each in settings] == ["oak-canary", "elm-canary"]
    assert [each.mode for each in settings] == ["oak-wood", "elm"]
    assert [item.kinds["health"].declared[0].operation.fetch for item in declaration.integrations[4:]] == [
        "/oak-wood",
        "/elm",
    ]


def test_what_does_not_depend_on_the_tenant_is_read_once(read: Read) -> None:
    entry = "x: {type: probe, tenants: all, url: '${env:U}', health: [{fetch: /}]}"
    text = integrations(entry, head="\ntenants: [a, b]")
    first, second = read(text, env={"U": "probe://h"}).integrations
    assert first.settings is second.settings
    assert first.kinds["health"] is second.kinds["health"]


def test_a_tenant_that_takes_no_part_is_never_read(read: Read) -> None:
    declaration = read(TENANTS, env={"ELM_TOKEN": "x"}, tenants=["elm"])
    assert declaration.tenants == ("elm",)
    assert [(item.id, item.tenant) for item in declaration.integrations] == [
        ("every", "elm"), ("some", "elm"), ("none", "shared"), ("implied", "elm"),
    ]  # fmt: skip


def test_shared_alone(read: Read) -> None:
    assert [item.id for item in read(TENANTS, tenants=["shared"]).integrations] == ["none"]


def test_an_unset_key_is_told_for_each_tenant(problems: Problems) -> None:
    assert problems(TENANTS) == [
        "4:38 integrations.every.password: tenant 'oak-wood' has no 'token': "
        "the environment variable OAK_WOOD_TOKEN is not set",
        "4:38 integrations.every.password: tenant 'elm' has no 'token': the environment variable ELM_TOKEN is not set",
    ]


def test_tenants_may_have_keys_of_their_own(read: Read, problems: Problems) -> None:
    text = """\
        sysint: 1
        tenants:
          oak: {token: "${env:OAK}", region: 5, live: true}
          elm:
        integrations:
          a:
            type: probe
            tenants: [oak]
            password: ${tenant:token}
            port: ${tenant:region}
            strict: ${tenant:live}
        """
    settings: Any = one(read(text, env={"OAK": "key-canary"}), "oak").settings
    assert (settings.password.get_secret_value(), settings.port, settings.strict) == ("key-canary", 5, True)
    assert "'token' of tenant 'oak': the environment variable OAK is not set" in problems(text)[0]


def test_an_unknown_tenant(read: Read) -> None:
    with pytest.raises(UsageError, match=r"unknown tenant 'elmm', did you mean 'elm'\?"):
        read(TENANTS, env=TOKENS, tenants=["elmm"])


# --- late references ------------------------------------------------------------------------------------------------

LATE = """\
sysint: 1
integrations:
  db: {type: probe, url: '${env:DB}'}
  app:
    type: probe
    url: probe://${integration:db.host}:${env:PORT}/x
    port: ${integration:db.port}
    mode: ${integration:db.password:-none}
    provision: {command: "serve --port {port}", environment: {DB: "${integration:db.url}"}}
"""


def test_references_to_integrations_wait_for_their_urls(read: Read) -> None:
    app = read(LATE, env={"PORT": "80"}).integrations[1]
    assert app.references == frozenset({"db"})
    assert app.settings.url == "probe://${integration:db.host}:80/x"
    resolved = app.resolve({"db": {"url": "probe://u:late-canary@h:70"}})
    settings: Any = resolved.settings
    assert (settings.url, settings.port, settings.mode) == ("probe://h:80/x", 70, "late-canary")
    assert resolved.provision.declared["environment"] == {"DB": "probe://u:late-canary@h:70"}
    assert resolved.resolve({}) is resolved
    assert redact("late-canary") == MASK


def test_a_reference_without_a_url_makes_it_unavailable(read: Read) -> None:
    app = read(LATE, env={"PORT": "80"}).integrations[1]
    with pytest.raises(Unavailable, match=r"'app' cannot be set up: .*integration 'db' has no host"):
        app.resolve({})
    with pytest.raises(Unavailable, match="'app' cannot be set up: port: must be 65535 or less"):
        app.resolve({"db": {"host": "h", "port": "70000", "url": "x"}})


def test_an_integration_can_be_put_elsewhere(read: Read) -> None:
    found = one(read(MINIMAL))
    assert found.at("probe://there").settings.url == "probe://there"
    assert found.resolve({}) is found
    assert replace(found, owner="x").settings is found.settings


def test_late_references_stand_in_settings_and_provisioning_only(problems: Problems) -> None:
    entry = "a: {type: probe, health: [{fetch: '${integration:b.url}'}]}"
    text = integrations(entry, "b: {type: probe}", head="\nsystem: '${integration:a.url}'")
    assert problems(text) == [
        "2:1 system: `${integration:a...}` can stand only within an integration",
        "4:30 integrations.a.health[0].fetch: `${integration:b...}` can stand in settings and `provision` only",
    ]


# --- how they hang together -----------------------------------------------------------------------------------------


def graph(**edges: str) -> str:
    lines = [f"  {name}: {{type: probe, depends_on: [{to}]}}" for name, to in edges.items()]
    return "\n".join(["sysint: 1", "integrations:", *lines])


def test_circles_are_told_with_their_way(problems: Problems) -> None:
    assert problems(graph(a="b", b="c", c="a", d="a")) == [
        "3:20 integrations.a.depends_on: integrations depend on each other in a circle: a -> b -> c -> a"
    ]
    assert problems(graph(a="a")) == [
        "3:20 integrations.a.depends_on: integrations depend on each other in a circle: a -> a"
    ]


def test_a_reference_closes_a_circle_too(problems: Problems) -> None:
    text = integrations("a: {type: probe, url: '${integration:b.url}'}", "b: {type: probe, depends_on: [a]}")
    assert problems(text) == ["3:20 integrations.a.url: integrations depend on each other in a circle: a -> b -> a"]


def test_a_long_chain_is_no_circle(read: Read) -> None:
    chain = {f"i{index}": f"i{index + 1}" for index in range(3000)} | {"i3000": ""}
    assert len(read(graph(**chain)).integrations) == 3001


def test_unknown_dependencies(problems: Problems) -> None:
    assert problems(graph(alpha="alhpa", beta="")) == [
        "3:24 integrations.alpha.depends_on: there is no integration 'alhpa', did you mean 'alpha'?"
        " (allowed: alpha, beta)"
    ]


def test_a_dependency_is_there_for_the_same_tenants(problems: Problems) -> None:
    text = """\
        sysint: 1
        tenants: [oak, elm]
        integrations:
          a: {type: probe, tenants: all, depends_on: [b, c]}
          b: {type: probe, tenants: [oak]}
          c: {type: probe}
        """
    assert problems(text) == ["4:34 integrations.a.depends_on: 'b' is not declared for tenant elm, which 'a' is"]


def test_files_of_one_run_share_their_integrations(write: Write) -> None:
    first = write(graph(a="b"))
    second = write(graph(b=""), "other.sysint.yaml")
    assert [item.integrations[0].depends_on for item in load([first, second], env={})] == [("b",), ()]
    with pytest.raises(DeclarationError, match="there is no integration 'b'"):
        load([first], env={})


def test_ids_are_unique_in_a_run(write: Write) -> None:
    with pytest.raises(DeclarationError) as caught:
        load([write(MINIMAL), write(MINIMAL, "other.sysint.yaml")], env={})
    assert "other.sysint.yaml:3:3: integrations.a: integration 'a' is declared twice" in str(caught.value)
    assert "(first at sysint.yaml:3:3)" in str(caught.value)


# --- files ----------------------------------------------------------------------------------------------------------


def test_includes_are_part_of_the_declaration(write: Write) -> None:
    write("budgets: {slow: 1/s}\nintegrations:\n  b: {type: probe, budget: slow, oops: 1}\n", "parts/b.yaml")
    write("include: [b.yaml]\nintegrations:\n  c: {type: probe}\n", "parts/c.yaml")
    root = write("sysint: 1\ninclude: ['parts/*.yaml']\nintegrations:\n  a: {type: probe, budget: slow}\n")
    with pytest.raises(DeclarationError) as caught:
        load([root], env={})
    assert [str(each).partition(" (")[0] for each in caught.value.problems] == [
        "parts/b.yaml:3:34: integrations.b.oops: unknown key"
    ]
    write("budgets: {slow: 1/s}\nintegrations:\n  b: {type: probe, budget: slow}\n", "parts/b.yaml")
    (declaration,) = load([root], env={})
    assert [item.id for item in declaration.integrations] == ["a", "b", "c"]
    assert declaration.integrations[1].position.file == "parts/b.yaml"


def test_paths_in_an_included_file_start_from_it(write: Write, tmp_path: Path) -> None:
    write("included-canary\n", "parts/secret")
    write("integrations: {b: {type: probe, password: '${file:secret}'}}", "parts/b.yaml")
    (declaration,) = load([write("sysint: 1\ninclude: [parts/b.yaml]")], env={})
    settings: Any = one(declaration).settings
    assert settings.password.get_secret_value() == "included-canary"


def test_a_file_that_another_includes_is_not_read_twice(write: Write) -> None:
    part = write("sysint: 1\nintegrations: {b: {type: probe}}", "part.sysint.yaml")
    root = write("sysint: 1\ninclude: ['*.sysint.yaml']\nintegrations: {a: {type: probe}}")
    assert [item.path.name for item in load([part, root], env={})] == ["sysint.yaml"]
    assert [item.path.name for item in load([part], env={})] == ["part.sysint.yaml"]


@pytest.mark.parametrize(
    ("include", "said"),
    [
        ("[nope.yaml]", "2:11 include[0]: no file is found by 'nope.yaml' in "),
        ("['no/*.yaml']", "2:11 include[0]: no file is found by 'no/*.yaml' in "),
        ("['**/x.yaml']", "2:11 include[0]: must be relative to this file, without `**`"),
        ("[/etc/passwd]", "2:11 include[0]: must be relative to this file"),
        ("['${env:X}.yaml']", "2:11 include[0]: must be relative to this file"),
        ("[5]", "2:11 include[0]: expected the name of a file"),
        ("x.yaml", "2:1 include: expected a list of file names"),
    ],
)
def test_includes_that_lead_nowhere(problems: Problems, include: str, said: str) -> None:
    (found,) = problems(f"sysint: 1\ninclude: {include}\nintegrations: {{a: {{type: probe}}}}\n")
    assert found.startswith(said)


def test_files_that_include_each_other(write: Write) -> None:
    write("include: [sysint.yaml]", "b.yaml")
    with pytest.raises(DeclarationError, match=r"b.yaml:1:11: .*sysint.yaml -> b.yaml -> sysint.yaml"):
        load([write("sysint: 1\ninclude: [b.yaml]\nintegrations: {a: {type: probe}}")], env={})


def test_a_chain_of_includes_has_an_end(write: Write) -> None:
    for index in range(25):
        write(f"include: [f{index + 1}.yaml]", f"f{index}.yaml")
    write("integrations: {a: {type: probe}}", "f25.yaml")
    with pytest.raises(DeclarationError, match="20 one in another"):
        load([write("sysint: 1\ninclude: [f0.yaml]")], env={})


def test_an_included_file_holds_no_frame(write: Write) -> None:
    write("system: x\ntenant: y\nintegrations: {a: {type: probe}}", "part.yaml")
    with pytest.raises(DeclarationError) as caught:
        load([write("sysint: 1\ninclude: [part.yaml]")], env={})
    assert "part.yaml:1:1: system: stands in the file that includes this one, sysint.yaml" in str(caught.value)
    assert "part.yaml:2:1: tenant: unknown key" in str(caught.value)


def test_what_cannot_be_read_is_told(write: Write, tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"nope.yaml: cannot be read: no such file or directory"):
        load([tmp_path / "nope.yaml"], env={})
    with pytest.raises(DeclarationError, match="is not a file"):
        load([tmp_path], env={})


def test_a_large_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "sysint.yaml"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)
    with pytest.raises(DeclarationError, match=r"the file has 50.0 MiB; a declaration has at most 8 MiB"):
        load([path], env={})


# --- what this version does not run, and what is not there ----------------------------------------------------------


def test_what_this_version_does_not_run_is_said(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds().__dict__, "_built_in", frozenset({"health"}))
    declaration = read(MINIMAL.replace("probe}", "probe, contract: {openapi: x}}") + "gate: {block_on: high}\n")
    assert declaration.notices == (
        "sysint.yaml:4: a gate is declared, and this version does not apply its policy",
        "sysint.yaml:3: a: contract checks are declared, and this version does not run that kind",
    )
    assert declaration.gate is not None
    assert declaration.gate.value == {"block_on": "high"}
    assert str(declaration.gate.position("block_on")) == "sysint.yaml:4:8"


DRIVER = integrations(
    "a: {type: probe, tmeout: 1}", "b: {type: probe, depends_on: [a], password: '${env:B}'}", "c: {type: rest}"
)


def test_a_missing_library_is_a_problem_beside_others(
    problems: Problems, probe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "driver", "no_such_module.client")
    monkeypatch.setattr(probe, "__module__", "pytest_sysint.integrations.probe")
    found = problems(DRIVER)
    assert found[0] == (
        "3:7 integrations.a.type: type 'probe' needs the Python module 'no_such_module.client', which is not installed:"
        " pip install 'pytest-sysint[probe]'"
    )
    assert "tmeout: unknown key" in found[1]
    assert len(found) == 4


def test_what_a_run_does_not_need_may_lack_things(read: Read) -> None:
    declaration = read(DRIVER.replace(", tmeout: 1", ""), needed=lambda name, word: word == "rest")
    assert [item.unusable for item in declaration.integrations] == ["", "the environment variable B is not set", ""]


def test_what_the_needed_need_is_needed(problems: Problems) -> None:
    text = integrations(
        "a: {type: probe, depends_on: [b]}", "b: {type: probe, port: '${env:P}'}", "c: {type: probe, port: '${env:O}'}"
    )
    assert problems(text, needed=lambda name, _: name == "a") == [
        "4:20 integrations.b.port: the environment variable P is not set"
    ]


def test_a_type_whose_module_cannot_be_imported(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> Any:
        raise ModuleNotFoundError("no", name="ldap3")

    monkeypatch.setattr(types(), "get", fail)
    assert problems(MINIMAL) == [
        "3:7 integrations.a.type: type 'probe' needs the Python module 'ldap3', which is not installed:"
        " pip install 'pytest-sysint[probe]'"
    ]


# --- limits ---------------------------------------------------------------------------------------------------------


def test_a_great_many_problems_are_told_up_to_a_point(problems: Problems) -> None:
    found = problems(integrations(*(f"i{index}: {{type: probe, depends_on: [x{index}]}}" for index in range(1200))))
    assert len(found) == MAX_PROBLEMS + 1
    assert found[0] == "3:21 integrations.i0.depends_on: there is no integration 'x0' (1,200 are known)"
    assert found[-1] == "0:0 : there are more; mend these first"


def test_guesses_have_an_end_too(problems: Problems) -> None:
    found = problems(integrations(*(f"i{index}: {{type: probe, prot: 1}}" for index in range(MAX_GUESSES + 1))))
    assert "did you mean 'port'?" in found[MAX_GUESSES - 1]
    assert "unknown key (allowed: " in found[MAX_GUESSES]


def test_tenants_times_integrations_have_an_end(problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_sysint.declaration.parts.MAX_INSTANCES", 3)
    text = integrations("a: {type: probe, tenants: all}", "b: {type: probe, tenants: all}", head="\ntenants: [x, y]")
    assert problems(text) == ["5:3 integrations.b: more than 3 integrations, counted once per tenant"]


# --- what a seed is -------------------------------------------------------------------------------------------------


def test_a_seed_stands_beside_the_declaration_or_is_left_as_it_is(write: Write, tmp_path: Path) -> None:
    seed = write("x", "parts/data.sql")
    write("integrations: {b: {type: probe, provision: {seed: data.sql}}}", "parts/b.yaml")
    root = write("sysint: 1\ninclude: [parts/b.yaml]\nintegrations: {a: {type: probe, provision: {seed: data.sql}}}")
    (declaration,) = load([root], env={})
    assert [item.provision.seed for item in declaration.integrations] == ["data.sql", str(seed)]


def test_a_reference_in_the_provisioning_alone_waits_too(read: Read) -> None:
    entry = "a: {type: probe, provision: {command: 'x {port}', environment: {U: '${integration:b.url}'}}}"
    first = read(integrations(entry, "b: {type: probe}")).integrations[0]
    resolved = first.resolve({"b": {"url": "probe://h"}})
    assert resolved.provision.of("command").environment == {"U": "probe://h"}
    assert resolved.settings == first.settings
