"""Packages as plain values: files, the ELF facts that they would have, and what follows from them."""

from farm.core.fileset.manifest import File, Link, Manifest
from farm.core.names.declared import HostNeeds, Plugin
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.capabilities import derive_capabilities
from farm.core.package.descriptor import Descriptor
from farm.core.package.elf.details import CopiedSymbol, ElfDetails
from farm.core.package.elf.facts import ElfFacts, ImportedSymbol, Symbol, VersionNeed
from farm.core.package.facts import DanglingLink, ElfFile, PackageFacts, PkgConfigModule, Script
from farm.core.package.python_facts import PythonDistribution
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet
from tests.core.package.symbols import with_symbols


def elf(
    *,
    soname="",
    needs=(),
    exports=(),
    imports=(),
    weak=(),
    defines=(),
    demands=(),
    rpath=(),
    runpath=(),
    machine="x86_64",
    copies=(),
    **details,
):
    """ELF facts. Exports are `name` or `name@VERSION`, imports `name` or `name@VERSION@library`, or values of these.

    Copies are tuples of name, version, library and size; a file with some is a program. `old` facts are of format 1.
    """
    if details.pop("old", False):
        about = None
    else:
        kind = "pie" if copies else "library"
        about = ElfDetails(**{"kind": kind, "copies": tuple(CopiedSymbol(*copy) for copy in copies)} | details)
    facts = ElfFacts(
        soname=soname,
        needed=tuple(needs),
        rpath=tuple(rpath),
        runpath=tuple(runpath),
        machine=machine,
        version_definitions=tuple(defines),
        version_needs=tuple(VersionNeed(*text.split("@")) for text in demands),
        details=about,
    )
    return with_symbols(
        facts,
        exports=[Symbol(*export.split("@")) if isinstance(export, str) else export for export in exports],
        imports=[
            *(ImportedSymbol(*symbol.split("@")) if isinstance(symbol, str) else symbol for symbol in imports),
            *(ImportedSymbol(name, weak=True) for name in weak),
        ],
    )


def member(
    name,
    files=None,
    *,
    version="1.0",
    revision=1,
    links=(),
    replaces=(),
    plugins=(),
    requires=(),
    scripts=(),
    modules=(),
    python=(),
    dangling=(),
    platform="linux/amd64",
    distribution="dist.example.org",
    host=None,
    foreign=False,
):
    """A member of which `files` maps paths to ELF facts, to text, or to a link target written `-> target`."""
    manifest = tree(files or {})
    facts = PackageFacts(
        elf=tuple(sorted(ElfFile(path, value) for path, value in (files or {}).items() if isinstance(value, ElfFacts))),
        commands=tuple(sorted(path.split("/")[1] for path in files or {} if path.startswith("bin/"))),
        scripts=tuple(Script(*pair) for pair in scripts),
        pkg_config=tuple(PkgConfigModule(*module) for module in modules),
        python=tuple(PythonDistribution(*values) for values in python),
        dangling=tuple(DanglingLink(*link) for link in dangling),
    )
    loaded = tuple(Plugin(*pair) for pair in plugins)
    capabilities = derive_capabilities(manifest, facts, links=links, plugins=loaded, requires=requires)
    descriptor = Descriptor(
        name=PackageName(distribution, name),
        version=Version(version),
        revision=revision,
        platform=Platform.parse(platform),
        tree=manifest.tree_digest,
        diff_id=Digest.of(name.encode()),
        facts=facts.digest,
        plan=Digest.of(f"plan of {name}".encode()),
        license="MIT",
        requires=capabilities.requires,
        provides=capabilities.provides,
        links=tuple(links),
        replaces=tuple(replaces),
        plugins=loaded,
        host=host or HostNeeds(),
    )
    return Member.of(descriptor, facts, manifest, imported=foreign)


def tree(files):
    """A manifest; the content of a file does not matter here, so its path takes the content's place."""
    return Manifest.of(
        Link(path, value.removeprefix("-> "))
        if isinstance(value, str) and value.startswith("-> ")
        else File(path, 1, Digest.of(path.encode()), executable=path.startswith("bin/"))
        for path, value in files.items()
    )


def the_set(*members):
    return PackageSet.of(members)


GLIBC = member(
    "glibc",
    {
        "lib/libc.so.6": elf(
            soname="libc.so.6",
            needs=["ld-linux-x86-64.so.2"],
            exports=["malloc@GLIBC_2.2.5", "free@GLIBC_2.2.5", "memcpy@GLIBC_2.14", "memcpy@GLIBC_2.2.5"],
            imports=["_dl_argv@GLIBC_PRIVATE@ld-linux-x86-64.so.2"],
            defines=["GLIBC_2.2.5", "GLIBC_2.14", "GLIBC_ABI_DT_RELR"],
        ),
        "lib/ld-linux-x86-64.so.2": elf(
            soname="ld-linux-x86-64.so.2", exports=["_dl_argv@GLIBC_PRIVATE"], defines=["GLIBC_PRIVATE"]
        ),
    },
    version="2.41",
)


def prove_change(prover, *, add=(), remove=()):
    prover.change(add=add, remove=remove)
    return prover.proof


def changed(package_set, *, add=(), remove=()):
    """Return a set without the names in `remove` and with `add`, each replacing another build of its name."""
    new = {member.name: member for member in add}
    gone = {*remove, *new}
    return PackageSet.of([*(member for name, member in package_set.members.items() if name not in gone), *new.values()])


def oniguruma(*, exports=("onig_new", "onig_free"), soname="libonig.so.5", revision=1, **more):
    library = elf(soname=soname, needs=["libc.so.6"], exports=exports, imports=["malloc@GLIBC_2.2.5@libc.so.6"])
    return member("oniguruma", {f"lib/{soname}": library}, version="6.9.9", revision=revision, **more)


def jq(*, imports=("onig_new", "malloc@GLIBC_2.2.5@libc.so.6"), needs=("libonig.so.5", "libc.so.6"), **more):
    return member("jq", {"bin/jq": elf(needs=needs, imports=imports, **more)}, version="1.7.1")
