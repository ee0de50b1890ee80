"""Pod addresses and DNS names without root."""
