"""The native dialect: commands and events are Python objects, for a client in the process of the gateway."""
