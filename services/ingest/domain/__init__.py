"""What makes an event acceptable, and which outcome it gets: pure."""
