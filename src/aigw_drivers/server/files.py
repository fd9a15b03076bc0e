"""The files that settings name: those that are read, and those that are written.

Decides: whether they can be used, in words for the operator. Must not know: when that is asked.
"""

import os
from contextlib import suppress
from os.path import basename, dirname
from typing import Final

from ..core.tls import check_trust, server_context
from ..stores.opening import SQLITE
from .settings import Settings

_DATABASE: Final = b"SQLite format 3\0"


def unusable_files(settings: Settings) -> list[str]:
    """Certificates and keys that cannot be used, by the name of their setting."""
    server = settings.server
    files = {f"providers.{slug}.ca_file": own.ca_file for slug, own in settings.config.providers.items() if own.ca_file}
    for name, gateway in settings.config.gateways.items():
        files |= {
            f'gateways."{name}".providers.{slug}.ca_file': own.ca_file
            for slug, own in gateway.provider_settings.items()
            if own.ca_file
        }
    problems = []
    for where, file in files.items():
        try:
            check_trust(file)
        except OSError as error:
            problems.append(f"{where} ({file}) holds no PEM certificates: {error}")
    if server.tls_certificate:
        try:
            server_context(server.tls_certificate, server.tls_key or server.tls_certificate)
        except OSError as error:
            key = server.tls_key or "the same file"
            problems.append(
                f"server.tls_certificate ({server.tls_certificate}) cannot be used with its key ({key}): {error}"
            )
    return problems


def unusable_places(settings: Settings) -> list[str]:
    """Files of records and of the store that cannot be written, by the name of their setting. A file that is not there
    is made; its folder is not."""
    places = [("records.to", place) for place in settings.records.to]
    places.append(("store.url", settings.store.reveal()))
    problems = []
    for where, place in places:
        kind, _, path = place.partition(":")
        if f"{kind}:" == SQLITE or (where == "records.to" and kind == "file"):
            why = _unwritable(path, database=f"{kind}:" == SQLITE)
            if why is not None:
                problems.append(f"{where} ({kind}:{basename(path)}) cannot be written: {why}")
    return problems


def _unwritable(path: str, *, database: bool) -> str | None:
    if os.path.isdir(path):
        return "it is a folder"
    if not os.path.exists(path):
        folder = dirname(path) or "."
        if not os.path.isdir(folder):
            return f"there is no folder {folder}"
        return None if os.access(folder, os.W_OK | os.X_OK) else f"this user may write nothing to the folder {folder}"
    if not os.access(path, os.R_OK | os.W_OK if database else os.W_OK):
        return "this user may not"
    if database and os.path.isfile(path):
        with suppress(OSError), open(path, "rb") as file:
            if file.read(len(_DATABASE)) not in (b"", _DATABASE):
                return "it is no database"
    return None
