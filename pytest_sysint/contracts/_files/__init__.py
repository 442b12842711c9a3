"""The parts of the form `files`."""
