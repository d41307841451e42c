"""The paths whose files are sensitive in any package: they affect others than the package's users.

Globs over package paths: `*` stays within a component, `**` is any number of them, `{a,b}` is one of both. A directory
is sensitive where programs load whatever is in it, and a file where a program of another package reads it at each start
and runs, loads or obeys its content.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from itertools import chain, takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Sensitivity(Enum):
    """Why a file is sensitive: a word for programs, and its effect, for people."""

    LOADER = "loader", "it controls how every program is loaded"
    LIBRARY_VARIANT = "library-variant", "it is loaded in place of another package's library"
    SEARCH_PATH = "search-path", "it makes the dynamic linker look for libraries in a place that others may write to"
    AUDIT = "audit", "it makes the dynamic linker load an auditor into the whole program (DT_AUDIT or DT_DEPAUDIT)"
    CONVERTER = "converter", "every program that converts text may load it (gconv)"
    PLUGIN = "plugin", "programs of other packages load it automatically, through a library that they use"
    PYTHON = "python", "every start of Python runs it"
    PYTHON_MODULE = "python-module", "Python may load it in place of another package's module"
    LOGIN = "login", "it controls who may log in, or as whom"
    NAME_SERVICE = "name-service", "it says where users, groups and hosts are looked up"
    SHELL = "shell", "every login or shell runs it"
    SHELL_FUNCTION = "shell-function", "fish loads it when a function of its name is called, also in place of its own"
    START_FILE = "start-file", "a program of another package runs it, or what it names, whenever that starts"
    SYSTEM = "system", "what starts and runs the machine takes orders from it"
    SCHEDULE = "schedule", "what it names is run by the clock"
    DIRECTORY_LINK = "directory-link", "it is a link in place of a directory that holds such files"
    FOREIGN_PLACE = "foreign-place", "it is a link in a directory of others, where programs may look first"
    HIDDEN_NAME = "hidden-name", "its name, or what it leads to, holds characters that are not seen"

    def __init__(self, word: str, effect: str) -> None:
        self.word = word
        self.effect = effect


# Directories of one machine's libraries, as Debian names them: x86_64-linux-gnu.
_TRIPLET = "*-linux-*"
_LIB = "{lib,lib64}"
_LIBRARIES = f"{_LIB}{{,/{_TRIPLET}}}"
_PYTHON = f"{_LIB}/{{python,pypy}}*"
_SITE = "{site,dist}-packages"
_PLACES = {
    Sensitivity.LOADER: "etc/ld.so.*/** etc/ld-musl-*",
    Sensitivity.CONVERTER: f"{_LIBRARIES}/gconv/**",
    Sensitivity.PLUGIN: f"""
        {_LIBRARIES}/{{gio/modules,gdk-pixbuf-*/*/loaders*,gtk-*/modules,krb5/plugins,sasl2}}/**
        share/p11-kit/modules/** etc/{{pkcs11/modules,OpenCL/vendors}}/**
        {{etc,share}}/{{vulkan/implicit_layer.d,glvnd/egl_vendor.d}}/**""",
    Sensitivity.PYTHON: f"""
        {_PYTHON}/{_SITE}/*.pth
        {_PYTHON}/{{,{_SITE}/,lib-dynload/}}{{site,user}}customize{{,.*}}/**
        {_LIB}/python*.zip {{bin,{_LIB}}}/*._pth {{,bin/}}pyvenv.cfg""",
    Sensitivity.LOGIN: f"""
        etc/{{passwd,group,shadow,gshadow,subuid,subgid}}{{,-}}
        etc/{{shells,securetty,nologin,login.access,login.defs,limits,pam.conf,adduser.conf,default/useradd}}
        {{etc,lib}}/{{pam.d,sysusers.d,userdb}}/** etc/security/** {_LIBRARIES}/security/**
        etc/ssh/sshd_config*/** etc/{{hosts.equiv,shosts.equiv,ssh/shosts.equiv}}
        etc/{{sudoers*,doas.d,dbus-1}}/** etc/{{sudo,doas}}.conf {{etc,share}}/polkit-1/**
        share/dbus-1/{{session,system}}.{{d/**,conf}}""",
    Sensitivity.NAME_SERVICE: "etc/{nsswitch,host,resolv,gai}.conf etc/hosts",
    Sensitivity.SHELL: """
        etc/{profile,bash,bashrc,bash_completion,csh,ksh,zsh,fish,elvish,xonsh,environment}{,.*}/**
        etc/{zshenv,zprofile,zshrc,zlogin,zlogout}{,.zwc} etc/{kshrc,mkshrc,suid_profile,xonshrc,rcrc,inputrc}
        etc/{.login,.logout,.cshrc,skel/**,locale.conf,default/locale,ssh/sshrc} lib/environment.d/**
        share/fish/{config.fish,vendor_conf.d/**} share/nushell/vendor/autoload/**""",
    Sensitivity.SHELL_FUNCTION: "share/fish/{functions/**,vendor_functions.d/**}",
    Sensitivity.START_FILE: f"""
        etc/perl/** {{{_LIBRARIES},share}}/perl*{{,/*,/*/*}}/sitecustomize.pl
        {{{_LIBRARIES},share}}/ruby*{{,/*,/*/*}}/rubygems/defaults/*.rb {{lib,share}}/**/rubygems_plugin.rb
        {{lib,share}}/**/expect.rc {{etc,{_LIB}/R/etc}}/{{Rprofile,Renviron}}.site etc/R/**
        etc/{{php*,julia,ipython,jupyter,gdb,emacs,vim,xdg/nvim,mercurial,clang}}/**
        share/octave/site/m/startup/** share/guile/site/init.scm
        share/gdb/{{auto-load,system-gdbinit,python/gdb/{{command,function,printer}}}}/** lib/debug/**/*-gdb.*
        share/emacs/{{,*/}}site-lisp/{{site-start,default,subdirs}}.*/** share/kak/autoload/**
        share/{{vim/{{vimfiles,vimrc*,sysinit.vim}},nvim/{{site,sysinit.vim}}}}/**
        etc/{{vimrc*,tmux.conf,screenrc,wgetrc,gitconfig,npmrc,pip.conf,xdg/pip/pip.conf,ssh/ssh_config.d/**}}
        share/git-core/templates/hooks/** {{share,etc}}/config.site {_LIB}/gcc/*/*/specs {_LIB}/bfd-plugins/**
        {{etc,share,lib}}/containers/oci/hooks.d/** {{etc,lib}}/rpm/macros* {{etc,lib}}/rpm/macros.d/**
        etc/{{apt/apt.conf,dpkg/dpkg.cfg}}*/** {{etc/pacman.d,share/libalpm}}/hooks/**""",
    Sensitivity.SYSTEM: """
        etc/systemd/** {lib,share}/systemd/{system,user}*/** lib/systemd/*.conf.d/** share/user-tmpfiles.d/**
        {etc,lib}/{tmpfiles,sysctl,binfmt,modules-load,modprobe,depmod,dinit}.d/** {etc,lib}/udev/rules.d/**
        lib/modules/** etc/{sysctl.conf,modprobe.conf,modules,inittab,fstab,crypttab,rc,rc.local,rc.conf}
        etc/{rc*.d,init,init.d,conf.d,runlevels,local.d,sv,service,runit,s6*}/** etc/{inetd,xinetd}.{conf,d/**}
        share/dbus-1/{services,system-services}/** {etc/xdg,share,share/gnome}/autostart/** etc/xdg/plasma-workspace/**
        etc/X11/{xinit,Xsession*,Xreset.d,xdm}/** {etc,share}/X11/xorg.conf.d/** etc/{xprofile,{gdm,lightdm,sddm}*/**}
        etc/network/{if-*.d,interfaces*}/** {etc,lib}/{NetworkManager,networkd-dispatcher}/** etc/{dhcp*,ppp}/**
        etc/{acpi,apm,pm,update-motd.d}/** lib/pm-utils/** {etc,lib}/kernel/** etc/{grub.d,default/grub*}/**
        {etc,share}/initramfs-tools/** {etc/dracut.conf*,lib/dracut}/** {etc/mkinitcpio*,lib/initcpio}/**""",
    Sensitivity.SCHEDULE: "etc/{crontab,anacrontab} etc/{cron.*,periodic,incron*,fcron*,logrotate.conf,logrotate.d}/**",
}
# Whatever adds such a directory is sensitive, too, though its files are judged by what else the package has.
_DIRECTORIES = f"usr {_LIBRARIES}/glibc-hwcaps/** {_PYTHON}/lib-dynload"
_GROUP = re.compile(r"\{([^{}]*)\}")


def _expanded(glob: str) -> Iterator[str]:
    """Return the globs without braces that one with braces stands for."""
    if not (group := _GROUP.search(glob)):
        yield glob
        return
    for part in group[1].split(","):
        yield from _expanded(glob[: group.start()] + part + glob[group.end() :])


def _pattern(parts: Iterable[str]) -> str:
    """Return the regular expression of a glob by its components."""
    pattern = ""
    for part in parts:
        within = re.escape(part).replace(r"\*", "[^/]*")
        pattern += "(?:/.*)?" if part == "**" else f"/{within}"
    return pattern.removeprefix("/").replace("(?:/.*)?/", "/(?:.*/)?")


def _read(globs: str) -> list[list[str]]:
    return [pattern.split("/") for glob in globs.split() for pattern in _expanded(glob)]


@dataclass(frozen=True)
class _Top:
    """The patterns below a top directory. Each is compiled when it is first asked for, as most packages ask for few."""

    patterns: Mapping[Sensitivity, Sequence[str]]

    @cached_property
    def any(self) -> re.Pattern[str]:
        """What matches all of them at once, because most paths match none."""
        return re.compile("|".join(chain.from_iterable(self.patterns.values())))

    @cached_property
    def each(self) -> list[tuple[Sensitivity, re.Pattern[str]]]:
        """What matches those of one reason."""
        return [(why, re.compile("|".join(patterns))) for why, patterns in self.patterns.items()]


@cache  # most programs never ask, and need not wait for the patterns
def _by_top() -> dict[str, _Top]:
    found: dict[str, dict[Sensitivity, list[str]]] = defaultdict(lambda: defaultdict(list))
    for why, globs in _PLACES.items():
        for parts in _read(globs):
            found[parts[0]][why].append(_pattern(parts))
    return {top: _Top(of) for top, of in found.items()}


@cache
def _above() -> re.Pattern[str]:
    """Return the pattern of directories that contain such places, but are none themselves."""
    found = {_pattern(parts) for parts in _read(_DIRECTORIES)}
    for parts in _read(" ".join((*_PLACES.values(), _DIRECTORIES))):
        named = parts[:-1] if parts[-1] == "**" else parts
        fixed = list(takewhile(lambda part: part != "**", named))
        found.update(_pattern(fixed[:length]) for length in range(1, min(len(fixed) + 1, len(named))))
    return re.compile("|".join(sorted(found)))


def places_of(path: str) -> list[Sensitivity]:
    """Return why a file or link at a path of a package is sensitive, by the path alone."""
    top = _by_top().get(path.partition("/")[0])
    if top is None or not top.any.fullmatch(path):
        return []
    return [why for why, pattern in top.each if pattern.fullmatch(path)]


def is_above(path: str) -> bool:
    """Return whether there are sensitive places below a path: a link there adds its target's files to them."""
    return _above().fullmatch(path) is not None
