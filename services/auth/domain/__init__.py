"""The rules of people, memberships, roles and clients; pure."""
