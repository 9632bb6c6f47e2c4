"""Reads Markdown as far as its tests need: fenced blocks, links, headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

NO_RUN = re.compile(r"<!--\s*no-run(?::\s*(?P<reason>.*?))?\s*-->")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the line of its first line of text (from 1)."""

    language: str
    text: str
    line: int
    no_run: str | None
    """Why the block is not run, from a comment `<!-- no-run: reason -->` before it."""


def blocks(source: str) -> list[Block]:
    """All fenced blocks of a text."""
    found: list[Block] = []
    last = ""  # the last line that is not blank
    lines = iter(enumerate(source.splitlines(), start=1))
    for number, line in lines:
        fence = re.match(r"\s*(`{3,}|~{3,})\s*(\w*)", line)
        if fence:
            indent = len(line) - len(line.lstrip())
            body: list[str] = []
            for _, inner in lines:
                if inner.strip() == fence[1]:
                    break
                body.append(inner[indent:] if not inner[:indent].strip() else inner)
            else:
                raise ValueError(f"line {number}: the block is not closed")
            mark = NO_RUN.fullmatch(last.strip())
            if mark and not mark["reason"]:
                raise ValueError(f"line {number}: say why: <!-- no-run: reason -->")
            reason = mark["reason"] if mark else None
            found.append(Block(fence[2], "\n".join(body), number + 1, reason))
            last = ""
        elif line.strip():
            last = line
    return found


def script(source: str) -> str:
    """The Python blocks as one script whose line numbers are those of the document."""
    lines = [""] * len(source.splitlines())
    for block in blocks(source):
        if block.language == "python" and block.no_run is None:
            for offset, text in enumerate(block.text.splitlines()):
                lines[block.line - 1 + offset] = text
    return "\n".join(lines) + "\n"


def commands(source: str, program: str) -> list[tuple[int, str]]:
    """The commands of the shell blocks that call a program, each with its line."""
    found: list[tuple[int, str]] = []
    for block in blocks(source):
        if block.language in {"console", "bash", "sh", "shell"} and block.no_run is None:
            # In a console block commands follow a prompt, and the rest is what they print.
            prompt = "$ " if block.language == "console" else ""
            text = block.text.replace("\\\n", " ")
            for offset, line in enumerate(text.splitlines()):
                if line.startswith(f"{prompt}{program} "):
                    found.append((block.line + offset, line.removeprefix(prompt)))
    return found


def prose(source: str) -> str:
    """The text without its code, where brackets are no links and # begins no heading."""
    without = re.sub(r"^\s*(`{3,}|~{3,}).*?^\s*\1\s*$", "", source, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", without)


def links(source: str) -> list[str]:
    """Targets of links and pictures, Markdown's and HTML's, that lie in the repository."""
    text = prose(source)
    targets = re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)", text)
    targets += re.findall(r"^\[[^\]]+\]:\s*(\S+)", text, flags=re.MULTILINE)
    targets += re.findall(r"""(?:src|href|srcset)=["']([^"']+)["']""", text)
    return [t for t in targets if not re.match(r"[a-z][a-z+.-]*:", t)]


def anchors(source: str) -> set[str]:
    """The anchors that GitHub gives the headings."""
    without = re.sub(r"^\s*(`{3,}|~{3,}).*?^\s*\1\s*$", "", source, flags=re.DOTALL | re.MULTILINE)
    slugs: set[str] = set()
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", without, flags=re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        count = 0
        while (name := f"{slug}-{count}" if count else slug) in slugs:
            count += 1
        slugs.add(name)
    return slugs


def missing(path: Path) -> list[str]:
    """The links of a document that lead nowhere."""
    source = path.read_text()
    lost = []
    for link in links(source):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        checked = anchor and target.suffix == ".md" and target.exists()
        if not target.exists() or (checked and anchor not in anchors(target.read_text())):
            lost.append(link)
    return lost
