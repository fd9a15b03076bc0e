"""Settings that are read again while a server runs.

Decides: which new settings are taken, and what the log says of the others. Must not know: processes, signals, and what
runs with the settings.
"""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from aigw_sansio import ConfigError, SettingError

from . import concerns
from .files import unusable_files
from .settings import Settings, SettingsError, read_settings, require_unchanged

logger = logging.getLogger("aigw.serve")

#: What a server that runs cannot change, beside its store.
FIXED: Final = ("host", "port", "workers")
#: Settings of a server that do not count if its sockets are the host's own.
_OF_SOCKETS: Final = ("host", "port")
#: Settings of a server that speaks TLS, and goes on to.
_OF_TLS: Final = ("tls_certificate", "tls_key")
#: Settings of a server that may always change.
_TOKENS: Final = ("metrics_token", "page_token")


def require_possible(before: Settings, after: Settings, *, own_sockets: bool = False) -> None:
    """Raise :class:`aigw_sansio.ConfigError` if what runs with the settings ``before`` cannot go on with those
    ``after``. ``own_sockets``: the host gave its sockets, so an address does not count."""
    but = {*_TOKENS, *(_OF_SOCKETS if own_sockets else ())}
    if before.server.tls_certificate is not None and after.server.tls_certificate is not None:
        but.update(_OF_TLS)
    require_unchanged(before.server, after.server, "server", but=but)
    require_unchanged(before.records, after.records, "records")
    require_unchanged(before.otel, after.otel, "otel")
    for name in ("store", "store_bytes"):
        if getattr(after, name) != getattr(before, name):
            why = "cannot change while the gateway runs; allowed is what it began with"
            raise ConfigError("settings", [SettingError((name,), why)])


def _store_of(settings: Settings) -> dict[str, object]:
    return {"store": settings.store, "store_bytes": settings.store_bytes}


class SettingsFile:
    """The settings file of a server that runs, and the :attr:`settings` that are in force."""

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        settings: Settings,
        *,
        options: Mapping[str, object],
        strict: bool = False,
    ) -> None:
        """``settings``: those that it began with. ``options`` of the command line replace what the file says of the
        server. ``strict``: what there is to warn of is wrong."""
        self.settings = settings
        self._path, self._environ, self._options, self._strict = path, environ, options, strict

    def read(self) -> bytes | None:
        """The file as it is now, if its settings can be taken. Call :meth:`give` next. ``None``: those of before stay,
        and the log says why."""
        try:
            document = self._path.read_bytes()
            mode = self._path.stat().st_mode
            settings, fixed = self._parsed(document)
            require_possible(self.settings, settings)  # here, before any of several processes takes them
            wrong = [*unusable_files(settings), *concerns.errors(settings)]
            doubts = concerns.warnings(settings, file_mode=mode)
        except OSError as error:
            self._kept([f"{self._path}: cannot be read: {error.strerror or error}"])
            return None
        except SettingsError as error:
            self._kept(error.errors)
            return None
        except ConfigError as error:
            self._kept([f"{self._path}: {line}" for line in str(error).splitlines()])
            return None
        except Exception as error:
            self._kept_for_a_bug(error)
            return None
        if wrong or (self._strict and doubts):
            self._kept([f"{self._path}: {line}" for line in wrong or doubts])
            return None
        for line in doubts:
            logger.warning("%s: %s", self._path, line)
        for name in fixed:
            logger.warning("%s: %s cannot change while the server runs: start it anew", self._path, name)
        return document

    def give(self, document: bytes, reconfigure: Callable[[Settings], object]) -> bool:
        """Have ``reconfigure`` take the settings of a ``document`` that :meth:`read` gave, here or in another process:
        then they are in force. False if it raises anything; then those of before stay, and the log says why."""
        try:
            settings, _ = self._parsed(document)
            reconfigure(settings)
        except (SettingsError, ConfigError, OSError) as error:
            self._kept(str(error).splitlines())
            return False
        except Exception as error:
            self._kept_for_a_bug(error)
            return False
        self.settings = settings
        logger.info("the settings were read again")
        return True

    def _parsed(self, document: bytes) -> tuple[Settings, list[str]]:
        """The settings of ``document``, and which of them keep the values of before because they cannot change."""
        settings = read_settings(document, file=str(self._path), environ=self._environ)
        before = self.settings.server
        server = msgspec.structs.replace(settings.server, **self._options)
        names = [*FIXED]
        if (server.tls_certificate is None) != (before.tls_certificate is None):
            names += ("tls_certificate", "tls_key")
        fixed = {name: getattr(before, name) for name in names if getattr(server, name) != getattr(before, name)}
        told = [f"server.{name}" for name in fixed] + ["store.url"] * (settings.store != self.settings.store)
        told += ["store.bytes"] * (settings.store_bytes != self.settings.store_bytes)
        server = msgspec.structs.replace(server, **fixed)
        return msgspec.structs.replace(settings, server=server, **_store_of(self.settings)), told

    def _kept_for_a_bug(self, error: Exception) -> None:
        """A server that runs goes on. The words of an unknown error are not told: they may quote a key."""
        where = "".join(traceback.format_tb(error.__traceback__))
        self._kept([f"{self._path}: a bug: {type(error).__name__}\n{where}"])

    def _kept(self, why: Sequence[str]) -> None:
        for line in why:
            logger.error("%s", line)
        logger.error("the settings stay as they were")
