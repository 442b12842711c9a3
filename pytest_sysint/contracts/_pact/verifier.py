"""The child process: verifies the one interaction of a pact against a relay on loopback.

    python -P verifier.py FOLDER

The folder holds `pact.json` and `task.json` (provider, port, token, states, teardown, timeout); `results.json` is put
there. What the verifier prints is not looked at.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def verify(folder: Path) -> None:
    """Verify, and leave the results."""
    from pact import Verifier

    task = json.loads((folder / "task.json").read_text())
    host, port, token = "127.0.0.1", task["port"], task["token"]
    verifier = Verifier(task["provider"], host)
    verifier.add_transport(url=f"http://{host}:{port}/{token}/provider")
    verifier.add_transport(protocol="message", port=port, path=f"/{token}/message", scheme="http")
    verifier.add_source(folder / "pact.json")
    verifier.set_request_timeout(task["timeout"])
    verifier.set_coloured_output(enabled=False)
    if task["states"]:
        verifier.state_handler(f"http://{host}:{port}/{token}/state", teardown=task["teardown"], body=True)
    said = ""
    try:
        verifier.verify()
    except RuntimeError as error:  # a failed verification is one too
        said = str(error)
    results = {**verifier.results, "said": said}
    (folder / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    verify(Path(sys.argv[1]))
