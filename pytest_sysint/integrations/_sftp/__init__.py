"""The parts of type `sftp`."""
