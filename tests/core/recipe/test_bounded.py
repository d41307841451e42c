"""How a tree's policy files count next to the signed policy: a file may require more, and never less."""

from __future__ import annotations

import pytest

from farm.core.policy.policies import Policies, read_policies
from farm.core.policy.strictness import as_strict_as_signed

ALICE, BEN, OTHER, CAROL = ("0a" * 32, "0b" * 32, "0c" * 32, "0d" * 32)
LICENSES = "gates: [proof, licenses: {deny: [AGPL-3.0-only]}]\n"
APPROVALS = "gates: [proof, approvals: {count: 1}]\n"


def policies(*, people: dict[str, str] | None = None, owners: str | None = None, **channels: str) -> Policies:
    """The files' content: the text of each channel, one group of curators, and `OWNERS`."""
    named = ", ".join(f"{name}: '{key}'" for name, key in (people or {"alice": ALICE, "ben": BEN}).items())
    files = {f"channels/{name}.yaml": text.encode() for name, text in channels.items()}
    files["curators.yaml"] = f"curators: {{{named}}}\n".encode()
    if owners is not None:
        files["OWNERS"] = owners.encode()
    found = read_policies(files)
    assert (found.troubles, found.owners_troubles) == ({}, ())
    return found


class TestChannels:
    def test_a_file_that_asks_for_as_much_or_more_counts(self) -> None:
        said, signed = policies(edge=LICENSES), policies(edge="gates: [proof]\n")
        for file, limit in ((said, signed), (said, said)):
            found = as_strict_as_signed(file, limit)
            assert found.policies == said.policies
            assert (found.troubles, found.unsigned) == ({}, {})

    def test_in_place_of_a_file_that_asks_for_less_what_is_signed_counts(self) -> None:
        said, signed = policies(edge="gates: [proof]\n"), policies(edge=LICENSES)
        found = as_strict_as_signed(said, signed)
        assert found.policies == signed.policies
        assert found.unsigned == {
            "edge": ("channels/edge.yaml asks for less than what is signed: the gate licenses is missing",)
        }

    def test_a_channel_of_which_nothing_is_signed_waits(self) -> None:
        said, signed = policies(edge=LICENSES, new="gates: [proof]\n"), policies(edge=LICENSES, gone=LICENSES)
        found = as_strict_as_signed(said, signed)
        assert found.policies.keys() == {"edge"}
        assert found.troubles.keys() == {"new"}
        assert found.troubles["new"][0].startswith("channels/new.yaml: no policy is signed for this channel yet.")

    def test_curators_are_those_that_file_and_signature_name_with_one_key(self) -> None:
        said = policies(people={"alice": ALICE, "ben": OTHER, "carol": CAROL}, edge=APPROVALS)
        found = as_strict_as_signed(said, policies(edge=APPROVALS))
        assert found.curators == {"curators": {"alice": ALICE}}
        assert found.policies == said.policies
        assert found.unsigned == {
            "edge": tuple(
                f"channels/edge.yaml asks for less than what is signed: {name} is in the group curators with a key "
                "that is not signed"
                for name in ("ben", "carol")
            )
        }


class TestOwners:
    SIGNED = policies(owners="* @curators\njq alice ben\n")

    def test_a_file_counts_where_none_is_signed(self) -> None:
        said = policies(owners="jq ben\n")
        found = as_strict_as_signed(said, policies())
        assert (found.owners, found.owners_people, found.owners_unsigned) == (said.owners, said.curators, "")

    @pytest.mark.parametrize("owners", ["* @curators\njq alice ben\n", "* @curators\njq alice\n"])
    def test_a_file_with_the_same_lines_counts_and_may_name_fewer_people(self, owners: str) -> None:
        said = policies(owners=owners)
        found = as_strict_as_signed(said, self.SIGNED)
        assert (found.owners, found.owners_people, found.owners_unsigned) == (owners, said.curators, "")

    @pytest.mark.parametrize(
        "owners", ["jq alice ben\n", "* @curators\nyq alice ben\n", "* @curators\njq alice ben\njq-* ben\n"]
    )
    def test_in_place_of_a_file_with_other_lines_what_is_signed_counts(self, owners: str) -> None:
        found = as_strict_as_signed(policies(owners=owners), self.SIGNED)
        assert (found.owners, found.owners_people) == (self.SIGNED.owners, self.SIGNED.curators)
        assert found.owners_unsigned.startswith("OWNERS has other lines or people than are signed: what is signed")

    def test_another_key_of_an_owner_does_not_count(self) -> None:
        found = as_strict_as_signed(
            policies(people={"alice": OTHER, "ben": BEN}, owners=self.SIGNED.owners), self.SIGNED
        )
        assert (found.owners, found.owners_people) == (self.SIGNED.owners, self.SIGNED.curators)

    def test_a_file_that_is_gone_takes_nobody_s_recipes(self) -> None:
        found = as_strict_as_signed(policies(), self.SIGNED)
        assert (found.owners, found.owners_people) == (self.SIGNED.owners, self.SIGNED.curators)
        assert found.owners_unsigned == "OWNERS: the file is gone: what is signed counts. Put it back."

    def test_a_file_that_is_wrong_stays_so(self) -> None:
        wrong = read_policies({"OWNERS": b"jq nobody\n"})
        found = as_strict_as_signed(wrong, self.SIGNED)
        assert (found.owners, found.owners_troubles) == (None, wrong.owners_troubles)
        assert wrong.owners_troubles
        assert found.owners_unsigned == ""
