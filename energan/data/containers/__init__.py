"""Files inside files, read where they are: nothing is unpacked to disk, unpickled or followed elsewhere."""
