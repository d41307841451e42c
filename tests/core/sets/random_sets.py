"""Small random packages with much in common, so that they often provide, lack and contradict each other's needs.

Drawn from a `random.Random`, because hypothesis takes a hundred times as long for as many draws; it draws a seed only.
"""

from farm.core.package.elf.details import DlopenNote
from farm.core.package.elf.facts import ImportedSymbol, Symbol
from farm.core.package.facts import PkgConfigLibraries
from tests.core.sets.values import elf, member, tree

NAMES = ["a", "b", "c", "d", "e"]
SONAMES = ["libx.so.1", "libx.so.2", "liby.so.1", "libz.so.1"]
SYMBOLS = ["f", "g", "f@V1", "f@V2", "g@V1", "v", "v@V1"]
PRIORITIES = ["required", "recommended", "suggested"]
BOUND = ["f@V1", "f@V2", "g@V1"]
PLACES = ["lib", "lib", "lib", "lib/private", "lib/private", "lib/glibc-hwcaps/x86-64-v3"]
PYTHON = "lib/python3.13/site-packages"
NEEDS = ["a", "b>1", "c; python_version<'3'", "d; extra == 'more'"]
COMMANDS = ["run", "play"]


def some(random, values, most):
    return random.sample(values, random.randint(0, most))


def random_elf(random, soname="", richness=1, *, program=False):
    own = set(random.sample(SYMBOLS, random.randint(0, len(SYMBOLS)))) if random.randint(0, richness) == 0 else SYMBOLS
    wanted = [ImportedSymbol(name, symbol_class=random_class(random)) for name in some(random, ["f", "g", "v"], 1)]
    wanted += [
        ImportedSymbol(*symbol.split("@"), random.choice(SONAMES), symbol_class=random_class(random))
        for symbol in some(random, BOUND, 1)
    ]
    copies = (
        [("v", *random.choice([("", ""), ("V1", random.choice(SONAMES))]), 8)] if program and rare(random, 3) else []
    )
    details = {
        "kind": "pie" if program else "library",
        "copies": copies,
        "auxiliaries": ("libz.so.1",) if rare(random, 10) else (),
        "filters": ("liby.so.1",) if rare(random, 20) else (),
    }
    if rare(random, 8):
        details["dlopen"] = (DlopenNote(("libx.so.2", "liby.so.1"), "", random.choice(PRIORITIES)),)
    return elf(
        soname=soname,
        needs=some(random, SONAMES, 2) + (["/usr/lib/private/libz.so.1"] if rare(random, 30) else []),
        exports=[random_export(random, *symbol.split("@")) for symbol in sorted(own)],
        imports=wanted,
        defines=some(random, ["V1", "V2"], 2),
        demands=[f"{name}@V1" for name in some(random, SONAMES, 1)],
        rpath=random.choice([(), (), ("/usr/lib/private",)]),
        runpath=random.choice([(), (), (), ("$ORIGIN/private",), ("$ORIGIN/../lib/private",), ("/usr/lib/linked",)]),
        machine="i686" if rare(random, 20) else "x86_64",
        **({"old": True} if rare(random, 8) else details),
    )


def rare(random, often):
    return random.randint(1, often) == 1


def random_class(random):
    return random.choice(["", "", "function", "function", "object"])


def random_export(random, name, version=""):
    """Mostly a function, or under the name of a variable one of eight bytes."""
    symbol_class = random.choice(["", "tls", "object"]) if rare(random, 12) else "object" if name == "v" else "function"
    size = random.choice([8, 8, 8, 4]) if symbol_class in {"object", "tls"} else 0
    return Symbol(
        name, version, symbol_class, rare(random, 8), bool(version) and rare(random, 2), rare(random, 12), size
    )


def random_package(random, name):
    """A member and its manifest."""
    richness = random.choice([0, 1, 4])
    files = {}
    for soname in some(random, SONAMES, 2):
        files[f"{random.choice(PLACES)}/{soname}"] = random_elf(random, soname, richness)
    if rare(random, 3):
        place, soname = random.choice(PLACES), random.choice(SONAMES)
        files.setdefault(f"{place}/{soname}", random.choice(["text", f"-> {'../' * place.count('/')}deep/liby.so"]))
        files["lib/deep/liby.so"] = random_elf(random, random.choice(SONAMES), richness)
    if rare(random, 6):
        files["lib/linked"] = random.choice(["-> private", "-> deep"])
        files.setdefault("lib/private/libz.so.1", "text")
        files.setdefault("lib/deep/libx.so.1", "text")
    for command in some(random, COMMANDS, 1):
        files[f"bin/{command}"] = random.choice([random_elf(random, richness=richness, program=True), "text"])
    if random.randint(0, 1):
        files["lib/plugins/one"] = random_elf(random, richness=richness)
    files |= dict.fromkeys(
        some(random, ["share/x", "share/x/y", "share/x/z", "share/x/y/z", "share/w", "lib/libx.so"], 1), ""
    )
    if rare(random, 5):
        files["bin/python3.13"] = "text"
    distribution = (f"{PYTHON}/{name}.dist-info/METADATA", name, random.choice(["1", "2"]), "", (random.choice(NEEDS),))
    made = member(
        name,
        files,
        revision=random.randint(1, 3),
        links=[("usr/share/x", path) for path in sorted(files) if random.randint(0, 9) == 0],
        replaces=some(random, NAMES, 2),
        plugins=[("lib/plugins/*", command) for command in some(random, COMMANDS, 1)],
        python=[distribution] if rare(random, 3) else [],
        modules=[random_module(random, name)] if rare(random, 3) else [],
        dangling=[("share/gone", "nowhere")] if rare(random, 20) else [],
        requires=some(random, ["a", "b", "a=1.0", "b=1.0-1", "b=1.0-2", "command:run", "command:play"], 1),
    )
    return made, tree(files)


def random_module(random, name):
    return (name, "1", tuple(some(random, NAMES, 1)), (), PkgConfigLibraries(tuple(some(random, ["x", "y"], 1))))


def random_packages(random, most=5):
    return [random_package(random, name) for name in some(random, NAMES, most)]


def random_members(random, most=5):
    return [made for made, _ in random_packages(random, most)]
