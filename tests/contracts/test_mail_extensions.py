"""The section `extensions` of type `smtp`: kept by a real server, and each promise broken in just that way."""

from __future__ import annotations

import pytest


def failed(desk, url, promised):
    it = desk("smtp", url=url)
    return [
        f"{check.slug}: {each.message}"
        for check in it.checks({"extensions": promised})
        for each in check.run(it.talk()).assertions
        if each.status == "failed"
    ]


def test_what_is_kept_passes(desk, real_service):
    promised = {"SIZE": {"limit": ">= 10MiB"}, "8BITMIME": {}, "VRFY": {"absent": True}, "HELP": "always"}
    assert failed(desk, real_service("smtp"), promised) == []


@pytest.mark.parametrize(
    ("promised", "said"),
    [
        ({"SIZE": {"limit": ">= 100MiB"}}, "extensions-size: limit was"),
        ({"8BITMIME": "encrypted"}, 'extensions-8bitmime: offered was "always", expected "encrypted"'),
        ({"8BITMIME": {"absent": True}}, "extensions-8bitmime"),
        ({"AUTH": {"parameters": ["PLAIN"]}}, "there is no 'AUTH'"),
    ],
)
def test_what_is_broken_is_said(desk, real_service, promised, said):
    (message,) = failed(desk, real_service("smtp"), promised)
    assert said in message
