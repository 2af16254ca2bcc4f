"""What the service counts and measures about itself, in the words of Prometheus."""
