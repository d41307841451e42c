"""What packages require of a kernel, compared with an actual one."""

from __future__ import annotations

import pytest

from farm.core.names.declared import HostNeeds
from farm.core.sets.needs.host import Kernel, Unmet, joint_needs, unmet_by

NEEDS = HostNeeds("5.10", ("CONFIG_FUSE_FS", "CONFIG_IO_URING"), ("CAP_NET_RAW",))
BOTH = frozenset(NEEDS.features)


@pytest.mark.parametrize(
    ("kernel", "unmet"),
    [
        (Kernel("5.10.0-18-amd64", BOTH), Unmet()),
        (Kernel("6.1", BOTH), Unmet()),
        (Kernel("5.9.16-rc1", BOTH), Unmet(("Linux 5.10 or newer, and this is 5.9.16-rc1",))),
        (Kernel("", BOTH), Unmet(("Linux 5.10 or newer, and this is ",))),
        (Kernel("5.10", frozenset({"CONFIG_FUSE_FS"})), Unmet(("CONFIG_IO_URING",))),
        (Kernel("5.10", frozenset({"CONFIG_FUSE_FS"}), complete=False), Unmet((), ("CONFIG_IO_URING",))),
    ],
)
def test_a_kernel_lacks_what_it_is_too_old_for_and_was_not_built_with(kernel: Kernel, unmet: Unmet) -> None:
    assert unmet_by(kernel, NEEDS) == unmet


def test_who_needs_nothing_lacks_nothing() -> None:
    assert unmet_by(Kernel("odd"), HostNeeds()) == Unmet()


def test_devices_are_needed_together_and_change_no_older_descriptor() -> None:
    both = joint_needs([HostNeeds(devices=("/dev/kvm",)), HostNeeds(devices=("/dev/fuse", "/dev/kvm"))])
    assert both.devices == ("/dev/fuse", "/dev/kvm")
    assert HostNeeds.from_dict(both.to_dict()) == both
    assert HostNeeds().to_dict() == {"kernel": "", "features": [], "capabilities": []}
    assert HostNeeds.from_dict({"kernel": "", "features": [], "capabilities": []}) == HostNeeds()
