"""Reconciliation: are the rows of two sides the same? Each side is read once, in memory that does not grow with it."""
