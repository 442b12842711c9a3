"""Who may see and do what: tokens, roles, tenants."""

from __future__ import annotations

import httpx
import pytest

from fixtures.estate import tokens


def slug(answer):
    return answer.json()["type"].rpartition("/")[2]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic b2FrOndvb2Q=",
        "Bearer",
        "Bearer not.a-token",
        f"Bearer {tokens.issue('oakwood', 'manager', 'another secret')}",
    ],
    ids=["none", "basic", "empty", "garbled", "foreign"],
)
def test_without_a_good_token_nothing_is_shown(estate, header):
    answer = httpx.get(f"{estate.care.url}/residents", headers={"Authorization": header} if header else {})
    assert (answer.status_code, slug(answer)) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_expired_token_is_refused(estate, secret):
    token = tokens.issue("oakwood", "manager", secret, hours=-1)
    assert httpx.get(f"{estate.care.url}/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_the_token_says_who_calls(estate):
    said = estate.care.get("/me", tenant="elmhurst", role="auditor").json()
    assert said == {"tenant": "elmhurst", "role": "auditor", "user": "auditor@elmhurst.example"}


@pytest.mark.parametrize(
    ("method", "path", "role", "status"),
    [
        ("GET", "/residents", "carer", 200),
        ("GET", "/residents", "service", 403),
        ("POST", "/residents", "carer", 403),
        ("POST", "/residents", "auditor", 403),
        ("DELETE", "/residents/OAK-0001", "nurse", 403),
        ("POST", "/exports", "nurse", 403),
        ("POST", "/residents/OAK-0001/notes", "auditor", 403),
    ],
)
def test_a_role_may_do_what_it_may(estate, method, path, role, status):
    assert estate.care.call(method, path, role=role).status_code == status


def test_another_home_does_not_exist(estate):
    mine = estate.care.get("/residents", params={"limit": 100}).json()["items"]
    assert {item["tenant"] for item in mine} == {"oakwood"}
    for path in (f"/residents/{mine[0]['id']}", "/residents/OAK-0001", "/residents/OAK-0001/notes"):
        assert estate.care.get(path).status_code == 200
        assert estate.care.get(path, tenant="elmhurst").status_code == 404
    assert estate.care.call("DELETE", "/residents/OAK-0001", tenant="elmhurst").status_code == 404
    assert estate.care.get("/residents/OAK-0001").status_code == 200


@pytest.mark.parametrize(("service", "path"), [("notification", "/sent"), ("audit", "/events"), ("audit", "/chain")])
def test_mails_and_audit_events_are_shown_to_their_home_only(estate, service, path):
    asked = getattr(estate, service)
    assert asked.get(path, params={"tenant": "oakwood"}).status_code == 200
    assert asked.get(path, params={"tenant": "elmhurst"}).status_code == 403
    assert asked.get(path).status_code == 422
    assert asked.get(path, params={"tenant": "oakwood"}, role="carer").status_code == 403


def test_pages_hold_everything_once(estate):
    whole = estate.care.get("/residents", tenant="elmhurst", params={"limit": 100}).json()
    seen, query = [], {"limit": 3}
    while True:
        answer = estate.care.get("/residents", tenant="elmhurst", params=query)
        page = answer.json()
        seen += page["items"]
        assert ("link" in answer.headers) == bool(page["nextCursor"])
        if not page["nextCursor"]:
            break
        query["cursor"] = page["nextCursor"]
    assert seen == whole["items"]
    assert len(seen) >= 8


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"limit": "101"}, {"cursor": "nonsense"}])
def test_a_page_that_cannot_be_is_refused(estate, query):
    answer = estate.care.get("/residents", params=query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, next(iter(query)))


def test_the_cache_is_read_through_and_knows_its_tenant(estate):
    path = "/residents/ELM-0002"
    first, second = (estate.care.get(path, tenant="elmhurst") for _ in range(2))
    assert [first.headers["x-cache"], second.headers["x-cache"]] == ["miss", "hit"]
    assert first.json() == second.json()
    assert estate.care.get(path).status_code == 404


@pytest.mark.parametrize(("method", "path", "status"), [("PUT", "/residents", 405), ("GET", "/nowhere", 404)])
def test_what_is_not_there_is_a_problem_too(estate, method, path, status):
    answer = estate.care.call(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    if status == 405:
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_the_tool_makes_tokens(monkeypatch, capsys):
    monkeypatch.setenv("CARE_TOKEN_SECRET", "s3cret")
    assert tokens.main(["oakwood", "nurse", "--hours", "1"]) == 0
    token = tokens.verify(capsys.readouterr().out.strip(), "s3cret")
    assert (token.tenant, token.role) == ("oakwood", "nurse")
    monkeypatch.delenv("CARE_TOKEN_SECRET")
    with pytest.raises(SystemExit):
        tokens.main(["oakwood", "nurse"])
    assert "CARE_TOKEN_SECRET" in capsys.readouterr().err
