"""Hosts and certificates for the conformance suite."""

import pytest
from tests.peers.certificates import Certificates, issue
from tests.rigs.hosts import HOSTS, HostFactory


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=list(HOSTS))
def start(request: pytest.FixtureRequest) -> HostFactory:
    """Starts a host of each kind in turn."""
    return HOSTS[request.param]
