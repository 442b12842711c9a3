"""What the contracts of messages share: schemas of payloads, the registry that keeps them, and judging a sample."""
