"""What the tests of the bench share."""

import pytest

from dev.bench.history import Template, read_template
from tests.dev.bench.sizes import SAMPLE


@pytest.fixture(scope="session")
def template() -> Template:
    """What the bundled sample gives to grow from."""
    return read_template(SAMPLE)
