"""pytest-sysint: declare your integrations once; `pytest --sysint` tests them and keeps the evidence.

Importing this package imports nothing else: pytest loads the plugin in it for every session.
"""

__version__ = "0.1.0"
