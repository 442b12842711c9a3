"""What every room may use: errors, units, records, capabilities, secrets, the registry."""
