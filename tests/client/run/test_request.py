"""What can be requested of a run, and the errors for what cannot."""

from __future__ import annotations

import re

import pytest

from farm.client.run.request import RunRequest, RunRequestError


@pytest.mark.parametrize(
    ("network", "engine", "advice"),
    [
        ("none", "docker", "this run has none: Add --network bridge"),
        ("host", "docker", "this one is this host's: Leave --publish out"),
        ("container:web", "docker", "this one is another container's"),
        ("none", "bubblewrap", "--network host instead, .* or use --with docker"),
        ("host", "bubblewrap", "--publish is for Docker"),
    ],
)
def test_where_no_port_can_be_published_it_is_told_what_to_do(network: str, engine: str, advice: str) -> None:
    RunRequest(network=network).check_publishing(engine)
    with pytest.raises(RunRequestError) as refused:
        RunRequest(network=network, publish=("8080:80/tcp",)).check_publishing(engine)
    assert re.search(advice, f"{refused.value.message}: {refused.value.remedy}")


def test_a_network_of_ones_own_publishes_ports() -> None:
    for network in ("bridge", "shop"):
        RunRequest(network=network, publish=("8080:80/tcp",)).check_publishing("docker")
