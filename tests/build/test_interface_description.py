"""What libabigail's description says of a library, and how other descriptions are read."""

from __future__ import annotations

import pytest

from farm.build.abi.interface_description import (
    DescriptionReader,
    InterfaceDescription,
    TypeKind,
    UnreadableDescriptionError,
)

_DESCRIPTION = """\
<abi-corpus version='2.4'>
  <elf-function-symbols>
    <elf-symbol name='area' type='func-type' is-defined='yes'/>
    <elf-symbol name='reach' version='V2' is-default-version='yes' type='func-type' is-defined='yes'/>
    <elf-symbol name='old' version='V1' is-default-version='no' alias='reach@V1' type='func-type' is-defined='yes'/>
    <elf-symbol name='reach' version='V1' is-default-version='no' type='func-type' is-defined='yes'/>
    <elf-symbol name='scale' type='func-type' is-defined='yes'/>
    <elf-symbol name='_ZThn16_N1W1aEv' type='func-type' is-defined='yes'/>
  </elf-function-symbols>
  <elf-variable-symbols>
    <elf-symbol name='_ZTV1W' size='4' type='object-type' is-defined='yes'/>
  </elf-variable-symbols>
  <undefined-elf-function-symbols>
    <elf-symbol name='puts' type='func-type' is-defined='no'/>
  </undefined-elf-function-symbols>
  <abi-instr path='scale.S' language='LANG_Mips_Assembler'>
    <function-decl name='scale' elf-symbol-id='scale'/>
  </abi-instr>
  <abi-instr path='shape.c' language='LANG_C11'>
    <class-decl name='point' is-struct='yes' filepath='shape.h' id='type-id-1'/>
    <class-decl name='form' is-struct='yes' naming-typedef-id='type-id-9' filepath='shape.h' id='type-id-2'/>
    <function-decl name='area' elf-symbol-id='area'/>
    <function-decl name='old' elf-symbol-id='old@V1'/>
  </abi-instr>
</abi-corpus>
"""


def read(text: str) -> InterfaceDescription:
    reader = DescriptionReader()
    for character in text:  # in the smallest possible pieces
        reader.feed(character.encode())
    return reader.end()


def test_symbols_are_described_under_any_of_their_names_and_not_by_an_assembler() -> None:
    found = read(_DESCRIPTION)
    assert found.symbols == {"area", "reach@@V2", "reach@V1", "old@V1", "scale"}
    assert found.undescribed == {"reach@@V2", "scale"}


def test_types_are_told_with_their_files() -> None:
    assert read(_DESCRIPTION).types == {
        ("point", "shape.h", False, TypeKind.CLASS),
        ("form", "shape.h", True, TypeKind.CLASS),
    }


@pytest.mark.parametrize(
    "text",
    ["", "no XML", _DESCRIPTION[:-10], "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"],
)
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(UnreadableDescriptionError):
        read(text)
