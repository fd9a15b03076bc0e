"""Formats: what the bodies of providers mean. One module for each format, and the code that they share."""
