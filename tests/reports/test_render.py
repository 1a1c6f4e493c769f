"""From queries to HTML and Markdown: nothing in the data becomes markup, and no error shows data."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt

from opencode_warehouse.pages.render import escape

WritePage = Callable[..., Any]
Refused = Callable[[str], str]

HOSTILE = "<img src=x onerror=alert(1)>|`a`*b*</script><script>alert(2)</script>[c](javascript:d)\u2028&lt;"
AS_SQL = "'" + HOSTILE.replace("\u2028", "' || chr(8232) || '") + "'"


class Parsed(HTMLParser):
    """The elements of a page by name, with their attributes, and its text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words = ""
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts.append(data)
        elif self._open != "style":
            self.words += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a name."""
        return [attributes for name, attributes in self.elements if name == tag]


def query(info: str, sql: str) -> str:
    return f"# Mine\n\n```sql {info}\n{sql}\n```\n"


@pytest.mark.parametrize(
    "text",
    [
        query("table", f"select {AS_SQL} as a, 1 as b"),
        query("table", f'select 1 as "{HOSTILE}", 2 as b'),
        query("values", f"select {AS_SQL} as a"),
        query("matrix rows=a columns=b value=c", f"select {AS_SQL} as a, {AS_SQL} as b, 1 as c"),
        query("bar x=a y=b series=c", f"select {AS_SQL} || n as a, n as b, {AS_SQL} as c from range(3) r(n)"),
        query("hidden name=found", f"select {AS_SQL} as a") + "\nIt is {{ found[0].a }}.\n",
        query("hidden name=found", f"select {AS_SQL} as a") + "\n| it |\n| --- |\n| {{ found[0].a }} |\n",
    ],
)
def test_what_comes_from_data_stays_text(text: str, write_page: WritePage) -> None:
    written = write_page(text)
    parsed = Parsed(written.html)
    # One icon of no image, no image else; the page's own scripts and no other.
    assert parsed.named("img") == []
    charts = text.count("sql bar")
    assert [one.get("type") for one in parsed.named("script")] == ["application/json"] * charts + [None] * (
        1 + charts
    )
    assert not any(name.startswith("on") for _, attributes in parsed.elements for name in attributes)
    assert not any("javascript:" in (one.get("href") or "") for one in parsed.named("a"))
    assert "<img src=x onerror=alert(1)>|`a`*b*</script>" in parsed.words
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table").render(written.markdown)
    shown = Parsed(markdown)
    assert {name for name, _ in shown.elements} & {"img", "script", "a", "em"} == set()
    assert "<img src=x onerror=alert(1)>|`a`*b*</script>" in shown.words


def test_the_figures_of_a_chart_end_no_script_and_break_no_line(write_page: WritePage) -> None:
    text = query("bar x=a y=b", f"select {AS_SQL} || n as a, n as b from range(3) r(n)")
    [content, *_] = Parsed(write_page(text).html).scripts
    assert "<" not in content
    assert "\u2028" not in content
    assert json.loads(content)["labels"][0].startswith("<img src=x")


@pytest.mark.parametrize(
    "text", ["1. a", "- a", "+ a", "# a", "=", "12)", "a_b_c", "_a_", "~~a~~", "&lt;", "a\\"]
)
def test_escaped_text_reads_as_it_was(text: str) -> None:
    shown = Parsed(MarkdownIt("commonmark").enable("strikethrough").render(escape(text)))
    assert [name for name, _ in shown.elements] == ["p"]
    assert shown.words.strip() == text


def test_a_line_break_in_a_cell_leaves_the_table_whole(write_page: WritePage) -> None:
    written = write_page(query("table", "select 'one' || chr(10) || '| two' as a, 2 as b"))
    assert "| one \\| two | 2 |" in written.markdown


def test_null_is_a_dash_and_never_zero(write_page: WritePage) -> None:
    written = write_page(
        query("table", "select null::int as n, 0 as zero, null::varchar as t, 0.5 as x_share")
    )
    assert "| – | 0 | – | 50 % |" in written.markdown
    assert re.findall(r"<t[dh](?: scope=\"row\")?(?: class=\"\w+\")?>([^<]*)</t[dh]>", written.html) == [
        "–",
        "0",
        "–",
        "50 %",
    ]


def test_a_row_can_say_the_unit_of_its_values(write_page: WritePage) -> None:
    rows = "select * from (values ('a', 0.5, 'share'), ('b', 90000, 'ms')) as t(name, value, unit)"
    written = write_page(query("table unit_by=unit", rows))
    assert "| a | 50 % |\n| b | 1 min 30 s |" in written.markdown
    assert "unit" not in written.markdown.lower()


def test_a_list_of_numbers_is_a_sparkline_with_words(write_page: WritePage) -> None:
    written = write_page(query("table", "select 'a' as name, [1.0, null, 3.0] as cost_usd"))
    assert "| a | ▁·█ (2 values, from $1.00 to $3.00) |" in written.markdown
    [spark] = [one for one in Parsed(written.html).named("svg") if one.get("class") == "spark"]
    assert spark["role"] == "img"
    assert spark["aria-label"] == "2 values, from $1.00 to $3.00"


def test_a_status_is_a_word_and_a_sign(write_page: WritePage) -> None:
    written = write_page(query("table", "select unnest(['PASS', 'FAIL']) as status"))
    assert "| ✓ PASS |\n| ✗ FAIL |" in written.markdown
    assert '<span class="badge bad"><span aria-hidden="true">✗</span> FAIL</span>' in written.html


def test_a_matrix_has_a_column_for_each_value(write_page: WritePage) -> None:
    rows = "select * from (values ('f', '1.0', 0.5), ('f', '1.1', 1.0), ('g', '1.1', 0.0)) as t(field, v, x)"
    written = write_page(query("matrix rows=field columns=v value=x unit=share", rows))
    assert (
        "| Field | 1.0 | 1.1 |\n| --- | ---: | ---: |\n| f | 50 % | 100 % |\n| g | – | 0 % |"
        in written.markdown
    )


def test_a_chart_says_in_words_what_it_shows(write_page: WritePage) -> None:
    days = "select date '2026-03-01' + n::int as day, n * 1.5 as cost_usd from range(4) r(n) where n <> 2"
    written = write_page(query('line x=day y=cost_usd title="Cost"', days))
    [chart] = [one for one in Parsed(written.html).named("div") if one.get("class") == "chart"]
    assert chart["role"] == "img"
    assert chart["aria-label"] == (
        "Line chart, Cost, 2026-03-01 to 2026-03-04. "
        "Cost: most $4.50 (2026-03-04), least $0.00 (2026-03-01), last $4.50."
    )
    # The day without a row is there, and empty.
    assert "| 2026-03-03 | – |" in written.markdown
    [content, *_] = Parsed(written.html).scripts
    assert json.loads(content)["series"][0]["values"] == [0.0, 1.5, None, 4.5]


def test_what_is_no_number_leaves_a_gap(write_page: WritePage) -> None:
    rows = "select * from (values (1, 2.0), (2, 'nan'::double), (3, 'inf'::double)) as t(n, y)"
    written = write_page(query("line x=n y=y", rows))
    [content, *_] = Parsed(written.html).scripts
    assert json.loads(content)["series"][0]["values"] == [2.0, None, None]
    assert "| 2 | – |\n| 3 | – |" in written.markdown
    assert "▄·" in write_page(query("table", "select 'a' as t, [2.0, 'nan'::double] as l")).markdown


def test_two_series_of_one_look_stay_two(write_page: WritePage) -> None:
    rows = "select * from (values (1, 'a b', 1), (2, 'a b', 2), (1, 'a  b', 3)) as t(x, s, y)"
    [content, *_] = Parsed(write_page(query("bar x=x y=y series=s", rows)).html).scripts
    assert [one["values"] for one in json.loads(content)["series"]] == [[1.0, 2.0], [3.0, None]]


def test_a_long_line_is_one_of_blocks_in_markdown(write_page: WritePage) -> None:
    days = "select date '2026-03-01' + n::int as day, n as errors from range(20) r(n)"
    assert (
        "| Errors | ▁▁▂▂▂▃▃▄▄▄▅▅▅▆▆▇▇▇██ | 0 | 19 | 19 |"
        in write_page(query("line x=day y=errors", days)).markdown
    )


def test_a_single_day_is_a_table_and_no_chart(write_page: WritePage) -> None:
    written = write_page(query("line x=day y=n", "select date '2026-03-01' as day, 3 as n"))
    assert "| Day | 2026-03-01 |\n| --- | ---: |\n| N | 3 |" in written.markdown
    assert 'class="chart"' not in written.html
    assert len(written.html) < 50_000  # without the library


def test_what_is_not_there_is_said_in_words(write_page: WritePage) -> None:
    nothing = write_page(query('table title="Slow" empty="Nothing was slow."', "select 1 as a where false"))
    assert "**Slow**\n\n*Nothing was slow.*" in nothing.markdown
    assert '<p class="empty">Nothing was slow.</p>' in nothing.html
    later = write_page(query("table needs=build_results", "select * from build_results"))
    assert "*This needs the table build_results, which is not in this warehouse" in later.markdown


def test_many_rows_are_cut_and_this_is_said(write_page: WritePage) -> None:
    written = write_page(query("table", "select * from range(1001) r(n)"))
    assert "Only the first 1\u202f000 rows are shown." in written.markdown
    assert "| 1\u202f000 |" not in written.markdown
    assert "| 999 |" in written.markdown


def test_expressions_have_units_and_the_verdict(write_page: WritePage) -> None:
    text = query(
        "hidden name=days", "select 0.25 as part, timestamp '2026-03-01 10:00' as at, null as nothing"
    )
    text += "\n{{ days[0].part | share }}; {{ days[0].at }}; {{ days[0].nothing }}; {{ health.status }}\n"
    assert "25 %; 2026-03-01 10:00 UTC; –; WARN" in write_page(text).markdown


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("{{ nothing }}", "line 4: the expression has no answer: 'nothing' is undefined"),
        ("{{ found[0].b }}", "line 4: the expression has no answer"),
        ("{{ found[1].a }}", "line 4: the expression has no answer"),
        ("{{ found[0].a | int + found[0].a }}", "line 4: the expression has no answer: TypeError"),
        ("{% if %}", "line 4: wrong expression"),
        ("{{ ''.__class__.__mro__ }}", "line 4: the expression has no answer"),
    ],
)
def test_a_wrong_expression_is_named_with_its_line(expression: str, said: str, refused: Refused) -> None:
    text = f"# Mine\n\nWords\n{expression}\n\n" + query("hidden name=found", "select 'secret' as a")
    line = refused(text)
    assert line.startswith(f"reports: mine.md, {said}")
    assert "secret" not in line


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select * form x", 'line 4: Parser Error: syntax error at or near "x"'),
        ("select 1,\n  nope", 'line 5: Binder Error: Referenced column "nope"'),
        ("select * from nope", "line 4: Catalog Error: Table with name nope does not exist!"),
        (
            "select cast(title as int) from sessions",
            "line 3: the query failed while it ran (Conversion Error)",
        ),
        ("select error(title) from sessions", "line 3: the query failed while it ran (Invalid Input Error)"),
        ("select 1; select 2", "line 3: a fence holds one query, a select"),
        ("delete from sessions", "line 3: a fence holds one query, a select"),
        ("select $now", "line 3: there is no parameter $now; there is $last_report_at"),
        ("select * from read_text('/etc/hostname')", "line 4: Permission Error: Cannot access file"),
    ],
)
def test_a_query_that_fails_is_named_without_its_data(sql: str, said: str, refused: Refused) -> None:
    line = refused(query("table", sql))
    assert line.startswith(f"reports: mine.md, {said}")
    assert "Mend" not in line


def test_the_page_lets_only_its_own_scripts_and_styles_run(write_page: WritePage) -> None:
    html = write_page(query("bar x=a y=b", "select n as a, n as b from range(2) r(n)")).html
    [policy] = [one["content"] for one in Parsed(html).named("meta") if "http-equiv" in one]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    contents = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", html, re.DOTALL)
    assert len(contents) == 3
    for content in contents:
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert re.search(r"\s(style|on\w+)=", re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)) is None


def test_a_long_page_has_contents_and_a_short_one_none(write_page: WritePage) -> None:
    sections = [f"## Section {n} & more\n\nWords.\n" for n in range(4)]
    html = write_page("# Mine\n\nFirst.\n\n" + "\n".join(sections)).html
    assert [one["href"] for one in Parsed(html).named("a")] == [f"#section-{n}" for n in range(1, 5)]
    assert html.index("First.") < html.index('class="contents"') < html.index('id="section-1"')
    assert 'class="contents"' not in write_page("# Mine\n\n" + sections[0]).html


def test_markup_of_a_page_itself_stays_text(write_page: WritePage) -> None:
    assert "&lt;b&gt;bold&lt;/b&gt;" in write_page("# Mine\n\n<b>bold</b>\n").html
