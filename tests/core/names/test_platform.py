from __future__ import annotations

import pytest

from farm.core.names.platform import Platform
from farm.errors import FarmError


def test_a_platform_knows_the_kernels_name_for_its_machine() -> None:
    platform = Platform.parse("linux/amd64")
    assert (platform.os, platform.architecture, platform.machine) == ("linux", "amd64", "x86_64")
    assert str(platform) == "linux/amd64"


@pytest.mark.parametrize("text", ["", "linux", "linux/x86_64", "windows/amd64", "linux/amd64/v3"])
def test_an_unknown_platform_is_refused_with_those_that_are_known(text: str) -> None:
    with pytest.raises(FarmError) as caught:
        Platform.parse(text)
    assert caught.value.code == "invalid-platform"
    assert "linux/arm64" in caught.value.remedy
