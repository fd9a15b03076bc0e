"""One request of a client: its steps, its attempts and its one end."""
