"""Two builds of a package, or two releases, compared: what differs, as values. Knows no place where builds are kept.

May import plans, packages and recipes, and not sets."""
