"""The parts of the simulator of the CQC API."""
