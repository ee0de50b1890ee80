"""Users' YAML: read with positions, checked offline."""
