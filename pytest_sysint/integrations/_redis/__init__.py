"""The parts of type `redis`."""
