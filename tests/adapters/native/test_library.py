"""Compiling kernels: every way in which it can fail ends in the path without them."""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eqnorm_adapters import native
from eqnorm_adapters.native import _cache, _compiler, _library

try:
    _compiler.find_compiler()
    HAVE_COMPILER = True
except _compiler.CompilerError:
    HAVE_COMPILER = False
needs_compiler = pytest.mark.skipif(not HAVE_COMPILER, reason="no C compiler on this machine")

SOURCE = '#include "answer.h"\n__attribute__((visibility("default"))) int answer(void)'
SOURCE += " { return ANSWER; }\n"
ANSWER = """
import pathlib, sys
from eqnorm_adapters import native
from eqnorm_adapters.native import _library
_library._HERE = pathlib.Path(sys.argv[1])
print(native.load('toy').answer())
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A kernel `toy` in place of ours, and an empty cache."""
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "toy.c").write_text(SOURCE)
    (tmp_path / "toy" / "answer.h").write_text("#define ANSWER 42\n")
    monkeypatch.setattr(_library, "_HERE", tmp_path)
    monkeypatch.setattr(_library, "_wanted", True)
    monkeypatch.setenv("EQNORM_CACHE", str(tmp_path / "cache"))
    _library._load.cache_clear()
    yield tmp_path
    _library._load.cache_clear()


def answer(library: ctypes.CDLL | None) -> int:
    assert library is not None
    return library.answer()


def kept(home: Path) -> list[str]:
    return sorted(file.name for file in (home / "cache" / "native").iterdir())


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@needs_compiler
def test_compiles_once_and_anew_when_a_source_changes(home):
    assert answer(native.load("toy")) == 42
    (first,) = kept(home)
    before = (home / "cache" / "native" / first).stat().st_mtime_ns
    _library._load.cache_clear()
    assert answer(native.load("toy")) == 42
    assert (home / "cache" / "native" / first).stat().st_mtime_ns == before
    (home / "toy" / "answer.h").write_text("#define ANSWER 43\n")
    _library._load.cache_clear()
    assert answer(native.load("toy")) == 43
    assert len(kept(home)) == 2


def failure(caplog) -> str:
    """What is said where a kernel cannot be had: once, however often it is asked for."""
    with caplog.at_level(logging.WARNING, "eqnorm_adapters.native"):
        assert native.load("toy") is None
        assert native.load("toy") is None
    (record,) = caplog.records
    return record.getMessage()


def test_without_a_compiler(home, monkeypatch, caplog):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(home))
    assert "no C compiler found (cc, gcc, clang); install one, or set CC" in failure(caplog)
    assert not native.native_available("toy")


def test_with_a_chosen_compiler_that_is_not_there(home, monkeypatch, caplog):
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    assert "no C compiler found (no-such-compiler -m64)" in failure(caplog)


def test_with_a_compiler_that_compiles_nothing(home, monkeypatch, caplog):
    broken = 'case "$*" in --version) echo broken 1.0;; *) echo out of order >&2; exit 1;; esac'
    monkeypatch.setenv("CC", script(home / "broken", broken))
    assert "did not compile it: out of order" in failure(caplog)
    assert kept(home) == []


def test_with_a_compiler_that_does_not_know_its_version(home, monkeypatch, caplog):
    monkeypatch.setenv("CC", script(home / "broken", "exit 3"))
    assert "--version: exit status 3" in failure(caplog)


def test_with_a_compiler_that_leaves_rubbish(home, monkeypatch, caplog):
    rubbish = 'while [ "$1" != -o ] && [ $# -gt 1 ]; do shift; done; echo rubbish > "$2"'
    monkeypatch.setenv("CC", script(home / "broken", f"[ $# = 1 ] && exit 0; {rubbish}"))
    assert "rubbish" in failure(caplog) or "invalid" in caplog.text or "short" in caplog.text


@needs_compiler
def test_tries_with_fewer_flags(home, monkeypatch):
    real = _compiler.find_compiler().command[0]
    picky = f'case "$*" in *=native*|*fopenmp*) exit 1;; *) exec {real} "$@";; esac'
    monkeypatch.setenv("CC", script(home / "picky", picky))
    assert answer(native.load("toy")) == 42


@needs_compiler
def test_where_nothing_can_be_kept(home, caplog):
    (home / "cache").write_text("a file where the cache should be")
    assert answer(native.load("toy")) == 42
    assert caplog.records == []


@needs_compiler
@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")
def test_a_directory_that_others_can_write_to_is_not_used(home):
    folder = home / "cache" / "native"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert not _cache.usable(folder)
    assert answer(native.load("toy")) == 42
    assert kept(home) == []


@needs_compiler
def test_half_a_file_is_made_anew(home):
    """In a process of its own, which loading it would end."""
    native.load("toy")
    (file,) = (home / "cache" / "native").iterdir()
    whole = file.read_bytes()
    file.unlink()  # a new file: the old one is still mapped
    file.write_bytes(whole[: len(whole) // 2])
    command = [sys.executable, "-c", ANSWER, str(home)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "42\n"
    (again,) = (home / "cache" / "native").iterdir()
    assert again.stat().st_size == len(whole)


@needs_compiler
def test_a_changed_file_is_made_anew(home):
    native.load("toy")
    (file,) = (home / "cache" / "native").iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()  # a new file: the old one is still mapped
    file.write_bytes(content)
    _library._load.cache_clear()
    assert answer(native.load("toy")) == 42
    (again,) = (home / "cache" / "native").iterdir()
    assert again.read_bytes() != bytes(content)


@needs_compiler
def test_processes_that_compile_at_the_same_time(home):
    command = [sys.executable, "-c", ANSWER, str(home)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [run.communicate()[0].strip() for run in runs] == ["42"] * 2
    assert len(kept(home)) == 1


@needs_compiler
def test_a_user_without_a_home(home, monkeypatch, caplog):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("EQNORM_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert answer(native.load("toy")) == 42
    assert caplog.records == []


@pytest.mark.parametrize("value", ["off", 0, None])
def test_what_is_neither_true_nor_false(value):
    with pytest.raises(TypeError, match="enabled must be True or False, got"):
        native.use_native(value)


def test_a_kernel_that_there_is_not(home):
    with pytest.raises(ValueError, match="name must be one of toy, got 'egn'"):
        native.native_available("egn")


def test_an_installation_without_sources(home, caplog):
    (home / "toy" / "toy.c").unlink()
    assert "holds no C files: the installation is incomplete" in failure(caplog)


@pytest.mark.parametrize("name", ["EQNORM_NATIVE", "EQNORM_COMPILED"])
@pytest.mark.parametrize(("value", "on"), [("0", False), ("off", False), ("1", True)])
def test_the_environment_turns_it_off(name, value, on, monkeypatch):
    monkeypatch.delenv("EQNORM_NATIVE", raising=False)
    monkeypatch.delenv("EQNORM_COMPILED", raising=False)
    assert _library._from_environment()
    monkeypatch.setenv(name, value)
    assert _library._from_environment() is on


@needs_compiler
def test_turned_off_and_on(home):
    native.use_native(False)
    assert native.load("toy") is None
    assert not (home / "cache").exists()
    native.use_native(True)
    assert native.native_available("toy")
