"""How the product starts itself again: a new interpreter that sees the same modules as this one."""

from __future__ import annotations

import json
import sys

_BOOTSTRAP = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from {module} import main; main()"


def python(module: str) -> list[str]:
    """The command that runs `main()` of one of our modules.

    The search path goes along, so that types from wherever pytest found them are found again; the current folder
    stays out of it unless it was in it, so that a user's `redis.py` is not taken for the library. Warnings are for the
    tests' own process.
    """
    paths = [path for path in sys.path if path]
    return [sys.executable, "-P", "-W", "ignore", "-c", _BOOTSTRAP.format(module=module), json.dumps(paths)]
