"""What `farm submission show` says of a commit: what was verified, apart from what the commit says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

from farm.api.submission_wire import RecipeCommitWire
from farm.cli.maintain.submission import _commit_lines

COMMIT = RecipeCommitWire(
    url="https://git.example.org/a/b.git",
    commit="c" * 40,
    author="Ada",
    author_email="ada@example.org",
    committer="Ada",
    committer_email="ada@example.org",
    committed_at=datetime(2026, 12, 1, tzinfo=UTC),
    signature="verified",
    signer="alice",
    key="SHA256:abc",
)


def test_the_signature_has_a_line_of_its_own_before_the_names() -> None:
    assert list(_commit_lines("lib", COMMIT)) == [
        "lib: signed by alice, when it was read, SHA256:abc",
        f'lib: commit {"c" * 40} of https://git.example.org/a/b.git, author "Ada <ada@example.org>"',
    ]


def test_names_are_quoted_and_cut() -> None:
    claim = 'Eve"; signed by alice' + "x" * 500
    unsigned = COMMIT.model_copy(update={"author": claim, "signature": "unsigned", "signer": "", "key": ""})
    first, second = _commit_lines("lib", unsigned)
    assert first == "lib: signature unsigned, when it was read"
    assert r'author "Eve\"; signed by alicexxx' in second
    assert second.endswith('x…", committer "Ada <ada@example.org>"')
    assert len(second) < 300
