"""A gateway as a server: its settings, and the code that runs it."""
