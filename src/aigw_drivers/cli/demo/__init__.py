"""What ``aigw demo`` shows: a gateway, its built-in provider and clients, in one process."""
