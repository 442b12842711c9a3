"""The parts of the type `cqc`."""
