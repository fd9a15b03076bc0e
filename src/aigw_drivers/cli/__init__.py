"""The command line, and the demos that it shows."""
