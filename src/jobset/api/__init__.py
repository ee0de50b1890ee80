"""What a JobSet is: frozen types, label keys, names; JSON in and out."""
