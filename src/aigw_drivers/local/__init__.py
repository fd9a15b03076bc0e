"""Call providers from the process that runs the gateway: :class:`LocalClient` on anyio, :class:`SyncLocalClient` for
ordinary code.

They have the methods, the items and the errors of :mod:`aigw_drivers.client`, and no socket between: no gateway must
run elsewhere, and nothing of a response is written as JSON and read again.
"""

from .client import LocalClient
from .sync import SyncLocalClient

__all__ = ["LocalClient", "SyncLocalClient"]
