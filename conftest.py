"""Shared by tests/ and suites/: nothing but where the estate's code is found.

The services of the estate are started as `python -m fixtures.estate...` from this folder.
"""
