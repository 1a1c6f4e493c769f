"""The pictures of docs/architecture.md, to be compared with what they show."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"


def arrows(heading: str) -> set[tuple[str, str]]:
    """Return the arrows of the first picture below a heading: from where, to where."""
    picture = PAGE.read_text().partition(f"## {heading}\n")[2].partition("```mermaid")[2].partition("```")[0]
    return set(re.findall(r"(\w+) --> (\w+)", picture))
