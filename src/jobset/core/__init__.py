"""Pure: what to do next for a JobSet."""
