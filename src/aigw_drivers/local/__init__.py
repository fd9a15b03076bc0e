"""Call providers from the process that runs the gateway: :class:`LocalClient` on anyio, :class:`SyncLocalClient` for
ordinary code; :class:`RunningClient` where a gateway runs already.

They have the methods, the items and the errors of :mod:`aigw_drivers.client`, and no socket between: no gateway must
run elsewhere, and nothing of a response is written as JSON and read again.
"""

from .client import LocalClient
from .running import RunningClient
from .sync import SyncLocalClient

__all__ = ["LocalClient", "RunningClient", "SyncLocalClient"]
