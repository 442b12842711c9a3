"""Expectations: what an observation must satisfy, judged into assertions."""

from pytest_sysint.expectations.expectation import Expectation, compile_expectation, compile_value
from pytest_sysint.expectations.reading import json_schema

__all__ = ["Expectation", "compile_expectation", "compile_value", "json_schema"]
