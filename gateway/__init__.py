"""The edge: who may, how much, and where to. It knows no service's code, only their addresses and their routes."""
