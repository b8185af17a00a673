"""Import is a mapping: rows of a CSV file become events or resources, by a YAML file that a user writes."""
