"""The parts of the simulator of NHS PDS."""
