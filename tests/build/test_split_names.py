"""How a description is rewritten with one declaration for each name of a piece of code."""

from __future__ import annotations

import io
from xml.etree import ElementTree

from farm.build.abi.interface_description import DescriptionReader, regrouped
from farm.build.abi.split_names import SplitNames

_DESCRIPTION = """\
<abi-corpus version='2.4'>
  <elf-function-symbols>
    <elf-symbol name='area' alias='size,reach@V1' is-defined='yes'/>
    <elf-symbol name='size' is-defined='yes'/>
    <elf-symbol name='reach' version='V1' is-default-version='no' is-defined='yes'/>
    <elf-symbol name='_ZN1AC1Ev' alias='_ZN1AC2Ev' is-defined='yes'/>
    <elf-symbol name='_ZN1AC2Ev' is-defined='yes'/>
  </elf-function-symbols>
  <abi-instr path='a&amp;b.c' language='LANG_C11'>
    <class-decl name='A' id='type-id-2'>
      <member-function constructor='yes'><function-decl name='A' elf-symbol-id='_ZN1AC1Ev'/></member-function>
    </class-decl>
    <function-decl name='area' mangled-name='area' elf-symbol-id='area'>
      <parameter type-id='type-id-1'/>
      <return type-id='type-id-1'/>
    </function-decl>
  </abi-instr>
</abi-corpus>
"""


def test_each_name_gets_its_declaration_and_a_member_stays_one() -> None:
    reader = DescriptionReader()
    reader.feed(_DESCRIPTION.encode())
    found = reader.end()
    assert found.undescribed == set()
    assert not found.has_for_itself("_ZN1AC2Ev")
    assert all(map(found.has_for_itself, ("_ZN1AC1Ev", "area", "size", "reach@V1")))
    out = io.BytesIO()
    writer = SplitNames(found.split(), out, most_bytes=10_000)
    for character in _DESCRIPTION:
        writer.feed(character.encode())
    assert writer.end()
    root = ElementTree.fromstring(out.getvalue())  # noqa: S314  our own
    assert root.findall(".//elf-symbol[@alias]") == []
    declared = {
        declaration.get("elf-symbol-id"): (declaration.get("name"), len(declaration))
        for declaration in root.iter("function-decl")
    }
    assert declared == {"_ZN1AC1Ev": ("A", 0), "area": ("area", 2), "reach@V1": ("reach", 2), "size": ("size", 2)}
    assert root.find("abi-instr").get("path") == "a&b.c"  # type: ignore[union-attr]


def test_what_is_too_long_or_no_description_is_not_whole() -> None:
    for text, most in ((_DESCRIPTION, 100), ("no XML", 10_000), (_DESCRIPTION[:-20], 10_000)):
        writer = SplitNames({}, out := io.BytesIO(), most_bytes=most)
        writer.feed(text.encode())
        assert not writer.end()
        assert len(out.getvalue()) <= most


def test_names_are_regrouped_that_share_their_code_with_others() -> None:
    sides = []
    for text in (_DESCRIPTION, _DESCRIPTION.replace("alias='size,reach@V1'", "alias='size'")):
        reader = DescriptionReader()
        reader.feed(text.encode())
        sides.append(reader.end())
    before, after = sides
    assert regrouped(before, before) == set()
    assert regrouped(before, after) == {"area", "size", "reach@V1"}
