"""The questions of analyses/: that they can be pasted and asked, and that no answer breaks a page."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
import questions

from ingest.warehouse import open_warehouse
from opencode_warehouse.tell import answers
from opencode_warehouse.tell.answers import Answer, Question, QuestionError

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """Return a warehouse into which nothing was built."""
    path = tmp_path / "opencode.duckdb"
    with open_warehouse(path):
        return path


def test_there_are_forty_questions_and_each_says_what_it_asks() -> None:
    listed = answers.read_questions(PROJECT / "analyses")
    assert len(listed) >= 40
    assert len({question.name for question in listed}) == len(listed)
    for question in listed:
        assert "?" in question.text, question.name
        assert question.columns, question.name


def test_every_file_of_analyses_is_a_question() -> None:
    files = {path.stem for path in (PROJECT / "analyses").rglob("*.sql")}
    assert files == {question.name for question in answers.read_questions(PROJECT / "analyses")}


def test_a_question_can_be_pasted_as_it_stands_in_the_docs() -> None:
    template = (
        "select 1\nfrom {{ ref('messages') }} as messages\ninner join {{ ref('models') }} as m on true\n"
    )
    assert answers.as_sql(template) == "select 1\nfrom messages\ninner join models as m on true"


def test_a_question_with_other_jinja_is_refused() -> None:
    with pytest.raises(QuestionError, match="may use known_usd"):
        answers.as_sql("select {{ var('as_of') }}")


def test_an_answer_of_another_shape_is_refused_by_name(warehouse: Path) -> None:
    question = Question("how_many", "cost", "How many?", ["n"], "select 1 as m")
    with (
        open_warehouse(warehouse, read_only=True) as connection,
        pytest.raises(QuestionError, match=r"how_many has the columns \['m'\], and its YAML says \['n'\]"),
    ):
        answers.answer(question, connection)


def test_nothing_in_a_payload_breaks_out_of_a_table() -> None:
    found = Answer(["title", "n"], [("a | b\n<script>x</script> [l](u) `c` *d* _e_ \\", 1), (None, None)])
    assert questions.as_markdown(found).splitlines()[2:] == [
        r"| a \| b \<script\>x\</script\> \[l\](u) \`c\` \*d\* \_e\_ \\ | 1 |",
        "|  |  |",
    ]


def test_numbers_stand_to_the_right_and_times_to_the_second() -> None:
    found = Answer(["at", "usd"], [(datetime(2026, 1, 2, 3, 4, 5, 6), Decimal("1.5000"))])  # noqa: DTZ001
    assert questions.as_markdown(found) == ("| at | usd |\n| --- | ---: |\n| 2026-01-02 03:04:05 | 1.5000 |")


def test_control_characters_never_reach_the_terminal() -> None:
    table = answers.as_table(Answer(["title"], [("red \x1b[31m\x9b",)]))
    assert table.splitlines()[2] == "red \ufffd[31m\ufffd"


def test_an_unknown_question_is_told_its_neighbours(capsys: pytest.CaptureFixture[str]) -> None:
    assert answers.main(["cost_by_modl"]) == 2
    assert "did you mean cost_by_model" in capsys.readouterr().err


def test_all_questions_are_listed_where_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert answers.main([]) == 0
    assert "  cost_by_model" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("exists", "words"), [(False, "There is no warehouse"), (True, "are not those of this version")]
)
def test_a_warehouse_that_cannot_answer_is_named_with_the_remedy(
    warehouse: Path, exists: bool, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = warehouse if exists else warehouse.with_name("none.duckdb")
    assert answers.main(["cost_by_day", "--warehouse", str(path)]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert "run" in told
