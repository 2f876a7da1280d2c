"""Pictures of two domains, paired or not: where they lie, which of them train, and how they are brought to one size."""
