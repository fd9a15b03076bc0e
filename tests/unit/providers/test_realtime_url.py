"""URLs of realtime paths. The rows of all providers are :mod:`.test_realtime`'s."""

import pytest

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.providers.realtime_url import RealtimeUrl, find_realtime_url
from aigw_sansio.providers.registry import REGISTRY
from aigw_sansio.providers.target import Endpoint


def find(slug: str, path: str, *, region: str = "", **settings: str) -> RealtimeUrl | Fault:
    row = REGISTRY[slug]
    assert row.realtime is not None
    return find_realtime_url(row, row.realtime, Endpoint(path, None), ProviderSettings(**settings), region=region)


def host(found: RealtimeUrl | Fault) -> str:
    assert isinstance(found, RealtimeUrl), found
    return found.base.host


@pytest.mark.parametrize(
    ("path", "region", "expected"),
    [
        ("", "", "aiplatform.googleapis.com"),
        ("", "us-east1", "us-east1-aiplatform.googleapis.com"),
        ("", "global", "aiplatform.googleapis.com"),
        ("", "nonsense", "aiplatform.googleapis.com"),
        ("europe-west1", "us-east1", "europe-west1-aiplatform.googleapis.com"),
        ("us", "us-east1", "aiplatform.us.rep.googleapis.com"),
        ("evil.example", "us-east1", "us-east1-aiplatform.googleapis.com"),
    ],
)
def test_a_location_chooses_the_host(path: str, region: str, expected: str) -> None:
    assert host(find("google-vertex-ai", path, region=region)) == expected


def test_only_a_name_that_anybody_can_register_is_the_clients_choice() -> None:
    for slug, path, resource in (
        ("azure-openai", "res", "res"),
        ("google-vertex-ai", "us-east1", None),
        ("assemblyai", "eu", None),
    ):
        found = find(slug, path)
        assert isinstance(found, RealtimeUrl)
        assert found.resource == resource


@pytest.mark.parametrize("path", ["", "evil.com", "-a", "a" * 64])
def test_a_name_that_is_no_label_is_refused(path: str) -> None:
    found = find("azure-voice-live", path)
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.INVALID_REQUEST
    assert found.detail.endswith("azure-voice-live/RESOURCE[/PATH]")


def test_a_url_of_the_settings_replaces_the_host_and_takes_the_name_away() -> None:
    found = find("azure-voice-live", "res", realtime_url="wss://own.example")
    assert isinstance(found, RealtimeUrl)
    assert (found.base.host, found.endpoint.path) == ("own.example", "voice-live/realtime")
