"""What every service stands on: the log's port and its implementations, the database, tokens, problems, the clock."""
