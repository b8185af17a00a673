"""Every query of ingest; each function works in the transaction of the connection that it is given."""
