"""The single-machine product: command line, embedded PostgreSQL, all services in one process, the CSV importer."""
