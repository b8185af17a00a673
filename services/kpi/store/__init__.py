"""Every query of kpi; takes and gives domain types, inside a transaction that the caller opened."""
