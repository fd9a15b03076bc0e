"""The files that settings name.

Decides: whether they can be used, in words for the operator. Must not know: when that is asked.
"""

from ..core.tls import check_trust, server_context
from .settings import Settings


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
