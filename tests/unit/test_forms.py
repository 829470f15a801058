"""What one version of the package keeps, another reads: fixtures made by the code of every version that changed a form.

tests/support/fixtures/forms/<when>-<commit>/<kind>.json     written by that commit, before forms had numbers
tests/support/fixtures/forms/0.1.0/<kind>.json               written by version 0.1.0
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sparse_index import __version__
from sparse_index.builds.plan import PLAN
from sparse_index.builds.receipt import RECEIPT, receipt_lines
from sparse_index.builds.reports import BOOKS, ENCODED, GATE, INDEXED
from sparse_index.corpus.schema import SCHEMA, load_schema
from sparse_index.errors import BuildError
from sparse_index.forms import Form
from sparse_index.live.meta import META
from sparse_index.operations.forget import FORGOTTEN
from sparse_index.operations.janitor import CLEANUP
from sparse_index.operations.redrive import REDRIVE, REDRIVEN
from sparse_index.operations.rollback import ROLLBACK
from sparse_index.store.files import Store

FIXTURES = Path(__file__).parents[1] / "support" / "fixtures" / "forms"
FILES = sorted(FIXTURES.rglob("*.json"))
# Their keys are names that somebody gave.
OWNERS = {"mapping", "documents", "fields", "fingerprints", "vectors", "analysis", "settings"}
NEWEST = sorted((FIXTURES / "0.1.0").glob("*.json"))
FORMS: Mapping[str, Form[Any]] = {
    "plan": PLAN,
    "meta": META,
    "encode": ENCODED,
    "index": INDEXED,
    "books": BOOKS,
    "gate": GATE,
    "receipt": RECEIPT,
    "schema": SCHEMA,
    "redrive": REDRIVE,
    "redriven": REDRIVEN,
    "janitor": CLEANUP,
    "forgotten": FORGOTTEN,
    "rollback": ROLLBACK,
}


def label(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def read(folder: Path, kind: str, content: Any) -> dict[str, Any]:
    """What today's code makes of it, as JSON."""
    store = Store(str(folder))
    store.write_json("kept.json", content)
    return FORMS[kind].content(FORMS[kind].load(store, "kept.json"))


def known(written: Any, understood: Any) -> Any:
    """Of what was written, the keys that today's code has, too."""
    if isinstance(written, dict) and isinstance(understood, dict):
        return {name: known(value, understood[name]) for name, value in written.items() if name in understood}
    if isinstance(written, list) and isinstance(understood, list):
        return [known(*pair) for pair in zip(written, understood, strict=True)]
    return written


def with_more(content: Any) -> Any:
    """As a later version may write it: a further key wherever one can be."""
    if isinstance(content, list):
        return [with_more(each) for each in content]
    if not isinstance(content, dict):
        return content
    own = {name: value if name in OWNERS else with_more(value) for name, value in content.items()}
    return own | {"of_later": {"days": [1]}}


def holds(understood: Any, written: Any) -> bool:
    if isinstance(written, dict):
        return all(name in understood and holds(understood[name], value) for name, value in written.items())
    if isinstance(written, list):
        return all(holds(*pair) for pair in zip(understood, written, strict=True))
    return bool(understood == written)


def test_every_kind_has_fixtures() -> None:
    assert {path.stem for path in FILES} == {path.stem for path in NEWEST} == FORMS.keys()


@pytest.mark.parametrize("path", FILES, ids=label)
def test_what_any_version_wrote_is_read(tmp_path: Path, path: Path) -> None:
    written = json.loads(path.read_text(encoding="utf-8"))
    understood = read(tmp_path, path.stem, written)
    assert holds(understood, known(written, understood))
    assert len(known(written, understood)) >= len(written) - 2, "all of it, but for what the reader has no use for"


@pytest.mark.parametrize("path", NEWEST, ids=label)
def test_further_keys_of_a_later_version_are_passed_over(tmp_path: Path, path: Path) -> None:
    written = json.loads(path.read_text(encoding="utf-8"))
    understood = read(tmp_path, path.stem, with_more(written))
    assert holds(understood, known(written, understood))
    assert written.keys() - understood.keys() <= {"form", "written_by"}


@pytest.mark.parametrize("path", NEWEST, ids=label)
def test_a_later_form_is_refused_with_the_version_that_wrote_it(tmp_path: Path, path: Path) -> None:
    written = json.loads(path.read_text(encoding="utf-8")) | {"form": 2, "written_by": "7.8.9"}
    with pytest.raises(BuildError) as caught:
        read(tmp_path, path.stem, written)
    assert f"kept.json in the store is {FORMS[path.stem].name} of form 2" in caught.value.message
    assert f"({__version__}) knows form 1 at most: version 7.8.9 wrote it." in caught.value.message
    assert caught.value.message.endswith(FORMS[path.stem].remedy)


def test_what_lacks_something_is_said_to_and_who_wrote_it(tmp_path: Path) -> None:
    for content, said in (
        ({"build_id": "b"}, r"\(request, config, .*\): a version before 0\.1\.0 wrote it"),
        ({"build_id": "b", "written_by": "0.9.0"}, r"version 0\.9\.0 wrote it\. Trigger a new run"),
        (["no object"], r"\(model_type\)"),
    ):
        with pytest.raises(BuildError, match=said):
            read(tmp_path, "plan", content)
    store = Store(str(tmp_path))
    store.write_bytes("torn.json", b'{"build_id": ')
    with pytest.raises(BuildError, match=r"torn\.json in the store is not a plan"):
        PLAN.load(store, "torn.json")


@pytest.mark.parametrize("path", [path for path in FILES if path.stem == "schema"], ids=label)
def test_a_decided_schema_of_any_version_gives_its_types(tmp_path: Path, path: Path) -> None:
    store = Store(str(tmp_path))
    store.write_bytes("schema.json", path.read_bytes())
    assert [str(each.type) for each in load_schema(store, "schema.json").schema] == ["string", "int64"]


@pytest.mark.parametrize("path", [path for path in FILES if path.stem == "receipt"], ids=label)
def test_a_receipt_of_any_version_is_shown(path: Path) -> None:
    first, *lines = receipt_lines(json.loads(path.read_text(encoding="utf-8")))
    assert first.startswith("'things' is on things--b20260102t030405-000abc; this build was promoted.")
    assert any("encoded 3" in line for line in lines)
