"""The door: takes events in over HTTP, says what is wrong with each, and puts the sound ones on the log."""
