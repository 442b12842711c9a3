"""The server of moto, which stands in for Amazon's services: what the recipes of several types share."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pytest_sysint.core.provisioning import Place


def serve(place: Place) -> tuple[int, Callable[[], None]]:
    """Start it on the place's port. Gives the port, and what stops it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    # moto's own ThreadedMotoServer waits for ever when the port is taken, and leaves its socket open when stopped.
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", place.port, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return server.server_port, stop
