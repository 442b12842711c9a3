from __future__ import annotations

import base64
import html
import json
import os
import re
import string
import threading
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from pytest_sysint.core import secrets
from pytest_sysint.core.secrets import MASK, Redactor, redact, reveal, telling

relaxed = settings(deadline=None)
LONG = "s3cr3t/P@ss&word+\"quoted\"'é'=="
ALPHABET = string.ascii_letters + string.digits + "-_.~!@#$%^&()+={}[]|\\:;\"'<>,?/ éßλ"
SECRETS = st.text(ALPHABET, min_size=8, max_size=40).filter(lambda text: text.strip() == text)
FORMS = {
    "plain": lambda text: text,
    "url": lambda text: quote(text, safe=""),
    "url path": quote,
    "form": quote_plus,
    "url in small letters": lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
    "html": html.escape,
    "html by number": lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "json": lambda text: json.dumps(text)[1:-1],
    "json in utf-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "json in json": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "html in json": lambda text: json.dumps(html.escape(text))[1:-1],
}


def knowing(*values: str) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.learn(value)
    return redactor


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_masked(form: str) -> None:
    written = FORMS[form](LONG)
    assert knowing(LONG).redact(f"before {written} after") == f"before {MASK} after"


@relaxed
@given(SECRETS, st.sampled_from(sorted(FORMS)), st.text("xyz \n", max_size=5), st.text("xyz \n", max_size=5))
def test_redact_removes_the_secret_in_each_form(secret: str, form: str, before: str, after: str) -> None:
    written = FORMS[form](secret)
    found = knowing(secret).redact(f"{before}{written}{after}")
    assert written not in found
    assert MASK in found


@relaxed
@given(SECRETS, st.binary(max_size=5), st.binary(max_size=5), st.booleans())
def test_redact_removes_the_secret_within_longer_base64(
    secret: str, before: bytes, after: bytes, is_url_safe: bool
) -> None:
    encode = base64.urlsafe_b64encode if is_url_safe else base64.b64encode
    written = encode(before + secret.encode() + after).decode()
    found = knowing(secret).redact(written)
    assert MASK in found
    left = found.replace(MASK, "")
    # Whole groups of three bytes are gone; of the secret at most two bytes at either end can still be told.
    assert len(left) <= len(written) - 4 * ((len(secret.encode()) - 2) // 3)


@pytest.mark.parametrize("user", ["u", "us", "usr", "user"])
@pytest.mark.parametrize("password", ["hunt2", "hunter", "hunter2", "correct-horse-battery"])
def test_basic_authentication_is_masked_at_each_offset(user: str, password: str) -> None:
    header = base64.b64encode(f"{user}:{password}".encode()).decode()
    found = knowing(password).redact(f"Authorization: Basic {header}")
    assert found.startswith("Authorization: Basic ")
    assert MASK in found


def test_several_secrets_the_longest_first() -> None:
    redactor = knowing("alpha", "alphabet-soup")
    assert redactor.redact("alphabet-soup and alpha") == f"{MASK} and {MASK}"
    assert set(redactor.known()) == {"alpha", "alphabet-soup"}


@pytest.mark.parametrize("value", [None, "", "abc", MASK])
def test_what_is_too_common_is_not_learnt(value: str | None) -> None:
    redactor = Redactor()
    redactor.learn(value)
    assert redactor.known() == ()
    assert redactor.redact("abc *** x") == "abc *** x"


def test_a_secret_that_is_not_utf8_is_masked_too() -> None:
    from_environment = os.fsdecode(b"caf\xe9-secret")
    for value in (from_environment, "half \ud800 pair"):
        assert knowing(value).redact(f"<{value}>") == f"<{MASK}>"
    assert knowing(from_environment).redact("caf%E9-secret") == MASK


# ---- urls


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://app:hunter2@db:5432/x", f"postgresql://app:{MASK}@db:5432/x"),
        ("redis://:hunter2@cache/0", f"redis://:{MASK}@cache/0"),
        ("amqp+ssl://u:p%40ss@q/%2f", f"amqp+ssl://u:{MASK}@q/%2f"),
        ("http://user@host/path", "http://user@host/path"),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ("no url at all", "no url at all"),
    ],
)
def test_the_password_of_any_url_is_masked_without_being_learnt(url: str, shown: str) -> None:
    assert Redactor().redact(f"cannot reach {url} now") == f"cannot reach {shown} now"


def test_a_learnt_url_is_masked_also_where_the_url_is_taken_apart() -> None:
    redactor = Redactor()
    redactor.learn_url("postgresql://app:p%40ss%2Fword@db/x?sslpassword=keypass1&mode=fast&api_key=abcdef12")
    text = redactor.redact("password p@ss/word or p%40ss%2Fword, keypass1, abcdef12, fast")
    assert text == f"password {MASK} or {MASK}, {MASK}, {MASK}, fast"


def test_a_url_that_cannot_be_read_is_no_error() -> None:
    redactor = Redactor()
    redactor.learn_url("http://[::1:hunter2@x")
    redactor.learn_url("")
    assert redactor.known() == ()


@relaxed
@given(st.text(ALPHABET.replace(" ", ""), min_size=8, max_size=30))
def test_url_passwords_never_stay(password: str) -> None:
    url = f"amqp://user:{quote(password, safe='')}@host:5672/vhost"
    redactor = Redactor()
    redactor.learn_url(url)
    for text in (url, f"bad password {password}", f"bad password {quote(password, safe='')}"):
        assert password not in redactor.redact(text) or password in "amqp://user:@host:5672/vhost bad password"


# ---- values and secrets


def test_values_keep_their_shape() -> None:
    value = {"list": ["x hunter22", 3, None, True], "hunter22": {"nested": ("hunter22",)}}
    assert knowing("hunter22").redact_value(value) == {
        "list": [f"x {MASK}", 3, None, True],
        MASK: {"nested": [MASK]},
    }


def test_reveal_teaches_the_one_redactor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reveal(None) == ""
    assert reveal("") == ""
    assert reveal(SecretStr("revealed-secret-1")) == "revealed-secret-1"
    assert reveal("revealed-secret-2") == "revealed-secret-2"
    assert redact("revealed-secret-1 revealed-secret-2") == f"{MASK} {MASK}"
    assert secrets.redact_value(["revealed-secret-1"]) == [MASK]


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD",
        "db_passwd",
        "passphrase",
        "SECRET_KEY",
        "authToken",
        "api-key",
        "apikey",
        "private_key",
        "sig_signature",
    ],
)
def test_telling_names(name: str) -> None:
    assert telling(name)


@pytest.mark.parametrize("name", ["user", "url", "host", "mode", "key", "path"])
def test_names_that_tell_nothing(name: str) -> None:
    assert not telling(name)


def test_many_threads_may_learn_and_redact() -> None:
    redactor = Redactor()
    values = [f"thread-secret-{n}" for n in range(60)]
    failures: list[str] = []

    def work(mine: list[str]) -> None:
        for value in mine:
            redactor.learn(value)
            if redactor.redact(f"x{value}x") != f"x{MASK}x":
                failures.append(value)

    threads = [threading.Thread(target=work, args=(values[n::6],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert redactor.redact(" ".join(reversed(values))) == " ".join([MASK] * 60)
