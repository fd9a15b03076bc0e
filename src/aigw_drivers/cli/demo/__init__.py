"""``aigw demo``: a gateway, its built-in provider and clients, in one process."""
