"""What a warehouse says on a terminal: status, doctor, health, answers."""
