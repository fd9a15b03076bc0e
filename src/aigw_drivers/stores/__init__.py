"""Stores: what gateways share or keep: cached responses, counters, keys. :func:`.open_store` opens one by its URL."""

from .base import Store, StoreError
from .opening import open_store

__all__ = ["Store", "StoreError", "open_store"]
