"""Proxies in a settings file.

Decides: how ``proxy`` and ``no_proxy`` are written, and that credentials in a file are secrets. Must not know: which
tables have them.
"""

from collections.abc import Mapping

from aigw_sansio import Secret
from aigw_sansio.origin import check_no_proxy, read_proxy

from .toml_values import EnvironmentText, ValueReader


class ProxyReader(ValueReader):
    """Reads the values of proxies too. ``holds_secrets``: a secret stands in the file itself."""

    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        super().__init__(file, environ)
        self.holds_secrets = False

    def proxy(self, where: str, value: object) -> Secret | None:
        """The URL of a proxy, or ``none``; ``None`` if there is no ``value``, or after an error."""
        text = None if value is None else self.string(where, value)
        if text is None:
            return None
        url = Secret(str(text))
        try:
            read_proxy(url)
        except ValueError as error:
            self.error(where, str(error))
            return None
        self.holds_secrets |= "@" in text and not isinstance(text, EnvironmentText)
        return url

    def no_proxy(self, where: str, value: object) -> tuple[str, ...]:
        """Hosts: an array, or one string with commas between them, as environment variables have it."""
        if isinstance(value, str):
            text = self.string(where, value, empty=True) or ""
            pairs = [(where, item.strip()) for item in text.split(",") if item.strip()]
        else:
            pairs = list(self.strings(where, value).items())
        found = []
        for path, item in pairs:
            try:
                check_no_proxy(item)
            except ValueError as error:
                self.error(path, str(error))
            else:
                found.append(item)
        return tuple(found)
