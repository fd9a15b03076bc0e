"""One client on a message channel: its exchanges, and whose message is sent next."""
