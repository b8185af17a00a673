"""What the services say to each other and to the world; imports nothing else of Merit."""
