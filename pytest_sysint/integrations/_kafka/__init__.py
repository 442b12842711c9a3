"""The parts of type `kafka`."""
