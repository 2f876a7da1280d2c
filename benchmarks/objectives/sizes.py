"""How large nets and batches are. Tests make them smaller."""

Z = 64  # numbers of the noise
WIDTH = 32
BATCH = 64
