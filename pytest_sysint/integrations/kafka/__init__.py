"""Type `kafka`: a Kafka cluster, by librdkafka (confluent-kafka).

Nothing here disturbs who else uses the cluster: reading joins no group and commits nothing, and topics are looked up in
the list of all, because asking a broker for one by its name may create it.
"""

from __future__ import annotations

import fnmatch
import logging
import re
import threading
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, Self
from urllib.parse import unquote

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core import integration
from pytest_sysint.core.errors import CallError, Denied, Rejected
from pytest_sysint.core.integration import Integration, Observation, Rung, Stopwatch, exchange
from pytest_sysint.core.model import Declared, Secret
from pytest_sysint.core.secrets import learn, learn_url, redact, reveal, telling
from pytest_sysint.core.units import Size
from pytest_sysint.integrations._messages import Deadline, as_text, encode, readable
from pytest_sysint.integrations._tls import Tls
from pytest_sysint.integrations.kafka.operations import OPERATIONS, Start
from pytest_sysint.integrations.kafka.recipes import RECIPES
from pytest_sysint.integrations.kafka.wire import Brokers, Client
