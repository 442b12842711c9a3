"""The parts of the type `nhs_pds`."""
