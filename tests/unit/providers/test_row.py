"""What all rows have to keep to."""

import pytest

from aigw_sansio.providers.registry import REGISTRY
from aigw_sansio.providers.row import VARIABLES, Provider


@pytest.mark.parametrize("provider", REGISTRY.values(), ids=REGISTRY)
def test_routes_name_only_known_variables(provider: Provider) -> None:
    prefixes = [route.prefix for route in provider.routes]
    if provider.realtime is not None:
        prefixes += [prefix for prefix, _ in provider.realtime.prefixes]
    for prefix in prefixes:
        for part in prefix.split("/"):
            assert not part.startswith("{") or part[1:-1] in VARIABLES


@pytest.mark.parametrize("provider", REGISTRY.values(), ids=REGISTRY)
def test_a_row_says_where_its_key_goes(provider: Provider) -> None:
    locations = [provider.key, *(route.key for route in provider.routes if route.key is not None)]
    if provider.realtime is not None:
        locations.append(provider.realtime.key)
    for location in locations:
        assert sum(map(bool, (location.header, location.query, location.marker))) == 1
        assert location.header == location.header.lower()
