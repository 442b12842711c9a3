"""The parts of type `rabbitmq`."""
