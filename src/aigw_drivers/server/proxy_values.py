"""Proxies in a settings file.

Decides: how ``proxy`` and ``no_proxy`` are written, and that credentials in a file are secrets. Must not know: which
tables have them, and what a proxy is (the core checks that).
"""

from collections.abc import Mapping

from aigw_sansio import Secret

from .toml_values import EnvironmentText, ValueReader


class ProxyReader(ValueReader):
    """Reads the values of proxies too. ``holds_secrets``: a secret stands in the file itself."""

    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        super().__init__(file, environ)
        self.holds_secrets = False

    def proxy(self, where: str, value: object) -> Secret | None:
        """The URL of a proxy, or ``none``; ``None`` after an error."""
        text = self.string(where, value)
        if text is None:
            return None
        self.holds_secrets |= "@" in text and not isinstance(text, EnvironmentText)
        return Secret(str(text))

    def no_proxy(self, where: str, value: object) -> list[str] | None:
        """Hosts: an array, or one string with commas between them, as environment variables have it."""
        if not isinstance(value, str):
            return self.strings(where, value)
        text = self.string(where, value, empty=True) or ""
        return [item.strip() for item in text.split(",") if item.strip()]
