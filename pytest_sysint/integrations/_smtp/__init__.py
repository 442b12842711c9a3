"""The parts of type `smtp`."""
