"""Connections to providers, shared by all clients: which one carries a request, and how."""
