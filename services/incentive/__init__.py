"""Incentive: credits, plans, targets, and the ledger of what each payee earned, to the cent and with its derivation."""
