"""Every query of incentive; takes and gives domain types, inside a transaction that the caller opened."""
