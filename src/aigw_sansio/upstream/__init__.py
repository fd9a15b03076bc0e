"""Connections to providers, shared by all clients."""
