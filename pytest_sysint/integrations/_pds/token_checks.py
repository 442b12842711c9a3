"""Application-restricted access: who is let in, and every way of not being."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pytest_sysint.core.built_in import Findings, first_of
from pytest_sysint.core.check import Context
from pytest_sysint.core.integration import Observation
from pytest_sysint.integrations._pds.asking import (
    contract,
    may_be_refused,
    needs_key,
    needs_key_and_simulator,
    needs_patient,
    pds_of,
    refusal,
)
from pytest_sysint.integrations._pds.tokens import Tokens, make_pem
from pytest_sysint.integrations._probing import body_of, first_answer


def _tokens(context: Context) -> Tokens:
    known = pds_of(context).tokens
    assert known is not None  # the obstacle has said so
    return known


def _given(context: Context, findings: Findings) -> None:
    tokens = _tokens(context)
    seen = tokens.ask(tokens.key.assertion(tokens.url), context.timeout)
    told = body_of(seen)
    findings.equal("status", seen.facts["status"], 200)
    is_given = isinstance(told.get("access_token"), str) and bool(told["access_token"])
    findings.either("access_token", is_given, "given", "not given", expected="a text")
    findings.equal("token_type", str(told.get("token_type", "")).lower(), "bearer")
    life = told.get("expires_in")
    is_life = isinstance(life, (str, int)) and str(life).isdigit() and int(life) > 0
    findings.holds("expires_in", is_life, repr(life), expected="seconds, as a number or as a text")


def _judge_denial(findings: Findings, what: str, seen: Observation, status: int, word: str) -> None:
    findings.equal(f"{what}: status", seen.facts["status"], status)
    told = body_of(seen)
    missing = [name for name in ("error", "error_description") if not told.get(name)]
    findings.either(f"{what}: body", not missing, "error and error_description", f"without {missing}")
    said = str(told.get("error_description", ""))
    names_it = word in said
    findings.holds(f"{what}: says why", names_it, said or "nothing", expected=f"it names {word}", severity="warn")


def _expired(context: Context, findings: Findings) -> None:
    tokens = _tokens(context)
    seen = tokens.ask(tokens.key.assertion(tokens.url, lives=-60), context.timeout)
    _judge_denial(findings, "expired", seen, 400, "'exp'")


def _unknown_key(context: Context, findings: Findings) -> None:
    tokens = _tokens(context)
    assertion = tokens.key.assertion(tokens.url, header={"kid": f"unknown-{uuid.uuid4()}"})
    _judge_denial(findings, "unknown key", tokens.ask(assertion, context.timeout), 401, "'kid'")


@dataclass(frozen=True, slots=True)
class _Case:
    """A request for a token that must be refused."""

    what: str
    status: int
    word: str
    claims: Mapping[str, Any] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)


_strangers_pem = cache(make_pem)


def _cases() -> Iterator[_Case]:
    later = int(time.time()) + 900
    yield _Case("no kid", 400, "'kid'", {"header": {"kid": None}})
    yield _Case("another typ", 400, "'typ'", {"header": {"typ": "JOSE"}})
    yield _Case("another algorithm", 400, "'alg'", {"algorithm": "RS256"})
    yield _Case("no exp", 400, "'exp'", {"exp": None})
    yield _Case("exp as text", 400, "'exp'", {"exp": "soon"})
    yield _Case("exp too far ahead", 400, "'exp'", {"exp": later})
    yield _Case("iss is not sub", 400, "'iss'", {"iss": "somebody-else"})
    yield _Case("iss and sub of another", 401, "'iss'", {"iss": "somebody-else", "sub": "somebody-else"})
    yield _Case("no jti", 400, "'jti'", {"jti": None})
    yield _Case("aud of another", 401, "'aud'", {"aud": "https://example.org/oauth2/token"})
    yield _Case("signed by another", 400, "Malformed", {"pem": _strangers_pem()})
    yield _Case("no assertion", 400, "client_assertion", form={"client_assertion": ""})
    yield _Case("no JWT", 400, "Malformed", form={"client_assertion": "this is no JWT"})
    yield _Case("no assertion type", 400, "client_assertion_type", form={"client_assertion_type": ""})
    yield _Case("no grant type", 400, "grant_type", form={"grant_type": ""})
    yield _Case("another grant type", 400, "grant_type", form={"grant_type": "password"})


def _malformed(context: Context, findings: Findings) -> None:
    tokens = _tokens(context)
    for case in _cases():
        assertion = tokens.key.assertion(tokens.url, **case.claims)
        seen = tokens.ask(assertion, context.timeout, **case.form)
        _judge_denial(findings, case.what, seen, case.status, case.word)


def _replayed(context: Context, findings: Findings) -> None:
    tokens = _tokens(context)
    assertion = tokens.key.assertion(tokens.url)
    findings.equal("first", tokens.ask(assertion, context.timeout).facts["status"], 200)
    _judge_denial(findings, "again", tokens.ask(assertion, context.timeout), 400, "'jti'")


def _read(context: Context, **options: Any) -> Observation:
    return first_answer(context, f"/Patient/{pds_of(context).test_patient}", **options)


TOKENS = (
    contract(
        "a token is given and tells its life", _given, "expires_in comes as a text here.", obstacle=needs_key,
    ),
    contract(
        "an expired assertion is refused", _expired, "400 for an exp in the past.",
        obstacle=first_of(may_be_refused, needs_key),
    ),
    contract(
        "an unknown key is refused", _unknown_key, "401 for a kid that nobody published.",
        obstacle=first_of(may_be_refused, needs_key),
    ),
    contract(
        "malformed assertions are refused", _malformed, "Every refusal that the specification lists.",
        obstacle=needs_key_and_simulator,
    ),
    contract(
        "an assertion is good for once", _replayed, "400 for a jti that has been seen.",
        obstacle=needs_key_and_simulator,
    ),
    refusal(
        "no token is no access", lambda context: _read(context, auth="none"),
        401, "ACCESS_DENIED", "401 ACCESS_DENIED without a token.",
        obstacle=first_of(may_be_refused, needs_key, needs_patient),
    ),
    refusal(
        "a wrong token is no access",
        lambda context: _read(context, headers={"authorization": "Bearer this-is-no-token"}),
        401, "ACCESS_DENIED", "401 ACCESS_DENIED; the open sandbox says so too.",
        obstacle=first_of(may_be_refused, needs_patient),
    ),
)  # fmt: skip
