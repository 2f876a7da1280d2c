"""The command `walk`: through noise, between classes or between sentences, by a chain or at fixed noise."""
