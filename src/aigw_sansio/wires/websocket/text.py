"""Text messages that are none (RFC 6455 section 8.1).

Decides: whether a whole message is UTF-8, and how that is said. Must not know: frames. :mod:`.messages` says the same
in its loop, which is called for every message.
"""


def not_utf8(data: bytes) -> str:
    """Why ``data`` is no text; empty if it is."""
    if data.isascii():
        return ""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"a text message is not UTF-8: {error.reason} at byte {error.start}"
    return ""
