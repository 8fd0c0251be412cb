from __future__ import annotations

import pytest

from tests.campaigns.api.caller import Caller
from tests.campaigns.browser import Site


@pytest.fixture
def api(site: Site) -> Caller:
    return Caller.at(site)
