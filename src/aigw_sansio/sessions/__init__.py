"""One client on a message channel: what its messages start, and whose answer is sent next."""
