"""What is kept of a run: the journal, written while it happens."""
