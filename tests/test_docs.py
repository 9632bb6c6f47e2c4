"""What the documents show runs, and what they link to exists."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.markdown import anchors, blocks, commands, links, missing, script

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    {
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("adapters/*.md"),
        *ROOT.glob("examples/**/*.md"),
    }
)
COMMANDS = [
    pytest.param(command, id=f"{path.relative_to(ROOT)}:{line}")
    for path in DOCUMENTS
    for line, command in commands(path.read_text(), "eqnorm")
]


def run(command: list[str] | str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run as a reader would: in an empty folder, `eqnorm` on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        shell=isinstance(command, str),
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "path",
    [p for p in DOCUMENTS if script(p.read_text()).strip()],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_python_blocks_run(path: Path, tmp_path: Path) -> None:
    """One after the other, as a reader would type them; a process keeps what they register away."""
    file = tmp_path / path.with_suffix(".py").name
    file.write_text(script(path.read_text()))
    done = run([sys.executable, str(file)], cwd=tmp_path)
    assert done.returncode == 0, f"{path}, at the line that the traceback names:\n{done.stderr}"


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command: str, tmp_path: Path) -> None:
    done = run(command, cwd=tmp_path)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert not missing(path)


class TestReader:
    """The reader itself, on a document with everything in it that it must see."""

    DOCUMENT = """\
# Title of `this` (first)
[here](#title-of-this-first) ![a picture](shown.png "title") <img src="lost.png"> `[no](link)`
[out](https://example.org) [ref]: not-a-definition

```python
a = 1
```
<!-- no-run: needs a GPU -->

```python
raise SystemExit
```
```bash
eqnorm norms
ls
eqnorm check egnn \\
  --norm geonorm
```
```console
$ eqnorm models
eqnorm is what it prints
# no heading
```
"""

    def test_script_keeps_line_numbers(self) -> None:
        lines = script(self.DOCUMENT).splitlines()
        assert lines[5] == "a = 1"
        assert [line for line in lines if line] == ["a = 1"]

    def test_reason(self) -> None:
        assert [b.no_run for b in blocks(self.DOCUMENT)] == [None, "needs a GPU", None, None]

    def test_reason_is_asked_for(self) -> None:
        with pytest.raises(ValueError, match="say why"):
            blocks("<!-- no-run -->\n```python\n```\n")

    def test_open_block(self) -> None:
        with pytest.raises(ValueError, match="line 2: the block is not closed"):
            blocks("text\n```python\n")

    def test_commands(self) -> None:
        found = [" ".join(c.split()) for _, c in commands(self.DOCUMENT, "eqnorm")]
        assert found == ["eqnorm norms", "eqnorm check egnn --norm geonorm", "eqnorm models"]

    def test_links(self) -> None:
        assert links(self.DOCUMENT) == ["#title-of-this-first", "shown.png", "lost.png"]

    def test_anchors(self) -> None:
        assert anchors("# A b\n## A b\n### `x_y`, z\n") == {"a-b", "a-b-1", "x_y-z"}

    def test_missing(self, tmp_path: Path) -> None:
        file = tmp_path / "doc.md"
        file.write_text(self.DOCUMENT + "[gone](#gone)")
        (tmp_path / "shown.png").touch()
        assert missing(file) == ["#gone", "lost.png"]
