"""Small random packages with much in common, so that they meet, miss and contradict each other often.

Drawn from a `random.Random`, because hypothesis takes a hundred times as long to draw as much; a seed is what it draws.
"""

from tests.compat.values import elf, member, tree

NAMES = ["a", "b", "c", "d", "e"]
SONAMES = ["libx.so.1", "libx.so.2", "liby.so.1", "libz.so.1"]
SYMBOLS = ["f", "g", "f@V1", "f@V2", "g@V1"]
BOUND = ["f@V1", "f@V2", "g@V1"]
COMMANDS = ["run", "play"]


def some(random, values, most):
    return random.sample(values, random.randint(0, most))


def random_elf(random, soname="", richness=1):
    return elf(
        soname=soname,
        needs=some(random, SONAMES, 2),
        exports=some(random, SYMBOLS, len(SYMBOLS)) if random.randint(0, richness) == 0 else SYMBOLS,
        imports=some(random, ["f", "g"], 1)
        + [f"{symbol}@{random.choice(SONAMES)}" for symbol in some(random, BOUND, 1)],
        defines=some(random, ["V1", "V2"], 2),
        demands=[f"{name}@V1" for name in some(random, SONAMES, 1)],
        rpath=random.choice([(), ("/usr/lib/private",)]),
        machine="i686" if random.randint(0, 19) == 0 else "x86_64",
    )


def random_package(random, name):
    """A member and its manifest."""
    richness = random.choice([0, 1, 4])
    files = {}
    for soname in some(random, SONAMES, 2):
        files[f"{random.choice(['lib', 'lib', 'lib/private'])}/{soname}"] = random_elf(random, soname, richness)
    for command in some(random, COMMANDS, 1):
        files[f"bin/{command}"] = random.choice([random_elf(random, richness=richness), "text"])
    if random.randint(0, 1):
        files["lib/plugins/one"] = random_elf(random, richness=richness)
    files |= dict.fromkeys(some(random, ["share/x", "share/x/y", "share/x/z", "share/x/y/z", "share/w"], 1), "")
    made = member(
        name,
        files,
        revision=random.randint(1, 3),
        links=[("usr/share/x", path) for path in sorted(files) if random.randint(0, 9) == 0],
        replaces=some(random, NAMES, 2),
        plugins=[("lib/plugins/*", command) for command in some(random, COMMANDS, 1)],
        requires=some(random, ["a", "b", "a=1.0", "b=1.0-1", "b=1.0-2", "command:run", "command:play"], 1),
    )
    return made, tree(files)


def random_packages(random, most=5):
    return [random_package(random, name) for name in some(random, NAMES, most)]


def random_members(random, most=5):
    return [made for made, _ in random_packages(random, most)]
