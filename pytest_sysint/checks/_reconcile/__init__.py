"""Reconciliation: are the rows of two sides the same? Each side is read once, in memory that does not grow with it.

Here rows are compared, and nothing is known of flows. How a reconciliation is declared, what happens before it and is
removed after it, is a form of flow: `_flows/reconciliation.py` reads it, `_flows/reconciling.py` carries it out.
"""
