"""A server that answers every request after a fixed delay: asyncio, bytes ready, so that it is never the bottleneck."""

from __future__ import annotations

import asyncio
import sys

BODY = b'{"status":"ok"}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Delayed(asyncio.Protocol):
    def __init__(self, delay: float) -> None:
        self._delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(data.count(b"\r\n\r\n")):
            loop.call_later(self._delay, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():  # type: ignore[attr-defined]
            self._transport.write(ANSWER)  # type: ignore[attr-defined]


async def main(delay: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Delayed(delay), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.wait_for(server.serve_forever(), timeout=600)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
