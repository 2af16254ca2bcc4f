from typing import Any

import pytest

from tests.benchmarks.serving.figures import whole_document


@pytest.fixture
def document() -> dict[str, Any]:
    return whole_document()
