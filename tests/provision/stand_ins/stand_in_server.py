"""A server that behaves as it is told, for tests: `stand_in_server.py PORT [WORD ...]`. It answers each connection with
JSON about itself.

    die           ends at once with code 3, after a few lines
    garble        never answers, and never ends
    daemon        starts a process that leaves its group
    deaf          ignores SIGTERM and SIGINT
    meet:FILE:N   listens only when N servers have added a line to FILE
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


def meet(file: str, number: int) -> None:
    with Path(file).open("a") as mine:
        mine.write(f"{os.getpid()}\n")
    while len(Path(file).read_text().splitlines()) < number:
        time.sleep(0.005)


def main(port: int, words: list[str]) -> None:
    about: dict[str, object] = {"pid": os.getpid(), "uid": os.geteuid(), "cwd": str(Path.cwd()), "words": words}
    about["environment"] = dict(os.environ)
    if "die" in words:
        for number in range(30):
            print(f"line {number}")
        print("cannot read the licence file", os.environ.get("STAND_IN_TOKEN", ""), flush=True)
        sys.exit(3)
    if "deaf" in words:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "daemon" in words:
        daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
        about["daemon"] = daemon.pid
    for word in words:
        if word.startswith("meet:"):
            _, file, number = word.split(":")
            meet(file, int(number))
    listener = socket.create_server(("127.0.0.1", port))
    print("listening, token", os.environ.get("STAND_IN_TOKEN", "none"), flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            if "garble" not in words:
                connection.sendall(json.dumps(about).encode() + b"\n")


main(int(sys.argv[1]), sys.argv[2:])
