"""The checks that the type brings along: what every client of PDS relies on."""

from __future__ import annotations

from pytest_sysint.integrations._pds.reading_checks import READING
from pytest_sysint.integrations._pds.token_checks import TOKENS
from pytest_sysint.integrations._pds.trouble_checks import TROUBLE
from pytest_sysint.integrations._pds.update_checks import UPDATES

BUILT_IN = (*READING, *TOKENS, *UPDATES, *TROUBLE)
