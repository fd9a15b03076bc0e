"""Conversations of texts, calls and their results alone, read and written without a turn for each message."""
