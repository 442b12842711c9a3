"""`sysint.html`: one file for people. No request leaves it, and no text of any origin is more than text in it."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from pytest_sysint.core.records import RunRecords
from pytest_sysint.reports._cards import MOST_CARDS, Room, blocked_groups, cards
from pytest_sysint.reports._document import build
from pytest_sysint.reports._format import Format, write_file
from pytest_sysint.reports._grid import grid
from pytest_sysint.reports._headline import headline
from pytest_sysint.reports._models import Document
from pytest_sysint.reports._page_data import page_data
from pytest_sysint.reports._picture import BOX_HEIGHT, picture
from pytest_sysint.reports._text import clipped, duration, moment, plural
from pytest_sysint.reports._timings import timings

_EVIDENCE = 1_200_000
"""Characters of exchanges and logs that the page may hold, so that 10,000 results stay below 6 MB."""
_STYLES = ("base.css", "parts.css", "media.css")
_SCRIPTS = ("data.js", "filters.js", "detail.js", "table.js", "page.js")
_TILES = ("passed", "failed", "error", "blocked", "skipped", "flaky", "degraded")


def write(records: RunRecords, path: Path) -> None:
    """Write the page of a run."""
    write_file(path, render(build(records)))


def render(document: Document) -> str:
    """The page of a run as HTML text."""
    room = Room(_EVIDENCE)
    failed = cards(document, room)
    style, script = _assets(_STYLES), _assets(_SCRIPTS)
    return _environment().get_template("report.html").render(
        doc=document,
        headline=headline(document),
        tiles=[(name, getattr(document.summary, name)) for name in _TILES],
        took=_took(document),
        grid=grid(document),
        cards=failed,
        most_cards=MOST_CARDS,
        groups=tuple(blocked_groups(document)),
        picture=picture(document),
        box_height=BOX_HEIGHT,
        timings=timings(document),
        data=page_data(document, {card.index for card in failed}, room),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )  # fmt: skip


def _took(document: Document) -> str:
    run = document.run
    return duration((run.finished_at - run.started_at).total_seconds() * 1000) if run.finished_at else "not finished"


@cache
def _assets(names: tuple[str, ...]) -> str:
    return "".join(_loader().get_source(_environment(), name)[0] for name in names)


@cache
def _loader() -> PackageLoader:
    return PackageLoader("pytest_sysint.reports")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=_loader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(duration=duration, moment=moment, plain=_readable, plural=plural)
    environment.globals.update(place=_place)
    return environment


def _place(**filters: Any) -> str:
    """A link to the table of results with these filters set."""
    return "#" + urlencode(filters)


def _readable(text: str) -> str:
    """Any text of a record, of a length that a page can bear."""
    return clipped(text, 4096)


def _hash(text: str) -> str:
    """What the page's own policy knows its style and its script by: nothing else may run."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


FORMAT = Format("html", "sysint.html", "one self-contained page, for people", write)
