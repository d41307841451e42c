"""Of each kind of document, one with every member that it can have and one with as few as possible."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.client.image.records import Evidence, ImageRecord
from farm.client.mirror.directory import MirrorRecord
from farm.client.override.overrides import BuiltHere, ChannelPackage, Override
from farm.client.repository.subscriptions import Subscription
from farm.client.root.generation import Generation
from farm.client.run.late_binding import RunOptions
from farm.container.log_record import LogRecord
from farm.container.sandbox_spec import Bind
from farm.core.advisories.openvex import read_openvex
from farm.core.advisories.reviews import Review
from farm.core.comparison.rebuild import FileDifference, PackageDifference
from farm.core.fileset.manifest import Directory, File, Link, Manifest
from farm.core.fileset.manifest import Import as TreeImport
from farm.core.names.declared import HostNeeds, SensitiveFile
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.package.facts import PackageFacts
from farm.core.plan.abi import AbiOrder, AbiOutcome, AbiSide, AbiVerdict, UndescribedSymbols
from farm.core.plan.consumption import Consumption, OpenedFiles
from farm.core.plan.job import BlobRef, BuildOutcome, BuiltPackage
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.recipe import Limits
from farm.core.recipe.toolchain import LockedDeb, ToolchainLock
from farm.core.sets.members.set_record import BrokenGuarantees, PlacedPackage, ReleaseRef, SetRecord
from farm.oci.image import OciImage
from farm.oci.layer import Layer
from farm.oci.referrers import Referrer
from farm.server.transaction.planning_inputs import ToolchainRef
from farm.signing.entries import (
    Begun,
    ChannelSeen,
    OrderTaken,
    Released,
    ReportOpened,
    RootPinned,
    Signing,
    TargetsSeen,
)
from farm.signing.evidence import BuiltAgainst, ReleaseEvidence, SignedTest
from farm.signing.ledger import Line
from farm.signing.state import LedgerState
from farm.trust.attestation.check_results import Checked, CheckedImage, CheckedLists, CheckedOrder, VerifiedRelease
from farm.trust.attestation.curator_order import Act, CuratorOrder, order_statement
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.image_request import AskedImage
from farm.trust.ceremony.ceremony import found_drafts, found_repository
from farm.trust.ceremony.drafting import RoleEdit, TargetsEdit, draft_root, draft_targets
from farm.trust.index.advisory_index import AdvisoryIndex, ListedAdvisory
from farm.trust.index.imports import Import, ImportedPackage
from farm.trust.index.node import Leaf, listing_of
from farm.trust.index.release_index import Release, ReleaseEntry
from farm.trust.index.review_list import ReviewList
from farm.trust.keys.key_files import load_key
from farm.trust.metadata.builders import AllowedBuilders
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.roles import RoleKeys
from farm.trust.metadata.signed_policy import SignedPolicy, SignedToolchain, policy_of_files
from farm.trust.verification.release_proof import ReleaseProof
from tests.core.advisories.osv_documents import openvex, osv
from tests.core.package.test_descriptor import descriptor
from tests.core.package.test_facts import FACTS
from tests.core.plan import test_job as jobs
from tests.core.plan.values import planned
from tests.formats.keys import key
from tests.formats.reading.documents import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.formats.make.__main__ import Output

WHOSE = "dist.example.org"
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = THEN + timedelta(days=1)


def make(out: Output, folder: Path) -> None:
    """Write `documents/<kind>/<case>`, and `documents.json` with the values of each."""
    values: dict[str, Any] = {}
    for kind, cases in documents(folder).items():
        for case, value in cases.items():
            content = value if isinstance(value, bytes) else KINDS[kind].write(value)
            again = KINDS[kind].read(content)
            assert KINDS[kind].write(again) == content, (kind, case)
            name = f"{kind}/{case}"
            out.write(f"documents/{name}", content)
            values[name] = KINDS[kind].says(again)
    out.write("documents.json", json.dumps(values, indent=1, sort_keys=True) + "\n")


def d(text: str) -> Digest:
    """A placeholder digest."""
    return Digest.of(text.encode())


def b(text: str, size: int = 7) -> BlobRef:
    """A placeholder blob."""
    return BlobRef(d(text), size)


def documents(folder: Path) -> dict[str, dict[str, Any]]:
    """All documents, by kind and case: values, or the bytes themselves."""
    return {**_packages(), **_orders(), **_releases(), **_said(), **_answers(), **_state(), **_drafts(folder)}


def _packages() -> dict[str, dict[str, Any]]:
    files = [File("bin/x", 3, d("x"), executable=True), File("share/x", 0, d("")), Link("bin/y", "x"), Directory("var")]
    full = replace(planned(), sensitive_files=(SensitiveFile("etc/passwd", "users"),))
    whole = descriptor(host=HostNeeds("5.10", ("CONFIG_BPF",), ("CAP_NET_RAW",), ("/dev/kvm",)))
    return {
        "manifest": {
            "full": Manifest.of(files, [TreeImport("lib/z", d("tree"))], absolute_links=True),
            "plain": Manifest.of(files),
            "empty": Manifest.of([]),
        },
        "descriptor": {
            "full": whole,
            "sensitive": replace(whole, sensitive_files=(SensitiveFile("etc/passwd", "users"),)),
            "plain": descriptor(requires=(), provides=(), links=(), replaces=(), plugins=(), host=HostNeeds()),
        },
        "facts": {
            "full": FACTS,
            "empty": PackageFacts(),
            "format-1": (Path(__file__).parents[2] / "core/package/golden/facts-format-1.json")
            .read_bytes()
            .rstrip(b"\n"),
        },
        "plan": {"full": planned(), "sensitive": full, "protocol-1": replace(planned(), protocol=1)},
        "recipe-contents": {
            "full": RecipeContents(d("text"), {"fix.patch": d("fix")}),
            "plain": RecipeContents(d("a"), {}),
        },
        "consumption": {
            "full": Consumption(
                PackageName(WHOSE, "zlib"), d("t"), OpenedFiles.of(["lib/libz.a"]), OpenedFiles.of(["include/z.h"])
            ),
            "nothing": Consumption(PackageName(WHOSE, "zlib"), d("t")),
            "unknown": Consumption(PackageName(WHOSE, "zlib"), d("t"), is_known=False),
        },
        "difference": {
            "files": PackageDifference(
                name="jq",
                first=d("a"),
                second=d("b"),
                count=2,
                files=(FileDifference("bin/jq", "changed"),),
                members=("tree",),
            ),
            "missing": PackageDifference(name="jq-doc", first=d("a"), second=None),
        },
        "toolchain-lock": {
            "full": ToolchainLock(
                "c",
                (
                    LockedDeb("libc6", "2.41-1", "amd64", d("libc6.deb"), 9, "pool/libc6.deb"),
                    LockedDeb("make", "4.4", "amd64", d("make.deb"), 10, "pool/make.deb"),
                ),
            )
        },
        "toolchain": {
            "full": ToolchainRef("c", d("t"), b("archive"), b("manifest"), {"libc6": d("libc6")}, d("lock")),
            "plain": ToolchainRef("c", d("t"), b("archive"), b("manifest"), {}),
        },
    }


def _orders() -> dict[str, dict[str, Any]]:
    side = AbiSide("lib/libz.so.1", jobs.ARCHIVE, replace(jobs.ARCHIVE, descriptor=d("debug")))
    two = replace(side, headers=(jobs.ARCHIVE, replace(jobs.ARCHIVE, descriptor=d("dev"))))
    order = AbiOrder(replace(side, headers=(jobs.ARCHIVE,)), two, d("abi tools"), Limits())
    built = BuiltPackage(descriptor(), b("archive"), b("manifest"), b("facts"))
    outcome = AbiOutcome(
        AbiVerdict.CHANGED, 4, d("log"), ("a type has changed",), "so", UndescribedSymbols(3, ("f",)), d("signed")
    )
    return {
        "build-order": {"first": jobs.BUILD, "second": replace(jobs.BUILD, build=2)},
        "build-outcome": {"full": BuildOutcome((built,), d("provenance"), d("log"))},
        "test-order": {
            "runs": jobs.TEST,
            "command": replace(
                jobs.TEST,
                test=replace(
                    jobs.TEST.test, run="", command=("jq", "."), prints=None, matches="^1", exit=3, needs=("bash",)
                ),
            ),
        },
        "test-outcome": {"failed": jobs.OUTCOME, "signed": jobs.SIGNED},
        "abi-order": {
            "full": order,
            "plain": AbiOrder(side, side, d("abi tools"), Limits()),
            "old": replace(order, rule=1),
        },
        "abi-outcome": {
            "full": outcome,
            **{verdict.value: AbiOutcome(verdict, 0, d("log")) for verdict in AbiVerdict},
        },
    }


def _releases() -> dict[str, dict[str, Any]]:
    entry = ReleaseEntry(
        name="jq",
        version="1.7",
        revision=2,
        summary="JSON, looked at",
        descriptor=b("descriptor"),
        archive=b("archive", 8),
        manifest=b("manifest", 9),
        facts=b("facts", 10),
        provenance=b("provenance", 11),
        recipe=d("recipe"),
        needs=("libonig", "other.example/zlib"),
        rebuilds=tuple(sorted((b("again"), b("and again")), key=lambda blob: blob.digest)),
        sbom=b("sbom"),
        tests=d("tests"),
    )
    plain = replace(entry, needs=(), rebuilds=(), sbom=None, tests=None)
    taken = (ImportedPackage("say", d("say"), ("other.example/zlib",)), ImportedPackage("zlib", d("zlib")))
    pin = Import(
        distribution="other.example",
        channel="edge",
        number=3,
        release=d("release"),
        root=d("root"),
        address="https://other.example/",
        packages=taken,
    )
    first = Release(
        distribution=WHOSE,
        channel="edge",
        number=1,
        previous=None,
        released_at="2026-01-02T03:04:05Z",
        index=b("index"),
        packages=1,
    )
    built = BuiltAgainst(
        descriptor=b("descriptor"),
        facts=b("facts"),
        manifest=b("manifest"),
        provenance=b("provenance"),
        recipe=d("recipe"),
    )
    test = SignedTest(d("order"), (d("result"), d("another result")))
    shown = ReleaseProof(
        (d("root"),), d("timestamp"), d("snapshot"), d("targets"), d("channel"), (d("newest"), d("shown"))
    )
    full = ReleaseEvidence(
        (built,), (d("submission"),), (d("approval"),), (test,), (test,), (built,), (d("order"),), (shown,)
    )
    listed = [listing_of(listed_entry, b(listed_entry.name)) for listed_entry in (plain, replace(entry, name="zlib"))]
    return {
        "entry": {"full": entry, "plain": plain},
        "release": {"first": first, "importing": replace(first, number=2, previous=first.digest, imports=(pin,))},
        "index-leaf": {"two": Leaf("", tuple(listed)), "none": Leaf("", ())},
        "evidence": {"full": full, "empty": ReleaseEvidence()},
    }


def _said() -> dict[str, dict[str, Any]]:
    listed = ListedAdvisory("EXAMPLE-2026-1", b("advisory"), ("jq", "zlib"))
    some = (Review("jq", "https://tracker.example.net/", THEN), Review("zlib", "https://tracker.example.net/", LATER))
    toolchain = SignedToolchain("c", d("toolchain"), d("lock"))
    policy = SignedPolicy({"channels/edge.yaml": "gates: [proof]\n"}, (toolchain,), (d("steps"),))
    one, two, three = (key(name).public_key for name in ("one", "two", "three"))
    everything = AllowedBuilders(
        [one, two], {"edge": 2}, testers=[three], tests={"edge": 1}, operators={"ann": "ab" * 32}
    )
    statements = [
        read_openvex(
            openvex(
                status,
                timestamp=f"2024-11-2{day}T10:00:00Z",
                product=f"{WHOSE}/jq{'@1.7-3' if status == 'fixed' else ''}",
                about=f"EXAMPLE-2026-{day}",
                **more,
            ),
            WHOSE,
        )[0]
        for day, (status, more) in enumerate(
            (
                ("not_affected", {}),
                ("affected", {"action_statement": "Upgrade."}),
                ("fixed", {}),
                ("under_investigation", {}),
            )
        )
    ]
    return {
        "advisory-index": {
            "full": AdvisoryIndex(WHOSE, (listed,), b("statements")),
            "empty": AdvisoryIndex(WHOSE, ()),
        },
        "reviews": {"full": ReviewList(WHOSE, some, d("list"), THEN), "empty": ReviewList(WHOSE)},
        "osv": {"plain": osv(), "withdrawn": osv(withdrawn="2024-11-21T10:00:00Z", modified="2024-11-21T10:00:00Z")},
        "openvex": {"every-status": tuple(statements)},
        "signed-policy": {"full": policy, "empty": SignedPolicy({}, (), ())},
        "builders": {
            "full": (everything, policy),
            "of-before": (AllowedBuilders([one], {}), None),
            "no-testers": (AllowedBuilders([one], {}, testers=[]), None),
        },
    }


def _answers() -> dict[str, dict[str, Any]]:
    verified = VerifiedRelease(
        release=d("release"),
        previous=d("previous"),
        policy=d("policy"),
        evidence=d("evidence"),
        new=("jq", "zlib"),
        provenances=(("jq", d("p")), ("zlib", d("q"))),
        checked=tuple(Checked),
        orders=(d("order"),),
        rolled_back=(d("gone"),),
        returned=(d("back"),),
    )
    first = replace(verified, previous=None, new=(), provenances=(), checked=(), orders=(), rolled_back=(), returned=())
    return {
        "verified-release": {"full": verified, "first": first},
        "checked-order": {"full": CheckedOrder(asked=d("asked"), order=d("order"))},
        "checked-lists": {
            "full": CheckedLists(asked=d("asked"), reviews=b"reviews", published={"advisories/osv.json": "ab"}),
            "plain": CheckedLists(asked=d("asked"), reviews=None, published={}),
        },
        "checked-image": {"full": CheckedImage(asked=d("asked"), image=d("image"), sbom=b"{}")},
        "asked-image": {
            "plain": AskedImage("edge", 3, ("bash", "jq"), plain=True),
            "packed": AskedImage("edge", 1, ("jq",), plain=False),
        },
    }


def _order(act: Act, **said: Any) -> CuratorOrder:
    about: dict[str, Any] = {"channel": "edge", "base": d("base"), "reason": "so", "at": THEN, "expires": LATER}
    return CuratorOrder(**{"act": act, "distribution": WHOSE, "curator": "ann", **about, **said})


def orders() -> Mapping[str, CuratorOrder]:
    """One order of each act, with every member that it can have."""
    held, built = {"jq": None, "zlib": None}, {"jq": d("jq")}
    return {
        order.act.value: order
        for order in (
            _order(Act.HOLD, packages=held, until=LATER),
            _order(Act.LIFT, packages={"zlib": None}, at=THEN + timedelta(minutes=1)),
            _order(Act.FREEZE, until=LATER),
            _order(Act.THAW, channel="stable"),
            _order(Act.PROMOTE, target=d("release"), origin="edge", channel="stable", packages=held),
            _order(Act.ROLLBACK, target=d("release")),
            _order(Act.RETRY, packages=built),
            _order(Act.CLOSE_REPORT, target=d("jq"), number=4),
            _order(Act.WITHDRAW_APPROVAL, packages=built),
            _order(Act.WITHDRAW_ORDER, target=d("an order")),
            _order(Act.WITHDRAW_SUBMISSION, channel="*", base=Digest.of(b""), packages={"alice": d("statement")}),
            _order(Act.ADVISE, channel="advisories", base=Digest.of(b""), packages={"EXAMPLE-2026-1": d("word")}),
        )
    }


def _state() -> dict[str, dict[str, Any]]:
    void = BrokenGuarantees("openssl 3.5.3-1", ("curl",), ("a symbol is missing",), ("jq",), "openssl 3.5.2-1")
    placed = PlacedPackage(PackageName(WHOSE, "jq"), "1.7", 2, d("jq"), f"jq-1.7-{d('jq').store_key}", f"{WHOSE}/edge")
    instead = replace(
        placed,
        name=PackageName(WHOSE, "ssl"),
        store=f"ssl-1-{d('s').store_key}",
        channel="",
        stands_for=d("o"),
        why="mine",
        broken=void,
    )
    releases = (ReleaseRef(WHOSE, "edge", 4, d("release")),)
    record = SetRecord(("jq",), (placed, instead), releases)
    image = OciImage(
        b("config"), b("manifest"), (Layer(d("diff"), b("layer"), "application/vnd.oci.image.layer.v1.tar", "jq"),)
    )
    referrer = Referrer(b("referring"), "application/spdx+json", {"org.example": "x"}, (b("sbom"),))
    entry = _releases()["entry"]["full"]
    return {
        "set": {"full": record, "plain": SetRecord(("jq",), (placed,), releases)},
        "generation": {
            "full": Generation(3, "2026-01-02T03:04:05+00:00", "farm install jq", record),
            "built-twice": Generation(
                1, "2026-01-02T03:04:05+00:00", "farm install jq", record.with_builds({f"{WHOSE}/jq": 2})
            ),
        },
        "image-record": {
            "full": ImageRecord(
                image.config,
                image.manifest,
                image.layers,
                record,
                "2026-01-02T03:04:05Z",
                ("jq:1", "jq:2"),
                ("registry.example/jq:1",),
                {d("jq"): Evidence(b("archive"), b("provenance"), b("sbom"), foreign=True)},
                (referrer,),
            ),
            "plain": ImageRecord(
                image.config,
                image.manifest,
                image.layers,
                SetRecord((), ()),
                "2026-01-02T03:04:05Z",
                evidence={d("jq"): Evidence(b("a"), None, None)},
            ),
        },
        "override": {
            "built": Override("jq", f"{WHOSE}/edge", "mine", "jq 1.7-2", d("jq"), BuiltHere(entry, "/home/me/jq")),
            "of-channel": Override(
                "jq",
                f"{WHOSE}/edge",
                "theirs",
                "jq 1.7-2",
                d("jq"),
                of_channel=ChannelPackage("other.example/edge", "jq"),
            ),
        },
        "subscription": {
            "full": Subscription(
                WHOSE, "edge", "https://dist.example.org/", d("root"), ("https://mirror.example/",), 3
            ),
            "plain": Subscription(WHOSE, "edge", "/srv/farm", d("root")),
        },
        "mirror-record": {
            "full": MirrorRecord(
                distribution=WHOSE,
                fingerprint=d("root"),
                channels=("edge", "stable"),
                keep=3,
                numbers=(1, 2),
                sources=False,
                held=(d("held"),),
                promised=(d("promised"),),
                advisories=d("list"),
                files=("metadata/1.root.json",),
                is_swept=False,
            ),
            "plain": MirrorRecord(WHOSE, d("root"), ("edge",)),
        },
        "run-options": {
            "full": RunOptions(
                command=(),
                network="host",
                user="1:1",
                workdir="/srv",
                environment=(("A", "1"),),
                labels=(("l", "2"),),
                binds=(Bind(Path("/home/me"), "/data", writable=True),),
                hidden=("/data/.ssh",),
                volumes=("/tmp",),
                publish=("127.0.0.1:8080:80/tcp",),
                capabilities=("CAP_NET_RAW",),
                devices=("/dev/kvm",),
                terminal=True,
                interactive=False,
            ),
            "plain": RunOptions(command=()),
        },
        "log-record": {
            "said": LogRecord(1767323045.25, "stdout", "install", "copying …"),
            "wrong": LogRecord(1767323045.5, "stderr", "install", "error: no such file\t"),
            "own": LogRecord(1767323046.0, "farm", "", "the build begins"),
        },
        **_ledger(),
    }


def _ledger() -> dict[str, dict[str, Any]]:
    ann = key("ann")
    taken = {act: OrderTaken(sign_statement(order_statement(order), ann).decode()) for act, order in orders().items()}
    signing = Signing("edge", 4, d("coming"), ("key",), (orders()["rollback"].digest,), (d("gone"),), (d("back"),))
    entries = {
        "begun": Begun(),
        "root": RootPinned(2, d("root")),
        "targets": TargetsSeen(3, ("snapshot key",)),
        "channel": ChannelSeen("edge", 3, d("release"), ("key",)),
        "channel-without": ChannelSeen("new", 0, None, ("key",)),
        "report": ReportOpened("edge", 4, d("jq"), "jq 1.7-2", "it crashes"),
        **{f"order-{act}": order_taken for act, order_taken in taken.items() if act != "close-report"},
        "signing": signing,
        "signing-plain": replace(signing, orders=(), rolled_back=(), returned=()),
        "released": Released("edge", d("coming")),
    }
    before, state = LedgerState(), LedgerState()
    for entry in entries.values():
        before, state = state, state.after(entry, THEN)
    lines = {
        name: Line(number, THEN, d("line before"), ledger_entry)
        for number, (name, ledger_entry) in enumerate(entries.items(), 1)
    }
    lines["order-close-report"] = Line(99, THEN, d("line before"), taken["close-report"])  # the report above stays open
    return {"ledger-line": lines, "ledger-state": {"full": state, "coming": before, "empty": LedgerState()}}


def _drafts(folder: Path) -> dict[str, dict[str, Any]]:
    """Drafts in progress: a root that its old key has signed, the next targets with a policy, and the very first."""
    keys, worker = folder / "keys", key("one").public_key
    first, _ = found_drafts(
        folder / "new",
        folder / "new-keys",
        ["edge"],
        [worker],
        offline={role: RoleKeys((key(role).public_key,)) for role in ("root", "targets")},
        now=THEN,
    )
    found_repository(folder / "public", keys, ["edge"], [worker], THEN)
    repository = Repository(folder / "public")
    old = load_key(keys / "offline" / "root")
    edit = RoleEdit("root", add=(key("two").public_key,), remove=(old.public_key.keyid,))
    steps = {
        "steps/install.yaml": b"name: install\nsummary: Install it\nrun:\n  - {name: install, shell: make install}\n"
    }
    toolchain = SignedToolchain("c", d("toolchain"), d("lock"))
    policy = policy_of_files({"channels/edge.yaml": b"gates: [proof]\n", **steps}, [toolchain])
    added = TargetsEdit(allow_builders=(key("three").public_key,), rebuilds=(("edge", 2),), policy=policy)
    return {
        "draft": {
            "first": first,
            "root": draft_root(repository, edit, THEN).signed_by(old),
            "targets": draft_targets(repository, added, THEN),
        }
    }
