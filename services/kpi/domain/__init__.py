"""The rules of KPIs: definitions, facts, periods, and the one SQL that each definition means; no I/O."""
