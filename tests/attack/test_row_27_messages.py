"""Every message of the signer's sockets, forged: the signer refuses it with a reason, and honest work continues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.attack.attacks import goes_on
from tests.attack.liar import Liar
from tests.attack.messages import MESSAGES
from tests.attack.oracle import names_in
from tests.attack.order_messages import ORDERS, REPORTS
from workers.signer import image_signer_app, signer_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.attack.attacks import Range
    from tests.attack.message import Message

_KINDS = {**MESSAGES, "orders": ORDERS, "reports": REPORTS}
_ALL = [(f"{kind}: {message.what}", message) for kind, messages in _KINDS.items() for message in messages]


class Target:
    """A farm that receives one message after another until it signs something wrong; then a new farm replaces it."""

    def __init__(self, attack_range: Range, folder: Path) -> None:
        self.range = attack_range
        self._folder = folder
        self._liar: Liar | None = None
        self._count = 0

    @property
    def liar(self) -> Liar:
        if self._liar is None:
            self._count += 1
            self._liar = Liar(self.range.copy(self._folder / str(self._count)))
        return self._liar

    def wrongs(self) -> list[str]:
        found = self.range.oracle.wrongs(self.liar.farm.public)
        if found:
            self.close()
        return found

    def close(self) -> None:
        if self._liar:
            self._liar.farm.close()
            self._liar = None


@pytest.fixture(scope="module")
def target(attack_range: Range, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    made = Target(attack_range, tmp_path_factory.mktemp("messages"))
    yield made
    made.close()


def test_every_message_is_forged() -> None:
    nothing: Any = None
    paths = {
        getattr(route, "path", "")
        for app in (signer_app(nothing, nothing, nothing, nothing), image_signer_app(nothing, nothing, nothing))
        for route in app.routes
        if "POST" in getattr(route, "methods", ())
    }
    assert paths == {f"/{kind}" for kind in _KINDS if kind not in ("evidence", "others")}


def test_what_is_composed_without_a_lie_is_signed(attack_range: Range, tmp_path: Path) -> None:
    """This shows that the requests below are refused for their lies."""
    liar = Liar(attack_range.copy(tmp_path / "farm"))
    try:
        assert liar.ask(liar.compose("edge", liar.entry("next"))).text.startswith('{"release"')
        assert attack_range.oracle.wrongs(liar.farm.public) == []
    finally:
        liar.farm.close()


@pytest.mark.parametrize("message", [pytest.param(message, id=name) for name, message in _ALL])
def test_a_forged_message_gets_nothing_wrong_signed(target: Target, message: Message) -> None:
    answer = message.send(target.liar)
    assert target.wrongs() == []
    if not message.harmless:
        if answer.is_success:
            target.close()
        assert answer.status_code in (404, 405, 409, 422), answer.text


def test_honest_work_goes_on_after_all_of_them(target: Target) -> None:
    farm = target.liar.farm
    farm.takes_up()
    farm.rests()
    goes_on(farm)
    assert target.wrongs() == []
    assert {"next", "after"} <= names_in(farm.public, target.range.oracle.pinned, "edge").keys()
