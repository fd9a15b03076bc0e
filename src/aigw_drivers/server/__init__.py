"""A gateway as a server: its settings, and what runs it."""
