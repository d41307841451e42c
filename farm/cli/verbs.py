"""The verbs of the command, as data: their modules, their headings in `farm --help`, and their former names."""

from __future__ import annotations

from typing import NamedTuple

MAINTAIN = "Maintain packages"
SUBSCRIBE = "Subscribe and install"
IMAGES = "Images"
CURATE = "Curate channels"
OPERATE = "Operate a farm"
GROUPS = (SUBSCRIBE, IMAGES, MAINTAIN, CURATE, OPERATE)

FIRST = ("subscribe", "search", "info", "run", "install", "upgrade", "image", "audit", "build", "submit")
"""The verbs for newcomers: `farm --help` begins with these."""


class Verb(NamedTuple):
    """A verb by its words after `farm`, the module and function it is loaded from, and its heading (of one word)."""

    name: str
    target: str
    group: str = ""


VERBS = (
    Verb("audit", "inspect.audit:audit", SUBSCRIBE),
    Verb("completion", "subscribe.completion:completion", SUBSCRIBE),
    Verb("diff", "inspect.diff:diff", SUBSCRIBE),
    Verb("gc", "subscribe.gc:gc", SUBSCRIBE),
    Verb("graph", "inspect.graph:graph", SUBSCRIBE),
    Verb("info", "subscribe.packages:info", SUBSCRIBE),
    Verb("install", "subscribe.install:install", SUBSCRIBE),
    Verb("list", "subscribe.list_root:list_root", SUBSCRIBE),
    Verb("lock", "subscribe.lock:lock", SUBSCRIBE),
    Verb("mirror", "subscribe.mirror:mirror", SUBSCRIBE),
    Verb("override", "subscribe.override:override", SUBSCRIBE),
    Verb("policy", "inspect.policy:policy", SUBSCRIBE),
    Verb("provenance", "inspect.provenance:provenance", SUBSCRIBE),
    Verb("remove", "subscribe.install:remove", SUBSCRIBE),
    Verb("rollback", "curate.rollback:rollback", SUBSCRIBE),
    Verb("run", "run.run:run", SUBSCRIBE),
    Verb("sbom", "inspect.sbom:sbom", SUBSCRIBE),
    Verb("search", "subscribe.packages:search", SUBSCRIBE),
    Verb("source", "inspect.source:source", SUBSCRIBE),
    Verb("subscribe", "subscribe.subscribe:subscribe", SUBSCRIBE),
    Verb("subscriptions", "subscribe.subscriptions:subscriptions", SUBSCRIBE),
    Verb("unsubscribe", "subscribe.subscriptions:unsubscribe", SUBSCRIBE),
    Verb("upgrade", "subscribe.install:upgrade", SUBSCRIBE),
    Verb("verify", "inspect.verify:verify", SUBSCRIBE),
    Verb("why", "inspect.why:why", SUBSCRIBE),
    Verb("image", "image.group:image", IMAGES),
    Verb("image build", "image.build:build"),
    Verb("image diff", "image.diff:diff"),
    Verb("image inspect", "image.inspect:inspect"),
    Verb("image list", "image.records:list_images"),
    Verb("image push", "image.push:push"),
    Verb("image remove", "image.records:remove"),
    Verb("image update", "image.update:update"),
    Verb("images", "inspect.images:images", IMAGES),
    Verb("build", "maintain.build:build", MAINTAIN),
    Verb("cancel", "maintain.jobs:cancel", MAINTAIN),
    Verb("files", "maintain.files:files", MAINTAIN),
    Verb("jobs", "maintain.jobs:jobs", MAINTAIN),
    Verb("kept", "maintain.kept:kept", MAINTAIN),
    Verb("lint", "maintain.lint:lint", MAINTAIN),
    Verb("log", "maintain.jobs:log", MAINTAIN),
    Verb("notify", "maintain.notify:notify", MAINTAIN),
    Verb("notify add", "maintain.notify:add"),
    Verb("notify list", "maintain.notify:list_webhooks"),
    Verb("notify remove", "maintain.notify:remove"),
    Verb("notify test", "maintain.notify:test"),
    Verb("pack", "maintain.pack:pack", MAINTAIN),
    Verb("package", "maintain.package:package", MAINTAIN),
    Verb("patch", "maintain.patch:patch", MAINTAIN),
    Verb("plan", "maintain.build:plan", MAINTAIN),
    Verb("rebuild", "maintain.build:rebuild", MAINTAIN),
    Verb("retry", "maintain.jobs:retry", MAINTAIN),
    Verb("schema", "maintain.schema:schema", MAINTAIN),
    Verb("shell", "maintain.shell:shell", MAINTAIN),
    Verb("submission", "maintain.submission:submission", MAINTAIN),
    Verb("submit", "maintain.submit:submit", MAINTAIN),
    Verb("test", "maintain.test:test", MAINTAIN),
    Verb("toolchain", "maintain.toolchain:toolchain", MAINTAIN),
    Verb("watch", "maintain.watch:watch", MAINTAIN),
    Verb("advisory", "curate.advisory:advisory", CURATE),
    Verb("approve", "curate.approve:approve", CURATE),
    Verb("candidate", "curate.candidate:candidate", CURATE),
    Verb("channel", "curate.channel:channel", CURATE),
    Verb("channel excuses", "curate.excuses:excuses"),
    Verb("channel freeze", "curate.channel_orders:freeze"),
    Verb("channel hold", "curate.channel_orders:hold"),
    Verb("channel order", "curate.order:order"),
    Verb("channel promote", "curate.channel_orders:promote"),
    Verb("channel report", "curate.report:report"),
    Verb("channel rollback", "curate.rollback:channel_rollback"),
    Verb("channel thaw", "curate.channel_orders:thaw"),
    Verb("channel trail", "curate.trail:trail"),
    Verb("release", "curate.release:release", CURATE),
    Verb("git", "operate.git:git", OPERATE),
    Verb("git connect", "operate.git:connect_repository"),
    Verb("git disconnect", "operate.git:disconnect"),
    Verb("git list", "operate.git:list_repositories"),
    Verb("git preview", "operate.git:preview"),
    Verb("git set", "operate.git:set_repository"),
    Verb("git show", "operate.git:show"),
    Verb("git sync", "operate.git:sync"),
    Verb("keys", "operate.keys:keys", OPERATE),
    Verb("keys dns", "operate.keys:record"),
    Verb("keys draft", "operate.key_drafts:draft"),
    Verb("keys ledger", "operate.key_ledger:ledger"),
    Verb("keys publish", "operate.key_drafts:publish"),
    Verb("keys show", "operate.key_drafts:show"),
    Verb("keys sign", "operate.key_drafts:sign"),
    Verb("up", "operate.up:up", OPERATE),
)
"""All verbs; those of two words are sub-commands of the group that the first word names. Targets are in `farm.cli`."""

FORMER = {
    "copies": "package copies",
    "excuses": "channel excuses",
    "freeze": "channel freeze",
    "hold": "channel hold",
    "order": "channel order",
    "owners": "package owners",
    "promote": "channel promote",
    "report": "channel report",
    "thaw": "channel thaw",
    "trail": "channel trail",
    "who-needs": "why --reverse",
}
"""Former name → present name. Former names work until the release after this one, with a hint on standard error."""

ELSEWHERE = {
    "add": "install",
    "debug": "shell",
    "develop": "shell",
    "exec": "run",
    "history": "list",
    "ls": "list",
    "outdated": "upgrade",
    "query": "search",
    "rdepends": "why --reverse",
    "show": "info",
    "status": "channel show",
    "tree": "graph",
    "uninstall": "remove",
    "update": "upgrade",
}
"""Other programs' names for a verb, where similar letters do not lead to it."""
