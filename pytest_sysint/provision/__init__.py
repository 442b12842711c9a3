"""How an integration comes to be there: one file per way, and the supervisor that owns everything that was started.

    services = Services(logs=Path("reports/logs"))
    provided = services.provide(ServiceRequest(id="cache", type="redis"))    # Provided(url="redis://127.0.0.1:...")
    services.close()

Modules without an underscore are ways (`WAY`); the shape of one is `_way.Way`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_sysint.provision._request import Provided, ServiceRequest
    from pytest_sysint.provision._services import Services

__all__ = ["Provided", "ServiceRequest", "Services"]


def __getattr__(name: str) -> Any:
    """The three public names, imported when asked for: listing the ways must cost nothing."""
    if name == "Services":
        from pytest_sysint.provision._services import Services

        return Services
    if name in __all__:
        from pytest_sysint.provision import _request

        return getattr(_request, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
