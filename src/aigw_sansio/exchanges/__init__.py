"""One request of a client: its steps and attempts, until exactly one end."""
