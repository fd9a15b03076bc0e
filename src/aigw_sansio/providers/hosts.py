"""Finds the host of an endpoint.

Decides: the route of a provider's row for an endpoint's leading segments, which parts of the URL a client may fill in,
and whether it chose the server that way. Must not know: credentials and header fields, except for the one in which some
clients name the provider's host.
"""

import re
from functools import lru_cache
from typing import Final

import msgspec

from ..faults import Fault
from .headers import refuse
from .row import VARIABLES, Provider, Route
from .target import BaseUrl, Endpoint, RefusedTarget, join_path, parse_base_url

_NAME: Final = r"\{(\w+)\}"
_ACCOUNT: Final = r"[A-Za-z0-9_-]{1,64}\Z"


class Destination(msgspec.Struct, frozen=True):
    """Where a request goes. ``values`` are the variables that the endpoint's prefix filled in. ``chosen_by_client``:
    the client chose a server that may belong to neither the provider nor the operator, so no stored key may be sent to
    it by default."""

    route: Route
    base: BaseUrl
    endpoint: Endpoint
    values: dict[str, str]
    chosen_by_client: bool


def find_destination(provider: Provider, endpoint: Endpoint, base_url: str | None, account: str) -> Destination | Fault:
    """Find the route of ``endpoint``.

    ``base_url`` of the settings replaces the route's own. If the client fills in the route's host
    (``RESOURCE/DEPLOYMENT/...``), it replaces the host alone: the endpoint keeps its form, and the route's path stays.
    With a ``base_url``, an endpoint without the prefix is used unchanged. The host is fixed in both cases.
    """
    segments = endpoint.path.split("/")
    best: Fault | None = None
    for route in provider.routes:
        prefix = route.prefix.split("/") if route.prefix else []
        if best is not None and not prefix:
            break
        if len(segments) < len(prefix) or any(
            not want.startswith("{") and want != have for want, have in zip(prefix, segments)
        ):
            continue
        values = {want[1:-1]: have for want, have in zip(prefix, segments) if want.startswith("{")}
        bad = next((name for name, value in values.items() if not _form(name).match(value)), None)
        if bad is not None:
            best = refuse(
                "request.endpoint", f"has a bad {bad}; allowed is {VARIABLES[bad].allowed}, as in {_shape(route)}"
            )
            continue
        rest = endpoint if route.keep else Endpoint("/".join(segments[len(prefix) :]), endpoint.query)
        host, path = _parts(route.url)
        if base_url is not None:
            path = _fill(path, values) if "{" in host else ""
            return _with_base(base_url, route, rest, values, field=f"providers.{provider.slug}.base_url", under=path)
        if "{account}" in path:
            if not re.match(_ACCOUNT, account):
                return refuse(
                    "the account in the URL", "cannot be used here; allowed are 1 to 64 letters, digits, - and _"
                )
            values["account"] = account
        chosen = any(VARIABLES[name].tenant for name in values if name in VARIABLES)
        return _with_base(
            _fill(route.url, values), route, rest, values, field="request.endpoint", chosen_by_client=chosen
        )
    if best is not None:
        return best
    if base_url is not None:
        first = provider.routes[0] if provider.routes else Route(url=base_url)
        return _with_base(base_url, first, endpoint, {}, field=f"providers.{provider.slug}.base_url")
    shapes = " or ".join(_shape(route) for route in provider.routes)
    return refuse("request.endpoint", f"does not say where to go; {provider.slug} needs {shapes}")


def named_destination(provider: Provider, value: str, endpoint: Endpoint) -> Destination | Fault:
    """Find the server of a client's own target URL: ``value``, from the field that the provider's SDK sets for
    proxies."""
    field = f"request.headers.{provider.target_header}"
    allowed = f"allowed is https://{provider.target_domain} and its subdomains"
    base = parse_base_url(value)
    if isinstance(base, RefusedTarget):
        return refuse(field, f"{base.why}; {allowed}")
    domain = provider.target_domain
    if base.scheme != "https" or base.port != 443 or (base.host != domain and not base.host.endswith("." + domain)):
        return refuse(field, f"is not on the provider's hosts; {allowed}, without a port")
    return Destination(
        provider.routes[0], base, endpoint, values={}, chosen_by_client=base.host not in provider.known_hosts
    )


def _with_base(
    url: str,
    route: Route,
    endpoint: Endpoint,
    values: dict[str, str],
    *,
    field: str,
    under: str = "",
    chosen_by_client: bool = False,
) -> Destination | Fault:
    base = parse_base_url(url)
    if isinstance(base, RefusedTarget):
        return refuse(field, base.why)
    if under:
        base = msgspec.structs.replace(base, path=join_path(base.path, under))
    return Destination(route, base, endpoint, values=values, chosen_by_client=chosen_by_client)


@lru_cache(maxsize=64)
def _parts(url: str) -> tuple[str, str]:
    """Split a route's URL into scheme with host, and path without its first slash."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return f"{scheme}://{host}", path


def _fill(pattern: str, values: dict[str, str]) -> str:
    return re.sub(_NAME, lambda found: values[found[1]], pattern) if "{" in pattern else pattern


@lru_cache(maxsize=64)
def _form(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{VARIABLES[name].form})\Z")


def _shape(route: Route) -> str:
    """A route's prefix for an error text: ``RESOURCE/DEPLOYMENT/...``."""
    return "/".join([*(re.sub(_NAME, lambda found: found[1].upper(), route.prefix).split("/")), "..."])
