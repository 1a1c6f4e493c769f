"""What a page file may say, and what is said of one that says something else."""

from collections.abc import Callable

import pytest

from opencode_warehouse.pages.cli import main
from opencode_warehouse.pages.page_files import Fence, find, parse, read

Refused = Callable[[str], str]


def page(info: str, sql: str = "select 1 as a") -> str:
    return f"# Mine\n\nText.\n\n```{info}\n{sql}\n```\n"


def test_a_page_is_text_and_fences_in_their_order() -> None:
    found = parse("mine", "mine.md", page('sql table title="Two words" fold units=a:ms') + "\nEnd\n")
    [before, fence, after] = found.parts
    assert isinstance(fence, Fence)
    assert (found.title, fence.kind, fence.line, fence.sql) == ("Mine", "table", 5, "select 1 as a\n")
    assert fence.options == {"title": "Two words", "fold": "", "units": "a:ms"}
    assert (before.line, after.line) == (1, 8)


def test_a_fence_of_sql_alone_is_an_example() -> None:
    [text] = parse("mine", "mine.md", page("sql")).parts
    assert not isinstance(text, Fence)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ("sql tabel", "line 5: unknown option 'tabel' (did you mean table?)"),
        ("sql table colour=red", "line 5: unknown option 'colour'"),
        ("sql table x=a", "line 5: unknown option 'x' in `sql table`"),
        ("sql table title", "line 5: title needs a value"),
        ("sql table fold=yes", "line 5: fold takes no value"),
        ("sql table fold fold", "line 5: fold is said twice"),
        ("sql table bar", "line 5: say how to show it, one of hidden, values, table"),
        ("sql line x=a", "line 5: `sql line` needs y"),
        ("sql hidden", "line 5: `sql hidden` needs name"),
        ("sql table name=health", "line 5: 'health' cannot be a name"),
        ("sql bar x=a y=a unit=euro", "line 5: there is no unit 'euro'"),
        ('sql table title="a', "line 5: cannot read 'title=\"a'"),
        ("sql table title=`a`", "line 5: the options of a fence must not hold a backtick"),
        ("verdict of=all", "line 5: the fence `verdict` has neither options nor a query"),
        ("sql line x=b y=a", "line 5: x names the column 'b'; the query gives a"),
        ("sql table units=a:euro", "line 5: there is no unit 'euro'"),
        ("sql table units=b:ms", "line 5: units names the column 'b'"),
        ("sql table unit_by=b", "line 5: unit_by names the column 'b'"),
        ("sql checks", "line 5: `sql checks` needs the columns"),
    ],
)
def test_what_a_fence_says_is_checked(info: str, said: str, refused: Refused) -> None:
    assert refused(page(info)).startswith(f"reports: mine.md, {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No title\n", "line 1: a page needs a title"),
        ("# T\n\n```sql table\nselect 1\n", "line 3: the fence that begins here is never closed"),
        ("# T\n\n* x\n\n  ```sql table\n  select 1\n  ```\n", "line 5: a query must not stand inside a list"),
        ("# T\n\n```sql table\n\n```\n", "line 3: the fence holds no query"),
        (page("sql table name=a") + page("sql table name=a"), "line 12: two fences are named a"),
        (page("sql line x=a y=b", "select 1 as a, 'x' as b"), "line 5: y must be a number, and b is none"),
        (page("sql bar x=a y=b", "select unnest([1, 1]) as a, 2 as b"), "line 5: the query gives two values"),
        (page("sql values", "select unnest([1, 2]) as a"), "line 5: `sql values` shows one row"),
    ],
)
def test_a_page_that_cannot_be_is_refused(text: str, said: str, refused: Refused) -> None:
    assert refused(text).startswith(f"reports: mine.md, {said}")


def test_the_project_s_pages_can_be_read_and_begin_with_data_quality() -> None:
    titles = [read(file).title for file in find([])]
    assert titles == ["Data quality", "Cost"]


def test_an_unknown_page_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nope"]) == 2
    assert capsys.readouterr().err.startswith("reports: There is no page nope. There are: data-quality, cost")
