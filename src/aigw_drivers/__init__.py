"""Drivers: what binds the pure core to sockets, clocks and settings files. No protocol decision lives here."""
