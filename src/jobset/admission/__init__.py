"""Pure: which JobSets we accept, and with which defaults."""
