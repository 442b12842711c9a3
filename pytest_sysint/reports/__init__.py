"""Report formats, one file each: what they write is made from the records of a run and from nothing else."""
