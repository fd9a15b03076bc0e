"""Client protocols: decode the messages of a client, encode the messages to it."""
