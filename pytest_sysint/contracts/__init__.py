"""The forms that a contract can have, a file each: the name of the file is the key under `contract:`."""
