"""The `farm` command itself: which verbs there are, and the one place where errors meet a person."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import traceback
from typing import Any

import click

from farm import __version__
from farm.cli.output import guarded, say
from farm.cli.places import host_directory, state_directory
from farm.cli.signals import ending_signals
from farm.errors import FarmError

_VERBS = {
    "advisory": "farm.cli.curate.advisory:advisory",
    "approve": "farm.cli.curate.approve:approve",
    "audit": "farm.cli.inspect.audit:audit",
    "build": "farm.cli.maintain.build:build",
    "candidate": "farm.cli.curate.candidate:candidate",
    "channel": "farm.cli.curate.channel:channel",
    "completion": "farm.cli.subscribe.completion:completion",
    "copies": "farm.cli.curate.copies:copies",
    "excuses": "farm.cli.curate.excuses:excuses",
    "freeze": "farm.cli.curate.freeze:freeze",
    "gc": "farm.cli.subscribe.gc:gc",
    "hold": "farm.cli.curate.hold:hold",
    "image": "farm.cli.image.group:image",
    "images": "farm.cli.inspect.images:images",
    "info": "farm.cli.subscribe.packages:info",
    "install": "farm.cli.subscribe.install:install",
    "jobs": "farm.cli.maintain.jobs:jobs",
    "keys": "farm.cli.operate.keys:keys",
    "lint": "farm.cli.maintain.lint:lint",
    "list": "farm.cli.subscribe.list_root:list_root",
    "lock": "farm.cli.subscribe.lock:lock",
    "log": "farm.cli.maintain.jobs:log",
    "mirror": "farm.cli.subscribe.mirror:mirror",
    "order": "farm.cli.curate.order:order",
    "override": "farm.cli.subscribe.override:override",
    "owners": "farm.cli.maintain.owners:owners",
    "pack": "farm.cli.maintain.pack:pack",
    "plan": "farm.cli.maintain.build:plan",
    "policy": "farm.cli.inspect.policy:policy",
    "promote": "farm.cli.curate.promote:promote",
    "provenance": "farm.cli.inspect.provenance:provenance",
    "rebuild": "farm.cli.maintain.build:rebuild",
    "release": "farm.cli.curate.release:release",
    "remove": "farm.cli.subscribe.remove:remove",
    "report": "farm.cli.curate.report:report",
    "retry": "farm.cli.maintain.jobs:retry",
    "rollback": "farm.cli.curate.rollback:rollback",
    "run": "farm.cli.run.run:run",
    "sbom": "farm.cli.inspect.sbom:sbom",
    "search": "farm.cli.subscribe.packages:search",
    "source": "farm.cli.inspect.source:source",
    "submission": "farm.cli.maintain.submission:submission",
    "submit": "farm.cli.maintain.submit:submit",
    "subscribe": "farm.cli.subscribe.subscribe:subscribe",
    "subscriptions": "farm.cli.subscribe.subscriptions:subscriptions",
    "test": "farm.cli.maintain.build:test",
    "thaw": "farm.cli.curate.freeze:thaw",
    "toolchain": "farm.cli.maintain.toolchain:toolchain",
    "trail": "farm.cli.curate.trail:trail",
    "unsubscribe": "farm.cli.subscribe.subscriptions:unsubscribe",
    "up": "farm.cli.operate.up:up",
    "upgrade": "farm.cli.subscribe.upgrade:upgrade",
    "verify": "farm.cli.inspect.verify:verify",
    "who-needs": "farm.cli.inspect.who_needs:who_needs",
}
"""Verb → where it lives. Loading one does not load the others, so that `farm --version` is quick."""


_ELSEWHERE = {
    "add": "install",
    "exec": "run",
    "history": "list",
    "outdated": "upgrade",
    "query": "search",
    "shell": "run",
    "show": "info",
    "status": "channel",
}
"""What other programs call a verb, where the letters do not lead to it."""
_FULL = "Free some space and run it again; `farm gc` removes what nothing needs. What is installed goes on working."
_NOT_OURS = "Give this user the right to it, or name another place:"
_READ_ONLY = "Its file system is mounted read-only: mount it for writing, or name another place:"
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _NOT_OURS,
    errno.EPERM: _NOT_OURS,
    errno.EROFS: _READ_ONLY,
    errno.ENOENT: "See that the path is right.",
    errno.EEXIST: "Remove what is there, or name another place.",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        target = _VERBS.get(cmd_name)
        if target is None:
            return None
        module, _, name = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs with their whole first sentences; Click would cut them."""
        verbs = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.get_short_help_str(limit=200)) for name, verb in verbs if verb])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = [_ELSEWHERE[args[0]]] if args[0] in _ELSEWHERE else difflib.get_close_matches(args[0], _VERBS, n=1)
            if near:
                raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from error
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; where a module is missing that an extra brings, say which."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            from farm.cli.extras import missing_extra

            missing = missing_extra(ctx.invoked_subcommand or "", error)
            if missing is None:
                raise
            raise missing from error


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="farm %(version)s")
def farm() -> None:
    """Build, prove, publish and use curated sets of packages for containers.

    \b
    A first look, with nothing but this clone:
      farm build jq
      farm image build jq --tag jq:mine
      docker run --rm --network none jq:mine jq -n '1+1'

    Shell completion: eval "$(farm completion bash)"
    """


def main(arguments: list[str] | None = None, *, waited: float = 0.0) -> None:
    """Run the command; ends the process. 0 done, 1 refused or failed, 2 wrong use, 69 an extra is
    missing, 128 + N ended by signal N.

    `waited` are the seconds for which a start has looked for news already: Click's `obj` for the verb.
    """
    # As Ctrl-C does, so that containers and mounts go with the process.
    for number in ending_signals():
        signal.signal(number, _terminate)
    with guarded():
        try:
            status = _status(arguments, waited)
        except Exception:  # noqa: BLE001  # a fault of farm's own, told whole while all that is written is made inert
            traceback.print_exc()
            status = 1
        sys.exit(status)


def _status(arguments: list[str] | None, waited: float) -> int:
    try:
        result: Any = farm.main(args=arguments, prog_name="farm", standalone_mode=False, obj=waited)
        sys.stdout.flush()
    except FarmError as error:
        from farm.cli.rendering import say_error

        say_error(error)
        return error.exit_status
    except click.ClickException as error:
        from farm.cli.rendering import say_wrong_use

        say_wrong_use(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("farm: interrupted", err=True)
        return 130
    except BrokenPipeError:
        # The reader went away (`farm log … | head`): that is its right, and no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        from farm.cli.rendering import say_error

        where = f"{error.filename}: " if error.filename else ""
        say_error(FarmError(f"{where}{error.strerror or error}", remedy=_remedy(error.errno or 0)))
        return 1
    return result if isinstance(result, int) else 0


def _remedy(number: int) -> str:
    remedy = _REMEDIES.get(number, "")
    if remedy in (_NOT_OURS, _READ_ONLY):
        remedy += f" FARM_STATE ({state_directory()}) and FARM_HOST ({host_directory()}) say where all is kept."
    return remedy


def _terminate(number: int, _frame: object) -> None:
    # A second one, sent while the first is being obeyed, must not stop the cleaning up.
    for signals in ending_signals():
        signal.signal(signals, signal.SIG_IGN)
    sys.exit(128 + number)
