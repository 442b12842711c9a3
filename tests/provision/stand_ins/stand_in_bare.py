"""A type without any recipe: only a url or a command makes it run."""

from __future__ import annotations

from stand_in import StandIn


class Bare(StandIn):
    recipes = ()


TYPE = Bare
