"""The studies of mode coverage: ring and grid."""
