"""What libsolv's users do, for Debian's own Python, which has its bindings; a program of its own, without the farm.

`write PACKAGES SOLV` converts Debian's index to libsolv's own form; `solve SOLV NAME` prints the size of a closure.
"""

from __future__ import annotations

import sys

import solv  # type: ignore[import-not-found]  # Debian's python3-solv


def _pool() -> tuple[solv.Pool, solv.Repo]:
    pool = solv.Pool()
    pool.setdisttype(solv.Pool.DISTTYPE_DEB)
    pool.setarch("amd64")
    return pool, pool.add_repo("bench")


def write(packages: str, written: str) -> None:
    """Read an index of Debian's, and write it for `solve`."""
    _, repo = _pool()
    with open(packages) as source, open(written, "w") as target:  # noqa: PTH123
        repo.add_debpackages(solv.xfopen_fd(packages, source.fileno()))
        repo.write(solv.xfopen_fd(written, target.fileno()))


def solve(written: str, name: str) -> None:
    """Print how many packages the installation of one package into an empty system takes."""
    pool, repo = _pool()
    repo.add_solv(written)
    pool.createwhatprovides()
    solver = pool.Solver()
    if solver.solve(pool.select(name, solv.Selection.SELECTION_NAME).jobs(solv.Job.SOLVER_INSTALL)):
        sys.exit("it cannot be solved")
    print(len(solver.transaction().newsolvables()))


if __name__ == "__main__":
    {"write": write, "solve": solve}[sys.argv[1]](*sys.argv[2:])
